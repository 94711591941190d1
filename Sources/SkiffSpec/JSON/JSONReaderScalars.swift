// Strings and numbers of the reader.

extension JSONReader {
  /// Where the content of a string stands, quotes not counted.
  struct ScannedString {
    var start: Int
    var end: Int
    var hasEscape: Bool
    var isASCII: Bool
  }

  /// Finds the end of the string whose opening quote stands at `offset`.
  func scanString() throws(JSONError) -> ScannedString {
    let span = bytes.span
    var index = offset + 1
    var hasEscape = false
    var seen: UInt8 = 0
    while index < span.count {
      let byte = span[index]
      if byte == UInt8(ascii: "\"") {
        return ScannedString(start: offset + 1, end: index, hasEscape: hasEscape, isASCII: seen < 0x80)
      }
      guard byte >= 0x20 else { throw JSONError(offset: index, reason: .controlCharacterInString) }
      if byte == UInt8(ascii: "\\") {
        hasEscape = true
        // The escaped byte may be a quote; what it is gets checked with the content.
        index += 1
      }
      seen |= byte
      index += 1
    }
    throw JSONError(offset: span.count, reason: .endOfInput)
  }

  /// The string's value.
  @inline(__always)
  func text(of string: ScannedString) throws(JSONError) -> String {
    if string.isASCII, !string.hasEscape {
      return String(decoding: bytes[string.start..<string.end], as: UTF8.self)
    }
    return try unusualText(of: string)
  }

  /// Checks a string that nobody reads.
  func check(_ string: ScannedString) throws(JSONError) {
    if string.isASCII, !string.hasEscape { return }
    _ = try unusualText(of: string)
  }

  @inline(never)
  private func unusualText(of string: ScannedString) throws(JSONError) -> String {
    let content = string.hasEscape ? try unescaped(string) : Array(bytes[string.start..<string.end])
    guard let text = String(validating: content, as: UTF8.self) else {
      throw JSONError(offset: string.start, reason: .invalidUTF8)
    }
    return text
  }

  private func unescaped(_ string: ScannedString) throws(JSONError) -> [UInt8] {
    var content: [UInt8] = []
    content.reserveCapacity(string.end - string.start)
    var index = string.start
    while index < string.end {
      let byte = bytes[index]
      guard byte == UInt8(ascii: "\\") else {
        content.append(byte)
        index += 1
        continue
      }
      // scanString() has seen at least one byte after every backslash.
      switch bytes[index + 1] {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(bytes[index + 1])
      case UInt8(ascii: "b"): content.append(0x08)
      case UInt8(ascii: "f"): content.append(0x0C)
      case UInt8(ascii: "n"): content.append(0x0A)
      case UInt8(ascii: "r"): content.append(0x0D)
      case UInt8(ascii: "t"): content.append(0x09)
      case UInt8(ascii: "u"):
        index = try appendUnicodeEscape(at: index, end: string.end, to: &content)
        continue
      default: throw JSONError(offset: index, reason: .invalidEscape)
      }
      index += 2
    }
    return content
  }

  /// Resolves `\uXXXX`, or a surrogate pair of two, and returns where it ends.
  private func appendUnicodeEscape(at start: Int, end: Int, to content: inout [UInt8]) throws(JSONError) -> Int {
    let first = try codeUnit(at: start, end: end)
    if let scalar = Unicode.Scalar(UInt32(first)) {
      content.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      return start + 6
    }
    let pairing = JSONError(offset: start, reason: .unpairedSurrogate)
    guard UTF16.isLeadSurrogate(first), end - start >= 8, bytes[start + 6] == UInt8(ascii: "\\"),
      bytes[start + 7] == UInt8(ascii: "u")
    else { throw pairing }
    let second = try codeUnit(at: start + 6, end: end)
    guard UTF16.isTrailSurrogate(second) else { throw pairing }
    let value = 0x10000 + ((UInt32(first) & 0x3FF) << 10) + (UInt32(second) & 0x3FF)
    guard let scalar = Unicode.Scalar(value), let encoded = UTF8.encode(scalar) else { throw pairing }
    content.append(contentsOf: encoded)
    return start + 12
  }

