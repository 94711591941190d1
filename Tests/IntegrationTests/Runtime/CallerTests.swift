import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Every command line that was seen under other engines is taken, and does what its engine relies on.
  @Suite(.enabled(if: Programs.isOurRuntime)) struct Callers {
    static let lines: [String] = {
      let file = Programs.repository + "/Tests/Fixtures/callers/argv-shapes.txt"
      let text = FileManager.default.contents(atPath: file).map { String(decoding: $0, as: UTF8.self) } ?? ""
      return text.split(separator: "\n").map(String.init).filter { $0.hasPrefix("RUNTIME ") }
    }()

    @Test func `the command lines are there`() {
      #expect(Self.lines.count > 60)
    }

    @Test(arguments: lines) func `a command line of another engine has its effect`(line: String) throws {
      try inHarbour { harbour in
        let call = try Call(harbour, line)
        try call.prepare()
        try call.makeAndLook()
      }
    }
  }
}

/// One command line with its placeholders filled, and the container that it is about.
private final class Call {
  private let harbour: Harbour
  private let line: String
  private let bundle: Bundle
  private let words: [String]
  private let verb: String
  private let pidFile: String
  private var listener: FileDescriptor?
  private var master: FileDescriptor?

  init(_ harbour: Harbour, _ line: String) throws {
    self.harbour = harbour
    self.line = line
    let seen = line.split(separator: " ").dropFirst().map(String.init)
    let names = [
      "create", "start", "run", "exec", "kill", "delete", "state", "ps", "pause", "resume", "update", "checkpoint",
    ]
    verb = seen.first { names.contains($0) } ?? "--version"
    let id = "\(harbour.mark)-\(UInt16.random(in: 0 ... .max))"
    bundle = try Bundle(harbour, id: id)
    pidFile = harbour.path("pid")
    let bundlePath = bundle.path
    var words: [String] = []
    var before = ""
    for word in seen {
      // A word and the option before it say what it stands for.
      let filled: String
      switch before {
      case "--root", "--work-path": filled = harbour.path(before == "--root" ? "state" : "work")
      case "--bundle", "-b": filled = bundlePath
      case "--log": filled = harbour.path("log.json")
      case "--pid-file": filled = harbour.path("pid")
      case "--console-socket": filled = harbour.path("console")
      case "--process": filled = harbour.path("process.json")
      case "--image-path": filled = harbour.path("image")
      default:
        if word.hasPrefix("--root=") {
          filled = "--root=" + harbour.path("state")
        } else if word.hasPrefix("--resources=") {
          filled = "--resources=" + harbour.path("resources.json")
        } else if word == "<ID>" || word.hasPrefix("buildah-") || word.hasPrefix("n1.root.") {
          filled = id
        } else {
          filled = word
        }
      }
      words.append(filled)
      before = word
    }
    if !words.contains(where: { $0.hasPrefix("--root") }), verb != "--version" {
      words = ["--root", harbour.path("state")] + words
    }
    self.words = words
  }

  private func has(_ option: String) -> Bool { words.contains(option) }

  /// Does the line, its output in a file: a created container holds it.
  @discardableResult
  private func perform(input: String = "") throws -> Outcome {
    let shellLine =
      "exec \"$@\" > \(harbour.path("out")) 2> \(harbour.path("err")) \(has("--preserve-fds") ? "3< /dev/null" : "")"
    return try run(["sh", "-c", shellLine, "sh", Programs.runtime] + words, input: input)
  }

  private var output: String { get throws { try harbour.read("out") } }

  // MARK: What must be there before

