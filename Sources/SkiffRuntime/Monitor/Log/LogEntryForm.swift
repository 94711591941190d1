internal import SkiffKernel
internal import SkiffSpec

/// How an entry of a log is written: the bytes before a line, those behind it, and the line itself.
struct LogEntryForm {
  private let driver: LogSettings.Driver
  /// Of json-file and local: what each entry says beside the line, ready to be written.
  private let attributes: [UInt8]
  // Of the moment that was set last, by stream.
  private var outputEdge = Edge()
  private var errorEdge = Edge()

  /// What stands around a line.
  private struct Edge {
    var before: [UInt8] = []
    var behindWhole: [UInt8] = []
    var behindPart: [UInt8] = []
  }

  init(_ settings: LogSettings) {
    driver = settings.driver
    switch settings.driver {
    case .jsonFile: attributes = Self.jsonAttributes(settings.attributes)
    case .local: attributes = Self.localAttributes(settings.attributes)
    case .k8sFile, .journald, .none, .passthrough: attributes = []
    }
  }

  /// Every entry from here on is of this moment. Lines that were read together share it.
  mutating func set(_ moment: ClockTime) {
    switch driver {
    case .jsonFile:
      let time = Timestamp(seconds: moment.seconds, nanoseconds: moment.nanoseconds).text
      outputEdge = jsonEdge("stdout", time)
      errorEdge = jsonEdge("stderr", time)
    case .k8sFile:
      // With an offset in digits, as conmon writes it.
      let time = Timestamp(seconds: moment.seconds, nanoseconds: moment.nanoseconds).fixedText.dropLast() + "+00:00"
      outputEdge = Self.k8sEdge("stdout", String(time))
      errorEdge = Self.k8sEdge("stderr", String(time))
    case .local:
      outputEdge = Self.localEdge("stdout", moment)
      errorEdge = Self.localEdge("stderr", moment)
    case .journald, .none, .passthrough: break
    }
  }

  /// Appends a line, without its line feed. A part of one has its end in a later entry.
  func append(_ line: Span<UInt8>, isError: Bool, isPart: Bool, to output: inout ByteBuffer) {
    switch driver {
    case .jsonFile:
      output.append(isError ? errorEdge.before : outputEdge.before)
      JSONText.append(line, to: &output)
      appendEnd(isError, isPart, to: &output)
    case .k8sFile:
      if isPart {
        output.append(isError ? errorEdge.behindPart : outputEdge.behindPart, line, Self.lineFeed)
      } else {
        output.append(isError ? errorEdge.before : outputEdge.before, line, Self.lineFeed)
      }
    case .local: appendLocal(line, isError: isError, isPart: isPart, to: &output)
    case .journald, .none, .passthrough: break
    }
  }

  /// Appends a whole line of which every byte is JSON text as it is.
  @inline(__always)
  func appendPlainJSON(_ line: Span<UInt8>, isError: Bool, to output: inout ByteBuffer) {
    if isError {
      output.append(errorEdge.before, line, errorEdge.behindWhole)
    } else {
      output.append(outputEdge.before, line, outputEdge.behindWhole)
    }
  }

  private func appendEnd(_ isError: Bool, _ isPart: Bool, to output: inout ByteBuffer) {
    let edge = isError ? errorEdge : outputEdge
    output.append(isPart ? edge.behindPart : edge.behindWhole)
  }

  // MARK: json-file

  private func jsonEdge(_ stream: String, _ time: String) -> Edge {
    let rest = Array("\",\"stream\":\"\(stream)\"".utf8) + attributes + Array(",\"time\":\"\(time)\"}\n".utf8)
    return Edge(before: Array("{\"log\":\"".utf8), behindWhole: Array("\\n".utf8) + rest, behindPart: rest)
  }

  private static func jsonAttributes(_ attributes: [(key: String, value: String)]) -> [UInt8] {
    guard !attributes.isEmpty else { return [] }
    let document = JSONValue.object(JSONObject(attributes.map { ($0.key, .string($0.value)) }))
    return Array(",\"attrs\":".utf8) + document.serialized()
  }

  // MARK: k8s-file

  private static let lineFeed: [UInt8] = [0x0A]

  private static func k8sEdge(_ stream: String, _ time: String) -> Edge {
    // The mark of a part stands before the line, too.
    Edge(before: Array("\(time) \(stream) F ".utf8), behindPart: Array("\(time) \(stream) P ".utf8))
  }

