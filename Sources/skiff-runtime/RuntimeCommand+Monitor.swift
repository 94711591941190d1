import SkiffKernel
import SkiffRuntime

extension RuntimeCommand {
  /// Not for people: the engine starts it beside each of its containers.
  func monitor(_ words: ArraySlice<String>) throws -> Int32 {
    try enterProtection()
    let arguments = try ParsedArguments(
      words,
      [.value("sync-fd"), .value("attach-fd"), .value("lifeline-fd"), .value("preserve-fds"), .flag("network")])
    guard arguments.positional.isEmpty, let sync = try arguments.number("sync-fd", Int32.self), sync > 2
    else { throw UsageError(words: "monitor needs --sync-fd") }
    let preserved = try arguments.number("preserve-fds", UInt32.self) ?? 0
    try closeOnExec(preserving: preserved)
    return Monitor.run(
      syncNumber: sync, attachNumber: try arguments.number("attach-fd", Int32.self),
      lifelineNumber: try arguments.number("lifeline-fd", Int32.self), makesNetwork: arguments.has("network"),
      preservedDescriptors: preserved)
  }
}
