/// A moment, counted from the start of 1970 in UTC; as text it is RFC 3339.
public struct Timestamp: Hashable, Sendable {
  /// Since 1970.
  public let seconds: Int64
  /// 0 to 999999999.
  public let nanoseconds: Int64

  /// Years 1 to 9999, all that the text can say; moments outside become the nearest of these.
  private static let secondsRange: ClosedRange<Int64> = -62_135_596_800...253_402_300_799
  private static let secondsPerDay: Int64 = 86400

  public init(seconds: Int64, nanoseconds: Int64 = 0) {
    self.seconds = min(max(seconds, Self.secondsRange.lowerBound), Self.secondsRange.upperBound)
    self.nanoseconds = min(max(nanoseconds, 0), 999_999_999)
  }

  /// What documents say for a moment that has not come: the first of year 1, as Go writes it.
  public static let never = Timestamp(seconds: secondsRange.lowerBound)

  /// Reads RFC 3339: `2026-11-21T09:40:00.5Z`, also with an offset as `+02:00`. Digits beyond nanoseconds are dropped.
  public init(parsing text: String) throws(FormatError) {
    guard let parsed = Self.parse(Array(text.utf8.prefix(Self.lengthLimit + 1))) else {
      throw FormatError("invalid time \(SpecKeyPath.quoted(String(text.prefix(64)))): must be as 2026-11-21T09:40:00Z")
    }
    self = parsed
  }

  private static let lengthLimit = 64
}

extension Timestamp: Comparable {
  public static func < (left: Timestamp, right: Timestamp) -> Bool {
    (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
  }
}

// MARK: Text

extension Timestamp: CustomStringConvertible {
  public var description: String { text }

  /// `2026-11-21T09:40:00.5Z`, with as many digits after the point as it takes, as Go writes it.
  public var text: String {
    var digits = Array(Self.padded(nanoseconds, 9).utf8)
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return dateAndTime + (digits.isEmpty ? "" : "." + String(decoding: digits, as: UTF8.self)) + "Z"
  }

  /// `2026-11-21T09:40:00.500000000Z`: always of one length, so that texts sort as the moments do.
  public var fixedText: String {
    "\(dateAndTime).\(Self.padded(nanoseconds, 9))Z"
  }

  private var dateAndTime: String {
    // Floor division: moments before 1970 belong to the day that began before them.
    var day = seconds / Self.secondsPerDay
    var second = seconds % Self.secondsPerDay
    if second < 0 {
      second += Self.secondsPerDay
      day -= 1
    }
    let date = Self.date(ofDay: day)
    let time = [second / 3600, second / 60 % 60, second % 60].map { Self.padded($0, 2) }
    return
      "\(Self.padded(date.year, 4))-\(Self.padded(date.month, 2))-\(Self.padded(date.day, 2))T\(time.joined(separator: ":"))"
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }
}

// MARK: Calendar

extension Timestamp {
  /// Days of 400 years, after which the calendar repeats.
  private static let daysPerEra: Int64 = 146_097

  /// The date of a day counted from 1970-01-01, within `secondsRange`. Years are counted from March, which puts the leap day last.
  private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = day + 719_468  // days from 0000-03-01 to 1970-01-01
    let era = (shifted >= 0 ? shifted : shifted - (daysPerEra - 1)) / daysPerEra
    let dayOfEra = shifted - era * daysPerEra
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
  }

  /// The day counted from 1970-01-01 of a date of years 0 to 9999.
  private static func day(of year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * daysPerEra + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func daysOfMonth(_ month: Int64, in year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  private static func parse(_ text: [UInt8]) -> Timestamp? {
    guard text.count <= lengthLimit, text.count >= 20 else { return nil }
    func number(_ range: Range<Int>) -> Int64? {
      Decimal.value(String(decoding: text[range], as: UTF8.self))
    }
    func has(_ marks: String, at index: Int) -> Bool { marks.utf8.contains(text[index]) }

    guard has("-", at: 4), has("-", at: 7), has("Tt ", at: 10), has(":", at: 13), has(":", at: 16),
      let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      (1...12).contains(month), (1...daysOfMonth(month, in: year)).contains(day), hour < 24, minute < 60, second < 60
    else { return nil }

    var rest = text[19...]
    var nanoseconds: Int64 = 0
    if rest.first == UInt8(ascii: ".") {
      let digits = rest.dropFirst().prefix(while: \.isDigit)
      guard !digits.isEmpty else { return nil }
      for place in 0..<9 {
        nanoseconds = nanoseconds * 10 + (place < digits.count ? Int64(digits[digits.startIndex + place] - 0x30) : 0)
      }
      rest = rest.dropFirst(1 + digits.count)
    }
    guard let offset = offsetSeconds(rest) else { return nil }
    let days = Self.day(of: year, month, day)
    let seconds = days * secondsPerDay + hour * 3600 + minute * 60 + second - offset
    guard secondsRange.contains(seconds) else { return nil }
    return Timestamp(seconds: seconds, nanoseconds: nanoseconds)
  }

  /// `Z` or `+HH:MM`.
  private static func offsetSeconds(_ text: ArraySlice<UInt8>) -> Int64? {
    if text.count == 1, text.first == UInt8(ascii: "Z") || text.first == UInt8(ascii: "z") { return 0 }
    let bytes = Array(text)
    guard bytes.count == 6, bytes[3] == UInt8(ascii: ":"),
      let hours: Int64 = Decimal.value(String(decoding: bytes[1..<3], as: UTF8.self)),
      let minutes: Int64 = Decimal.value(String(decoding: bytes[4..<6], as: UTF8.self)), hours < 24, minutes < 60
    else { return nil }
    switch bytes[0] {
    case UInt8(ascii: "+"): return hours * 3600 + minutes * 60
    case UInt8(ascii: "-"): return -(hours * 3600 + minutes * 60)
    default: return nil
    }
  }
}
