import Foundation
import SkiffKernel

/// How a program ended and what it said.
struct Outcome: CustomStringConvertible {
  var arguments: [String]
  var code: Int32
  var output: String
  var errors: String
  var milliseconds: Int
  /// Somebody still held its output open after it had ended: a background process that inherited it.
  var outputStayedOpen: Bool

  /// What it said on standard error, without the escapes of a log line.
  var message: String { errors.replacingOccurrences(of: "\\\"", with: "\"") }

  var lines: [String] { output.split(separator: "\n").map(String.init) }

  var description: String {
    "\(arguments.joined(separator: " ")) → \(code)\n\(output)\(errors)"
  }

  /// The same, if the code is as expected; otherwise the test ends with everything that was said.
  @discardableResult
  func expecting(_ code: Int32 = 0) throws -> Outcome {
    guard self.code == code else { throw Trouble("expected exit code \(code): \(self)") }
    return self
  }
}

/// A program that runs beside the test, on pipes or on a terminal of its own.
final class Session {
  let arguments: [String]
  let processID: Int32
  private let process: SpawnedProcess
  private let started = ContinuousClock.now
  private let isTerminal: Bool
  private var input: FileDescriptor?
  private var outputFile: FileDescriptor?
  private var errorFile: FileDescriptor?
  private(set) var output: [UInt8] = []
  private(set) var errors: [UInt8] = []
  private var searchedUpTo = 0
  private var status: ExitStatus?

  /// Starts a program; on a terminal of that size if one is given.
  init(
    _ arguments: [String], terminal: WindowSize? = nil, environment: [String: String] = [:],
    inherited: [(source: Descriptor, target: Int32)] = []
  ) throws {
    var variables = ProcessInfo.processInfo.environment
    variables["LC_ALL"] = "C.UTF-8"
    variables["TERM"] = "xterm"
    for (name, value) in environment { variables[name] = value }
    self.arguments = arguments
    self.isTerminal = terminal != nil
    guard var program = arguments.first else { throw Trouble("no program") }
    var words = arguments
    if terminal != nil {
      // Makes the terminal the controlling one before the program starts.
      words = ["setsid", "--ctty", try Programs.find(program)] + arguments.dropFirst()
      program = "setsid"
    }
    let path = try Programs.find(program)
    var request = SpawnRequest(arguments: words, environment: variables.map { "\($0)=\($1)" })
    let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly])
    if let terminal {
      let master = try Descriptor.workingDirectory.open("/dev/ptmx", [.readWrite, .noControllingTerminal])
      let slave = try master.descriptor.openTerminalPeer()
      try slave.descriptor.setWindowSize(terminal)
      request.files = [0, 1, 2].map { (slave.descriptor, $0) } + inherited
      self.process = try spawn(file.descriptor, request)
      self.input = try master.descriptor.duplicate()
      self.outputFile = consume master
    } else {
      let inputPipe = try Pipe()
      let outputPipe = try Pipe()
      let errorPipe = try Pipe()
      request.files = [
        (inputPipe.reading.descriptor, 0), (outputPipe.writing.descriptor, 1), (errorPipe.writing.descriptor, 2),
      ]
      request.files += inherited
      self.process = try spawn(file.descriptor, request)
      self.input = inputPipe.takeWriting()
      self.outputFile = outputPipe.takeReading()
      self.errorFile = errorPipe.takeReading()
    }
    self.processID = process.processID
    try process.confirmStarted()
  }

  deinit {
    if status == nil {
      // The test has given up on it: nothing is left to be told if it is gone already.
      try? process.handle.descriptor.sendSignal(Signal.kill)
      _ = try? process.handle.descriptor.waitForExit()
    }
  }

  var text: String { String(decoding: output, as: UTF8.self) }
  var errorText: String { String(decoding: errors, as: UTF8.self) }

  /// Writes to the program's standard input, or types on its terminal.
  func send(_ text: String) throws {
    guard let input = input.takeIfOpen() else { throw Trouble("the input is closed") }
    try input.writeAll(Array(text.utf8))
  }

  func closeInput() {
    guard !isTerminal else { return }
    input = nil
  }

  func signal(_ signal: Int32) throws {
    try process.handle.descriptor.sendSignal(signal)
  }

  func resize(_ size: WindowSize) throws {
    try outputFile.takeIfOpen()?.setWindowSize(size)
  }

  /// Waits until `text` has been printed after what was found before, and gives all that came up to its end.
  @discardableResult
  func expect(_ text: String, seconds: Double = 20) throws -> String {
    let deadline = ContinuousClock.now + .seconds(seconds)
    let wanted = Array(text.utf8)
    while true {
      if let end = find(wanted) {
        defer { searchedUpTo = end }
        return String(decoding: output[searchedUpTo..<end], as: UTF8.self)
      }
      guard ContinuousClock.now < deadline, outputFile != nil else {
        throw Trouble(
          "\(arguments.joined(separator: " ")) did not print “\(text)” but:\n\(self.text)\n\(errorText)")
      }
      try readSome(milliseconds: 50)
    }
  }

  private func find(_ wanted: [UInt8]) -> Int? {
    guard output.count - searchedUpTo >= wanted.count else { return nil }
    for start in searchedUpTo...(output.count - wanted.count)
    where output[start..<(start + wanted.count)].elementsEqual(wanted) {
      return start + wanted.count
    }
    return nil
  }

  /// Waits for the end; a program that takes longer is killed and fails the test.
  func wait(seconds: Double = 60) throws -> Outcome {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while status == nil {
      try readSome(milliseconds: 20)
      status = try process.handle.descriptor.waitForExit(block: false)
      if status == nil, ContinuousClock.now > deadline {
        try process.handle.descriptor.sendSignal(Signal.kill)
        status = try process.handle.descriptor.waitForExit()
        throw Trouble(
          "\(arguments.joined(separator: " ")) did not end within \(seconds) s:\n\(text)\n\(errorText)")
      }
    }
    let elapsed = ContinuousClock.now - started
    // What is left in the pipes; a process that lives on and holds them must not keep us.
    let drainDeadline = ContinuousClock.now + .milliseconds(isTerminal ? 50 : 250)
    while outputFile != nil || errorFile != nil, ContinuousClock.now < drainDeadline {
      try readSome(milliseconds: 10)
    }
    return Outcome(
      arguments: arguments, code: status?.shellCode ?? -1, output: text, errors: errorText,
      milliseconds: Int(elapsed / .milliseconds(1)), outputStayedOpen: outputFile != nil && !isTerminal)
  }

  /// Takes what is there, waiting a little for it.
  private func readSome(milliseconds: Int64) throws {
    let (out, err) = (outputFile.takeIfOpen(), errorFile.takeIfOpen())
    if out == nil, err == nil {
      var ended = [PollEntry(process.handle.descriptor, .readable)]
      try poll(&ended, timeoutMilliseconds: milliseconds)
      return
    }
    var entries = [PollEntry(out, .readable), PollEntry(err, .readable)]
    guard try poll(&entries, timeoutMilliseconds: milliseconds) > 0 else { return }
    if let out, !entries[0].events.isEmpty, try !take(from: out, into: \.output) { outputFile = nil }
    if let err, !entries[1].events.isEmpty, try !take(from: err, into: \.errors) { errorFile = nil }
  }

  /// False at the end.
  private func take(from file: Descriptor, into store: ReferenceWritableKeyPath<Session, [UInt8]>) throws -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65536)
    do throws(Errno) {
      let count = try file.read(into: &buffer)
      self[keyPath: store].append(contentsOf: buffer.prefix(count))
      return count > 0
    } catch {
      // The other side of a terminal is closed: that is how its end looks.
      guard error == .inputOutput else { throw error }
      return false
    }
  }
}

