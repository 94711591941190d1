internal import Dispatch
internal import Synchronization

/// A wish to stop, from one thread to another.
final class StopFlag: Sendable {
  private let raised = Atomic(false)

  var isRaised: Bool { raised.load(ordering: .relaxed) }

  func raise() { raised.store(true, ordering: .relaxed) }
}

private let blockingWork = DispatchQueue(label: "skiff.work", attributes: .concurrent)

/// Runs what waits for the disk on a thread of its own: tasks' threads are few and must not wait. A cancelled task raises the flag.
func blocking<Value: Sendable>(
  _ body: @escaping @Sendable (StopFlag) throws(TransferError) -> Value
) async throws(TransferError) -> Value {
  let stop = StopFlag()
  let result: Result<Value, TransferError> = await withTaskCancellationHandler {
    await withCheckedContinuation { completion in
      blockingWork.async {
        do throws(TransferError) {
          completion.resume(returning: .success(try body(stop)))
        } catch {
          completion.resume(returning: .failure(error))
        }
      }
    }
  } onCancel: {
    stop.raise()
  }
  return try result.get()
}
