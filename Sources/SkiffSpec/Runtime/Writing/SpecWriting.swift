/// A part of the configuration that writes itself as a JSON object.
protocol SpecWritable {
  /// Writes the members; the braces are there already.
  func writeMembers(to writer: inout JSONWriter)
}

extension SpecWritable {
  func write(to writer: inout JSONWriter) {
    writer.beginObject()
    writeMembers(to: &writer)
    writer.endObject()
  }

  func document(pretty: Bool) -> [UInt8] {
    var writer = JSONWriter(pretty: pretty)
    write(to: &writer)
    return writer.bytes
  }
}

/// Members: what is nil, an empty list or false is left out, which means the same when read.
extension JSONWriter {
  mutating func member(_ name: String, _ value: String?) {
    guard let value else { return }
    key(name)
    write(value)
  }

  mutating func member(_ name: String, ifTrue value: Bool) {
    guard value else { return }
    key(name)
    write(value)
  }

  mutating func member(_ name: String, _ value: Bool?) {
    guard let value else { return }
    key(name)
    write(value)
  }

  mutating func member(_ name: String, _ value: (some FixedWidthInteger & SignedInteger)?) {
    guard let value else { return }
    key(name)
    write(Int64(value))
  }

  mutating func member(_ name: String, _ value: (some FixedWidthInteger & UnsignedInteger)?) {
    guard let value else { return }
    key(name)
    write(UInt64(value))
  }

  mutating func member(_ name: String, _ values: [String]) {
    guard !values.isEmpty else { return }
    key(name)
    beginArray()
    for value in values { write(value) }
    endArray()
  }

  /// An empty list means something here, and is written.
  mutating func member(_ name: String, ifSet values: [String]?) {
    guard let values else { return }
    key(name)
    beginArray()
    for value in values { write(value) }
    endArray()
  }

  mutating func member(_ name: String, _ values: [UInt32]) {
    guard !values.isEmpty else { return }
    key(name)
    beginArray()
    for value in values { write(UInt64(value)) }
    endArray()
  }

  mutating func member(_ name: String, _ value: (some SpecWritable)?) {
    guard let value else { return }
    key(name)
    value.write(to: &self)
  }

  mutating func member(_ name: String, _ values: [some SpecWritable]) {
    guard !values.isEmpty else { return }
    key(name)
    beginArray()
    for value in values { value.write(to: &self) }
    endArray()
  }

  mutating func member(_ name: String, _ values: [String: String]) {
    guard !values.isEmpty else { return }
    key(name)
    beginObject()
    for (name, value) in values.sorted(by: { $0.key < $1.key }) { member(name, value) }
    endObject()
  }

  mutating func member<Value: SpecWritable>(_ name: String, _ values: [String: Value]) {
    guard !values.isEmpty else { return }
    key(name)
    beginObject()
    for (name, value) in values.sorted(by: { $0.key < $1.key }) { member(name, value) }
    endObject()
  }
}