  func prepare() throws {
    try harbour.write(
      #"{"args":["/bin/probe","wait"],"cwd":"/","user":{"uid":0,"gid":0},"env":["PATH=/bin"],"terminal":\#(has("--console-socket"))}"#,
      to: "process.json")
    try harbour.write(Self.resources, to: "resources.json")
    if has("--console-socket") {
      if verb == "create" { try bundle.configuration.merge(#"{"process":{"terminal":true}}"#) }
      let directory = try Descriptor.workingDirectory.open(try KernelPath(harbour.directory), [.directory])
      listener = try UnixSocket.listen(at: "console", in: directory.descriptor, type: .stream)
    }
    if has("--systemd-cgroup") {
      try bundle.configuration.merge(#"{"linux":{"cgroupsPath":"skiff-test.slice:skiff:one"}}"#)
    }
    try bundle.setArguments(verb == "run" ? ["/bin/probe", "exit", "0"] : program)
    try bundle.writeConfiguration()
    switch verb {
    case "create", "run", "--version": return
    case "checkpoint" where has("--help"): return
    default: break
    }
    try shell(
      "exec 3>&-; \(Programs.runtime) --root \(harbour.path("state")) create -b \(bundle.path) \(bundle.id) > \(harbour.path("container-out")) 2>&1 </dev/null"
    )
    if verb == "start" { return }
    try bundle.start()
    if verb == "kill" { try eventually("the program listens") { try harbour.read("container-out").contains("ready") } }
    if verb == "resume" { try bundle.runtime(["pause", bundle.id]).expecting(0) }
    if verb == "delete", !has("--force") {
      try bundle.kill()
      try bundle.await("stopped")
    }
  }

  /// A first process is not ended by a signal that it does not wait for.
  private var program: [String] {
    guard verb == "kill" else { return ["/bin/probe", "wait"] }
    let signal = words.last.flatMap { Int32($0) } ?? 15
    let names: [Int32: String] = [2: "INT", 10: "USR1", 15: "TERM"]
    return ["/bin/probe", "trap", names[signal] ?? "TERM"]
  }

  private static let resources = """
    {"memory":{"limit":83886080,"reservation":0,"swap":167772160,"kernel":0},
     "cpu":{"shares":0,"quota":100000,"period":100000},"pids":{"limit":50},"blockIO":{"weight":0}}
    """

  // MARK: The line and its effect

  func makeAndLook() throws {
    if has("--systemd-cgroup") { return try lookAtSystemd() }
    switch verb {
    case "create": try lookAtCreate()
    case "start":
      try perform().expecting(0)
      #expect(try bundle.state().status.text == "running")
    case "run":
      try perform().expecting(0)
      #expect(try bundle.runtime(["list", "--quiet"]).output == "")
    case "exec": try lookAtExec()
    case "kill":
      try perform().expecting(0)
      try bundle.await("stopped")
    case "delete":
      try perform().expecting(0)
      #expect(try bundle.runtime(["state", bundle.id]).code == 1)
    case "state":
      try perform().expecting(0)
      #expect(try JSON(text: output).id.text == bundle.id)
    case "ps":
      try perform().expecting(0)
      #expect(try JSON(text: output).numbers == [bundle.state().pid.number])
    case "pause", "resume":
      try perform().expecting(0)
      #expect(try bundle.state().status.text == (verb == "pause" ? "paused" : "running"))
    case "update":
      try perform(input: has("-") ? Self.resources : "").expecting(0)
      #expect(try limit("pids/\(group)/pids.max") == "50")
      #expect(try limit("memory/\(group)/memory.limit_in_bytes") == "83886080")
    case "checkpoint": try lookAtCheckpoint()
    default:
      try perform().expecting(0)
      #expect(try output.contains("spec: 1."))
    }
  }

  private var group: String { "skiff-test/\(bundle.id)" }

  private func limit(_ path: String) throws -> String {
    // Where v2 is all there is, the same limits have other names.
    let unified = "/sys/fs/cgroup/\(group)/" + (path.hasSuffix("pids.max") ? "pids.max" : "memory.max")
    let data =
      FileManager.default.contents(atPath: "/sys/fs/cgroup/\(path)") ?? FileManager.default.contents(atPath: unified)
    return String(decoding: data ?? Data(), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  private func lookAtCreate() throws {
    try perform().expecting(0)
    let state = try bundle.state()
    #expect(state.status.text == "created")
    #expect(try Int(harbour.read("pid")) == state.pid.number)
    try takeConsole()
    let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(state.pid.number)/fd")
    if has("--preserve-fds") { #expect(files.contains("3")) }
    try bundle.start()
    #expect(try bundle.state().status.text == "running")
    // What the caller left open by accident does not travel on.
    let kept = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(state.pid.number)/fd").sorted()
    #expect(kept == ["0", "1", "2"] + (has("--preserve-fds") ? ["3"] : []))
    try bundle.delete(force: true)
  }

  private func lookAtExec() throws {
    try perform().expecting(0)
    try takeConsole()
    let process = try #require(Int(try harbour.read("pid")))
    let command = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
    #expect(String(decoding: command, as: UTF8.self) == "/bin/probe\0wait\0")
    let (first, second) = try (bundle.state().pid.number, process)
    for namespace in ["pid", "mnt", "net"] {
      let handles = try [first, second].map {
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\($0)/ns/\(namespace)")
      }
      #expect(handles[0] == handles[1])
    }
  }

  private func takeConsole() throws {
    switch listener {
    case .none: return
    case .some(let listener):
      let connection = try listener.descriptor.accept()
      var name = [UInt8](repeating: 0, count: 4096)
      let (_, file) = try connection.descriptor.receive(into: &name)
      master = FileDescriptor(adopting: try #require(file))
    }
  }

  /// A checkpoint is made where that works, and refused in words where it does not; `--help` tells which beforehand.
  private func lookAtCheckpoint() throws {
    let outcome = try perform()
    let help = try run([Programs.runtime, "checkpoint", "--help"])
    if has("--help") {
      #expect(outcome.code == help.code)
    } else if help.code != 0 {
      #expect(outcome.code == 1)
      #expect(try harbour.read("err").contains("criu"))
      #expect(try bundle.state().status.text == "running")
    } else {
      #expect(outcome.code == 0 && harbour.exists("image"))
    }
  }

  /// Where systemd does not run, its driver is refused by name and nothing is left.
  private func lookAtSystemd() throws {
    if FileManager.default.fileExists(atPath: "/run/systemd/system") { return try lookAtCreate() }
    let outcome = try perform()
    #expect(outcome.code == 1)
    #expect(try harbour.read("err").contains("systemd"))
    #expect(try bundle.runtime(["list", "--quiet"]).output == "")
  }
}
