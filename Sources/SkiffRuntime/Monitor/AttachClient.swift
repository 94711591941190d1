package import SkiffKernel

/// The caller's side of an attached container: carries standard streams, or a terminal, until the container ends or the keys to
/// detach are typed.
package struct AttachClient: ~Copyable {
  package enum Outcome: Equatable, Sendable {
    case exited(Int32, isRestarting: Bool)
    case detached
    /// The monitor went without telling a code.
    case lost
  }

  private let connection: FileDescriptor
  private let hasTerminal: Bool
  private let sendsInput: Bool
  private let showsOutput: Bool
  private let showsErrors: Bool
  private var scanner: DetachKeyScanner
  /// Called with a signal that the caller got, to pass it on; nil lets signals do what they do.
  private let passSignal: ((Int32) -> Void)?
  private let onFilesLeft: (() -> Void)?

  /// - Parameters:
  ///   - hasTerminal: the container has one; the caller's is switched to pass every key on.
  ///   - sendsInput: whether the caller's standard input goes to the container.
  ///   - showsOutput, showsErrors: whether what the container says on a stream comes out here.
  ///   - detachKeys: nil or empty for none.
  ///   - onFilesLeft: called when nothing of the container uses its files any more, before its code is told; not for every container.
  package init(
    connection: consuming FileDescriptor, hasTerminal: Bool, sendsInput: Bool, showsOutput: Bool = true,
    showsErrors: Bool = true, detachKeys: [UInt8]?,
    passSignal: ((Int32) -> Void)? = nil, onFilesLeft: (() -> Void)? = nil
  ) {
    self.connection = connection
    self.hasTerminal = hasTerminal
    self.sendsInput = sendsInput
    self.showsOutput = showsOutput
    self.showsErrors = showsErrors
    self.scanner = DetachKeyScanner(keys: hasTerminal ? detachKeys ?? [] : [])
    self.passSignal = passSignal
    self.onFilesLeft = onFilesLeft
  }

  /// Runs until the end.
  package consuming func run() throws(Errno) -> Outcome {
    try relay()
  }

  private mutating func relay() throws(Errno) -> Outcome {
    let watched: SignalSet = [
      SignalSet(signal: Signal.windowChange), SignalSet(signal: Signal.interrupt), SignalSet(signal: Signal.terminate),
      SignalSet(signal: Signal.hangup), SignalSet(signal: Signal.quit), SignalSet(signal: 10), SignalSet(signal: 12),
    ]
    let mask = passSignal == nil ? SignalSet(signal: Signal.windowChange) : watched
    let old = try Signal.setMask(mask)
    let signals = try Signal.openReader(mask)
    let terminal = hasTerminal && sendsInput ? RawTerminal(.standardInput) : nil
    defer {
      terminal?.restore()
      _ = try? Signal.setMask(old)
    }
    let line = connection.descriptor
    if hasTerminal { sendWindowSize(line) }
    var input: Descriptor? = sendsInput ? .standardInput : nil
    var buffer = [UInt8](repeating: 0, count: AttachPacket.payloadLimit + 1)
    while true {
      var entries = [
        PollEntry(line, .readable), PollEntry(signals.descriptor, .readable), PollEntry(input, .readable),
      ]
      try poll(&entries)
      if !entries[1].events.isEmpty {
        while let signal = try signals.descriptor.readSignal() {
          if signal == Signal.windowChange { sendWindowSize(line) } else { passSignal?(signal) }
        }
      }
      if !entries[0].events.isEmpty, let outcome = try takePacket(line, &buffer) { return outcome }
      if !entries[2].events.isEmpty {
        switch try takeInput(line) {
        case .more: break
        case .end: input = nil
        case .detach: return .detached
        }
      }
    }
  }

  private enum InputState { case more, end, detach }

  private mutating func takeInput(_ line: Descriptor) throws(Errno) -> InputState {
    var buffer = [UInt8](repeating: 0, count: AttachPacket.payloadLimit)
    let count: Int
    do throws(Errno) {
      count = try Descriptor.standardInput.read(into: &buffer)
    } catch {
      // A terminal that hung up, or a background job that may not read: no more input.
      count = 0
    }
    do throws(Errno) {
      if count == 0 {
        try line.send([AttachPacket.inputEnd.rawValue])
        return .end
      }
      let (passed, isComplete) = scanner.scan(buffer[..<count])
      if !passed.isEmpty { try line.send([AttachPacket.input.rawValue] + passed) }
      return isComplete ? .detach : .more
    } catch {
      // The container has ended; what it wrote and its code are still to be read.
      guard error == .brokenPipe || error == .connectionReset else { throw error }
      return .end
    }
  }

  private func takePacket(_ line: Descriptor, _ buffer: inout [UInt8]) throws(Errno) -> Outcome? {
    let count: Int
    do throws(Errno) {
      (count, _) = try line.receive(into: &buffer)
    } catch {
      guard error == .connectionReset else { throw error }
      return .lost
    }
    if count == 0 { return .lost }
    switch AttachPacket(rawValue: buffer[0]) {
    case .output where !showsOutput: break
    case .errorOutput where !showsErrors: break
    case .output: try write(buffer[1..<count], to: .standardOutput)
    case .errorOutput: try write(buffer[1..<count], to: .standardError)
    case .filesLeft: onFilesLeft?()
    case .exit: return .exited(count > 1 ? Int32(buffer[1]) : 0, isRestarting: count > 2 && buffer[2] == 1)
    default: break
    }
    return nil
  }

  private func write(_ bytes: ArraySlice<UInt8>, to target: Descriptor) throws(Errno) {
    do throws(Errno) {
      try target.writeAll(Array(bytes))
    } catch {
      // A reader that went away does not end the container.
      guard error == .brokenPipe else { throw error }
    }
  }

  private func sendWindowSize(_ line: Descriptor) {
    guard let size = try? Descriptor.standardInput.windowSize() else { return }
    let bytes = [
      AttachPacket.windowSize.rawValue, UInt8(size.rows >> 8), UInt8(size.rows & 0xFF), UInt8(size.columns >> 8),
      UInt8(size.columns & 0xFF),
    ]
    // The container may be gone already; the next packet says so.
    _ = try? line.send(bytes)
  }
}
