import Foundation
import SkiffKernel
import SkiffRuntime
import Testing

@Suite struct JournalLogTests {
  @Test func `a journal that is stuck holds the output back, and loses nothing of it when it goes on`() throws {
    let path = "\(NSTemporaryDirectory())/skiff-journal-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let directory = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .directory])
    let journal = try UnixSocket.bind(at: "socket", in: directory.descriptor)
    var settings = LogSettings()
    settings.journalSocket = path + "/socket"
    let log = JournalLog(settings)
    let line = [UInt8](repeating: UInt8(ascii: "x"), count: 10_000)
    let limit = 10_000
    var sent = 0

    while !log.isFull, sent < limit {
      log.send(line.span, isError: false, isPart: false, isLast: false)
      sent += 1
    }
    #expect(sent < limit)
    // Waited for no longer than for a moment.
    #expect(!log.makeRoom())

    var received = 0
    var buffer = [UInt8](repeating: 0, count: 20_000)
    for _ in 0..<limit where received < sent {
      log.flush()
      var entries = [PollEntry(journal.descriptor, .readable)]
      while try SkiffKernel.poll(&entries, timeoutMilliseconds: 0) > 0 {
        let count = try journal.descriptor.read(into: &buffer)
        #expect(count > line.count)
        received += 1
      }
    }
    #expect(received == sent)
    #expect(!log.isFull)
  }

  @Test func `with a limit what is beyond it is lost, and nothing is held back`() throws {
    let path = "\(NSTemporaryDirectory())/skiff-journal-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let directory = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .directory])
    let journal = try UnixSocket.bind(at: "socket", in: directory.descriptor)
    var settings = LogSettings()
    settings.journalSocket = path + "/socket"
    settings.bufferBytes = 1 << 16
    let log = JournalLog(settings)
    let line = [UInt8](repeating: UInt8(ascii: "x"), count: 10_000)

    for _ in 0..<2000 { log.send(line.span, isError: false, isPart: false, isLast: false) }

    #expect(!log.isFull)
    #expect(log.makeRoom())
    withExtendedLifetime(journal.number) {}
  }
}
