import Foundation
import Glibc
import SkiffKernel
import SkiffRuntime

/// The other end of a D-Bus connection: listens on a socket of its own, lets everyone in, and answers calls as it is told to.
final class FakeBus: @unchecked Sendable {
  typealias Answer = @Sendable (BusMessage) -> [BusMessage]

  let path: String
  private let listener: FileDescriptor
  private let lock = NSLock()
  private var heard: [BusMessage] = []

  /// - Parameters:
  ///   - greeting: what is said to whoever wants in.
  ///   - answer: the messages that follow a call; their serials are filled in.
  init(greeting: String = "DATA\r\nOK 0123456789abcdef\r\n", answer: @escaping Answer) throws {
    let directory = NSTemporaryDirectory() + "skiff-bus-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    path = directory + "/bus"
    let file = try Descriptor.workingDirectory.open(try KernelPath(directory), [.directory])
    listener = try UnixSocket.listen(at: "bus", in: file.descriptor, type: .stream)
    let thread = Thread { [self] in serve(greeting, answer) }
    thread.start()
  }

  deinit {
    try? FileManager.default.removeItem(atPath: (path as NSString).deletingLastPathComponent)
  }

  /// The calls that came, in their order.
  var calls: [BusMessage] { lock.withLock { heard } }

  private func serve(_ greeting: String, _ answer: Answer) {
    guard let connection = try? listener.descriptor.accept() else { return }
    var received: [UInt8] = []
    var isIn = false
    var serial: UInt32 = 100
    var buffer = [UInt8](repeating: 0, count: 65536)
    guard (try? connection.descriptor.send(Array(greeting.utf8))) != nil else { return }
    while let count = try? connection.descriptor.receive(into: &buffer).count, count > 0 {
      received += buffer[..<count]
      if !isIn {
        guard let range = received.firstRange(of: Array("BEGIN\r\n".utf8)) else { continue }
        received.removeSubrange(..<range.upperBound)
        isIn = true
      }
      while let (message, length) = Self.take(received) {
        received.removeFirst(length)
        lock.withLock { heard.append(message) }
        for var reply in answer(message) {
          serial += 1
          reply.serial = serial
          guard (try? connection.descriptor.send(reply.serialized())) != nil else { return }
        }
      }
    }
  }

  /// The first whole message, found by trying: the length is in the message's own head.
  private static func take(_ bytes: [UInt8]) -> (BusMessage, Int)? {
    guard bytes.count >= 16 else { return nil }
    func word(_ offset: Int) -> Int { (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) } }
    let length = 16 + (word(12) + 7) / 8 * 8 + word(4)
    guard bytes.count >= length, let message = try? BusMessage.parse(bytes[..<length]) else { return nil }
    return (message, length)
  }

  static func reply(to call: BusMessage, _ body: [BusValue] = []) -> BusMessage {
    var reply = BusMessage(.reply)
    reply.replySerial = call.serial
    reply.body = body
    return reply
  }

  static func error(_ name: String, _ words: String, to call: BusMessage) -> BusMessage {
    var reply = BusMessage(.error)
    reply.replySerial = call.serial
    reply.errorName = name
    reply.body = [.string(words)]
    return reply
  }

  /// The end of a job, as systemd tells it.
  static func jobRemoved(_ job: String, result: String) -> BusMessage {
    var signal = BusMessage(.signal)
    signal.path = "/org/freedesktop/systemd1"
    signal.interface = "org.freedesktop.systemd1.Manager"
    signal.member = "JobRemoved"
    signal.body = [.uint32(7), .objectPath(job), .string("x.scope"), .string(result)]
    return signal
  }
}
