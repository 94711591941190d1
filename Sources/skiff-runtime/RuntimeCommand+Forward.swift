import SkiffKernel
import SkiffRuntime

extension RuntimeCommand {
  /// Not for people: the engine starts it beside a container with published ports.
  ///
  /// File 3 is a handle on the container's first process; each word, `tcp/10.87.0.2:80` for one, is where what comes to the next
  /// file goes.
  func forward(_ words: ArraySlice<String>) throws -> Int32 {
    try enterProtection()
    let arguments = try ParsedArguments(words, [.value("container")])
    var entrances: [PortForwarder.Entrance] = []
    for (index, word) in arguments.positional.enumerated() {
      guard let (kind, target) = Self.target(word) else { throw UsageError(words: "\(word) is no place to forward to") }
      entrances.append(PortForwarder.Entrance(kind: kind, socket: Descriptor(Int32(4 + index)), target: target))
    }
    try closeOnExec(preserving: 0)
    // A connection takes two. Where that is refused there are fewer of them.
    try? ProcessControl.raiseOpenFileLimit()
    try Self.becomeNobody()
    // It ends with the container, not with the session that it came from.
    for signal in [Signal.hangup, Signal.interrupt, Signal.quit, Signal.pipe] { try Signal.ignore(signal) }
    var forwarder = PortForwarder(
      container: Descriptor(3), entrances: entrances, openFileLimit: try ProcessControl.openFileLimit)
    try forwarder.run()
    return 0
  }

  private static func target(_ word: String) -> (kind: InternetSocket.Kind, target: InternetEnd)? {
    let parts = word.split(whereSeparator: { "/:".contains($0) })
    guard parts.count == 3, let port = UInt16(parts[2]) else { return nil }
    let bytes = parts[1].split(separator: ".").compactMap { UInt8($0) }
    guard bytes.count == 4 else { return nil }
    let end = InternetEnd(address: bytes.reduce(0) { $0 << 8 | UInt32($1) }, port: port)
    switch parts[0] {
    case "tcp": return (.stream, end)
    case "udp": return (.datagram, end)
    default: return nil
    }
  }

  private static func becomeNobody() throws(Errno) {
    let nobody: UInt32 = 65_534
    try Credentials.setGroups([])
    try Credentials.setGroupID(nobody)
    try Credentials.setUserID(nobody)
    try Credentials.setNoNewPrivileges()
  }
}
