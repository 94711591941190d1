import SkiffCommandLine
import Testing

private struct Shared: OptionGroup {
  var labels: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("-l --label", "KEY=VALUE", "A label.") { $0.labels.append($1) }
  }
}

private struct Sail: Command {
  static let name = "sail"
  static let abstract = "Set out."

  var interactive = false
  var tty = false
  var proxy = true
  var explain: String?
  var directory: String?
  var sheet: String?
  var count: UInt16?
  var shared = Shared()
  var words: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-i --interactive", "Stay.") { $0.interactive = $1 }
    form.flag("-t --tty", "A terminal.") { $0.tty = $1 }
    form.flag("--proxy", "Pass on.") { $0.proxy = $1 }
    form.flag("--explain", orOneOf: ["dry"], "Say how.") { $0.explain = $1 ? $2 ?? "yes" : nil }
    form.value("--sheet", "taut|loose|to:HARBOUR|[not|these]", "How.") { $0.sheet = $1 }
    form.value("--rope", "NAME", "Which.", completes: .volume) { $0.sheet = $1 }
    form.value("-w --workdir", "DIR", "Where.") { $0.directory = $1 }
    form.number("--count", "NUMBER", "How many.") { (values, number: UInt16) in values.count = number }
    form.group("Labels", Shared.self) { values, lend in lend(&values.shared) }
    form.commandLine("IMAGE COMMAND", "What.", completes: .image) { $0.words.append($1) }
  }

  func run() {}
}

private struct Move: Command {
  static let name = "move"
  static let abstract = "Move things."
  static let aliases = ["mv"]

  var force = false
  var from = ""
  var to: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.flag("-f --force", "Whatever stands there.") { $0.force = $1 }
    form.word("FROM", "The thing.") { $0.from = $1 }
    form.list("TO", "Where to.", completes: .container) { $0.to.append($1) }
  }

  func validate() throws(CommandLineMistake) {
    if to.contains(from) { throw CommandLineMistake("it is there") }
  }

  func run() {}
}

private var program: CommandLineProgram {
  CommandLineProgram(
    name: "boat", abstract: "A boat.", discussion: "",
    [CommandEntry(Sail.self), CommandEntry(noun: "thing", abstract: "Things.", [CommandEntry(Move.self)])])
}

private func sail(_ words: String...) throws -> Sail {
  guard case .command(let command) = try program.read(["sail"] + words) else { throw CommandLineMistake("text") }
  return try #require(command as? Sail)
}

private func mistake(_ words: String...) -> String {
  do throws(CommandLineMistake) {
    _ = try program.read(words)
    return "none"
  } catch {
    return "\(error.path): \(error)"
  }
}

private func text(_ words: String...) throws -> String {
  guard case .text(let text) = try program.read(words) else { return "" }
  return text
}

struct CommandReaderTests {
  @Test func `values stand behind their names or are joined to them`() throws {
    #expect(try sail("-w", "/a").directory == "/a")
    #expect(try sail("-w/a").directory == "/a")
    #expect(try sail("-w=/a").directory == "/a")
    #expect(try sail("--workdir=/a=b").directory == "/a=b")
    #expect(try sail("--workdir", "--x").directory == "--x")
    #expect(try sail("--workdir=").directory == "")
    #expect(try sail("--count", "65535").count == 65535)
    #expect(try sail("-w", "/a", "-w", "/b", "-l", "x=1", "--label", "y").directory == "/b")
    #expect(try sail("-lx=1", "-l", "y").shared.labels == ["x=1", "y"])
  }

  @Test func `flags are joined, and say yes or no`() throws {
    let both = try sail("-it", "image", "-w", "x")

    #expect(both.interactive && both.tty)
    #expect(both.words == ["image", "-w", "x"])
    #expect(try sail("-itw/src").directory == "/src")
    #expect(try sail("--proxy=false").proxy == false)
    #expect(try sail("--interactive=0", "-t=true").tty)
    #expect(try sail("-i=false").interactive == false)
    #expect(try sail("--explain").explain == "yes")
    #expect(try sail("--explain=dry").explain == "dry")
    #expect(try sail("--explain=false").explain == nil)
    // A flag takes no word: that is the image.
    #expect(try sail("--interactive", "false").words == ["false"])
  }

