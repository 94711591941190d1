/// Reads a JSON document (RFC 8259) from front to back, value by value, as the caller asks for them.
///
/// Nothing is built that the caller does not ask for. The reader is strict: UTF-8 only, no byte order mark, no comments, no
/// trailing commas, no lone surrogates. It never traps, whatever the bytes and whatever the order of the calls.
///
///     var reader = JSONReader(bytes)
///     try reader.beginObject()
///     while let key = try reader.nextKey() {
///       if key == "name" { name = try reader.readString() } else { try reader.skipValue() }
///     }
///     try reader.finish()
public struct JSONReader: Sendable {
  /// Levels of arrays and objects that a document may have unless the caller says otherwise.
  public static let defaultDepthLimit = 64

  /// Longer number literals are refused: no exact value needs so many digits.
  static let numberLengthLimit = 1024

  let bytes: [UInt8]
  let depthLimit: Int
  /// The next byte to read.
  public internal(set) var offset = 0
  private(set) var depth = 0
  /// Whether a value stands before this place at the present level, so that a comma or the end must follow.
  private var isAfterValue = false

  public init(_ bytes: [UInt8], depthLimit: Int = JSONReader.defaultDepthLimit) {
    self.bytes = bytes
    self.depthLimit = depthLimit
  }

  /// What kind of value stands next.
  public mutating func peek() throws(JSONError) -> JSONKind {
    switch try nextByte() {
    case UInt8(ascii: "{"): .object
    case UInt8(ascii: "["): .array
    case UInt8(ascii: "\""): .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
    case UInt8(ascii: "n"): .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
    default: throw failure(.expected("a value"))
    }
  }

  /// Steps into an object; `nextKey()` walks its members.
  public mutating func beginObject() throws(JSONError) {
    try begin(UInt8(ascii: "{"), .expected("an object"))
  }

  /// Steps into an array; `nextElement()` walks it.
  public mutating func beginArray() throws(JSONError) {
    try begin(UInt8(ascii: "["), .expected("an array"))
  }

  /// The key of the next member, whose value must be read or skipped next; nil steps out of the object.
  public mutating func nextKey() throws(JSONError) -> String? {
    guard try stepsToNextMember() else { return nil }
    let key = try scanString()
    try finishKey(key)
    return try text(of: key)
  }

  /// Whether another element of the array stands next, which must be read or skipped; false steps out of the array.
  public mutating func nextElement() throws(JSONError) -> Bool {
    let byte = try nextByte()
    if byte == UInt8(ascii: "]") {
      try end()
      return false
    }
    guard isAfterValue else { return true }
    guard byte == UInt8(ascii: ",") else { throw failure(.expected("',' or ']'")) }
    offset += 1
    guard try nextByte() != UInt8(ascii: "]") else { throw failure(.expected("a value")) }
    isAfterValue = false
    return true
  }

  /// Reads a string with its escapes resolved.
  public mutating func readString() throws(JSONError) -> String {
    guard try nextByte() == UInt8(ascii: "\"") else { throw failure(.expected("a string")) }
    let string = try scanString()
    offset = string.end + 1
    isAfterValue = true
    return try text(of: string)
  }

  /// Reads a number without loss: whole numbers as integers, all others as the nearest double.
  public mutating func readNumber() throws(JSONError) -> JSONNumber {
    _ = try nextByte()
    let (number, end) = try scanNumber()
    offset = end
    isAfterValue = true
    return number
  }

  public mutating func readBool() throws(JSONError) -> Bool {
    switch try nextByte() {
    case UInt8(ascii: "t"):
      try readWord("true")
      return true
    case UInt8(ascii: "f"):
      try readWord("false")
      return false
    default:
      throw failure(.expected("true or false"))
    }
  }

  public mutating func readNull() throws(JSONError) {
    guard try nextByte() == UInt8(ascii: "n") else { throw failure(.expected("null")) }
    try readWord("null")
  }

