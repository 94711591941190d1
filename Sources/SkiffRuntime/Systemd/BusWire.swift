/// Writes values as D-Bus carries them, the low byte first (D-Bus specification, "Marshaling").
struct BusWriter {
  private(set) var bytes: [UInt8] = []

  mutating func align(_ alignment: Int) {
    while bytes.count % alignment != 0 { bytes.append(0) }
  }

  mutating func write(_ value: BusValue) {
    align(BusSignature.alignment(of: value.signature[...]))
    switch value {
    case .byte(let value): bytes.append(value)
    case .bool(let value): append(UInt32(value ? 1 : 0))
    case .int16(let value): append(value)
    case .uint16(let value): append(value)
    case .int32(let value): append(value)
    case .uint32(let value): append(value)
    case .int64(let value): append(value)
    case .uint64(let value): append(value)
    case .double(let value): append(value.bitPattern)
    case .string(let text), .objectPath(let text):
      append(UInt32(truncatingIfNeeded: text.utf8.count))
      bytes.append(contentsOf: text.utf8)
      bytes.append(0)
    case .signature(let text): append(signature: text)
    case .array(let element, let values): append(array: values, element)
    case .structure(let members): members.forEach { write($0) }
    case .variant(let value):
      append(signature: value.signature)
      write(value)
    }
  }

  private mutating func append(_ number: some FixedWidthInteger) {
    let bits = number.bitWidth
    for shift in stride(from: 0, to: bits, by: 8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
  }

  private mutating func append(signature text: String) {
    bytes.append(UInt8(truncatingIfNeeded: text.utf8.count))
    bytes.append(contentsOf: text.utf8)
    bytes.append(0)
  }

  private mutating func append(array values: [BusValue], _ element: String) {
    let place = bytes.count
    append(UInt32(0))
    align(BusSignature.alignment(of: element[...]))
    let start = bytes.count
    for value in values { write(value) }
    let length = UInt32(truncatingIfNeeded: bytes.count - start)
    for index in 0..<4 { bytes[place + index] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(index))) }
  }
}

/// Reads values that came over D-Bus; every length is checked against what is there.
struct BusReader {
  private let bytes: ArraySlice<UInt8>
  private let isBigEndian: Bool
  private(set) var offset: Int
  private var depth = 0

  /// - Parameter bytes: alignment counts from their first.
  init(_ bytes: ArraySlice<UInt8>, isBigEndian: Bool) {
    self.bytes = bytes
    self.isBigEndian = isBigEndian
    self.offset = bytes.startIndex
  }

  /// The values of a whole signature.
  mutating func read(all signature: String) throws(BusError) -> [BusValue] {
    guard let types = BusSignature.types(of: signature[...]) else { throw .malformed }
    var values: [BusValue] = []
    for type in types { values.append(try read(type)) }
    return values
  }

  mutating func read(_ type: Substring) throws(BusError) -> BusValue {
    try align(BusSignature.alignment(of: type))
    switch type.utf8.first {
    case UInt8(ascii: "y"): return .byte(try number(UInt8.self))
    case UInt8(ascii: "b"): return .bool(try number(UInt32.self) != 0)
    case UInt8(ascii: "n"): return .int16(try number(Int16.self))
    case UInt8(ascii: "q"): return .uint16(try number(UInt16.self))
    case UInt8(ascii: "i"): return .int32(try number(Int32.self))
    case UInt8(ascii: "u"): return .uint32(try number(UInt32.self))
    case UInt8(ascii: "x"): return .int64(try number(Int64.self))
    case UInt8(ascii: "t"): return .uint64(try number(UInt64.self))
    case UInt8(ascii: "d"): return .double(Double(bitPattern: try number(UInt64.self)))
    case UInt8(ascii: "s"): return .string(try text(count: Int(try number(UInt32.self))))
    case UInt8(ascii: "o"): return .objectPath(try text(count: Int(try number(UInt32.self))))
    case UInt8(ascii: "g"): return .signature(try text(count: Int(try number(UInt8.self))))
    default: return try compound(type)
    }
  }

  private mutating func compound(_ type: Substring) throws(BusError) -> BusValue {
    guard depth < BusSignature.depthLimit else { throw .malformed }
    depth += 1
    defer { depth -= 1 }
    switch type.utf8.first {
    case UInt8(ascii: "a"): return try array(of: type.dropFirst())
    case UInt8(ascii: "("), UInt8(ascii: "{"):
      guard let types = BusSignature.types(of: type.dropFirst().dropLast()) else { throw .malformed }
      var members: [BusValue] = []
      for type in types { members.append(try read(type)) }
      return .structure(members)
    case UInt8(ascii: "v"):
      let signature = try text(count: Int(try number(UInt8.self)))
      guard let type = BusSignature.firstType(of: signature[...]), type.utf8.count == signature.utf8.count
      else { throw .malformed }
      return .variant(try read(type))
    default: throw .malformed
    }
  }

  private mutating func array(of element: Substring) throws(BusError) -> BusValue {
    let length = Int(try number(UInt32.self))
    try align(BusSignature.alignment(of: element))
    guard length <= bytes.endIndex - offset else { throw .malformed }
    let end = offset + length
    var values: [BusValue] = []
    while offset < end {
      let before = offset
      values.append(try read(element))
      // A struct without members takes no room: no list of them ends.
      if offset == before { throw .malformed }
    }
    if offset != end { throw .malformed }
    return .array(of: String(element), values)
  }

  mutating func align(_ alignment: Int) throws(BusError) {
    while (offset - bytes.startIndex) % alignment != 0 {
      guard offset < bytes.endIndex else { throw .malformed }
      offset += 1
    }
  }

  private mutating func number<Number: FixedWidthInteger>(_ type: Number.Type) throws(BusError) -> Number {
    let count = Number.bitWidth / 8
    guard count <= bytes.endIndex - offset else { throw .malformed }
    var number: UInt64 = 0
    for index in 0..<count {
      let byte = UInt64(bytes[offset + (isBigEndian ? index : count - 1 - index)])
      number = number << 8 | byte
    }
    offset += count
    return Number(truncatingIfNeeded: number)
  }

  private mutating func text(count: Int) throws(BusError) -> String {
    guard count < bytes.endIndex - offset, bytes[offset + count] == 0 else { throw .malformed }
    defer { offset += count + 1 }
    return String(decoding: bytes[offset..<offset + count], as: UTF8.self)
  }
}
