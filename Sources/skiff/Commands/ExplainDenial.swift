import SkiffCommandLine
import SkiffEngine
import SkiffKernel
import SkiffSpec

/// skiff explain
struct ExplainDenial: Command {
  static let name = "explain"
  static let abstract = "Say why something was denied to a container, and which option allows it."

  var words: [String] = []
  var request = ExecRequest()
  var traces = false
  var format: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.usage = [
      "skiff explain CONTAINER", "skiff explain [OPTIONS] CONTAINER [--] COMMAND [ARG…]",
      "skiff explain --trace CONTAINER", "skiff explain \"ERROR MESSAGE\"",
    ]
    form.discussion = """
      With a command, the command runs in the running container and every system call that is refused to it is watched: what is told
      then was seen. With --trace a container that has ended is started once more under watch. A container alone is explained by what
      it left: its limits, its end, its log; a message by its words. What follows from words only is told as a candidate.

      What a watched command says goes to standard error, the explanation to standard output. The exit code is 0 if something was
      found in the way and 1 if nothing was.

      Examples:
        skiff explain web                                   what its log and its limits tell
        skiff explain web -- mount -t tmpfs none /mnt       what refuses this
        skiff explain --trace job                           once more, under watch
        skiff explain "ping: permission denied (are you root?)"
      """
    form.flag("--trace", "Start a container that has ended once more, and watch it.") { $0.traces = $1 }
    form.value("-u --user", "USER[:GROUP]", "Run the command as this user.") { $0.request.user = $1 }
    form.value("-w --workdir", "DIRECTORY", "Run the command here.") { $0.request.workingDirectory = $1 }
    form.value("-e --env", "NAME=VALUE", "Set a variable for the command.") { $0.request.environment.append($1) }
    form.value("--format", "FORMAT", "table, json, or a template.") { $0.format = $1 }
    form.commandLine("CONTAINER|ERROR [COMMAND [ARG…]]", "A container, or a message.", completes: .container) {
      $0.words.append($1)
    }
  }

  func validate() throws(CommandLineMistake) {
    if words.isEmpty { throw CommandLineMistake("CONTAINER|ERROR is missing") }
    if traces, words.count > 1 {
      throw CommandLineMistake("--trace starts the container's own command: leave out \(words[1])")
    }
  }

  private static let headings = [
    "Guard": "GUARD", "Certainty": "CERTAINTY", "What": "WHAT", "Why": "WHY", "Flags": "FLAGS",
  ]

  func run() throws {
    let format = try RowFormat.parse(format, headings: Self.headings)
    let (denials, exitCode) = try find()
    if let format {
      Console.show(try format.text(denials.map(\.document)))
    } else {
      Console.show(Self.text(denials, exitCode))
    }
    if denials.isEmpty { throw Ending(code: ExitStatusCode.failure) }
  }

  private func find() throws(EngineError) -> (denials: [Denial], exitCode: Int32?) {
    let subject = words[0]
    var command = Array(words.dropFirst())
    if command.first == "--" { command.removeFirst() }
    // A message has blanks in it; a container's name has none.
    if command.isEmpty, !traces, subject.contains(where: { $0.isWhitespace }) {
      return (ErrorWords.denials(of: subject), nil)
    }
    let engine = try GlobalOptions.current.engine()
    if traces {
      let report = try engine.explainStart(subject)
      return (report.denials, report.exitCode)
    }
    guard !command.isEmpty else { return (try engine.explain(subject), nil) }
    var request = request
    request.command = command
    request.isInteractive = true
    let report = try engine.explain(subject, running: request)
    return (report.denials, report.exitCode)
  }

  private static func text(_ denials: [Denial], _ exitCode: Int32?) -> String {
    let paint = Paint()
    var text = ""
    for denial in denials {
      let colour: Paint.Colour = denial.certainty == .seen ? .red : .yellow
      let word = denial.certainty == .seen ? denial.kind.rawValue : "\(denial.kind.rawValue)?"
      text += paint(word, colour) + "  " + denial.what + "\n"
      text += "  " + paint("why: ", .faint) + denial.why + "\n"
      if !denial.flags.isEmpty {
        text += "  " + paint("allow it: ", .faint) + denial.flags.map(shell).joined(separator: "  or  ") + "\n"
      }
    }
    if denials.isEmpty { text += "nothing is found to have been in the way\n" }
    if denials.contains(where: { $0.certainty == .candidate }) {
      text += "\nA question mark: it may have been this. Seen for certain is what happens under watch:"
      text += " skiff explain CONTAINER -- COMMAND\n"
    }
    if let exitCode { text += "\nthe command ended with exit code \(exitCode)\n" }
    return text
  }

  /// An option as a shell takes it: the rule of a device is one word.
  private static func shell(_ flag: String) -> String {
    guard let space = flag.firstIndex(of: " "), flag.hasPrefix("--device-cgroup-rule") else { return flag }
    return flag[...space] + "'" + flag[flag.index(after: space)...] + "'"
  }
}
