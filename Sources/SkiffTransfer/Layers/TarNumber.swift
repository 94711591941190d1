package import SkiffKernel

/// Numbers as tar headers write them.
package enum TarNumber {
  /// A numeric field: octal digits among spaces and zeros, or base-256 with the highest bit set (GNU, star).
  ///
  /// Nil when it is neither, or does not fit 64 bits. An empty field is 0.
  package static func parse(_ field: ArraySlice<UInt8>) -> Int64? {
    guard let first = field.first else { return nil }
    if first & 0x80 != 0 { return parseBase256(field) }
    var digits = field.drop { $0 == UInt8(ascii: " ") || $0 == 0 }
    if let end = digits.firstIndex(where: { $0 == UInt8(ascii: " ") || $0 == 0 }) { digits = digits[..<end] }
    var value: Int64 = 0
    for digit in digits {
      guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "7"), value < 1 << 59 else { return nil }
      value = value << 3 | Int64(digit - UInt8(ascii: "0"))
    }
    return value
  }

  private static func parseBase256(_ field: ArraySlice<UInt8>) -> Int64? {
    guard let first = field.first else { return nil }
    let isNegative = first & 0x40 != 0
    // Two's complement, the mark in the highest bit aside.
    var value: Int64 = isNegative ? -1 : 0
    for (position, byte) in field.enumerated() {
      let byte = position == 0 ? (isNegative ? byte | 0x80 : byte & 0x7F) : byte
      guard value >= -(1 << 54), value < 1 << 54 else { return nil }
      value = value << 8 | Int64(byte)
    }
    return value
  }

  /// A decimal number without sign, as extended headers write sizes and ids.
  package static func parseDecimal(_ digits: some Collection<UInt8>) -> Int64? {
    guard !digits.isEmpty, digits.count <= 20 else { return nil }
    var value: Int64 = 0
    for digit in digits {
      guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
      let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tenfold.addingReportingOverflow(Int64(digit - UInt8(ascii: "0")))
      if overflow || carry { return nil }
      value = sum
    }
    return value
  }

  /// Seconds with a fraction, as extended headers write times: `-12.5`.
  package static func parseTime(_ text: [UInt8]) -> FileTime? {
    let isNegative = text.first == UInt8(ascii: "-")
    let unsigned = text.dropFirst(isNegative ? 1 : 0)
    let parts = unsigned.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first, let seconds = parseDecimal(whole) else { return nil }
    var nanoseconds: Int64 = 0
    if parts.count == 2 {
      guard parts[1].allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else { return nil }
      var place: Int64 = 100_000_000
      for digit in parts[1].prefix(9) {
        nanoseconds += Int64(digit - UInt8(ascii: "0")) * place
        place /= 10
      }
    }
    guard isNegative else { return FileTime(seconds: seconds, nanoseconds: nanoseconds) }
    // Half a second before -1 is -2 and a half after it.
    if nanoseconds == 0 { return FileTime(seconds: -seconds) }
    return FileTime(seconds: -seconds - 1, nanoseconds: 1_000_000_000 - nanoseconds)
  }

  /// A user or group id: 0…0xFFFFFFFE, for the highest value means "leave it" to the kernel.
  package static func identity(_ value: Int64) -> UInt32? {
    guard value >= 0, value < 0xFFFF_FFFF else { return nil }
    return UInt32(truncatingIfNeeded: value)
  }
}
