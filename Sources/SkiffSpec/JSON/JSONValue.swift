/// A JSON document as a tree, for small or unknown documents; the models of this room read straight from the bytes.
public indirect enum JSONValue: Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  /// A whole number above the largest `Int64`; smaller ones are always `integer`.
  case unsigned(UInt64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

extension JSONValue {
  /// Reads one document, all of it.
  public static func parse(
    _ bytes: [UInt8], depthLimit: Int = JSONReader.defaultDepthLimit
  ) throws(JSONError) -> JSONValue {
    var reader = JSONReader(bytes, depthLimit: depthLimit)
    let value = try reader.readValue()
    try reader.finish()
    return value
  }

  /// Writes the document; `pretty` puts every member on a line of its own, indented by two spaces.
  public func serialized(pretty: Bool = false) -> [UInt8] {
    var writer = JSONWriter(pretty: pretty)
    writer.write(self)
    return writer.bytes
  }
}

extension JSONReader {
  /// Reads whatever value stands next as a tree.
  public mutating func readValue() throws(JSONError) -> JSONValue {
    switch try peek() {
    case .object:
      var object = JSONObject()
      try beginObject()
      while let key = try nextKey() {
        object[key] = try readValue()
      }
      return .object(object)
    case .array:
      var elements: [JSONValue] = []
      try beginArray()
      while try nextElement() {
        elements.append(try readValue())
      }
      return .array(elements)
    case .string: return .string(try readString())
    case .number:
      switch try readNumber() {
      case .integer(let value): return .integer(value)
      case .unsigned(let value): return .unsigned(value)
      case .real(let value): return .number(value)
      }
    case .bool: return .bool(try readBool())
    case .null:
      try readNull()
      return .null
    }
  }
}

// MARK: Looking inside

extension JSONValue {
  public var isNull: Bool { self == .null }

  public var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  public var integer: Int64? {
    guard case .integer(let value) = self else { return nil }
    return value
  }

  /// A whole number from 0 to the largest `UInt64`.
  public var unsigned: UInt64? {
    switch self {
    case .integer(let value): UInt64(exactly: value)
    case .unsigned(let value): value
    default: nil
    }
  }

  /// Any number, as the nearest double.
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  public var string: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  public var array: [JSONValue]? {
    guard case .array(let value) = self else { return nil }
    return value
  }

  public var object: JSONObject? {
    guard case .object(let value) = self else { return nil }
    return value
  }

  /// The member of an object; setting one on anything else makes it an object first. Nil removes.
  public subscript(key: String) -> JSONValue? {
    get {
      guard case .object(let object) = self else { return nil }
      return object[key]
    }
    set {
      var object = self.object ?? JSONObject()
      // Let go of the old value first, so that the change happens in place.
      self = .null
      object[key] = newValue
      self = .object(object)
    }
  }

  /// The element of an array; nil where there is none.
  public subscript(index: Int) -> JSONValue? {
    guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
    return elements[index]
  }
}

// MARK: Writing documents in Swift

// No nil literal: `flag ? nil : value` would mean null where the absence of a member is meant.
extension JSONValue: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(stringLiteral value: String) { self = .string(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral members: (String, JSONValue)...) { self = .object(JSONObject(members)) }

  /// A list of strings.
  public init(_ strings: [String]) {
    self = .array(strings.map { .string($0) })
  }

  /// A string, or null for none.
  public init(_ string: String?) {
    self = string.map { .string($0) } ?? .null
  }

  /// A whole number of any size that an integer type holds.
  public init(_ value: some BinaryInteger) {
    if let exact = Int64(exactly: value) {
      self = .integer(exact)
    } else if let exact = UInt64(exactly: value) {
      self = .unsigned(exact)
    } else {
      self = .number(Double(value))
    }
  }

  /// An object with its members in the order of their names.
  public init(_ members: [String: String]) {
    self = .object(JSONObject(members.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
  }
}

extension JSONValue: CustomStringConvertible {
  /// The document in one line.
  public var description: String { String(decoding: serialized(), as: UTF8.self) }
}