  /// Passes over a whole value and checks it as strictly as if it were read.
  public mutating func skipValue() throws(JSONError) {
    switch try peek() {
    case .object:
      try beginObject()
      while try stepsToNextMember() {
        let key = try scanString()
        try finishKey(key)
        try check(key)
        try skipValue()
      }
    case .array:
      try beginArray()
      while try nextElement() {
        try skipValue()
      }
    case .string:
      let string = try scanString()
      try check(string)
      offset = string.end + 1
      isAfterValue = true
    case .number: _ = try readNumber()
    case .bool: _ = try readBool()
    case .null: try readNull()
    }
  }

  /// Checks that nothing but white space follows the document's value.
  public mutating func finish() throws(JSONError) {
    offset = endOfWhitespace(from: offset)
    guard offset == bytes.count, depth == 0 else { throw failure(.trailingBytes) }
  }
}

/// What a JSON value may be.
public enum JSONKind: String, Equatable, Sendable {
  case object, array, string, number, bool, null

  /// As it stands in a sentence: "an object".
  public var phrase: String {
    switch self {
    case .object: "an object"
    case .array: "a list"
    case .string: "a string"
    case .number: "a number"
    case .bool: "a boolean"
    case .null: "null"
    }
  }
}

/// A number as exact as it was written.
public enum JSONNumber: Equatable, Sendable {
  case integer(Int64)
  /// A whole number above the largest `Int64`.
  case unsigned(UInt64)
  case real(Double)
}

// MARK: Structure

extension JSONReader {
  func failure(_ reason: JSONError.Reason) -> JSONError {
    JSONError(offset: offset, reason: offset >= bytes.count ? .endOfInput : reason)
  }

  private mutating func begin(_ bracket: UInt8, _ otherwise: JSONError.Reason) throws(JSONError) {
    guard try nextByte() == bracket else { throw failure(otherwise) }
    guard depth < depthLimit else { throw failure(.tooDeep(limit: depthLimit)) }
    depth += 1
    offset += 1
    isAfterValue = false
  }

  private mutating func end() throws(JSONError) {
    guard depth > 0 else { throw failure(.expected("a value")) }
    depth -= 1
    offset += 1
    isAfterValue = true
  }

  /// Stands on the opening quote of the next key, or has stepped out of the object.
  private mutating func stepsToNextMember() throws(JSONError) -> Bool {
    var byte = try nextByte()
    if byte == UInt8(ascii: "}") {
      try end()
      return false
    }
    if isAfterValue {
      guard byte == UInt8(ascii: ",") else { throw failure(.expected("',' or '}'")) }
      offset += 1
      byte = try nextByte()
    }
    guard byte == UInt8(ascii: "\"") else { throw failure(.expected("a key in quotes")) }
    return true
  }

  private mutating func finishKey(_ key: ScannedString) throws(JSONError) {
    offset = key.end + 1
    guard try nextByte() == UInt8(ascii: ":") else { throw failure(.expected("':'")) }
    offset += 1
    isAfterValue = false
  }

  /// Steps over white space to the next byte and returns it without taking it.
  @inline(__always)
  private mutating func nextByte() throws(JSONError) -> UInt8 {
    offset = endOfWhitespace(from: offset)
    guard offset < bytes.count else { throw JSONError(offset: offset, reason: .endOfInput) }
    return bytes[offset]
  }

  @inline(__always)
  private func endOfWhitespace(from start: Int) -> Int {
    let span = bytes.span
    var index = start
    while index < span.count {
      let byte = span[index]
      guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { break }
      index += 1
    }
    return index
  }

  private mutating func readWord(_ word: StaticString) throws(JSONError) {
    let expected = word.utf8CodeUnitCount
    guard bytes.count - offset >= expected else {
      throw JSONError(offset: bytes.count, reason: .endOfInput)
    }
    guard word.description.utf8.elementsEqual(bytes[offset..<offset + expected]) else {
      throw failure(.expected("a value"))
    }
    offset += expected
    isAfterValue = true
  }
}