  /// The four hexadecimal digits of the `\u` that stands at `start`.
  private func codeUnit(at start: Int, end: Int) throws(JSONError) -> UInt16 {
    guard end - start >= 6 else { throw JSONError(offset: start, reason: .invalidEscape) }
    var unit: UInt16 = 0
    for index in start + 2..<start + 6 {
      guard let digit = hexadecimalDigit(bytes[index]) else {
        throw JSONError(offset: start, reason: .invalidEscape)
      }
      unit = unit << 4 | UInt16(digit)
    }
    return unit
  }

  private func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

extension JSONReader {
  /// Reads the number that starts at `offset`, and says where it ends.
  func scanNumber() throws(JSONError) -> (JSONNumber, end: Int) {
    let start = offset
    var index = start
    let isNegative = byte(at: index) == UInt8(ascii: "-")
    if isNegative { index += 1 }

    let firstDigit = index
    var magnitude: UInt64 = 0
    var fitsInteger = true
    while let digit = digit(at: index), index - start < Self.numberLengthLimit {
      let (product, overflows) = magnitude.multipliedReportingOverflow(by: 10)
      let (sum, overflowsToo) = product.addingReportingOverflow(UInt64(digit))
      magnitude = sum
      if overflows || overflowsToo { fitsInteger = false }
      index += 1
    }
    // RFC 8259: at least one digit, and no leading zero.
    guard index > firstDigit, index == firstDigit + 1 || bytes[firstDigit] != UInt8(ascii: "0") else {
      throw malformed(at: index, from: start)
    }

    let endOfInteger = index
    if byte(at: index) == UInt8(ascii: ".") {
      index = try endOfDigits(from: index + 1, start: start)
    }
    if let exponent = byte(at: index), exponent | 0x20 == UInt8(ascii: "e") {
      index += 1
      if let sign = byte(at: index), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { index += 1 }
      index = try endOfDigits(from: index, start: start)
    }
    guard index - start < Self.numberLengthLimit else { throw JSONError(offset: start, reason: .numberOutOfRange) }

    if index == endOfInteger, fitsInteger {
      if let number = wholeNumber(magnitude, isNegative: isNegative) { return (number, index) }
    }
    let literal = String(decoding: bytes[start..<index], as: UTF8.self)
    guard let value = Double(literal), value.isFinite else {
      throw JSONError(offset: start, reason: .numberOutOfRange)
    }
    return (.real(value), index)
  }

  private func wholeNumber(_ magnitude: UInt64, isNegative: Bool) -> JSONNumber? {
    if !isNegative {
      if let value = Int64(exactly: magnitude) { return .integer(value) }
      return .unsigned(magnitude)
    }
    if let value = Int64(exactly: magnitude) { return .integer(0 - value) }
    return magnitude == Int64.min.magnitude ? .integer(.min) : nil
  }

  /// The end of a run of at least one digit.
  private func endOfDigits(from first: Int, start: Int) throws(JSONError) -> Int {
    var index = first
    while digit(at: index) != nil, index - start < Self.numberLengthLimit { index += 1 }
    guard index > first else { throw malformed(at: index, from: start) }
    return index
  }

  private func malformed(at index: Int, from start: Int) -> JSONError {
    index >= bytes.count
      ? JSONError(offset: bytes.count, reason: .endOfInput) : JSONError(offset: start, reason: .malformedNumber)
  }

  @inline(__always)
  private func byte(at index: Int) -> UInt8? {
    index < bytes.count ? bytes[index] : nil
  }

  @inline(__always)
  private func digit(at index: Int) -> UInt8? {
    guard index < bytes.count else { return nil }
    let digit = bytes[index] &- UInt8(ascii: "0")  // anything that is no digit wraps to a large number
    return digit < 10 ? digit : nil
  }
}
