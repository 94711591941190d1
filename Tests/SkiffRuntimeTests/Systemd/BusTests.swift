import Foundation
import SkiffRuntime
import Testing

/// D-Bus messages and conversations.
@Suite struct BusTests {
  @Test func `a message that was written is read again as it was`() throws {
    var message = BusMessage(.call)
    message.serial = 9
    message.path = "/org/freedesktop/systemd1"
    message.interface = "org.freedesktop.systemd1.Manager"
    message.member = "StartTransientUnit"
    message.destination = "org.freedesktop.systemd1"
    message.body = [
      .string("x.scope"), .bool(true), .byte(7), .int16(-2), .uint16(3), .int32(-4), .uint32(5), .int64(-6),
      .uint64(.max), .double(1.5), .objectPath("/a/b"), .signature("a(sv)"),
      .array(of: "(sv)", [.structure([.string("PIDs"), .variant(.array(of: "u", [.uint32(1), .uint32(2)]))])]),
      .array(of: "(sa(sv))", []),
    ]

    let parsed = try BusMessage.parse(message.serialized()[...])

    #expect(parsed == message)
  }

  @Test func `the bytes are those of the specification`() throws {
    var message = BusMessage(.signal)
    message.serial = 1
    message.member = "M"
    message.body = [.uint32(0x0102_0304), .string("hi")]

    let bytes = message.serialized()

    // Little-endian, a signal, no flags, version 1, 11 bytes of body, serial 1.
    #expect(Array(bytes[..<12]) == [0x6C, 4, 0, 1, 11, 0, 0, 0, 1, 0, 0, 0])
    #expect(Array(bytes.suffix(11)) == [4, 3, 2, 1, 2, 0, 0, 0, 0x68, 0x69, 0])
    #expect((bytes.count - 11) % 8 == 0)
  }

  @Test func `messages cut short, changed or made up never trap`() throws {
    var message = BusMessage(.reply)
    message.replySerial = 4
    message.body = [.array(of: "(sv)", [.structure([.string("x"), .variant(.structure([.uint64(3)]))])])]
    let whole = message.serialized()
    for count in whole.indices { _ = try? BusMessage.parse(whole[..<count]) }
    var generator = SeededGenerator(state: 1)
    for _ in 0..<20_000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
      }
      _ = try? BusMessage.parse(bytes[...])
    }
    // Nested without end.
    var deep = BusMessage(.reply)
    var value = BusValue.byte(1)
    for _ in 0..<200 { value = .variant(value) }
    deep.body = [value]
    #expect(throws: BusError.malformed) { _ = try BusMessage.parse(deep.serialized()[...]) }
  }

  @Test func `a call gets its own answer, whatever comes in between`() throws {
    let bus = try FakeBus { call in
      var stray = FakeBus.reply(to: call, [.string("stray")])
      stray.replySerial = 999
      return [FakeBus.jobRemoved("/job/1", result: "done"), stray, FakeBus.reply(to: call, [.string("answer")])]
    }
    let connection = try BusConnection(path: bus.path)

    #expect(try connection.call("Get", of: "a.b", on: "/", at: "c.d", [.bool(true)]) == [.string("answer")])
    // The signal that came before the answer was kept.
    #expect(try connection.signal { $0.member == "JobRemoved" }.body[3] == .string("done"))
    #expect(bus.calls.first?.member == "Get")
    #expect(bus.calls.first?.body == [.bool(true)])
  }

  @Test func `a refusal comes with its words`() throws {
    let bus = try FakeBus { [FakeBus.error("org.example.No", "not today", to: $0)] }
    let connection = try BusConnection(path: bus.path)

    #expect(throws: BusError.refused(name: "org.example.No", words: "not today")) {
      try connection.call("Get", of: "a.b", on: "/", at: "c.d")
    }
  }

  @Test func `who is not let in is told so, and who is not there too`() throws {
    let bus = try FakeBus(greeting: "REJECTED EXTERNAL\r\n") { _ in [] }

    #expect(throws: BusError.notAuthenticated("REJECTED EXTERNAL")) { _ = try BusConnection(path: bus.path) }
    #expect(throws: BusError.self) { _ = try BusConnection(path: "/nowhere/bus") }
    let babbler = try FakeBus(greeting: String(repeating: "x", count: 10_000)) { _ in [] }
    #expect(throws: BusError.malformed) { _ = try BusConnection(path: babbler.path) }
  }
}

