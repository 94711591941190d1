internal import SkiffKernel
internal import SkiffSpec

extension ContainerRuntime {
  /// Creates and starts in one go. In the foreground it waits for the end, removes the container and gives the exit code as a
  /// shell tells it; detached it gives 0 once the program runs.
  package func run(
    _ request: CreateRequest, detaches: Bool, keeps: Bool = false, warn: (String) -> Void
  ) throws(RuntimeError) -> Int32 {
    let maker = ContainerMaker(store: store, request: request)
    let wantsTerminal = request.consoleSocketPath == nil && !detaches
    let console: ConsoleLink
    let signals: SignalRelay?
    do throws(LaunchError) {
      // Whether a terminal is wanted stands in the configuration, which is read only once, later: an unused pair costs little.
      console = try ConsoleLink(wanted: wantsTerminal, socketPath: nil, detaches: false)
      signals = detaches ? nil : try SignalRelay()
    } catch {
      throw .launch(error)
    }
    var handover = ContainerMaker.Handover()
    handover.console = console.containerEnd
    handover.endsWithCaller = !detaches
    handover.hearsReadiness = true
    handover.terminalHasPlainLineFeeds = wantsTerminal && !Descriptor.standardOutput.isTerminal
    let made = try maker.make(handover)
    made.warnings.forEach(warn)
    try runPoststart(made.record, made.spec)
    guard let signals else {
      made.notify?.wait(for: made.launcher.process.descriptor, processID: made.record.processID)
      return 0
    }
    let hasTerminal = made.spec.process?.terminal == true && wantsTerminal
    let code: Int32
    do throws(LaunchError) {
      code = try ForegroundProcess(
        process: made.launcher.process.descriptor, signals: signals,
        console: hasTerminal ? console.takeMaster() : nil, detachKeys: nil,
        notify: made.notify
      ).wait()
    } catch {
      if !keeps { _ = try? delete(request.id, force: true) }
      throw .launch(error)
    }
    if !keeps { try delete(request.id, force: true).forEach(warn) }
    return code
  }
}