  // MARK: local

  /// Fields of docker's message LogEntry: source 1, time 2, line 3, partial 4; and attributes 6 of a key 1 and a value 2.
  private enum Field {
    static let source: UInt8 = 1 << 3 | 2
    static let time: UInt8 = 2 << 3
    static let line: UInt8 = 3 << 3 | 2
    static let partial: UInt8 = 4 << 3
    static let attribute: UInt8 = 6 << 3 | 2
    static let attributeKey: UInt8 = 1 << 3 | 2
    static let attributeValue: UInt8 = 2 << 3 | 2
  }

  private static func localEdge(_ stream: String, _ moment: ClockTime) -> Edge {
    var before: [UInt8] = [Field.source, UInt8(stream.utf8.count)] + Array(stream.utf8)
    before.append(Field.time)
    before += number(UInt64(bitPattern: moment.totalNanoseconds))
    before.append(Field.line)
    return Edge(before: before)
  }

  private static func localAttributes(_ attributes: [(key: String, value: String)]) -> [UInt8] {
    var bytes: [UInt8] = []
    for (key, value) in attributes {
      let (key, value) = (Array(key.utf8), Array(value.utf8))
      let message =
        [Field.attributeKey] + number(UInt64(key.count)) + key + [Field.attributeValue] + number(UInt64(value.count))
        + value
      bytes += [Field.attribute] + number(UInt64(message.count)) + message
    }
    return bytes
  }

  private func appendLocal(_ line: Span<UInt8>, isError: Bool, isPart: Bool, to output: inout ByteBuffer) {
    let start = output.count
    output.append(bigEndian: 0)
    output.append(isError ? errorEdge.before : outputEdge.before)
    var length = UInt64(line.count)
    while length >= 0x80 {
      output.append(UInt8(truncatingIfNeeded: length) | 0x80)
      length >>= 7
    }
    output.append(UInt8(length))
    output.append(line)
    if isPart {
      output.append(Field.partial)
      output.append(1)
    }
    output.append(attributes)
    let size = UInt32(truncatingIfNeeded: output.count - start - 4)
    output.replace(at: start, bigEndian: size)
    output.append(bigEndian: size)
  }

  /// A number in groups of seven bits, the lowest first (protobuf's varint).
  private static func number(_ value: UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
    return bytes
  }
}

/// Bytes of a program as JSON text: what is not UTF-8 becomes the replacement character, as in docker's log.
enum JSONText {
  private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]
  private static let digits = Array("0123456789abcdef".utf8)

  static func append(_ bytes: Span<UInt8>, to output: inout ByteBuffer) {
    var index = 0
    while index < bytes.count {
      let mark = bytes.firstEscaped(from: index)
      output.append(bytes.extracting(index..<mark))
      if mark == bytes.count { return }
      index = mark
      if bytes[mark] < 0x80 {
        appendEscaped(bytes[mark], to: &output)
        index += 1
      } else {
        let length = lengthOfCharacter(bytes, at: mark)
        if length > 0 {
          output.append(bytes.extracting(mark..<(mark + length)))
          index += length
        } else {
          output.append(replacement)
          index += 1
        }
      }
    }
  }

  private static func appendEscaped(_ byte: UInt8, to output: inout ByteBuffer) {
    output.append(0x5C)
    switch byte {
    case 0x22, 0x5C: output.append(byte)
    case 0x0A: output.append(UInt8(ascii: "n"))
    case 0x0D: output.append(UInt8(ascii: "r"))
    case 0x09: output.append(UInt8(ascii: "t"))
    default:
      output.append([UInt8(ascii: "u"), 0x30, 0x30, digits[Int(byte >> 4)], digits[Int(byte & 0xF)]])
    }
  }

  /// How many bytes the UTF-8 character at `index` has; 0 where there is none (RFC 3629: no overlong form, no surrogate, none above
  /// U+10FFFF).
  static func lengthOfCharacter(_ bytes: Span<UInt8>, at index: Int) -> Int {
    let first = bytes[index]
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch first {
    case 0..<0x80: return 1
    case 0xC2...0xDF: length = 2
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: length = 3
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: length = 4
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return 0
    }
    guard bytes.count - index >= length, second.contains(bytes[index + 1]) else { return 0 }
    var place = index + 2
    while place < index + length {
      if bytes[place] & 0xC0 != 0x80 { return 0 }
      place += 1
    }
    return length
  }
}
