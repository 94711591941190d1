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
    let attach = try arguments.number("attach-fd", Int32.self)
    let lifeline = try arguments.number("lifeline-fd", Int32.self)
    for (name, number) in [("attach-fd", attach), ("lifeline-fd", lifeline)] {
      if let number, number <= 2 {
        throw UsageError(words: "invalid value \"\(number)\" for flag --\(name): it must be 3 or more")
      }
    }
    let preserved = try preservedDescriptors(arguments)
    try closeOnExec(preserving: preserved)
    return Monitor.run(
      syncNumber: sync, attachNumber: attach, lifelineNumber: lifeline, makesNetwork: arguments.has("network"),
      preservedDescriptors: preserved)
  }
}
