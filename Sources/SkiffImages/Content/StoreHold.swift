internal import SkiffKernel

/// While one lives, nothing in the store is taken for garbage.
///
/// Whoever brings blobs or layers in before a name refers to them (pull, load, import), or uses an image before a record refers to
/// its layers (create), holds one meanwhile. Holders do not wait for each other; a sweep that finds one leaves the work to a later one.
/// The kernel lets the lock go when the process dies.
package struct StoreHold: ~Copyable, Sendable {
  private let lock: FileDescriptor

  fileprivate init(lock: consuming FileDescriptor) {
    self.lock = lock
  }
}

extension ImageStore {
  /// Keeps the store from being swept; waits for a sweep that is under way, which is short: it only moves things aside.
  package func hold() throws(ImageStoreError) -> StoreHold {
    try openHold(exclusive: false, wait: true)
  }

  /// For the sweep: nil while somebody holds.
  func holdAlone() throws(ImageStoreError) -> StoreHold? {
    do throws(ImageStoreError) {
      return try openHold(exclusive: true, wait: false)
    } catch {
      if case .kernel(_, _, .wouldBlock) = error { return nil }
      throw error
    }
  }

  private func openHold(exclusive: Bool, wait: Bool) throws(ImageStoreError) -> StoreHold {
    let directory = directory.descriptor
    return try storing("lock", "the store") { () throws(Errno) in
      let file = try directory.open("hold.lock", [.readWrite, .create, .noFollow], mode: 0o600)
      try file.descriptor.lock(exclusive: exclusive, wait: wait)
      return StoreHold(lock: file)
    }
  }
}
