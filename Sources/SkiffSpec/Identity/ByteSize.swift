/// An amount of bytes, as people write it: `512`, `64k`, `500m`, `1.5g`, `10KiB`; units are powers of 1024, as docker's are.
public struct ByteSize: Hashable, Sendable {
  /// Never negative.
  public let bytes: Int64

  /// Negative amounts become 0.
  public init(bytes: Int64) {
    self.bytes = max(0, bytes)
  }

  public init(parsing text: String) throws(FormatError) {
    guard let bytes = Self.parse(text) else {
      throw FormatError("invalid size: \(SpecKeyPath.quoted(text)): must be a number with a unit such as 500m or 1.5g")
    }
    self.bytes = bytes
  }

  /// Digits, perhaps a point and more digits, perhaps a blank, perhaps one of `k m g t p e` and `b` or `ib`.
  private static func parse(_ text: String) -> Int64? {
    let whole = text.utf8.prefix(while: \.isDigit)
    var rest = text.utf8.dropFirst(whole.count)
    let hasPoint = rest.first == UInt8(ascii: ".")
    if hasPoint { rest = rest.dropFirst() }
    let fraction = rest.prefix { hasPoint && $0.isDigit }
    guard fraction.isEmpty != hasPoint else { return nil }
    rest = rest.dropFirst(fraction.count)
    guard !whole.isEmpty, let shift = shift(ofUnit: rest) else { return nil }
    guard let number: UInt64 = Decimal.value(Substring(whole)) else { return nil }
    let unit: UInt64 = 1 << UInt64(shift)
    let (product, overflows) = number.multipliedReportingOverflow(by: unit)
    // Nine places are more than any unit makes sense of; the product fits for the largest unit too.
    let places = fraction.prefix(9)
    let part: UInt64 = Decimal.value(Substring(places)) ?? 0
    let scale = (0..<places.count).reduce(UInt64(1)) { scale, _ in scale * 10 }
    let fractionBytes = part.multipliedFullWidth(by: unit)
    let (quotient, _) = scale.dividingFullWidth(fractionBytes)
    let (sum, overflowsToo) = product.addingReportingOverflow(quotient)
    guard !overflows, !overflowsToo else { return nil }
    return Int64(exactly: sum)
  }

  /// The power of two of a unit; nil for what is none.
  private static func shift(ofUnit unit: Substring.UTF8View) -> Int? {
    let letters = unit.drop { $0 == UInt8(ascii: " ") }.map { $0 | 0x20 }
    guard unit.count - letters.count <= 1 else { return nil }
    let text = String(decoding: letters, as: UTF8.self)
    switch text {
    case "", "b": return 0
    default:
      guard let first = letters.first, let index = Array("kmgtpe".utf8).firstIndex(of: first) else { return nil }
      guard ["", "b", "ib"].contains(text.dropFirst()) else { return nil }
      return 10 * (index + 1)
    }
  }
}

extension ByteSize {
  /// With decimal units, as docker shows images: `157MB`, `4.26MB`, `1.2kB`.
  public var decimalText: String { text(base: 1000, units: ["B", "kB", "MB", "GB", "TB", "PB", "EB"], significant: 3) }

  /// With binary units, as docker shows memory: `500MiB`, `1.465GiB`.
  public var binaryText: String {
    text(base: 1024, units: ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], significant: 4)
  }

  /// Rounded to so many significant digits, without zeros at the end of the fraction.
  private func text(base: Int64, units: [String], significant: Int) -> String {
    var unit = 0
    var divisor: Int64 = 1
    while unit < units.count - 1, bytes / divisor >= base {
      divisor *= base
      unit += 1
    }
    var places = max(0, significant - String(bytes / divisor).utf8.count)
    var scaled = rounded(divisor, places: places)
    // Rounding may have carried into one more digit, or into the next unit.
    if scaled >= base * power(places), unit < units.count - 1 {
      unit += 1
      divisor *= base
      places = significant - 1
      scaled = rounded(divisor, places: places)
    }
    let whole = scaled / power(places)
    var fraction = Array(String(scaled % power(places) + power(places)).utf8.dropFirst())
    while fraction.last == UInt8(ascii: "0") { fraction.removeLast() }
    let point = fraction.isEmpty ? "" : "." + String(decoding: fraction, as: UTF8.self)
    return "\(whole)\(point)\(units[unit])"
  }

  private func power(_ places: Int) -> Int64 {
    (0..<places).reduce(1) { power, _ in power * 10 }
  }

  /// bytes / divisor * 10^places, to the nearest; places is 3 at most, so that the remainder's product needs the wide form.
  private func rounded(_ divisor: Int64, places: Int) -> Int64 {
    let scale = power(places)
    let wide = UInt64(bytes % divisor).multipliedFullWidth(by: UInt64(scale))
    let (quotient, remainder) = UInt64(divisor).dividingFullWidth(wide)
    let up: Int64 = remainder >= UInt64(divisor) - remainder ? 1 : 0
    return bytes / divisor * scale + Int64(quotient) + (divisor == 1 ? 0 : up)
  }
}

extension ByteSize: Comparable, CustomStringConvertible {
  public static func < (left: ByteSize, right: ByteSize) -> Bool { left.bytes < right.bytes }

  public var description: String { binaryText }
}
