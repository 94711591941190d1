import Glibc
import SkiffKernel
import Testing

/// The conversation with the kernel, and what is made of its answers.
@Suite struct NetlinkTests {
  /// RTM_GETLINK of a link by its number; struct ifinfomsg.
  private func linkQuestion(_ index: UInt8, flags: NetlinkFlags = .acknowledge) -> NetlinkMessage {
    NetlinkMessage(type: 18, flags: flags, payload: [0, 0, 0, 0, index, 0, 0, 0] + [UInt8](repeating: 0, count: 8))
  }

  @Test func `messages sent together are answered each for itself`() throws {
    var socket = try NetlinkSocket(.route)

    let answers = try socket.perform([linkQuestion(1), linkQuestion(1), linkQuestion(0, flags: .dump)])

    #expect(answers.count == 3)
    #expect(answers[0].count == 1 && answers[1].count == 1)
    #expect(answers[0][0].type == 16)
    #expect(answers[2].count >= 1)
  }

  @Test func `a refusal says which message, and goes on with the rest`() throws {
    var socket = try NetlinkSocket(.route)

    let refusal = #expect(throws: NetlinkRefusal.self) {
      try socket.perform([self.linkQuestion(1), self.linkQuestion(251), self.linkQuestion(1)])
    }
    #expect(refusal?.errno == .noSuchDevice)
    #expect(refusal?.messageIndex == 1)
    var refusals: [NetlinkRefusal] = []
    let answers = try socket.exchange([linkQuestion(251), linkQuestion(1)], refusals: &refusals)
    #expect(refusals.map(\.messageIndex) == [0])
    #expect(answers[1].count == 1)
  }

  @Test func `the kernel's own words come with its refusal`() throws {
    var socket = try NetlinkSocket(.route)
    // RTM_NEWROUTE through a gateway that no link leads to.
    let route = NetlinkMessage(
      type: 24, flags: [.acknowledge, .create, .exclusive],
      payload: [2, 32, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0] + [8, 0, 1, 0, 203, 0, 113, 9] + [8, 0, 5, 0, 203, 0, 113, 10])
    let namespace = try NetworkNamespace.make()
    var inside = try NetlinkSocket.open(.route, in: namespace.descriptor)

    let refusal = #expect(throws: NetlinkRefusal.self) { try inside.perform(route) }

    #expect(refusal?.errno == Errno(ENETUNREACH))
    #expect(refusal?.words == "Nexthop has invalid gateway")
    // Nothing is left in the way of the next question.
    #expect(try socket.perform(linkQuestion(1)).count == 1)
  }

  /// Where the calling thread is.
  private func ownNamespace() throws -> UInt64 {
    let handle = try NetworkNamespace.current()
    return try handle.descriptor.status().inode
  }

  @Test func `visiting a network namespace brings the thread home, whatever happens there`() throws {
    let home = try ownNamespace()
    let namespace = try NetworkNamespace.make()
    #expect(try ownNamespace() == home)

    let there = try NetworkNamespace.inside(namespace.descriptor, refusal: { $0 as any Error }) {
      try ownNamespace()
    }
    #expect(there != home)
    #expect(there == (try namespace.descriptor.status().inode))
    #expect(throws: Errno.notFound) {
      try NetworkNamespace.inside(namespace.descriptor, refusal: { $0 as any Error }) { throw Errno.notFound }
    }
    #expect(try ownNamespace() == home)
    let file = try Descriptor.workingDirectory.open("/dev/null", .readOnly)
    #expect(throws: Errno.self) { _ = try NetlinkSocket.open(.route, in: file.descriptor) }
    #expect(try ownNamespace() == home)
  }

  @Test func `a link is configured by name`() throws {
    let namespace = try NetworkNamespace.make()
    try NetworkNamespace.inside(namespace.descriptor, refusal: { $0 as any Error }) {
      let socket = try InterfaceSocket()
      try socket.switchOn("lo")
      try socket.setAddress([10, 1, 2, 3], mask: [255, 255, 255, 0], of: "lo")
      try socket.addDefaultRoute(via: [10, 1, 2, 9])
      #expect(throws: Errno.noSuchDevice) { try socket.switchOn("eth9") }
      for name in ["", "sixteen-bytes-xx", "a\0b"] {
        #expect(throws: Errno.invalidArgument) { try socket.switchOn(name) }
      }
    }
  }

  @Test func `answers that are cut short or lie about their length are refused without a trap`() throws {
    let question = linkQuestion(1)
    func take(_ datagram: [UInt8]) throws -> PendingAnswers {
      var pending = PendingAnswers(messages: [question, question], firstSequence: 7)
      try pending.take(datagram.span)
      return pending
    }
    // An acknowledgement of the second, by itself and with attributes that claim too much.
    let acknowledgement: [UInt8] = [36, 0, 0, 0, 2, 0, 0, 1, 8, 0, 0, 0, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 20)
    #expect(try take(acknowledgement).awaited == [0])
    var refusal: [UInt8] = [44, 0, 0, 0, 2, 0, 0, 3, 8, 0, 0, 0, 0, 0, 0, 0]
    refusal += [0xEA, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 16) + [8, 0, 1, 0, 0x68, 0x69, 0, 0]
    #expect(
      try take(refusal).refusals == [NetlinkRefusal(errno: .invalidArgument, words: "hi", messageIndex: 1)])
    refusal[36] = 200
    #expect(try take(refusal).refusals == [NetlinkRefusal(errno: .invalidArgument, words: nil, messageIndex: 1)])

    // Nobody's sequence number, a length below the header's, one beyond the end, the smallest number of all.
    var stranger = acknowledgement
    stranger[8] = 200
    #expect(try take(stranger).awaited == [0, 1])
    #expect(throws: Errno.badMessage) { try take([4] + acknowledgement.dropFirst()) }
    #expect(throws: Errno.badMessage) { try take([99] + acknowledgement.dropFirst()) }
    var smallest = acknowledgement
    smallest.replaceSubrange(16..<20, with: [0, 0, 0, 0x80])
    #expect(try take(smallest).refusals.count == 1)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<5000 {
      let count = Int.random(in: 0...80, using: &generator)
      var noise = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      if count > 12 { noise.replaceSubrange(0..<12, with: [UInt8(count), 0, 0, 0, 2, 0, 0, 2, 7, 0, 0, 0]) }
      _ = try? take(noise)
    }
  }
}
