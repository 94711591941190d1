import SkiffKernel

// skiff-init [--] PROGRAM [ARGUMENT…]
//
// The first process of a container made with --init. It starts the program as its only child of its own, passes signals on
// to it, takes the status of every orphan that ends, and ends with the program's code.
//
// Why a container wants one: the kernel keeps signals without a handler from a namespace's first process, and gives it all
// orphans. Most programs expect neither.

var arguments = Array(CommandLine.arguments.dropFirst())
// As other inits take it: what follows is the program, whatever it looks like.
if arguments.first == "--" { arguments.removeFirst() }
guard !arguments.isEmpty else {
  report("skiff-init: no program to run")
  ProcessControl.exit(2)
}
do throws(Errno) {
  ProcessControl.exit(try Shepherd(arguments: arguments).run())
} catch {
  report("skiff-init: cannot look after \(arguments[0]): \(error)")
  ProcessControl.exit(1)
}

/// One line on standard error.
func report(_ line: String) {
  do throws(Errno) {
    try Descriptor.standardError.writeAll(Array((line + "\n").utf8))
  } catch {
    // Standard error is closed: the exit code alone tells.
  }
}
