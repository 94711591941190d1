import SkiffKernel
import SkiffRuntime

// The door of SkiffRuntime: one process per command, one thread.
ProcessControl.exit(RuntimeCommand.main(CommandLine.arguments))
