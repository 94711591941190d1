import SkiffKernel
import SkiffRuntime

extension RuntimeCommand {
  /// Not for people: the engine starts it beside each of its containers.
  func monitor(_ words: ArraySlice<String>) throws -> Int32 {
    try enterProtection()
    let arguments = try ParsedArguments(
      words, [.value("sync-fd"), .value("attach-fd"), .value("network-namespace-fd")])
    guard let containerPath = arguments.positional.first, containerPath.hasPrefix("/"),
      let sync = try arguments.number("sync-fd", Int32.self), sync > 2
    else { throw UsageError(words: "monitor needs --sync-fd and the absolute path of a container's directory") }
    try closeOnExec(preserving: 0)
    return Monitor.run(
      containerPath: containerPath, syncNumber: sync, attachNumber: try arguments.number("attach-fd", Int32.self),
      networkNamespaceNumber: try arguments.number("network-namespace-fd", Int32.self))
  }
}
