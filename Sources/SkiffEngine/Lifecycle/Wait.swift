import SkiffKernel
import SkiffRuntime

extension Engine {
  /// Waits until a container has ended for good; gives its code. One that is not running tells its last code at once.
  public func wait(for text: String) throws(EngineError) -> Int32 {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    let record = try directory.record()
    while true {
      if try runningProcess(id) != nil {
        if let (code, isRestarting) = try lastWord(id, record) {
          if !isRestarting { return code }
          continue
        }
        try waitForRecord(directory)
      } else if try isUp(directory) {
        try waitForNews(directory)
        continue
      } else if try directory.exitRecord() == nil {
        guard try directory.wasStarted() else { return 0 }
        // Between its end and the record of it there is a moment.
        try waitForRecord(directory)
      }
      // That it will be started again stood there before the record.
      if try directory.restartRecord()?.isDue == true { continue }
      return try directory.exitRecord()?.exitCode ?? 255
    }
  }

  /// Waits until something changes in a container's directory, or a moment.
  func waitForNews(_ directory: borrowing ContainerDirectory) throws(EngineError) {
    let path = directory.path
    let descriptor = directory.descriptor
    try naming("watch", path) { () throws(Errno) in
      let watch = try FileWatch()
      try watch.add(descriptor, [.created, .movedIn, .deleted, .selfMoved])
      var entries = [PollEntry(watch.descriptor, .readable)]
      // What happened before the watch began is seen after this.
      try poll(&entries, timeoutMilliseconds: 50)
    }
  }

  /// The monitor tells every client the code as its last word, even when the container removes itself. Nil where it is gone.
  func lastWord(
    _ id: String, _ record: ContainerRecord
  ) throws(EngineError) -> (code: Int32, isRestarting: Bool)? {
    do throws(EngineError) {
      let connection = try connect(id, name: record.name)
      return try naming("wait for", "container \(record.name)") { () throws(Errno) in
        try Self.readExit(connection.descriptor)
      }
    } catch {
      switch error {
      case .kernel(_, _, .notFound), .kernel(_, _, .connectionRefused): return nil
      default: throw error
      }
    }
  }

  private static func readExit(_ connection: Descriptor) throws(Errno) -> (code: Int32, isRestarting: Bool)? {
    try readPackets(connection) { type, payload in
      guard type == .exit else { return nil }
      return (payload.first.map { Int32($0) } ?? 0, payload.dropFirst().first == 1)
    }
  }

  /// Reads a monitor's packets until something is made of one; nil when the monitor goes before.
  static func readPackets<Answer>(
    _ connection: Descriptor, _ take: (AttachPacket, ArraySlice<UInt8>) -> Answer?
  ) throws(Errno) -> Answer? {
    var buffer = [UInt8](repeating: 0, count: AttachPacket.payloadLimit + 1)
    while true {
      let count: Int
      do throws(Errno) {
        count = try connection.receive(into: &buffer).count
      } catch {
        guard error == .connectionReset else { throw error }
        return nil
      }
      if count == 0 { return nil }
      if let type = AttachPacket(rawValue: buffer[0]), let answer = take(type, buffer[1..<count]) { return answer }
    }
  }
}
