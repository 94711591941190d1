/// Writes a JSON document front to back; commas, quotes and indentation are its business.
///
///     var writer = JSONWriter()
///     writer.beginObject()
///     writer.key("pid")
///     writer.write(42)
///     writer.endObject()
public struct JSONWriter: Sendable {
  public private(set) var bytes: [UInt8] = []
  private let isPretty: Bool
  private var depth = 0
  /// Whether a comma must stand before the next element.
  private var isAfterValue = false
  /// Whether a key was just written, so that the value follows on its line.
  private var isAfterKey = false

  public init(pretty: Bool = false) {
    isPretty = pretty
  }

  public mutating func beginObject() { begin(UInt8(ascii: "{")) }
  public mutating func endObject() { end(UInt8(ascii: "}")) }
  public mutating func beginArray() { begin(UInt8(ascii: "[")) }
  public mutating func endArray() { end(UInt8(ascii: "]")) }

  /// Names the member whose value is written next.
  public mutating func key(_ name: String) {
    separate()
    appendQuoted(name)
    bytes.append(UInt8(ascii: ":"))
    if isPretty { bytes.append(UInt8(ascii: " ")) }
    isAfterKey = true
  }

  public mutating func write(_ text: String) {
    separate()
    appendQuoted(text)
    isAfterValue = true
  }

  public mutating func write(_ flag: Bool) {
    appendWord(flag ? "true" : "false")
  }

  public mutating func write(_ number: Int64) {
    if number < 0 {
      separate()
      bytes.append(UInt8(ascii: "-"))
      appendDigits(number.magnitude)
    } else {
      write(number.magnitude)
    }
    isAfterValue = true
  }

  public mutating func write(_ number: UInt64) {
    separate()
    appendDigits(number)
    isAfterValue = true
  }

  /// JSON has no infinities and no not-a-number: they become null.
  public mutating func write(_ number: Double) {
    appendWord(number.isFinite ? number.description : "null")
  }

  public mutating func writeNull() {
    appendWord("null")
  }

  public mutating func write(_ value: JSONValue) {
    switch value {
    case .null: writeNull()
    case .bool(let flag): write(flag)
    case .integer(let number): write(number)
    case .unsigned(let number): write(number)
    case .number(let number): write(number)
    case .string(let text): write(text)
    case .array(let elements):
      beginArray()
      for element in elements {
        write(element)
      }
      endArray()
    case .object(let object):
      beginObject()
      for member in object.members {
        key(member.key)
        write(member.value)
      }
      endObject()
    }
  }
}

extension JSONWriter {
  private mutating func begin(_ bracket: UInt8) {
    separate()
    bytes.append(bracket)
    depth += 1
    isAfterValue = false
  }

  private mutating func end(_ bracket: UInt8) {
    depth -= 1
    if isAfterValue { newLine() }
    bytes.append(bracket)
    isAfterValue = true
    isAfterKey = false
  }

  private mutating func separate() {
    if isAfterKey {
      isAfterKey = false
      return
    }
    if isAfterValue { bytes.append(UInt8(ascii: ",")) }
    if depth > 0 { newLine() }
  }

  private mutating func newLine() {
    guard isPretty else { return }
    bytes.append(UInt8(ascii: "\n"))
    for _ in 0..<max(depth, 0) {
      bytes.append(UInt8(ascii: " "))
      bytes.append(UInt8(ascii: " "))
    }
  }

  private mutating func appendWord(_ word: String) {
    separate()
    bytes.append(contentsOf: word.utf8)
    isAfterValue = true
  }

  private mutating func appendDigits(_ number: UInt64) {
    bytes.append(contentsOf: String(number).utf8)
  }

  private mutating func appendQuoted(_ text: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case 0x0A: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
      case 0x0D: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "r")])
      case 0x09: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "t")])
      case 0..<0x20, 0x7F:
        bytes.append(contentsOf: Array("\\u00".utf8))
        bytes.append(hexadecimal(byte >> 4))
        bytes.append(hexadecimal(byte & 0x0F))
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private func hexadecimal(_ digit: UInt8) -> UInt8 {
    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + (digit - 10)
  }
}
