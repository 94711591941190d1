/// A number of places for tasks that do the same thing side by side; who finds none free waits in line.
actor Slots {
  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) {
    free = count
  }

  /// Runs `body` in one of the places.
  ///
  /// A cancelled task keeps its place in line: those before it are cancelled with it and leave soon.
  nonisolated func occupying<Value: Sendable>(
    _ body: @Sendable () async throws(TransferError) -> Value
  ) async throws(TransferError) -> Value {
    await take()
    do throws(TransferError) {
      if Task.isCancelled { throw .interrupted }
      let value = try await body()
      await give()
      return value
    } catch {
      await give()
      throw error
    }
  }

  private func take() async {
    if free > 0 {
      free -= 1
      return
    }
    await withCheckedContinuation { waiting.append($0) }
  }

  private func give() {
    if waiting.isEmpty {
      free += 1
    } else {
      waiting.removeFirst().resume()
    }
  }
}

/// Something that will be done once, for tasks that cannot begin before.
actor Milestone {
  private var outcome: Bool?
  private var waiting: [CheckedContinuation<Bool, Never>] = []

  /// Says that it is done, or that it will never be.
  func settle(reached: Bool) {
    guard outcome == nil else { return }
    outcome = reached
    for continuation in waiting { continuation.resume(returning: reached) }
    waiting = []
  }

  /// Waits until it is settled; true when it is done.
  func wait() async -> Bool {
    if let outcome { return outcome }
    return await withCheckedContinuation { waiting.append($0) }
  }
}
