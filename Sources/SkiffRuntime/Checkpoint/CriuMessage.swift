/// What criu is asked for (criu: images/rpc.proto, `criu_req_type`).
enum CriuRequestKind: Int64 {
  case dump = 1
  case restore = 2
  case preDump = 4
  case notify = 6
  case featureCheck = 9
}

/// How criu treats control groups (`criu_cg_mode`).
package enum CriuCgroupMode: String, Sendable {
  case ignore
  case soft
  case full
  case strict

  var number: Int64 {
    switch self {
    case .ignore: 0
    case .soft: 3
    case .full: 4
    case .strict: 5
    }
  }
}

/// A mount of the host that criu must not save: by which key, and what lies there when it is restored.
struct CriuExternalMount: Equatable {
  var key: String
  var value: String
}

/// The options of a request (`criu_opts`); descriptors are the caller's own, which criu opens through /proc.
struct CriuOptions {
  var imagesDirectory: Int32 = -1
  var workDirectory: Int32?
  var processID: Int32?
  var flags = CheckpointFlags()
  var isRestore = false
  var logFile = "dump.log"
  var root: String?
  var parentImages: String?
  var pageServer: (address: String, port: UInt16)?
  var cgroupMode: CriuCgroupMode?
  var cgroupRoots: [(controllers: String, path: String)] = []
  var freezeCgroup: String?
  var externalMounts: [CriuExternalMount] = []
  var externals: [String] = []
  var inheritedFiles: [(key: String, number: Int32)] = []
  var joinedNamespaces: [(type: String, path: String)] = []
  var emptyNamespaces: UInt64 = 0
  var statusFile: Int32?
  var configurationFile: String?
  var securityProfile: String?
  var mountContext: String?

  func write(to writer: inout ProtocolBufferWriter) {
    writer.add(1, Int64(imagesDirectory))
    writer.add(2, processID.map(Int64.init))
    writer.add(3, flags.leavesRunning)
    writer.add(4, flags.externalUnixSockets)
    writer.add(5, flags.establishedTCP)
    writer.add(6, isRestore)
    writer.add(7, flags.shellJob)
    writer.add(8, flags.fileLocks)
    let detailed: Int64 = 4
    writer.add(9, detailed)
    writer.add(10, logFile)
    if let pageServer {
      writer.add(11) { server in
        server.add(1, pageServer.address)
        server.add(2, Int64(pageServer.port))
      }
    }
    writer.add(12, true)
    writer.add(13, root)
    writer.add(14, parentImages)
    writer.add(15, parentImages != nil)
    writer.add(16, flags.removesDuplicates)
    writer.add(17, workDirectory.map(Int64.init))
    writer.add(18, flags.linkRemap)
    for mount in externalMounts {
      writer.add(23) { pair in
        pair.add(1, mount.key)
        pair.add(2, mount.value)
      }
    }
    writer.add(24, true)
    for root in cgroupRoots {
      writer.add(25) { pair in
        pair.add(1, root.controllers)
        pair.add(2, root.path)
      }
    }
    writer.add(26, isRestore)
    for file in inheritedFiles {
      writer.add(27) { pair in
        pair.add(1, file.key)
        pair.add(2, Int64(file.number))
      }
    }
    writer.add(34, cgroupMode?.number)
    for external in externals { writer.add(37, external) }
    if emptyNamespaces != 0 { writer.add(38, Int64(clamping: emptyNamespaces)) }
    for namespace in joinedNamespaces {
      writer.add(39) { pair in
        pair.add(1, namespace.type)
        pair.add(2, namespace.path)
      }
    }
    writer.add(44, freezeCgroup)
    writer.add(46, flags.skipsTCPInFlight)
    writer.add(48, flags.lazyPages)
    writer.add(49, statusFile.map(Int64.init))
    writer.add(50, true)
    writer.add(51, configurationFile)
    writer.add(53, securityProfile)
    writer.add(63, mountContext)
  }
}

/// What criu says (`criu_resp`).
struct CriuResponse: Equatable {
  var kind: Int64 = 0
  var succeeded = false
  /// The moment that a notification speaks of, and the process.
  var moment: String?
  var processID: Int32?
  var errorNumber: Int32 = 0
  var message: String?
  var hasLazyPages = false
  var tracksMemory = false

  init() {}

  /// Nil for what is no response.
  init?(parsing bytes: ArraySlice<UInt8>) {
    guard let fields = ProtocolBufferReader.fields(bytes), case .number(let kind)? = fields[1],
      case .number(let success)? = fields[2]
    else { return nil }
    self.kind = Int64(truncatingIfNeeded: kind)
    succeeded = success != 0
    if case .bytes(let inner)? = fields[4], let restored = ProtocolBufferReader.fields(inner),
      case .number(let id)? = restored[1]
    {
      processID = Int32(truncatingIfNeeded: id)
    }
    if case .bytes(let inner)? = fields[5], let notification = ProtocolBufferReader.fields(inner) {
      if case .bytes(let text)? = notification[1] { moment = String(decoding: text, as: UTF8.self) }
      if case .number(let id)? = notification[2] { processID = Int32(truncatingIfNeeded: id) }
    }
    if case .number(let number)? = fields[7] { errorNumber = Int32(truncatingIfNeeded: number) }
    if case .bytes(let inner)? = fields[8], let features = ProtocolBufferReader.fields(inner) {
      tracksMemory = features[1] == .number(1)
      hasLazyPages = features[2] == .number(1)
    }
    if case .bytes(let text)? = fields[9] { message = String(decoding: text, as: UTF8.self) }
  }
}
