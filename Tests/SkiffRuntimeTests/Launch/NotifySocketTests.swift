import Foundation
import SkiffKernel
import SkiffRuntime
import Testing

/// What a container's program says of itself, and what the service manager hears of it.
@Suite struct NotifySocketTests {
  /// A state directory with its socket, and a manager that listens beside it.
  private final class Place {
    let path: String
    let directory: FileDescriptor
    let manager: FileDescriptor

    init() throws {
      path = "\(NSTemporaryDirectory())/skiff-notify-\(UUID().uuidString.prefix(8))"
      try FileManager.default.createDirectory(atPath: path + "/notify", withIntermediateDirectories: true)
      directory = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .directory])
      manager = try UnixSocket.bind(at: "manager", in: directory.descriptor)
    }

    deinit {
      try? FileManager.default.removeItem(atPath: path)
    }

    func socket() throws -> NotifySocket {
      try #require(try NotifySocket(in: directory.descriptor, target: path + "/manager"))
    }

    /// The container's side.
    func line() throws -> FileDescriptor {
      try UnixSocket.connectDatagram(to: path + "/notify/notify.sock")
    }

    /// Everything that the manager was told and has not read.
    func heard() throws -> [String] {
      var buffer = [UInt8](repeating: 0, count: 4096)
      var messages: [String] = []
      while true {
        var entries = [PollEntry(manager.descriptor, .readable)]
        let happened = try SkiffKernel.poll(&entries, timeoutMilliseconds: 0)
        if happened == 0 { return messages }
        let count = try manager.descriptor.read(into: &buffer)
        messages.append(String(decoding: buffer[..<count], as: UTF8.self))
      }
    }
  }

  /// Sends a message with the writing end of a pipe, of which only the reading end stays here.
  private func sendPipe(_ text: String, by line: Descriptor) throws -> FileDescriptor {
    let pipe = try SkiffKernel.Pipe.make()
    try line.send(Array(text.utf8), file: pipe.writing.descriptor, wait: false)
    return try pipe.reading.descriptor.duplicate()
  }

  @Test func `files that come with a message are closed, and are nobody's`() throws {
    let place = try Place()
    let socket = try place.socket()
    let line = try place.line()
    var ends = DescriptorTable()
    for _ in 0..<40 {
      // A queue may hold as few as ten.
      for _ in 0..<5 { ends.add(try sendPipe("BARRIER=1", by: line.descriptor)) }
      socket.take(mainProcessID: 7)
    }

    let count = ends.count
    #expect(count == 200)
    for index in 0..<count {
      var entries = [PollEntry(ends[index], .readable)]
      // Another test's child may hold it for the moment before it becomes its program.
      try SkiffKernel.poll(&entries, timeoutMilliseconds: 5000)
      let events = entries[0].events
      #expect(events == .hangup)
    }
    #expect(!socket.isReady)
    #expect(try place.heard() == [])
  }

  @Test func `readiness is passed on once`() throws {
    let place = try Place()
    let socket = try place.socket()
    let line = try place.line()
    for text in ["STATUS=no", "", "STATUS=x\nREADY=1", "READY=1"] {
      try line.descriptor.send(Array(text.utf8), wait: false)
    }

    socket.take(mainProcessID: 7)
    socket.take(mainProcessID: 7)

    #expect(socket.isReady)
    #expect(try place.heard() == ["READY=1\nMAINPID=7\n"])
  }

  @Test func `a manager that is behind is waited for`() throws {
    let place = try Place()
    let filler = try UnixSocket.connectDatagram(to: place.path + "/manager")
    var fillers = 0
    do throws(Errno) {
      while fillers < 100_000 {
        try filler.descriptor.send([0x2E], wait: false)
        fillers += 1
      }
    } catch {
      #expect(error == .wouldBlock)
    }
    let manager = place.manager.descriptor
    let count = fillers
    let done = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
      ClockTime.sleep(milliseconds: 200)
      var buffer = [UInt8](repeating: 0, count: 16)
      for _ in 0..<count { _ = try? manager.read(into: &buffer) }
      done.signal()
    }

    let isTold = NotifySocket.tell("READY=1\n", to: place.path + "/manager", waits: false)

    done.wait()
    #expect(isTold)
    #expect(try place.heard() == ["READY=1\n"])
    #expect(!NotifySocket.tell("READY=1\n", to: place.path + "/absent", waits: true))
  }
}