/// Units asked of a service manager.
@Suite struct SystemdManagerTests {
  /// A manager that knows its version and ends every job as told.
  private func manager(
    result: String = "done", isDirect: Bool = true, refusing: String? = nil
  ) throws -> (FakeBus, SystemdManager) {
    let once = Once()
    let bus = try FakeBus { call in
      switch call.member {
      case "Get" where call.body.last == .string("Version"):
        return [FakeBus.reply(to: call, [.variant(.string("252.38-1~deb12u1"))])]
      case "Get": return [FakeBus.reply(to: call, [.variant(.string("/user.slice/user@1000.service"))])]
      case refusing where once.take():
        return [FakeBus.error("org.freedesktop.systemd1.UnitExists", "it is there", to: call)]
      case "StartTransientUnit", "StopUnit":
        // The job may end before the call is answered.
        return [
          FakeBus.jobRemoved("/job/2", result: "failed"), FakeBus.jobRemoved("/job/1", result: result),
          FakeBus.reply(to: call, [.objectPath("/job/1")]),
        ]
      default: return [FakeBus.reply(to: call)]
      }
    }
    return (bus, try SystemdManager(try BusConnection(path: bus.path), isUser: false, isDirect: isDirect))
  }

  @Test func `a unit is started with its properties, and its job waited for`() throws {
    let (bus, manager) = try manager()

    try manager.start("x.scope", [SystemdProperty("Delegate", .bool(true))])

    #expect(bus.calls.map(\.member) == ["StartTransientUnit"])
    #expect(
      bus.calls[0].body == [
        .string("x.scope"), .string("replace"),
        .array(of: "(sv)", [.structure([.string("Delegate"), .variant(.bool(true))])]), .array(of: "(sa(sv))", []),
      ])
  }

  @Test func `on a bus it introduces itself and subscribes first`() throws {
    let (bus, manager) = try manager(isDirect: false)

    try manager.stop("x.scope")

    #expect(bus.calls.map(\.member) == ["Hello", "AddMatch", "Subscribe", "StopUnit", "ResetFailedUnit"])
  }

  @Test func `a job that fails is an error with its result`() throws {
    let (_, manager) = try manager(result: "canceled")

    #expect(throws: BusError.refused(name: "", words: #"the job of x.scope ended with "canceled""#)) {
      try manager.start("x.scope", [])
    }
  }

  @Test func `a failed unit of the same name is taken away, once`() throws {
    let (bus, manager) = try manager(refusing: "StartTransientUnit")

    try manager.start("x.scope", [])

    #expect(bus.calls.map(\.member) == ["StartTransientUnit", "ResetFailedUnit", "StartTransientUnit"])
  }

  @Test func `version and group are read`() throws {
    let (_, manager) = try manager()

    #expect(try manager.version() == 252)
    #expect(try manager.controlGroup() == "/user.slice/user@1000.service")
  }

  @Test func `limits are changed until the next start of the machine`() throws {
    let (bus, manager) = try manager()

    try manager.set("x.scope", [SystemdProperty("TasksMax", .uint64(5))])
    try manager.set("x.scope", [])

    #expect(bus.calls.count == 1)
    #expect(bus.calls[0].body[1] == .bool(true))
  }
}

private final class Once: @unchecked Sendable {
  private let lock = NSLock()
  private var isTaken = false

  func take() -> Bool {
    lock.withLock {
      defer { isTaken = true }
      return !isTaken
    }
  }
}
