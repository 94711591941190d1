/// Values in the text form of GVariant, as annotations `org.systemd.property.NAME` hold them: `true`, `'text'`, `uint64 5`, `['a', 'b']`,
/// `('x', 2)`. What a type cannot be told of is an error; nothing is guessed.
///
/// Of the format (glib: gvariant-format-strings, gvariant-text) this is the part that unit properties need: no dictionaries, no maybes.
package struct VariantText {
  private static let depthLimit = 8
  private static let lengthLimitBytes = 65536

  private var rest: ArraySlice<UInt8>
  private var depth = 0

  /// Reads one value, all of the text; nil for anything else.
  package static func parse(_ text: String) -> BusValue? {
    guard text.utf8.count <= lengthLimitBytes else { return nil }
    var parser = VariantText(rest: Array(text.utf8)[...])
    guard let value = parser.value(nil) else { return nil }
    parser.skipBlanks()
    return parser.rest.isEmpty ? value : nil
  }

  /// - Parameter type: the signature that the value must have; nil takes what the text says.
  private mutating func value(_ type: Substring?) -> BusValue? {
    guard depth < Self.depthLimit else { return nil }
    depth += 1
    defer { depth -= 1 }
    skipBlanks()
    guard let first = rest.first else { return nil }
    switch first {
    case UInt8(ascii: "["): return array(type)
    case UInt8(ascii: "("): return structure(type)
    case UInt8(ascii: "'"), UInt8(ascii: "\""):
      guard let text = quoted() else { return nil }
      switch type ?? "s" {
      case "s": return .string(text)
      case "o": return text.hasPrefix("/") ? .objectPath(text) : nil
      case "g": return BusSignature.types(of: text[...]) == nil ? nil : .signature(text)
      case "v": return .variant(.string(text))
      default: return nil
      }
    case UInt8(ascii: "@"):
      let following = String(decoding: rest.dropFirst(), as: UTF8.self)
      guard let named = BusSignature.firstType(of: following[...]), type == nil || type == named else { return nil }
      rest = rest.dropFirst(1 + named.utf8.count)
      return value(named)
    default: return wordValue(type)
    }
  }

  private mutating func wordValue(_ type: Substring?) -> BusValue? {
    let word = self.word()
    switch word {
    case "": return nil
    case "true", "false": return type == nil || type == "b" ? .bool(word == "true") : nil
    default: break
    }
    if let named = Self.typeNames[word] {
      guard type == nil || type == named[...] else { return nil }
      return value(named[...])
    }
    return Self.number(word, type ?? (word.contains(".") ? "d" : "i"))
  }

  private static let typeNames = [
    "boolean": "b", "byte": "y", "int16": "n", "uint16": "q", "int32": "i", "handle": "i", "uint32": "u", "int64": "x",
    "uint64": "t", "double": "d", "string": "s", "objectpath": "o", "signature": "g",
  ]

  private static func number(_ word: String, _ type: Substring) -> BusValue? {
    func integer<Number: FixedWidthInteger>(_ type: Number.Type) -> Number? {
      let isNegative = word.hasPrefix("-")
      let digits = isNegative ? String(word.dropFirst()) : word
      if digits.hasPrefix("0x") { return Number((isNegative ? "-" : "") + digits.dropFirst(2), radix: 16) }
      return digits.utf8.first.map { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } == true ? Number(word) : nil
    }
    switch type {
    case "y": return integer(UInt8.self).map { .byte($0) }
    case "n": return integer(Int16.self).map { .int16($0) }
    case "q": return integer(UInt16.self).map { .uint16($0) }
    case "i": return integer(Int32.self).map { .int32($0) }
    case "u": return integer(UInt32.self).map { .uint32($0) }
    case "x": return integer(Int64.self).map { .int64($0) }
    case "t": return integer(UInt64.self).map { .uint64($0) }
    case "d": return Double(word).flatMap { $0.isFinite ? .double($0) : nil }
    default: return nil
    }
  }

  private mutating func array(_ type: Substring?) -> BusValue? {
    if let type, type.first != "a" { return nil }
    var element = type?.dropFirst()
    guard
      let values = list(
        UInt8(ascii: "["), UInt8(ascii: "]"),
        { parser, _ in
          guard let value = parser.value(element) else { return nil }
          // All have the type of the first.
          if element == nil { element = value.signature[...] }
          return value
        }), let element
    else { return nil }
    return .array(of: String(element), values)
  }

  private mutating func structure(_ type: Substring?) -> BusValue? {
    var types: [Substring]?
    if let type {
      guard type.first == "(", let members = BusSignature.types(of: type.dropFirst().dropLast()) else { return nil }
      types = members
    }
    let members = list(UInt8(ascii: "("), UInt8(ascii: ")")) { parser, index in
      guard let types else { return parser.value(nil) }
      return types.indices.contains(index) ? parser.value(types[index]) : nil
    }
    guard let members, !members.isEmpty, types == nil || types?.count == members.count else { return nil }
    return .structure(members)
  }

  /// Values parted by commas between two brackets; one comma may stand at the end.
  private mutating func list(
    _ open: UInt8, _ close: UInt8, _ element: (inout VariantText, Int) -> BusValue?
  ) -> [BusValue]? {
    guard rest.popFirst() == open else { return nil }
    var values: [BusValue] = []
    while true {
      skipBlanks()
      if rest.first == close {
        rest.removeFirst()
        return values
      }
      guard let value = element(&self, values.count) else { return nil }
      values.append(value)
      skipBlanks()
      if rest.first == UInt8(ascii: ",") {
        rest.removeFirst()
      } else if rest.first != close {
        return nil
      }
    }
  }

  // MARK: Words

  private mutating func skipBlanks() {
    while let byte = rest.first, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { rest.removeFirst() }
  }

  private mutating func word() -> String {
    let stops = Array(" \t\n\r,[]()'\"@".utf8)
    let bytes = rest.prefix { !stops.contains($0) }
    rest = rest.dropFirst(bytes.count)
    return String(decoding: bytes, as: UTF8.self)
  }

  private mutating func quoted() -> String? {
    guard let quote = rest.popFirst() else { return nil }
    var bytes: [UInt8] = []
    while let byte = rest.popFirst() {
      if byte == quote {
        guard !bytes.contains(0) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
      }
      if byte != UInt8(ascii: "\\") {
        bytes.append(byte)
        continue
      }
      switch rest.popFirst() {
      case UInt8(ascii: "n"): bytes.append(0x0A)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "r"): bytes.append(0x0D)
      case let escaped? where [UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\"")].contains(escaped):
        bytes.append(escaped)
      default: return nil
      }
    }
    return nil
  }
}
