import SkiffEngine
import SkiffSpec

/// A moment as `--since` takes it: RFC 3339, a date, seconds since 1970, or a span back from now.
enum TimeOption {
  static func parse(_ text: String?, _ option: String, now: Timestamp = .now()) throws(EngineError) -> Timestamp? {
    guard let text else { return nil }
    if let moment = Timestamp(recordedAs: text) { return moment }
    // A date, or a time without its zone, is taken as UTC.
    for tail in ["Z", ":00Z", "T00:00:00Z"] {
      if let moment = Timestamp(recordedAs: text + tail) { return moment }
    }
    let parts = text.split(separator: ".", maxSplits: 1)
    if let first = parts.first, let seconds = Int64(first), seconds > 0, text.allSatisfy({ $0.isNumber || $0 == "." }) {
      return Timestamp(seconds: seconds)
    }
    if let span = NumberOption.seconds(text), span >= 0 {
      let (seconds, overflowed) = now.seconds.subtractingReportingOverflow(span)
      if !overflowed { return Timestamp(seconds: seconds, nanoseconds: now.nanoseconds) }
    }
    throw .invalidOption(
      name: option, value: text, reason: "expected a moment such as 2026-11-21T09:40:00Z, or a span such as 10m")
  }
}
