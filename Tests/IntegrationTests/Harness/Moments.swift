import Foundation
import Testing

/// Moments of a program's life at which something happens to it: numbers of its system calls, so that each can be tried again.
///
/// The ordinary run takes a sample, another one each time; a failure tells which. `SKIFF_TEST_MOMENTS=200` asks for more,
/// `SKIFF_TEST_SEED` for the sample of another run.
enum Moments {
  static let seed =
    ProcessInfo.processInfo.environment["SKIFF_TEST_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...999_999)
  /// How many are asked for by hand; nil where none were.
  static let asked = ProcessInfo.processInfo.environment["SKIFF_TEST_MOMENTS"].flatMap { Int($0) }

  /// Calls out of `calls`, spread over all of them: of each part of the life one. All of them where there are no more.
  ///
  /// - Parameter shares: among how many lives those that are asked for are divided.
  static func choose(of calls: Int, usually count: Int, among shares: Int = 1) -> [Int] {
    let count = max(1, asked.map { ($0 + shares - 1) / shares } ?? count)
    guard calls > count else { return Array(1...max(1, calls)) }
    var state = seed
    return (0..<count).map { part in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let (first, next) = (part * calls / count, (part + 1) * calls / count)
      return 1 + first + Int(state >> 33) % (next - first)
    }
  }
}

/// What became of a program that was killed on its way.
struct KilledProgram {
  var outcome: Outcome
  /// How many calls it had made, all its processes together.
  var calls: Int
  var wasKilled: Bool
  /// What the fault injector told, for messages.
  var report: String

  enum Victim: String {
    /// The process that was about to make the call.
    case caller = "kill"
    /// Every process that is counted.
    case all = "kill-all"
  }

  /// The words before a program by which it is killed at a call; 0 kills nobody.
  ///
  /// - Parameters:
  ///   - counted: the programs whose calls are counted; none for the one that is started.
  ///   - report: a path.
  static func injector(at call: Int, _ victim: Victim, of counted: [String] = [], report: String) -> [String] {
    [Programs.faultInjector] + counted.flatMap { ["--of", $0] } + [report, "30", "\(call)", victim.rawValue]
  }

  /// Reads the report of an injector that has ended.
  init(_ outcome: Outcome, report path: String) throws {
    let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    guard let line = text.split(separator: "\n").last(where: { $0.hasPrefix("calls ") }),
      let calls = Int(line.dropFirst(6))
    else { throw Trouble("the fault injector told nothing: \(outcome)") }
    self.outcome = outcome
    self.calls = calls
    wasKilled = text.contains("killed ")
    report = text.split(separator: "\n").joined(separator: ", ")
  }
}
