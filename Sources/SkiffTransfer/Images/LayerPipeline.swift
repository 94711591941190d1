internal import SkiffImages
internal import SkiffSpec

/// Brings all layers of an image in and unpacks them: fetched side by side, each unpacked as soon as it is here.
struct LayerPipeline: Sendable {
  let installation: LayerInstallation
  let board: ProgressBoard

  /// Layers that are fetched side by side.
  private static let fetchWidth = 4

  /// Makes the layer's blob part of the store; tells how far it is.
  typealias Fetch =
    @Sendable (LayerPlan, @escaping @Sendable (LayerPhase, Int64) -> Void) async throws(TransferError) -> Void

  /// Runs until every layer is unpacked, or stops them all at the first that fails.
  func run(_ plans: [LayerPlan], fetch: @escaping Fetch) async throws(TransferError) {
    var rows: [Int] = []
    for plan in plans {
      let phase: LayerPhase = try isHere(plan) ? .present : .waiting
      rows.append(board.add(LayerProgress(name: plan.blob.digest.short, phase: phase, totalBytes: plan.blob.size)))
    }
    let stages = Stages(count: plans.count, fetchWidth: Self.fetchWidth, unpackWidth: LayerInstallation.width)
    // The largest first, so that the end is not spent waiting for one of them; where layers are built on each other, in their order.
    let order =
      installation.layers.driver.unpacksInOrder
      ? Array(plans.indices) : plans.indices.sorted { plans[$0].blob.size > plans[$1].blob.size }
    // An image may have one layer twice; it comes once.
    var arrivals: [Digest: Milestone] = [:]
    let failure = await withTaskGroup(of: TransferError?.self, returning: TransferError?.self) { group in
      for index in order {
        let plan = plans[index]
        let arrival = arrivals[plan.blob.digest] ?? Milestone()
        let place = Place(
          row: rows[index], below: index > 0 ? stages.unpacked[index - 1] : nil, own: stages.unpacked[index],
          arrival: arrival, fetches: arrivals.updateValue(arrival, forKey: plan.blob.digest) == nil)
        group.addTask {
          do throws(TransferError) {
            try await bring(plan, at: place, stages: stages, fetch: fetch)
            return nil
          } catch {
            if place.fetches { await place.arrival.settle(reached: false) }
            await place.own.settle(reached: false)
            return error
          }
        }
      }
      var first: TransferError?
      for await error in group {
        guard let error else { continue }
        // What follows from the first failure, its interruptions, says nothing.
        if first == nil || (first == .interrupted && error != .interrupted) { first = error }
        group.cancelAll()
      }
      return first
    }
    if let failure { throw failure }
    try stored("the layers of the image") { () throws(ImageStoreError) in
      try installation.layers.settle(plans.map(\.chainID))
    }
  }

  /// What the layers of one image share.
  private struct Stages: Sendable {
    let fetching: Slots
    let unpacking: Slots
    /// One for each layer: it is unpacked.
    let unpacked: [Milestone]

    init(count: Int, fetchWidth: Int, unpackWidth: Int) {
      fetching = Slots(fetchWidth)
      unpacking = Slots(unpackWidth)
      unpacked = (0..<count).map { _ in Milestone() }
    }
  }

  /// Where a layer stands among the others.
  private struct Place: Sendable {
    let row: Int
    let below: Milestone?
    let own: Milestone
    /// The blob is in the store.
    let arrival: Milestone
    /// False when a layer with the same blob brings it.
    let fetches: Bool
  }

  /// Whether nothing is left to do for a layer.
  private func isHere(_ plan: LayerPlan) throws(TransferError) -> Bool {
    try stored("layer \(plan.blob.digest.text)") { () throws(ImageStoreError) in
      guard try installation.layers.has(plan.chainID) else { return false }
      return try installation.images.hasBlob(plan.blob.digest, sizeBytes: plan.blob.size)
    }
  }

  private func bring(
    _ plan: LayerPlan, at place: Place, stages: Stages, fetch: @escaping Fetch
  ) async throws(TransferError) {
    let board = board
    let row = place.row
    if try isHere(plan) {
      board.update(row, phase: .present)
      if place.fetches { await place.arrival.settle(reached: true) }
      await place.own.settle(reached: true)
      return
    }
    if place.fetches {
      try await stages.fetching.occupying { () async throws(TransferError) in
        try await fetch(plan) { phase, bytes in board.update(row, phase: phase, doneBytes: bytes) }
      }
      await place.arrival.settle(reached: true)
    } else {
      // When it did not come, the error of who fetched it tells why.
      guard await place.arrival.wait() else { throw .interrupted }
    }
    board.update(row, phase: .downloaded, doneBytes: plan.blob.size)
    if installation.layers.driver.unpacksInOrder, let below = place.below {
      // When the layer below did not come, its own error tells why.
      guard await below.wait() else { throw .interrupted }
    }
    try await stages.unpacking.occupying { () async throws(TransferError) in
      board.update(row, phase: .extracting, doneBytes: 0)
      try await installation.install(plan) { board.update(row, phase: .extracting, doneBytes: $0) }
    }
    board.update(row, phase: .complete)
    await place.own.settle(reached: true)
  }
}
