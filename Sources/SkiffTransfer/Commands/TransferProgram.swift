internal import Glibc
internal import SkiffImages
internal import SkiffKernel
internal import SkiffSpec
internal import Synchronization

/// The program `skiff-transfer`: runs one command, says its result on standard output and its failure in one line on standard error.
package struct TransferProgram: Sendable {
  /// As docker's commands: 1 for what failed, 125 for a command line that makes no sense, 128 and the signal's number when interrupted.
  package enum ExitCode {
    package static let success: Int32 = 0
    package static let failure: Int32 = 1
    package static let usage: Int32 = 125
    static func interrupted(by signal: Int32) -> Int32 { 128 + signal }
  }

  /// Runs the words after the program's name, on the process's first thread, and ends the process.
  ///
  /// The work is a task on other threads; this one waits for signals. (An asynchronous main would hand this thread to libdispatch, which
  /// lets signals through on it.)
  package static func main(_ words: [String]) -> Never {
    if let code = LogPacking.run(words) { ProcessControl.exit(code) }
    let arguments: TransferArguments
    do throws(TransferArguments.Mistake) {
      arguments = try TransferArguments(parsing: words)
    } catch {
      complain("\(error.words)\nsee skiff-transfer --help")
      ProcessControl.exit(ExitCode.usage)
    }
    // Before the first other thread: every thread inherits the mask, and this one reads what it holds back.
    let watcher = SignalWatcher([Signal.interrupt, Signal.terminate, Signal.hangup])
    // Whoever reads our output may leave before we are done: that is an error of the write, not our end.
    do throws(Errno) { try Signal.ignore(Signal.pipe) } catch {}
    let board = ProgressBoard(style: style(arguments))
    let work = Task { await outcome(arguments, board: board) }
    Task {
      let result = await work.value
      board.close()
      ProcessControl.exit(report(result, of: arguments.command, signal: watcher.received))
    }
    watcher.watch { work.cancel() }
  }

  /// Says what came of it and gives the exit code.
  private static func report(
    _ result: Result<[String], TransferError>, of command: TransferCommand, signal: Int32?
  ) -> Int32 {
    switch result {
    case .success(let lines):
      return say(lines)
    case .failure(let error):
      guard let signal else {
        complain("cannot \(command.act): \(error)")
        return ExitCode.failure
      }
      complain("cannot \(command.act): interrupted")
      return ExitCode.interrupted(by: signal)
    }
  }

  /// Bars on a terminal that can move its cursor. Elsewhere a pull says what it does, as docker's does; load and import are quick and only say what came of it.
  private static func style(_ arguments: TransferArguments) -> ProgressBoard.Style {
    if arguments.isQuiet { return .silent }
    if Descriptor.standardError.isTerminal, ProcessEnvironment.value(named: "TERM") != "dumb" { return .bars }
    if case .pull = arguments.command { return .lines }
    return .silent
  }

  private static func outcome(
    _ arguments: TransferArguments, board: ProgressBoard
  ) async -> Result<[String], TransferError> {
    do throws(TransferError) {
      return .success(try await perform(arguments, board: board))
    } catch {
      return .failure(error)
    }
  }

  /// Does it, and gives the lines that are the result.
  private static func perform(
    _ arguments: TransferArguments, board: ProgressBoard
  ) async throws(TransferError) -> [String] {
    switch arguments.command {
    case .help:
      return [TransferArguments.usage.trimmingLastNewline]
    case .version:
      return ["skiff-transfer \(SkiffVersion.text)"]
    case .pull(let reference):
      let outcome = try await filling(try store(arguments)) { (store) async throws(TransferError) in
        try await ImagePull(
          installation: store, options: arguments.registry, platform: arguments.platform, board: board
        ).pull(reference)
      }
      if arguments.isQuiet { return [outcome.reference.canonical] }
      let status = outcome.isNewer ? "Downloaded newer image for" : "Image is up to date for"
      return [
        "Digest: \(outcome.digest.text)", "Status: \(status) \(outcome.reference.familiar)",
        outcome.reference.canonical,
      ]
    case .load(let path):
      let loaded = try await filling(try store(arguments)) { (store) async throws(TransferError) in
        try await ImageLoad(installation: store, platform: arguments.platform, board: board).load(path)
      }
      return loaded.map { loaded in
        switch loaded {
        case .named(let reference): "Loaded image: \(reference.familiar)"
        case .nameless(let id): "Loaded image ID: \(id.text)"
        }
      }
    case .save(let texts, let format, let target):
      let images = try stored("the store") { () throws(ImageStoreError) in
        try ImageStore(root: try path(arguments.root))
      }
      try await ImageSave(images: images, format: format).save(texts, to: target)
      return []
    case .importTree(let source, let reference, let changes, let message):
      var request = ImageImport.Request(
        source: source, platform: arguments.platform ?? .current, created: creationTime())
      request.reference = reference
      request.changes = changes
      request.message = message
      let order = request
      let id = try await filling(try store(arguments)) { (store) async throws(TransferError) in
        try await ImageImport(ImageAssembly(installation: store, board: board)).run(order)
      }
      return [id.text]
    case .copy(let order):
      return try await blocking { (stop) throws(TransferError) in try order.perform(stop: stop) }
    case .commit(let asked):
      var request = asked
      request.created = creationTime()
      let order = request
      let id = try await filling(try store(arguments)) { (store) async throws(TransferError) in
        try await ImageCommit(ImageAssembly(installation: store, board: board)).run(order)
      }
      return [id.text]
    }
  }

  /// Runs what brings something into the store; a failure leaves nothing there but what a further try can go on with.
  private static func filling<Value: Sendable>(
    _ store: LayerInstallation, _ body: (LayerInstallation) async throws(TransferError) -> Value
  ) async throws(TransferError) -> Value {
    // What a crash left half done: nothing that could stop this transfer, and the next one looks again.
    do throws(ImageStoreError) {
      try store.layers.sweepLeftovers()
      try store.images.sweepLeftovers()
    } catch {}
    do throws(TransferError) {
      return try await body(store)
    } catch {
      if !error.leavesResumableBlob { store.removeRemains() }
      throw error
    }
  }

  private static func store(_ arguments: TransferArguments) throws(TransferError) -> LayerInstallation {
    try stored("the store") { () throws(ImageStoreError) in
      let root = try path(arguments.root)
      return LayerInstallation(
        images: try ImageStore(root: root), layers: try LayerStore(root: root, driver: arguments.storageDriver))
    }
  }

  private static func path(_ text: String) throws(ImageStoreError) -> KernelPath {
    do throws(Errno) {
      return try KernelPath(text)
    } catch {
      throw .kernel(act: "open", thing: "the store", error)
    }
  }

  /// Now, or what SOURCE_DATE_EPOCH says, so that the same input can give the same image.
  private static func creationTime() -> Timestamp {
    if let value = unsafe getenv("SOURCE_DATE_EPOCH"), let seconds = Int64(unsafe String(cString: value)) {
      return Timestamp(seconds: seconds)
    }
    let now = ClockTime.now()
    return Timestamp(seconds: now.seconds, nanoseconds: now.nanoseconds)
  }

  private static func say(_ lines: [String]) -> Int32 {
    guard !lines.isEmpty else { return ExitCode.success }
    do throws(Errno) {
      try Descriptor.standardOutput.writeAll(Array(lines.map { "\($0)\n" }.joined().utf8))
      return ExitCode.success
    } catch {
      complain("cannot write the result: \(error)")
      return ExitCode.failure
    }
  }

  private static func complain(_ words: String) {
    do throws(Errno) {
      try Descriptor.standardError.writeAll(Array("skiff: \(words)\n".utf8))
    } catch {
      // There is nobody left to tell.
    }
  }
}

