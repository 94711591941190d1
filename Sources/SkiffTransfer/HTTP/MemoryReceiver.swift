internal import Synchronization

/// Takes a body into memory, up to a limit.
package final class MemoryReceiver: BodyReceiver {
  private struct State: Sendable {
    var bytes: [UInt8] = []
    var isOverLimit = false
  }

  private let limitBytes: Int
  private let state = Mutex(State())

  package init(limitBytes: Int) {
    self.limitBytes = limitBytes
  }

  package func begin(_ head: HTTPHead) -> Bool { head.status == 200 }

  package func receive(_ bytes: Span<UInt8>) -> Bool {
    state.withLock { state in
      guard bytes.count <= limitBytes - state.bytes.count else {
        state.isOverLimit = true
        return false
      }
      state.bytes.reserveCapacity(state.bytes.count + bytes.count)
      for index in bytes.indices { state.bytes.append(bytes[index]) }
      return true
    }
  }

  package var bytes: [UInt8] { state.withLock { $0.bytes } }

  /// Whether the body was longer than the limit.
  package var isOverLimit: Bool { state.withLock { $0.isOverLimit } }
}
