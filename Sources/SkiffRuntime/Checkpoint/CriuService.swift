internal import SkiffKernel

/// criu(8), started for one request, spoken to over a socket of packets (`criu swrk`).
///
/// ```
/// runtime                    criu swrk 3
///   request           ───▶
///                     ◀───   notification: "setup-namespaces", "post-restore", "orphan-pts-master" + file, …
///   notify: go on     ───▶
///                     ◀───   response
/// ```
final class CriuService {
  private static let responseLimitBytes = 1 << 20
  private static let socketNumber: Int32 = 3
  /// The number of the first file that criu inherits for a request.
  static let firstFile: Int32 = 4

  let processID: Int32
  private let channel: FileDescriptor
  private let process: SpawnedProcess
  private var hasEnded = false

  /// - Parameter files: become its open files from `firstFile` on.
  init(files: [Descriptor] = []) throws(RuntimeError) {
    guard let program = HostProgram.find("criu") else { throw .failed("criu is not installed (not found in $PATH)") }
    do throws(Errno) {
      let pair = try UnixSocket.pair(.packet)
      var request = SpawnRequest(
        arguments: ["criu", "swrk", "\(Self.socketNumber)"], environment: ProcessEnvironment.all())
      request.files = [(pair.second.descriptor, Self.socketNumber)]
      for (index, file) in files.enumerated() { request.files.append((file, Self.firstFile + Int32(index))) }
      process = try spawn(program.descriptor, request)
      try process.confirmStarted()
      processID = process.processID
      channel = pair.takeFirst()
    } catch {
      throw .failed("cannot run criu: \(error)")
    }
  }

  deinit {
    if hasEnded { return }
    // Given up in the middle: it must not go on alone.
    try? process.handle.descriptor.sendSignal(Signal.kill)
    _ = try? process.handle.descriptor.waitForExit()
  }

  /// Sends a request and serves what comes until its response.
  ///
  /// - Parameter notified: what to do at a moment; gets the open file that came with it.
  func perform(
    _ kind: CriuRequestKind, _ options: CriuOptions?,
    notified: (CriuResponse, consuming FileDescriptor?) throws(RuntimeError) -> Void
  ) throws(RuntimeError) -> CriuResponse {
    var request = ProtocolBufferWriter()
    request.add(1, kind.rawValue)
    if let options { request.add(2) { options.write(to: &$0) } }
    if kind == .featureCheck {
      request.add(5) { features in
        features.add(1, true)
        features.add(2, true)
      }
    }
    try send(request.bytes)
    while true {
      let (response, file) = try receive()
      guard response.kind == CriuRequestKind.notify.rawValue else { return response }
      try notified(response, file.map { FileDescriptor(adopting: $0) })
      var answer = ProtocolBufferWriter()
      answer.add(1, CriuRequestKind.notify.rawValue)
      answer.add(3, true)
      try send(answer.bytes)
    }
  }

  /// Waits for criu's end; it ends by itself once it hears no more requests.
  func finish() throws(RuntimeError) {
    do throws(Errno) {
      try channel.descriptor.shutdownSending()
      _ = try process.wait()
      hasEnded = true
    } catch {
      throw .failed("lost touch with criu: \(error)")
    }
  }

  private func send(_ bytes: [UInt8]) throws(RuntimeError) {
    do throws(Errno) {
      try channel.descriptor.send(bytes)
    } catch {
      throw .failed("criu has gone: \(error)")
    }
  }

  private func receive() throws(RuntimeError) -> (CriuResponse, Int32?) {
    var buffer = [UInt8](repeating: 0, count: Self.responseLimitBytes)
    let count: Int
    let file: Int32?
    do throws(Errno) {
      (count, file) = try channel.descriptor.receive(into: &buffer)
    } catch {
      throw .failed("criu has gone: \(error)")
    }
    guard count > 0, count < buffer.count, let response = CriuResponse(parsing: buffer[..<count]) else {
      if let file { _ = FileDescriptor(adopting: file) }
      throw .failed(count == 0 ? "criu ended without an answer" : "criu's answer is malformed")
    }
    return (response, file)
  }

  /// Whether `criu check` finds the kernel good enough; otherwise throws what is missing, in its words.
  static func check() throws(RuntimeError) {
    guard let program = HostProgram.find("criu") else { throw .failed("criu is not installed (not found in $PATH)") }
    let status: ExitStatus
    let words: [UInt8]
    do throws(Errno) {
      (status, words) = try HostProgram.run(program.descriptor, ["criu", "check"], limitBytes: 1 << 20)
    } catch {
      throw .failed("cannot run criu: \(error)")
    }
    if status == .exited(0) { return }
    let lines = String(decoding: words, as: UTF8.self).split(separator: "\n")
    let reasons = lines.filter { $0.hasPrefix("Error") }
    throw .failed("criu check: " + (reasons.isEmpty ? lines.suffix(1) : reasons[...]).joined(separator: "; "))
  }
}
