internal import SkiffImages
internal import SkiffSpec
internal import Synchronization

/// Takes a blob off the network into the store, hashing as it comes; never more than was declared.
///
/// What an earlier try left is hashed first and then continued. A server that cannot continue starts over.
final class BlobReceiver: BodyReceiver {
  private struct State: ~Copyable {
    var writer: BlobWriter
    var hash = SHA256Stream()
    var fault: TransferError?

    init(writer: consuming BlobWriter) {
      self.writer = writer
    }
  }

  private let state: Mutex<State?>
  private let what: String
  private let declaredBytes: Int64
  private let progress: @Sendable (Int64) -> Void

  /// `progress` is told how many bytes are there.
  init(
    writer: consuming sending BlobWriter, what: String, declaredBytes: Int64,
    progress: @escaping @Sendable (Int64) -> Void
  ) throws(TransferError) {
    self.what = what
    self.declaredBytes = declaredBytes
    self.progress = progress
    var state = State(writer: writer)
    try Self.hashWhatIsThere(&state, what: what, declaredBytes: declaredBytes)
    self.state = Mutex(state)
  }

  /// How many bytes are there.
  var sizeBytes: Int64 { state.withLock { $0?.writer.sizeBytes ?? 0 } }

  /// What ended an exchange that this receiver stopped.
  var fault: TransferError? { state.withLock { $0?.fault } }

  private static func hashWhatIsThere(
    _ state: inout State, what: String, declaredBytes: Int64
  ) throws(TransferError) {
    try stored(what) { () throws(ImageStoreError) in
      if state.writer.sizeBytes > declaredBytes { try state.writer.restart() }
      var buffer = [UInt8](repeating: 0, count: 1 << 20)
      var position: Int64 = 0
      while position < state.writer.sizeBytes {
        let count = try state.writer.read(into: &buffer, at: position)
        if count == 0 { break }
        state.hash.update(buffer.span.extracting(0..<count))
        position += Int64(count)
      }
      // Shorter than it said: someone else cut it. What follows would not fit.
      if position != state.writer.sizeBytes {
        try state.writer.restart()
        state.hash = SHA256Stream()
      }
    }
  }

  func begin(_ head: HTTPHead) -> Bool {
    state.withLock { state in
      guard state != nil else { return false }
      switch head.status {
      case 206:
        guard let start = head.rangeStart, start == state?.writer.sizeBytes else {
          state?.fault = .invalid(what: what, reason: "the registry sent another part than was asked for")
          return true
        }
        return true
      case 200:
        if state?.writer.sizeBytes != 0 { Self.startOver(&state) }
        return true
      default:
        return false
      }
    }
  }

  private static func startOver(_ state: inout State?) {
    do throws(ImageStoreError) {
      try state?.writer.restart()
      state?.hash = SHA256Stream()
    } catch {
      state?.fault = .local(what: "the blob store", reason: "\(error)")
    }
  }

  func receive(_ bytes: Span<UInt8>) -> Bool {
    let size: Int64? = state.withLock { state in
      guard state != nil, state?.fault == nil, let size = state?.writer.sizeBytes else { return nil }
      guard Int64(bytes.count) <= declaredBytes - size else {
        state?.fault = .tooLong(what: what, declaredBytes: declaredBytes)
        return nil
      }
      do throws(ImageStoreError) {
        try state?.writer.write(bytes)
      } catch {
        state?.fault = .local(what: "the blob store", reason: "\(error)")
        return nil
      }
      state?.hash.update(bytes)
      return size + Int64(bytes.count)
    }
    guard let size else { return false }
    progress(size)
    return true
  }

  /// Throws away what came, to begin again.
  func restart() throws(TransferError) {
    state.withLock { Self.startOver(&$0) }
    if let fault { throw fault }
  }

  /// Lets go of what came, for a later try to go on with. The transport may hold this object a little longer; the file must not wait for it.
  func close() {
    state.withLock { $0 = nil }
  }

  /// Forgets what came: it is wrong, and must not be continued by a later try.
  func discard() {
    state.withLock { state in
      Self.startOver(&state)
      state = nil
    }
  }

  /// Makes the blob part of the store when it is whole and what its digest says.
  func commit(_ digest: Digest) throws(TransferError) {
    let state = self.state.withLock { state in state.take() }
    guard var state else { return }
    let found = state.hash.finishHexadecimal()
    let size = state.writer.sizeBytes
    guard size == declaredBytes, found == digest.encoded else {
      var state: State? = consume state
      Self.startOver(&state)
      guard size == declaredBytes else {
        throw .truncated(what: what, gotBytes: size, declaredBytes: declaredBytes)
      }
      throw .wrongDigest(what: what, expected: digest.text, found: "sha256:\(found)")
    }
    let writer = state.writer
    do throws(ImageStoreError) {
      try writer.commit(digest: digest, sizeBytes: size)
    } catch {
      throw .local(what: what, reason: "\(error)")
    }
  }
}
