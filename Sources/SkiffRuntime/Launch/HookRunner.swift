internal import SkiffKernel
internal import SkiffSpec

/// Runs programs at moments of a container's life (config.md "POSIX-platform Hooks").
enum HookRunner {
  private static let outputLimitBytes = 4096

  /// Where hooks run, and with what environment where they bring none.
  struct Surroundings {
    /// The working directory; nil keeps the caller's.
    var directory: Descriptor?
    var environment: [String] = []
  }

  /// Runs the hooks in order; each reads the container's state from its standard input. The first that fails ends it.
  static func run(
    _ hooks: [RuntimeSpec.Hook], moment: String, state: [UInt8], _ surroundings: Surroundings
  ) throws(LaunchError) {
    for index in hooks.indices {
      if let failure = failure(of: hooks, index, moment, state, surroundings) { throw failure }
    }
  }

  /// Runs every hook, whatever becomes of those before it; gives what to warn of.
  static func runAll(
    _ hooks: [RuntimeSpec.Hook], moment: String, state: [UInt8], _ surroundings: Surroundings
  ) -> [String] {
    hooks.indices.compactMap { failure(of: hooks, $0, moment, state, surroundings)?.description }
  }

  /// On the host: in the bundle, with the runtime's own environment, as under runc.
  static func outside<Failure: Error>(
    bundlePath: String, _ body: (Surroundings) throws(Failure) -> Void
  ) throws(Failure) {
    let path = try? KernelPath(bundlePath)
    // A bundle that is gone by now (at poststop) leaves the caller's directory.
    if let path, let bundle = try? Descriptor.workingDirectory.open(path, [.directory, .pathOnly]) {
      try body(Surroundings(directory: bundle.descriptor, environment: ProcessEnvironment.all()))
    } else {
      try body(Surroundings(environment: ProcessEnvironment.all()))
    }
  }

  private static func failure(
    of hooks: [RuntimeSpec.Hook], _ index: Int, _ moment: String, _ state: [UInt8], _ surroundings: Surroundings
  ) -> LaunchError? {
    let words: String?
    do throws(Errno) {
      words = try run(hooks[index], state: state, surroundings)
    } catch {
      words = "cannot run it: \(error)"
    }
    return words.map { LaunchError("error running \(moment) hook #\(index): \(hooks[index].path): \($0)") }
  }

  /// Nil when the hook ended well, else how it did not.
  static func run(
    _ hook: RuntimeSpec.Hook, state: [UInt8], _ surroundings: Surroundings
  ) throws(Errno) -> String? {
    let image = try ExecImage(
      arguments: hook.arguments.isEmpty ? [hook.path] : hook.arguments,
      environment: hook.environment.isEmpty ? surroundings.environment : hook.environment)
    let path = try KernelPath(hook.path)
    // A file, not a pipe: a hook that does not read its input cannot make us wait.
    let input = try MemoryFile.make(name: "state")
    try input.descriptor.writeAll(state)
    try input.descriptor.seek(to: 0)
    let output = try MemoryFile.make(name: "output")
    switch try cloneProcess() {
    case .child:
      do throws(Errno) {
        Signal.resetActions()
        try Signal.setMask([])
        try surroundings.directory?.makeWorkingDirectory()
        try input.descriptor.duplicate(onto: 0, closeOnExec: false)
        try output.descriptor.duplicate(onto: 1, closeOnExec: false)
        try output.descriptor.duplicate(onto: 2, closeOnExec: false)
        try ProcessControl.closeDescriptors(from: 3, onExec: true)
        throw image.execute(path)
      } catch {
        // The parent reads the reason where the hook's own words would stand.
        try? output.descriptor.writeAll(Array("cannot execute: \(error)".utf8))
        ProcessControl.exit(127)
      }
    case .parent(_, let handle):
      return try wait(for: handle.descriptor, hook, output: output.descriptor)
    }
  }

  private static func wait(
    for process: Descriptor, _ hook: RuntimeSpec.Hook, output: Descriptor
  ) throws(Errno) -> String? {
    if let timeoutSeconds = hook.timeoutSeconds {
      let (milliseconds, overflow) = timeoutSeconds.multipliedReportingOverflow(by: 1000)
      let deadline = ClockTime.monotonic().totalNanoseconds / 1_000_000 &+ (overflow ? .max / 2 : milliseconds)
      while true {
        var entries = [PollEntry(process, .readable)]
        let left = deadline &- ClockTime.monotonic().totalNanoseconds / 1_000_000
        if left > 0, try poll(&entries, timeoutMilliseconds: left) > 0 { break }
        if ClockTime.monotonic().totalNanoseconds / 1_000_000 >= deadline {
          try process.sendSignal(Signal.kill)
          _ = try process.waitForExit()
          return "timed out after \(timeoutSeconds) s"
        }
      }
    }
    guard let status = try process.waitForExit(), status != .exited(0) else { return nil }
    var words = [UInt8](repeating: 0, count: outputLimitBytes)
    let count = try output.read(into: &words, at: 0)
    let said = String(decoding: words.prefix(count), as: UTF8.self)
    let how =
      switch status {
      case .exited(let code): "exit status \(code)"
      case .killed(Signal.badSystemCall): "killed for a bad system call"
      case .killed(let signal): "killed by signal \(signal)"
      }
    return said.isEmpty ? how : "\(how), output: \(said)"
  }
}
