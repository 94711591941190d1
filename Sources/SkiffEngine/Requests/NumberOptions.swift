import SkiffSpec

/// Reads the numbers that options carry: sizes, CPU counts, durations.
public enum NumberOption {
  /// Bytes: `512`, `64k`, `500m`, `1.5g`, `2gb`, `10KiB`; units are powers of 1024.
  public static func bytes(_ text: String) -> Int64? {
    do throws(FormatError) {
      return try ByteSize(parsing: text).bytes
    } catch {
      return nil
    }
  }

  /// CPUs as billionths: `0.5`, `2`.
  public static func nanoCPUs(_ text: String) -> Int64? {
    decimal(Substring(text), places: 9)
  }

  /// A decimal number of digits and at most one point, times ten to `places`; nil where it is none or too large.
  static func decimal(_ text: Substring, places: Int) -> Int64? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first, whole.allSatisfy(isDigit) else { return nil }
    let fraction = parts.count == 2 ? parts[1] : ""
    guard fraction.allSatisfy(isDigit), !(whole.isEmpty && fraction.isEmpty) else { return nil }
    guard fraction.count <= places || fraction.dropFirst(places).allSatisfy({ $0 == "0" }) else { return nil }
    let digits = whole + fraction.prefix(places) + String(repeating: "0", count: max(0, places - fraction.count))
    return Int64(digits)
  }

  /// Seconds: a number, or a span as `1m30s`, `2h`.
  public static func seconds(_ text: String) -> Int64? {
    if let number = Int64(text) { return number }
    var total: Int64 = 0
    var digits = ""
    for character in text {
      if isDigit(character) {
        digits.append(character)
        continue
      }
      guard let number = Int64(digits), let unit = ["s": 1, "m": 60, "h": 3600, "d": 86400][String(character)] else {
        return nil
      }
      let (span, tooLong) = number.multipliedReportingOverflow(by: Int64(unit))
      let (sum, tooMuch) = total.addingReportingOverflow(span)
      guard !tooLong, !tooMuch else { return nil }
      total = sum
      digits = ""
    }
    return digits.isEmpty && !text.isEmpty ? total : nil
  }

  /// Nanoseconds of a span as Go reads it: `1m30s`, `1.5s`, `500ms`; `0` needs no unit. Nil for anything else.
  public static func nanoseconds(_ text: String) -> Int64? {
    if text == "0" { return 0 }
    let units: [(name: String, nanoseconds: Int64)] = [
      ("ns", 1), ("us", 1000), ("µs", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
      ("h", 3_600_000_000_000),
    ]
    var rest = text[...]
    var total: Int64 = 0
    if rest.isEmpty { return nil }
    while !rest.isEmpty {
      let number = rest.prefix { isDigit($0) || $0 == "." }
      rest = rest.dropFirst(number.count)
      let name = rest.prefix { !isDigit($0) && $0 != "." }
      rest = rest.dropFirst(name.count)
      // In billionths of the unit; what is finer than a nanosecond is dropped.
      guard let unit = units.first(where: { $0.name == name }), let amount = decimal(number, places: 9) else {
        return nil
      }
      let (high, low) = amount.multipliedFullWidth(by: unit.nanoseconds)
      guard high < 500_000_000 else { return nil }
      let (sum, overflowed) = total.addingReportingOverflow(
        Int64(1_000_000_000).dividingFullWidth((high, low)).quotient)
      guard !overflowed else { return nil }
      total = sum
    }
    return total
  }

  /// Whether the text is a list of numbers and ranges as the kernel takes it: `0-3,7`.
  public static func isNumberList(_ text: String) -> Bool {
    guard !text.isEmpty else { return false }
    return text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { item in
      let bounds = item.split(separator: "-", omittingEmptySubsequences: false)
      guard bounds.count == 1 || bounds.count == 2, let first = UInt32(bounds[0]) else { return false }
      guard bounds.count == 2 else { return true }
      guard let last = UInt32(bounds[1]) else { return false }
      return first <= last
    }
  }

  /// `true`, `1`, `yes` and their opposites; nil for anything else.
  public static func boolean(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "true", "1", "t", "yes", "on": true
    case "false", "0", "f", "no", "off": false
    default: nil
    }
  }

  private static func isDigit(_ character: Character) -> Bool {
    character >= "0" && character <= "9" && character.isASCII
  }
}
