internal import SkiffKernel

// A filter that asks a supervisor outside about some calls (seccomp_unotify(2)).
extension LaunchPerformer {
  /// Loads the filter and has the file on which the supervisor listens delivered, before the program runs.
  ///
  /// The process may not be able to send anything once the filter is on: the answer to that call could be the supervisor's to
  /// give, who cannot be asked yet. So a helper that shares its open files, and not its filter, sends the file:
  /// ```
  /// process                     board             helper
  ///   seccomp(NEW_LISTENER)
  ///   number of the file  ───▶  word 4  ───▶       sends it to the parent, waits for its word
  ///   goes on             ◀───  word 5  ◀───       done, or an error; ends
  /// ```
  func installNotifyingFilter(_ board: borrowing LaunchBoard) throws(Errno) {
    guard let filter = resources.filter else { throw .noData }
    switch try cloneProcess(sharesFiles: true) {
    case .child:
      deliverListener(board)
    case .parent(_, let helper):
      do throws(Errno) {
        board.listener = try SeccompFilter.installWithListener(filter.instructions, flags: filter.flags)
      } catch {
        try helper.descriptor.sendSignal(Signal.kill)
        _ = try helper.descriptor.waitForExit()
        throw error
      }
      // No call from here until the supervisor listens. The helper has a message to send and one to receive: microseconds.
      let patience = 20_000_000_000
      var turns = 0
      while board.delivery == 0, turns < patience { turns += 1 }
      // A filter may refuse this call; then the program has a dead child more, and is none the worse.
      _ = try? helper.descriptor.waitForExit()
      let delivered: UInt64 = 1
      guard board.delivery == delivered else {
        throw board.delivery == 0 ? .timedOut : Errno(Int32(truncatingIfNeeded: board.delivery - 1))
      }
    }
  }

  /// The helper's side.
  private func deliverListener(_ board: borrowing LaunchBoard) -> Never {
    do throws(Errno) {
      try ProcessControl.setParentDeathSignal(Signal.kill)
      while board.listener == 0 { ClockTime.sleep(milliseconds: 1) }
      let line = starter ?? channel
      try line.send(.listener, file: Descriptor(board.listener))
      // The end means that the parent could not send it on, and has said why itself.
      guard let (answer, _) = try line.receiveMessage() else { throw .brokenPipe }
      guard answer == .goOn else { throw .badMessage }
      board.delivery = 1
    } catch {
      board.delivery = UInt64(truncatingIfNeeded: max(error.code, 1)) + 1
    }
    ProcessControl.exit(0)
  }
}
