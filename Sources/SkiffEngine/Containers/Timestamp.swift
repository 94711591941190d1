import SkiffKernel
public import SkiffSpec

extension Timestamp {
  public static func now() -> Timestamp {
    let time = ClockTime.now()
    return Timestamp(seconds: time.seconds, nanoseconds: time.nanoseconds)
  }

  /// Reads a record's moment; nil for text that is none.
  public init?(recordedAs text: String) {
    do throws(FormatError) {
      try self.init(parsing: text)
    } catch {
      return nil
    }
  }

  /// `2026-11-21 09:40:00 +0000 UTC`.
  public var spoken: String {
    let text = fixedText
    return "\(text.prefix(10)) \(text.dropFirst(11).prefix(8)) +0000 UTC"
  }
}
