package import SkiffSpec

/// Where a container's output goes, as the engine asks for it: the member `log` of `monitor.json`.
package struct LogSettings: Equatable, Sendable {
  package enum Driver: String, Equatable, Sendable {
    /// docker's: a JSON object a line.
    case jsonFile = "json-file"
    /// docker's: messages of its protocol, each between two counts of its length.
    case local
    /// What Kubernetes and podman write: time, stream, F or P, and the line.
    case k8sFile = "k8s-file"
    case journald
    case none
    /// The container writes to the files that the engine's caller has.
    case passthrough
  }

  package var driver = Driver.none
  package var path = ""
  /// A file that would grow beyond it is put aside; 0 lets it grow.
  package var maxSizeBytes: Int64 = 0
  /// How many files there are, the one that grows among them.
  package var maxFiles = 1
  package var compresses = false
  /// The program that packs what was put aside.
  package var packer = ""
  /// Where the output must not wait for the log: how many bytes may wait instead; nil lets it wait.
  package var bufferBytes: Int?
  /// What each entry says beside the line, in the order of the names; none of those with which they would be longer than 64 KiB together.
  package var attributes: [(key: String, value: String)] = []
  /// journald's fields that say whose the entry is; as many.
  package var fields: [(key: String, value: String)] = []
  /// The journal's socket.
  package var journalSocket = "/run/systemd/journal/socket"

  package init() {}

  /// Nil where a member is missing or of the wrong kind.
  package init?(_ json: JSONValue) {
    guard let driver = json["driver"]?.string.flatMap(Driver.init(rawValue:)) else { return nil }
    self.driver = driver
    path = json["path"]?.string ?? ""
    maxSizeBytes = json["maxSize"]?.integer ?? 0
    maxFiles = json["maxFile"]?.integer.flatMap { Int(exactly: $0) } ?? 1
    compresses = json["compress"]?.bool ?? false
    packer = json["packer"]?.string ?? ""
    bufferBytes = json["buffer"]?.integer.flatMap { Int(exactly: $0) }
    attributes = Self.pairs(json["attributes"])
    fields = Self.pairs(json["fields"])
    if let socket = json["journalSocket"]?.string { journalSocket = socket }
  }

  /// They come with every line: the labels of an image may be longer than any line is.
  private static let pairsLimitBytes = 64 << 10

  private static func pairs(_ json: JSONValue?) -> [(key: String, value: String)] {
    var pairs: [(key: String, value: String)] = []
    var left = pairsLimitBytes
    for member in json?.object?.members ?? [] {
      guard let value = member.value.string else { continue }
      let count = member.key.utf8.count + value.utf8.count
      if count > left { continue }
      left -= count
      pairs.append((member.key, value))
    }
    return pairs
  }

  package static func == (left: LogSettings, right: LogSettings) -> Bool {
    left.driver == right.driver && left.path == right.path && left.maxSizeBytes == right.maxSizeBytes
      && left.maxFiles == right.maxFiles && left.compresses == right.compresses && left.packer == right.packer
      && left.bufferBytes == right.bufferBytes && left.journalSocket == right.journalSocket
      && left.attributes.elementsEqual(right.attributes, by: ==) && left.fields.elementsEqual(right.fields, by: ==)
  }
}
