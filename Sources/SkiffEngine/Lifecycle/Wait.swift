import SkiffKernel
import SkiffRuntime

extension Engine {
  /// Waits until a container has ended; gives its code. One that is not running tells its last code at once.
  public func wait(for text: String) throws(EngineError) -> Int32 {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    let record = try directory.record()
    guard try runningProcess(id) != nil else {
      // Between its end and the record of it there is a moment.
      if let exit = try directory.exitRecord() { return exit.exitCode }
      guard try directory.wasStarted() else { return 0 }
      try waitForRecord(directory)
      return try directory.exitRecord()?.exitCode ?? 255
    }
    if let code = try lastWord(id, record) { return code }
    try waitForRecord(directory)
    return try directory.exitRecord()?.exitCode ?? 255
  }

  /// The monitor tells every client the code as its last word, even when the container removes itself. Nil where it is gone.
  private func lastWord(_ id: String, _ record: ContainerRecord) throws(EngineError) -> Int32? {
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

  /// Reads packets until the one that tells the code; nil when the monitor goes without it.
  private static func readExit(_ connection: Descriptor) throws(Errno) -> Int32? {
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
      if AttachPacket(rawValue: buffer[0]) == .exit { return count > 1 ? Int32(buffer[1]) : 0 }
    }
  }
}
