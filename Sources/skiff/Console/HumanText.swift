import SkiffEngine
import SkiffSpec

/// Moments and amounts as people say them.
enum HumanText {
  /// A span of seconds: "5 minutes", "About an hour".
  static func span(_ seconds: Int64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600)
    switch seconds {
    case ..<1: return "Less than a second"
    case 1: return "1 second"
    case ..<60: return "\(seconds) seconds"
    default: break
    }
    if minutes == 1 { return "About a minute" }
    if minutes < 60 { return "\(minutes) minutes" }
    if hours == 1 { return "About an hour" }
    if hours < 48 { return "\(hours) hours" }
    if hours < 24 * 14 { return "\(hours / 24) days" }
    if hours < 24 * 60 { return "\(hours / 24 / 7) weeks" }
    if hours < 24 * 365 * 2 { return "\(hours / 24 / 30) months" }
    return "\(hours / 24 / 365) years"
  }

  static func ago(_ moment: Timestamp, now: Timestamp = .now()) -> String {
    span(now.seconds - moment.seconds) + " ago"
  }

  /// A text that is cut where it would be longer.
  static func shortened(_ text: String, to count: Int) -> String {
    text.count <= count ? text : text.prefix(count - 1) + "…"
  }

  /// What a container is doing, as `ps` says it.
  static func status(_ container: ContainerSummary, now: Timestamp = .now()) -> String {
    switch container.status {
    case .created: return "Created"
    case .running:
      let health = container.health.map { $0 == "starting" ? " (health: starting)" : " (\($0))" } ?? ""
      return "Up " + span(now.seconds - (container.started ?? now).seconds) + health
    case .paused: return "Up " + span(now.seconds - (container.started ?? now).seconds) + " (Paused)"
    case .exited(let code):
      guard let finished = container.finished else { return "Exited (\(code))" }
      return "Exited (\(code)) " + ago(finished, now: now)
    case .restarting(let code): return "Restarting (\(code)) " + ago(container.finished ?? now, now: now)
    case .dead: return "Dead"
    }
  }

  /// Nanoseconds: "12 µs", "3.4 ms".
  static func time(_ nanoseconds: UInt64) -> String {
    func decimal(_ value: UInt64, _ unit: UInt64, _ name: String) -> String {
      let tenths = (value + unit / 20) / (unit / 10)
      return tenths >= 100 || tenths % 10 == 0 ? "\(tenths / 10) \(name)" : "\(tenths / 10).\(tenths % 10) \(name)"
    }
    switch nanoseconds {
    case ..<1000: return "\(nanoseconds) ns"
    case ..<1_000_000: return decimal(nanoseconds, 1000, "µs")
    case ..<1_000_000_000: return decimal(nanoseconds, 1_000_000, "ms")
    default: return decimal(nanoseconds, 1_000_000_000, "s")
    }
  }
}