extension String {
  fileprivate var trimmingLastNewline: String { hasSuffix("\n") ? String(dropLast()) : self }
}

/// Waits for signals that are held back for it.
private struct SignalWatcher: Sendable {
  private let reader: Descriptor?
  private let first = FirstSignal()

  /// A signal often comes twice at once: to the process, and to its group.
  private static let patience = Duration.seconds(1)

  private final class FirstSignal: Sendable {
    let number = Mutex<Int32?>(nil)
  }

  /// The signal that came first.
  var received: Int32? { first.number.withLock { $0 } }

  /// Holds the signals back in this thread and those that it starts.
  init(_ signals: [Int32]) {
    let set = signals.reduce(into: SignalSet()) { $0.insert(SignalSet(signal: $1)) }
    do throws(Errno) {
      let file = try Signal.openReader(set, nonBlocking: false)
      try Signal.setMask(set)
      reader = Descriptor(file.release())
    } catch {
      // Then a signal ends the process at once, and what is half done is removed by the next one.
      reader = nil
    }
  }

  /// Waits for ever; calls `action` at the first signal.
  func watch(_ action: () -> Void) -> Never {
    var begun = ContinuousClock.now
    while true {
      guard let signal = next() else {
        ClockTime.sleep(milliseconds: 60_000)
        continue
      }
      let isFirst = first.number.withLock { first in
        defer { first = first ?? signal }
        return first == nil
      }
      if isFirst {
        begun = .now
        action()
      } else if ContinuousClock.now - begun > Self.patience {
        // Asked again, nobody waits for things to be tidy.
        ProcessControl.exit(128 + signal)
      }
    }
  }

  private func next() -> Int32? {
    do throws(Errno) {
      return try reader?.readSignal()
    } catch {
      return nil
    }
  }
}
