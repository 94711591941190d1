import SkiffImages
import SkiffKernel
import SkiffSpec
import Testing

@Suite struct StoreSweepTests {
  @Test func `what no name leads to goes, what one leads to stays`() throws {
    let scratch = StoreScratch()
    let (store, layers) = (try scratch.images(), try scratch.layers())
    let kept = try scratch.addImage(store, layers: ["a", "b"], note: "kept")
    _ = try scratch.addImage(store, layers: ["a", "c"], note: "lost")
    try store.tag(kept, as: reference("kept"))
    let record = try store.resolve("kept")
    for chainID in record.chainIDs { try addEmptyLayer(layers, chainID) }
    let used = try scratch.addLayer(layers, "used by a container", fill: "touch x")
    let garbage = try scratch.addLayer(layers, "garbage", fill: "touch x")

    let report = try store.sweep(layers, keeping: [used])

    #expect(report.blobs.count == 3)
    #expect(report.layers == [garbage])
    #expect(Set(try layers.chainIDs()) == Set(record.chainIDs + [used]))
    #expect(try store.resolve("kept").id == record.id)
    #expect(try store.hasBlob(record.manifest.layers[1].digest))
    let again = try store.sweep(layers, keeping: [used])
    #expect(again.blobs.isEmpty && again.layers.isEmpty && !again.isPostponed)
  }

  private func addEmptyLayer(_ layers: LayerStore, _ chainID: Digest) throws {
    let begun = try layers.begin(chainID, on: nil)
    guard let draft = begun else { return }
    try draft.commit(
      LayerRecord(
        chainID: chainID, diffID: chainID, parent: nil, archiveSizeBytes: 1, contentBytes: 0, entryCount: 0,
        hasPrivilegedFiles: false, hidesLowerLayers: false, describesRoot: false))
  }

  @Test func `while something is brought in nothing is swept`() throws {
    let scratch = StoreScratch()
    let (store, layers) = (try scratch.images(), try scratch.layers())
    do {
      let first = try store.hold()
      let second = try scratch.images().hold()
      _ = try scratch.addImage(store, layers: ["a"])

      #expect(try store.sweep(layers).isPostponed)
      #expect(try scratch.names("root/images/blobs/sha256").count == 3)
      _ = consume first
      #expect(try store.sweep(layers).isPostponed)
      _ = consume second
    }

    #expect(try store.sweep(layers).blobs.count == 3)
  }

  @Test func `what a crash left is swept, what is under way is not`() throws {
    let scratch = StoreScratch()
    let (store, layers) = (try scratch.images(), try scratch.layers())
    scratch.run(
      """
      mkdir -p root/layers/.tmp-dead/fs/deep root/quarantine; touch root/layers/.tmp-dead/fs/deep/x
      touch root/images/partial/.tmp-dead root/images/partial/\(String(repeating: "1", count: 64))
      touch -d '8 days ago' root/images/partial/\(String(repeating: "2", count: 64))
      """)
    let chainID = Digest(sha256: SHA256.hexadecimal(of: "x".utf8))
    let draft = try layers.begin(chainID, on: nil)

    _ = try store.sweep(layers)

    #expect(!scratch.exists("root/layers/.tmp-dead"))
    #expect(try scratch.names("root/layers").count == 1)
    #expect(try scratch.names("root/images/partial") == [String(repeating: "1", count: 64)])
    _ = consume draft
    #expect(try scratch.names("root/layers") == [])
  }
}