  @Test func `a command line for somebody else begins at what is no option here`() throws {
    #expect(try sail("--publish", "80", "-i").words == ["--publish", "80", "-i"])
    #expect(try sail("-ix").words == ["-ix"])
    #expect(try sail("-i", "--", "-x").words == ["--", "-x"])
    #expect(try sail("-").words == ["-"])
    #expect(try sail().words == [])
  }

  @Test func `options and words may be mixed where the words are ours`() throws {
    guard case .command(let command) = try program.read(["thing", "mv", "a", "-f", "b", "--", "-c"]) else { return }
    let move = try #require(command as? Move)

    #expect(move.force)
    #expect(move.from == "a")
    #expect(move.to == ["b", "-c"])
  }

  @Test func `what makes no sense is said in one sentence, with the command`() {
    #expect(mistake("sail", "-w") == "boat sail: the option -w needs a value")
    #expect(mistake("sail", "--count", "65536").contains("the value \"65536\" of --count is no good"))
    #expect(mistake("sail", "--tty=perhaps").contains("of --tty is no good: it is true or false"))
    #expect(mistake("sail", "--explain=wet").contains("it is dry, true or false"))
    #expect(mistake("thing", "move", "a") == "boat thing move: TO is missing")
    #expect(mistake("thing", "move", "a", "b", "--fast=1") == "boat thing move: there is no option --fast")
    #expect(mistake("thing", "move", "a", "a") == "boat thing move: it is there")
    #expect(mistake("thing", "lift") == "boat thing: there is no command \"lift\"")
    #expect(mistake("sali") == "boat: there is no command \"sali\": is it sail?")
    #expect(mistake("--fast") == "boat: there is no option --fast")
  }

  @Test func `help is asked for in several ways`() throws {
    let help = try text("sail", "--help")

    #expect(help.hasPrefix("Set out.\n\nUsage:\n  boat sail [OPTIONS] IMAGE COMMAND"))
    #expect(help.contains("  -w, --workdir DIR"))
    #expect(help.contains("Labels:\n  -l, --label KEY=VALUE  A label.\n"))
    #expect(help.contains("--explain[=dry]"))
    #expect(try text("help", "sail") == help)
    #expect(try text("thing", "mv", "-h").contains("Also called: mv"))
    #expect(try text().contains("  thing  Things."))
    #expect(try text("thing") == text("thing", "--help"))
  }

  @Test func `a shell is told what fits`() {
    #expect(program.completions(["s"]).words.map(\.word) == ["sail"])
    #expect(program.completions(["sail", "--in"]).words.map(\.word) == ["--interactive"])
    #expect(program.completions(["sail", ""]).kind == .image)
    #expect(program.completions(["sail", "-w", ""]).kind == .file)
    #expect(program.completions(["sail", "--sheet", ""]).words.map(\.word) == ["taut", "loose", "to:"])
    let joined = program.completions(["sail", "--sheet=t"])
    #expect(joined.words.map(\.word) == ["taut", "to:"] && joined.prefix == "--sheet=" && !joined.isOpen)
    #expect(program.completions(["sail", "--sheet=to"]).isOpen)
    #expect(program.completions(["sail", "--rope=x"]).kind == .volume)
    #expect(program.completions(["sail", "--rope", "x:"]).kind == .nothing)
    #expect(program.completions(["sail", "--explain=d"]).words.map(\.word) == ["dry"])
    #expect(program.completions(["sail", "--count", ""]).kind == .nothing)
    #expect(program.completions(["sail", "--no=x"]).words.isEmpty)
    #expect(program.completions(["sail", "image", "-"]).kind == .file)
    #expect(program.completions(["thing", "mv", "a", "b", ""]).kind == .container)
    #expect(program.completions(["nothing", ""]).words.isEmpty)
  }
}
