import SkiffSpec

/// A value that a record of the store can hold.
protocol RecordValue: Equatable, SendableMetatype {
  var recorded: JSONValue { get }
  /// Nil where the document holds something else.
  init?(recorded: JSONValue)
}

extension String: RecordValue {
  var recorded: JSONValue { .string(self) }
  init?(recorded: JSONValue) {
    guard let value = recorded.string else { return nil }
    self = value
  }
}

extension Bool: RecordValue {
  var recorded: JSONValue { .bool(self) }
  init?(recorded: JSONValue) {
    guard let value = recorded.bool else { return nil }
    self = value
  }
}

extension RecordValue where Self: FixedWidthInteger {
  var recorded: JSONValue { JSONValue(self) }
  init?(recorded: JSONValue) {
    if let value = recorded.integer {
      self.init(exactly: value)
    } else if let value = recorded.unsigned {
      self.init(exactly: value)
    } else {
      return nil
    }
  }
}

extension Int32: RecordValue {}
extension Int64: RecordValue {}
extension UInt16: RecordValue {}
extension UInt32: RecordValue {}
extension UInt64: RecordValue {}

extension Optional: RecordValue where Wrapped: RecordValue {
  var recorded: JSONValue { self?.recorded ?? .null }
  init?(recorded: JSONValue) {
    if recorded.isNull {
      self = .none
      return
    }
    guard let value = Wrapped(recorded: recorded) else { return nil }
    self = .some(value)
  }
}

extension Array: RecordValue where Element: RecordValue {
  var recorded: JSONValue { .array(map(\.recorded)) }
  init?(recorded: JSONValue) {
    guard let elements = recorded.array else { return nil }
    var values: [Element] = []
    values.reserveCapacity(elements.count)
    for element in elements {
      guard let value = Element(recorded: element) else { return nil }
      values.append(value)
    }
    self = values
  }
}

extension Dictionary: RecordValue where Key == String, Value == String {
  var recorded: JSONValue { JSONValue(self) }
  init?(recorded: JSONValue) {
    guard let object = recorded.object else { return nil }
    var values: [String: String] = [:]
    for member in object.members {
      guard let value = member.value.string else { return nil }
      values[member.key] = value
    }
    self = values
  }
}

/// One member of a record: how it is written and read back. Closures, because a key path is made anew in every process.
struct RecordField<Record>: Sendable {
  let key: String
  /// Nil where the record has what the other one, the default, has.
  let write: @Sendable (Record, Record) -> JSONValue?
  /// False where the document holds something else.
  let read: @Sendable (inout Record, JSONValue) -> Bool

  init<Value: RecordValue>(
    _ key: String, _ get: @escaping @Sendable (Record) -> Value,
    _ set: @escaping @Sendable (inout Record, Value) -> Void
  ) {
    self.key = key
    self.write = { record, plain in
      let value = get(record)
      return value == get(plain) ? nil : value.recorded
    }
    self.read = { record, document in
      guard let value = Value(recorded: document) else { return false }
      set(&record, value)
      return true
    }
  }
}

/// A type that is a list of fields; what stands at its default is left out of the document.
protocol FieldRecord {
  static var fields: [RecordField<Self>] { get }
  init()
}

extension FieldRecord {
  func document() -> JSONValue {
    let plain = Self()
    var object = JSONObject()
    for field in Self.fields {
      if let value = field.write(self, plain) { object[field.key] = value }
    }
    return .object(object)
  }

  /// Nil where a member is not what it should be; members that are not known are passed over.
  init?(document: JSONValue) {
    guard let object = document.object else { return nil }
    self.init()
    for field in Self.fields {
      guard let value = object[field.key] else { continue }
      guard field.read(&self, value) else { return nil }
    }
  }
}
