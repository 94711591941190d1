import SkiffKernel
import SkiffSpec

/// The open directory of one container. While `lock` is held nobody else starts or removes the container.
package struct ContainerDirectory: ~Copyable {
  package let id: String
  /// On the host, absolute.
  package let path: String
  private let handle: FileDescriptor

  init(id: String, path: String, handle: consuming FileDescriptor) {
    self.id = id
    self.path = path
    self.handle = handle
  }

  package var descriptor: Descriptor { handle.descriptor }

  enum File {
    static let record: KernelPath = "container.json"
    static let spec: KernelPath = "config.json"
    static let monitor: KernelPath = "monitor.json"
    static let exit: KernelPath = "exit.json"
    /// The intent to start: it stands from before the first start on.
    static let started: KernelPath = "started"
    /// What the container has of its network, from its last start on.
    static let network: KernelPath = "network.json"
    static let newNetwork: KernelPath = "network.json.new"
    static let rootfs: KernelPath = "rootfs"
    static let recordLimitBytes = 4 << 20
  }

  /// Takes the container for this process, until the directory is let go; without `wait`, a container that is taken is EAGAIN.
  package func lock(wait: Bool) throws(Errno) {
    try descriptor.lock(exclusive: true, wait: wait)
  }

  package func record() throws(EngineError) -> ContainerRecord {
    let path = path
    let descriptor = descriptor
    let bytes = try naming("read", "\(path)/container.json") { () throws(Errno) in
      try descriptor.readFile(File.record, limitBytes: File.recordLimitBytes)
    }
    guard let record = ContainerRecord.parse(bytes), record.id == id else {
      throw .damaged(thing: "\(path)/container.json", reason: "it is not the record of this container")
    }
    return record
  }

  /// Whether the container came to be. An empty record is one that a power cut took.
  func hasRecord() throws(EngineError) -> Bool {
    try content(File.record)?.isEmpty == false
  }

  /// How the last run ended; nil while there is no record of it.
  package func exitRecord() throws(EngineError) -> ExitRecord? {
    guard let bytes = try content(File.exit) else { return nil }
    guard let record = ExitRecord.parse(bytes) else {
      throw .damaged(thing: "\(path)/exit.json", reason: "it is not the record of an exit")
    }
    return record
  }

  /// Whether a start was ever intended.
  package func wasStarted() throws(EngineError) -> Bool {
    try content(File.started) != nil
  }

  /// The bytes of a file of this directory; nil where there is none.
  func content(_ name: KernelPath) throws(EngineError) -> [UInt8]? {
    do throws(Errno) {
      return try descriptor.readFile(name, limitBytes: File.recordLimitBytes)
    } catch {
      guard error == .notFound else { throw .kernel(act: "read", thing: "\(path)/\(name)", cause: error) }
      return nil
    }
  }

  /// Writes a file that nobody reads before the record stands: no name is replaced, nothing is waited for.
  func write(_ name: KernelPath, _ content: [UInt8], mode: UInt32 = 0o600) throws(EngineError) {
    let descriptor = descriptor
    try naming("write", "\(path)/\(name)") { () throws(Errno) in
      let file = try descriptor.open(name, [.writeOnly, .create, .truncate, .noFollow], mode: mode)
      try file.descriptor.writeAll(content)
    }
  }

  /// Replaces a file that others may be reading. Without `isDurable` a power cut may leave it empty.
  func replace(_ name: KernelPath, _ content: [UInt8], isDurable: Bool = true) throws(EngineError) {
    let descriptor = descriptor
    try naming("write", "\(path)/\(name)") { () throws(Errno) in
      try descriptor.replaceFile(name, with: content, isDurable: isDurable)
    }
  }

  /// Forgets how the last run ended, and says that another one is intended.
  func intendStart(_ moment: Timestamp) throws(EngineError) {
    try write(File.started, Array("\(moment)\n".utf8))
    do throws(Errno) {
      try descriptor.unlink(File.exit)
    } catch {
      guard error == .notFound else { throw .kernel(act: "remove", thing: "\(path)/exit.json", cause: error) }
    }
  }

  /// Takes the intent back: nothing was started.
  func forgetStart() throws(Errno) {
    try descriptor.unlink(File.started)
  }
}
