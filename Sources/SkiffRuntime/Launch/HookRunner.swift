internal import SkiffKernel
internal import SkiffSpec

/// Runs programs at moments of a container's life (config.md "POSIX-platform Hooks").
enum HookRunner {
  private static let outputLimitBytes = 4096

  /// Runs the hooks in order; each reads the container's state from its standard input. The first that fails ends it.
  static func run(_ hooks: [RuntimeSpec.Hook], moment: String, state: [UInt8]) throws(LaunchError) {
    for (index, hook) in hooks.enumerated() {
      let failure: String?
      do throws(Errno) {
        failure = try run(hook, state: state)
      } catch {
        failure = "cannot run it: \(error)"
      }
      if let failure { throw LaunchError("error running \(moment) hook #\(index) (\(hook.path)): \(failure)") }
    }
  }

  /// Nil when the hook ended well, else how it did not.
  private static func run(_ hook: RuntimeSpec.Hook, state: [UInt8]) throws(Errno) -> String? {
    let image = try ExecImage(
      arguments: hook.arguments.isEmpty ? [hook.path] : hook.arguments, environment: hook.environment)
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
      case .killed(let signal): "killed by signal \(signal)"
      }
    return said.isEmpty ? how : "\(how), output: \(said)"
  }
}