extension Optional where Wrapped == FileDescriptor {
  /// The open file lent, if there is one.
  fileprivate func takeIfOpen() -> Descriptor? {
    switch self {
    case .some(let file): file.descriptor
    case .none: nil
    }
  }
}

/// Two ends of a pipe, close-on-exec.
struct Pipe: ~Copyable {
  let reading: FileDescriptor
  let writing: FileDescriptor

  init() throws {
    var ends: [Int32] = [-1, -1]
    guard Foundation.pipe(&ends) == 0 else { throw Trouble("pipe: \(Errno(errno))") }
    try Descriptor(ends[0]).setCloseOnExec(true)
    try Descriptor(ends[1]).setCloseOnExec(true)
    reading = FileDescriptor(adopting: ends[0])
    writing = FileDescriptor(adopting: ends[1])
  }

  consuming func takeReading() -> FileDescriptor { reading }
  consuming func takeWriting() -> FileDescriptor { writing }
}

/// Runs a program to its end.
@discardableResult
func run(
  _ arguments: [String], input: String = "", environment: [String: String] = [:], seconds: Double = 120
) throws -> Outcome {
  let session = try Session(arguments, environment: environment)
  if !input.isEmpty { try session.send(input) }
  session.closeInput()
  return try session.wait(seconds: seconds)
}

/// Runs a program that must succeed, with several words or a line for the shell.
@discardableResult
func shell(_ line: String, seconds: Double = 300) throws -> Outcome {
  try run(["sh", "-euc", line], seconds: seconds).expecting(0)
}
