import SkiffCommandLine
import SkiffEngine
import SkiffSpec

/// skiff doctor
struct Examine: Command {
  static let name = "doctor"
  static let abstract = "Show what this machine has and lacks for containers."

  var format: String?
  var isVerbose = false

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      Everything is tried, not guessed from version numbers, and nothing is left of a trial. The exit code is 1 if something is
      missing that containers need.

      Examples:
        skiff doctor
        skiff doctor --format '{{.Verdict}} {{.Name}}'
      """
    form.value("--format", "FORMAT", "table, json, or a template.") { $0.format = $1 }
    form.flag("-v --verbose", "Say of everything what it is needed for.") { $0.isVerbose = $1 }
  }

  private static let headings = [
    "Topic": "TOPIC", "Name": "NAME", "Verdict": "VERDICT", "Detail": "DETAIL", "Why": "WHY", "Fix": "FIX",
  ]

  func run() throws {
    let format = try RowFormat.parse(format, headings: Self.headings)
    let findings = Doctor(try GlobalOptions.current.configuration()).examine()
    if let format {
      Console.show(try format.text(findings.map(\.document)))
    } else {
      Console.show(text(findings))
    }
    if findings.contains(where: { $0.verdict == .missing }) { throw Ending(code: ExitStatusCode.failure) }
  }

  private func text(_ findings: [Finding]) -> String {
    let paint = Paint()
    var text = ""
    var topic = ""
    let width = findings.map(\.name.count).max() ?? 0
    for finding in findings {
      if finding.topic != topic {
        text += (topic.isEmpty ? "" : "\n") + paint(finding.topic, .bold) + "\n"
        topic = finding.topic
      }
      let colour: Paint.Colour =
        switch finding.verdict {
        case .ok: .green
        case .warning: .yellow
        case .missing: .red
        }
      let word = finding.verdict.rawValue
      var line = "  " + paint(word, colour) + String(repeating: " ", count: 9 - word.count) + finding.name
      if !finding.detail.isEmpty {
        line += String(repeating: " ", count: width - finding.name.count + 2) + finding.detail
      }
      text += line + "\n"
      let indent = String(repeating: " ", count: 11)
      if isVerbose || finding.verdict != .ok { text += indent + paint("why: ", .faint) + finding.why + "\n" }
      if !finding.fix.isEmpty { text += indent + paint("fix: ", .faint) + finding.fix + "\n" }
    }
    let missing = findings.count { $0.verdict == .missing }
    let warnings = findings.count { $0.verdict == .warning }
    return text + "\n\(findings.count) looked at: \(missing) missing, \(warnings) to know of\n"
  }
}
