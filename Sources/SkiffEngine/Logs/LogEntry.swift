import SkiffKernel
import SkiffSpec

/// One piece of output: a line, or a part of a long one.
public struct LogEntry: Equatable, Sendable {
  /// With its line feed, if it has one.
  public var text: String
  public var isError: Bool
  /// RFC 3339; empty where the log does not say.
  public var time: String
  /// What the driver's options say of each entry, by name.
  public var attributes: [String: String] = [:]

  init(text: String, isError: Bool, time: String) {
    self.text = text
    self.isError = isError
    self.time = time
  }

  /// Whether the options want it, by its time.
  package func isWanted(_ options: LogOptions) -> Bool {
    guard options.since != nil || options.until != nil, let moment = Timestamp(recordedAs: time) else { return true }
    if let since = options.since, moment < since { return false }
    if let until = options.until, moment > until { return false }
    return true
  }

  /// The time with nine digits of a second, so that lines stand beneath each other.
  public var fixedTime: String { Timestamp(recordedAs: time)?.fixedText ?? time }

  /// `name=value,…`, in the order of the names, with all but letters, digits and `-_.~` as a URL has it.
  public var details: String {
    attributes.sorted { $0.key < $1.key }.map { "\(Self.escaped($0.key))=\(Self.escaped($0.value))" }
      .joined(separator: ",")
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case 0x20: result += "+"
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: result.unicodeScalars.append(.init(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += "%" + (digits.count < 2 ? "0" : "") + digits
      }
    }
    return result
  }
}

// Each of these reads one entry as a driver wrote it; nil where it is none, as the last one of a machine that went down may be.
extension LogEntry {
  static func read(_ bytes: ArraySlice<UInt8>, _ driver: LogDriver) -> LogEntry? {
    switch driver {
    case .jsonFile: LogEntry(line: bytes)
    case .k8sFile: LogEntry(k8sLine: bytes)
    case .local: LogEntry(message: bytes)
    case .journald, .none, .passthrough: nil
    }
  }

  /// `{"log":…,"stream":…,"attrs":{…},"time":…}`
  package init?(line: some Collection<UInt8>) {
    do throws(JSONError) {
      let value = try JSONValue.parse(Array(line))
      guard let text = value["log"]?.string else { return nil }
      self.init(text: text, isError: value["stream"]?.string == "stderr", time: value["time"]?.string ?? "")
      for member in value["attrs"]?.object?.members ?? [] { attributes[member.key] = member.value.string }
    } catch {
      return nil
    }
  }

  /// `TIME STREAM F|P LINE`
  package init?(k8sLine line: ArraySlice<UInt8>) {
    let parts = line.split(separator: 0x20, maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 4, let mark = parts[2].first, parts[2].count == 1 else { return nil }
    let stream = String(decoding: parts[1], as: UTF8.self)
    guard stream == "stdout" || stream == "stderr" else { return nil }
    let text = String(decoding: parts[3], as: UTF8.self)
    self.init(
      text: mark == UInt8(ascii: "P") ? text : text + "\n", isError: stream == "stderr",
      time: String(decoding: parts[0], as: UTF8.self))
  }

  /// docker's message LogEntry: source 1, time 2, line 3, partial 4, attributes 6.
  package init?(message: ArraySlice<UInt8>) {
    var reader = MessageReader(message)
    var isPart = false
    self.init(text: "", isError: false, time: "")
    var line = ArraySlice<UInt8>()
    while let field = reader.next() {
      switch field {
      case (1, .bytes(let source)): isError = source.elementsEqual("stderr".utf8)
      case (2, .number(let moment)):
        let nanoseconds = Int64(bitPattern: moment)
        let second: Int64 = 1_000_000_000
        time = Timestamp(seconds: nanoseconds / second, nanoseconds: nanoseconds % second).text
      case (3, .bytes(let bytes)): line = bytes
      case (4, .number(let number)): isPart = number != 0
      case (6, .bytes(let bytes)):
        var pair = MessageReader(bytes)
        var (key, value) = ("", "")
        while let part = pair.next() {
          if case (1, .bytes(let bytes)) = part { key = String(decoding: bytes, as: UTF8.self) }
          if case (2, .bytes(let bytes)) = part { value = String(decoding: bytes, as: UTF8.self) }
        }
        attributes[key] = value
      default: break
      }
    }
    if reader.isBroken { return nil }
    text = String(decoding: line, as: UTF8.self) + (isPart ? "" : "\n")
  }

  /// journalctl's object of one entry.
  package init?(journal line: some Collection<UInt8>) {
    do throws(JSONError) {
      let value = try JSONValue.parse(Array(line))
      guard let object = value.object, let message = Self.text(value["MESSAGE"]) else { return nil }
      let isPart = value["CONTAINER_PARTIAL_MESSAGE"]?.string == "true"
      self.init(
        text: isPart ? message : message + "\n", isError: value["PRIORITY"]?.string == "3",
        time: value["SYSLOG_TIMESTAMP"]?.string ?? "")
      for member in object.members where Self.isAttribute(member.key) { attributes[member.key] = member.value.string }
    } catch {
      return nil
    }
  }

  /// A text, or the numbers of bytes that are none.
  private static func text(_ value: JSONValue?) -> String? {
    if let text = value?.string { return text }
    guard let numbers = value?.array else { return nil }
    return String(decoding: numbers.compactMap { $0.integer.flatMap { UInt8(exactly: $0) } }, as: UTF8.self)
  }

  /// Whether a field of the journal is one that the driver's options added.
  private static func isAttribute(_ name: String) -> Bool {
    let own = ["MESSAGE", "PRIORITY", "IMAGE_NAME", "SYSLOG_IDENTIFIER", "SYSLOG_TIMESTAMP"]
    let containers = [
      "CONTAINER_ID", "CONTAINER_ID_FULL", "CONTAINER_NAME", "CONTAINER_TAG", "CONTAINER_LOG_EPOCH",
      "CONTAINER_LOG_ORDINAL",
    ]
    return !name.hasPrefix("_") && !name.hasPrefix("CONTAINER_PARTIAL_") && !own.contains(name)
      && !containers.contains(name)
  }
}

/// Reads the fields of a protobuf message.
private struct MessageReader {
  enum Value {
    case number(UInt64)
    case bytes(ArraySlice<UInt8>)
  }

  private var rest: ArraySlice<UInt8>
  private(set) var isBroken = false

  init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
  }

  mutating func next() -> (field: UInt64, value: Value)? {
    if rest.isEmpty { return nil }
    guard let tag = number() else { return nil }
    switch tag & 7 {
    case 0: return number().map { (tag >> 3, .number($0)) }
    case 2:
      guard let length = number(), length <= UInt64(rest.count) else { break }
      defer { rest = rest.dropFirst(Int(length)) }
      return (tag >> 3, .bytes(rest.prefix(Int(length))))
    default: break
    }
    isBroken = true
    return nil
  }

  private mutating func number() -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 64, by: 7) {
      guard let byte = rest.popFirst() else { break }
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
    }
    isBroken = true
    return nil
  }
}
