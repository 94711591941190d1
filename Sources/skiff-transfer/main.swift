import SkiffTransfer

TransferProgram.main(Array(CommandLine.arguments.dropFirst()))
