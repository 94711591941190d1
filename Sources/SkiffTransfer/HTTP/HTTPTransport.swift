internal import CCurl
internal import Dispatch
internal import SkiffKernel
internal import SkiffSpec
internal import Synchronization

/// Carries exchanges over the network: a thin shell around libcurl's multi interface, driven by one thread.
///
/// Callers are structured tasks; a cancelled task takes its exchange off the wire.
package final class HTTPTransport: Sendable {
  package static let userAgent = "skiff/\(SkiffVersion.text)"

  private struct Start: Sendable {
    let identifier: UInt64
    let request: HTTPRequest
    let receiver: any BodyReceiver
    let completion: CheckedContinuation<Result<HTTPAnswer, HTTPFailure>, Never>
  }

  /// What the callers hand to the thread.
  private struct Inbox: Sendable {
    var nextIdentifier: UInt64 = 0
    var starts: [Start] = []
    var cancelled: [UInt64] = []
    var isClosing = false
  }

  private let inbox = Mutex(Inbox())
  private let multi: MultiHandle
  private let timeouts: HTTPTimeouts

  /// Nil when libcurl has no memory for it.
  package init?(timeouts: HTTPTimeouts = HTTPTimeouts()) {
    guard Self.libraryIsReady, let multi = MultiHandle() else { return nil }
    self.multi = multi
    self.timeouts = timeouts
    DispatchQueue(label: "skiff.http").async { [self] in run() }
  }

  /// libcurl's global set-up, once in the process, before any thread of ours uses it.
  private static let libraryIsReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

  /// Ends the thread once every exchange is through.
  package func close() {
    inbox.withLock { $0.isClosing = true }
    multi.wake()
  }

  /// Asks and waits for the whole answer, whose body `receiver` took.
  package func exchange(_ request: HTTPRequest, receiver: any BodyReceiver) async throws(HTTPFailure) -> HTTPAnswer {
    let identifier = inbox.withLock { inbox in
      inbox.nextIdentifier &+= 1  // 64 bits: never wraps in practice, and a repeat would only be an odd cancellation
      return inbox.nextIdentifier
    }
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { completion in
        let start = Start(identifier: identifier, request: request, receiver: receiver, completion: completion)
        let isOpen = inbox.withLock { inbox in
          if !inbox.isClosing { inbox.starts.append(start) }
          return !inbox.isClosing
        }
        if isOpen { multi.wake() } else { completion.resume(returning: .failure(.cancelled)) }
      }
    } onCancel: {
      inbox.withLock { $0.cancelled.append(identifier) }
      multi.wake()
    }
    if Task.isCancelled { throw .cancelled }
    return try result.get()
  }

  /// The thread: starts what was handed over, moves bytes, reports what is done.
  private func run() {
    var active: [UInt64: Active] = [:]
    while true {
      let (starts, cancelled, isClosing) = inbox.withLock { inbox in
        defer {
          inbox.starts = []
          inbox.cancelled = []
        }
        return (inbox.starts, Set(inbox.cancelled), inbox.isClosing)
      }
      for start in starts {
        guard !cancelled.contains(start.identifier) else {
          start.completion.resume(returning: .failure(.cancelled))
          continue
        }
        guard
          let transfer = CurlTransfer(
            identifier: start.identifier, request: start.request, receiver: start.receiver, timeouts: timeouts),
          multi.add(transfer)
        else {
          start.completion.resume(returning: .failure(.malformed("the request cannot be sent")))
          continue
        }
        active[start.identifier] = Active(transfer: transfer, completion: start.completion)
      }
      for identifier in cancelled {
        guard let entry = active.removeValue(forKey: identifier) else { continue }
        multi.remove(entry.transfer)
        entry.completion.resume(returning: .failure(.cancelled))
      }
      if isClosing && active.isEmpty { return }
      for (identifier, code) in multi.perform() {
        guard let entry = active.removeValue(forKey: identifier) else { continue }
        let outcome = entry.transfer.outcome(code)
        multi.remove(entry.transfer)
        entry.completion.resume(returning: outcome)
      }
      let pause = giveUpSilent(&active)
      if inbox.withLock({ $0.starts.isEmpty && $0.cancelled.isEmpty }) { multi.wait(milliseconds: pause) }
    }
  }

  private struct Active {
    let transfer: CurlTransfer
    let completion: CheckedContinuation<Result<HTTPAnswer, HTTPFailure>, Never>
  }

  /// Ends the exchanges whose other side keeps silent; gives the milliseconds until the next look, a second at most.
  private func giveUpSilent(_ active: inout [UInt64: Active]) -> Int32 {
    let now = ContinuousClock.now
    var pause = Duration.seconds(1)
    for (identifier, entry) in active {
      guard let deadline = entry.transfer.stallDeadline else { continue }
      if deadline > now {
        pause = min(pause, deadline - now)
      } else {
        active[identifier] = nil
        multi.remove(entry.transfer)
        entry.completion.resume(returning: entry.transfer.stallOutcome)
      }
    }
    return Int32(pause / .milliseconds(1)) + 1
  }
}

/// The set of handles that one thread drives (libcurl-multi(3)).
///
/// Sendable by libcurl's own rules: `wake` may be called from any thread, everything else is called by the one thread.
@safe
private final class MultiHandle: @unchecked Sendable {
  private let handle: UnsafeMutableRawPointer

  init?() {
    guard let handle = unsafe curl_multi_init() else { return nil }
    unsafe self.handle = handle
    // A registry sees no more connections than layers side by side and their redirects' hosts.
    _ = unsafe skiff_curl_multi_set_number(handle, CURLMOPT_MAX_HOST_CONNECTIONS, 8)
  }

  deinit {
    unsafe curl_multi_cleanup(handle)
  }

  func add(_ transfer: CurlTransfer) -> Bool {
    unsafe curl_multi_add_handle(handle, transfer.handle) == CURLM_OK
  }

  func remove(_ transfer: CurlTransfer) {
    _ = unsafe curl_multi_remove_handle(handle, transfer.handle)
  }

  /// Moves what can be moved without waiting, and gives what is finished.
  func perform() -> [(identifier: UInt64, code: CURLcode)] {
    var running: Int32 = 0
    _ = unsafe curl_multi_perform(handle, &running)
    var finished: [(identifier: UInt64, code: CURLcode)] = []
    var left: Int32 = 0
    while let message = unsafe curl_multi_info_read(handle, &left) {
      guard unsafe message.pointee.msg == CURLMSG_DONE, let easy = unsafe message.pointee.easy_handle else { continue }
      let code = unsafe skiff_curl_message_result(message)
      var context: UnsafeMutableRawPointer?
      guard unsafe skiff_curl_get_address(easy, CURLINFO_PRIVATE, &context) == CURLE_OK,
        let context = unsafe context
      else { continue }
      let transfer = unsafe Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
      finished.append((transfer.identifier, code))
    }
    return finished
  }

  func wait(milliseconds: Int32) {
    _ = unsafe curl_multi_poll(handle, nil, 0, milliseconds, nil)
  }

  func wake() {
    _ = unsafe curl_multi_wakeup(handle)
  }
}
