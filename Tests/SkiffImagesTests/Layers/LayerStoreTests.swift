import SkiffImages
import SkiffKernel
import SkiffSpec
import Testing

@Suite struct LayerStoreTests {
  private let chainID = Digest(sha256: SHA256.hexadecimal(of: "layer".utf8))

  private func record(_ chainID: Digest) -> LayerRecord {
    LayerRecord(
      chainID: chainID, diffID: Digest(sha256: SHA256.hexadecimal(of: "diff".utf8)), parent: chainID,
      archiveSizeBytes: 1024, contentBytes: 99, entryCount: 3, hasPrivilegedFiles: true, hidesLowerLayers: false,
      describesRoot: true, leftOut: ["socket x"])
  }

  @Test func `a layer exists once it is committed`() throws {
    let scratch = StoreScratch()
    let layers = try scratch.layers()

    let draft = try layers.begin(chainID, on: nil)
    #expect(try scratch.names("root/layers").count == 1)
    #expect(try !layers.has(chainID))
    #expect(try layers.record(chainID) == nil)
    #expect(try layers.chainIDs() == [])
    _ = consume draft
    #expect(try scratch.names("root/layers") == [])
  }

  @Test func `what is known of a layer is read again`() throws {
    let scratch = StoreScratch()
    let layers = try scratch.layers()
    let begun = try layers.begin(chainID, on: nil)
    guard let draft = begun else { return }
    try draft.commit(record(chainID))

    #expect(try scratch.layers().record(chainID) == record(chainID))
    #expect(try layers.has(chainID))
    #expect(try layers.chainIDs() == [chainID])
    #expect(layers.treePath(chainID) == "\(scratch.path)/root/layers/\(chainID.encoded)/fs")
    #expect(try layers.begin(chainID, on: nil) == nil)
  }

  @Test func `of two that make the same layer one wins and nothing is left of the other`() throws {
    let scratch = StoreScratch()
    let layers = try scratch.layers()
    let first = try layers.begin(chainID, on: nil)
    let second = try layers.begin(chainID, on: nil)
    guard let first, let second else { return }

    try first.commit(record(chainID))
    try second.commit(record(chainID))

    #expect(try scratch.names("root/layers") == [chainID.encoded])
  }

  @Test func `a removed layer is gone with all that is in it`() throws {
    let scratch = StoreScratch()
    let layers = try scratch.layers()
    try scratch.addLayer(layers, "x", fill: "mkdir -p a/b; ln -s /etc a/link; mknod c c 0 0; chattr +A a || true")
    let chainID = try #require(try layers.chainIDs().first)

    try layers.remove(chainID)

    #expect(try scratch.names("root/layers") == [])
    #expect(scratch.exists("/../../etc/passwd"))
    try layers.remove(chainID)
  }

  @Test func `a layer without a readable record is told`() throws {
    let scratch = StoreScratch()
    let layers = try scratch.layers()
    try scratch.addLayer(layers, "x", fill: "true")
    let chainID = try #require(try layers.chainIDs().first)

    try scratch.write("{}", to: "root/layers/\(chainID.encoded)/layer.json")
    #expect(throws: ImageStoreError.damagedLayer(chainID, why: "its record cannot be read")) {
      try layers.record(chainID)
    }
    scratch.run("rm root/layers/\(chainID.encoded)/layer.json")
    #expect(throws: ImageStoreError.damagedLayer(chainID, why: "it has no record")) { try layers.record(chainID) }
  }

  @Test func `chain ids are those of the specification`() throws {
    let first = try Digest("sha256:" + String(repeating: "a", count: 64))
    let second = try Digest("sha256:" + String(repeating: "b", count: 64))

    let chain = LayerChain.chainIDs(of: [first, second])

    #expect(chain[0] == first)
    #expect(chain[1].encoded == SHA256.hexadecimal(of: "\(first.text) \(second.text)".utf8))
    #expect(LayerChain.chainIDs(of: []) == [])
  }
}
