import Glibc
import SkiffImages
import SkiffKernel
import SkiffSpec
import Synchronization
import Testing

@Suite struct ImageNameTests {
  @Test func `an image is found by all its names, by id and by the start of its id`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let target = try scratch.addImage(store, layers: ["a"])

    try store.tag(target, as: reference("busybox"))
    try store.tag(target, as: reference("localhost/mine:v1"))

    let record = try store.resolve("busybox")
    #expect(record.references == ["docker.io/library/busybox:latest", "localhost/mine:v1"])
    for text in [
      "docker.io/library/busybox:latest", "busybox:latest", "mine:v1", record.id.text, record.id.encoded,
      String(record.id.encoded.prefix(12)), "sha256:" + record.id.encoded.prefix(6),
      "busybox@\(target.digest.text)", target.digest.text,
    ] {
      #expect(try store.resolve(text).id == record.id, "\(text)")
    }
    for text in ["busybox:other", "mine", "sha256:" + String(repeating: "0", count: 64), "0000dead"] {
      #expect(throws: ImageStoreError.noSuchImage(text)) { try store.resolve(text) }
    }
    #expect(throws: ImageStoreError.self) { try store.resolve("Not A Name") }
  }

  @Test func `an id that two images share the start of is ambiguous`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    var seen: [String: String] = [:]
    var shared: String?
    var note = 0
    // Sixteen bits agree sooner or later.
    while shared == nil, note < 5000 {
      let target = try scratch.addImage(store, note: "\(note)")
      let id = try store.load(target).id.encoded
      let start = String(id.prefix(4))
      if seen[start] != nil {
        shared = start
        try store.keep(target)
      } else if note < 600 {
        seen[start] = id
        try store.keep(target)
      }
      note += 1
    }
    let start = try #require(shared)

    #expect(
      performing: { try store.resolve(start) },
      throws: { error in
        guard case ImageStoreError.ambiguousID(start, let candidates) = error else { return false }
        return candidates.count == 2
      })
  }

  @Test func `a name that moves leaves the old image without one`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let old = try scratch.addImage(store, note: "old")
    let new = try scratch.addImage(store, note: "new")

    try store.tag(old, as: reference("web"))
    try store.tag(new, as: reference("web"))

    let listing = try store.images()
    #expect(listing.damaged.isEmpty)
    #expect(listing.images.count == 2)
    #expect(listing.images.first { $0.target.digest == old.digest }?.references == [])
    #expect(try store.resolve("web").target.digest == new.digest)
  }

  @Test func `removing a name removes the image with its last one`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let target = try scratch.addImage(store)
    let id = try store.load(target).id
    try store.tag(target, as: reference("a"))
    try store.tag(target, as: reference("b"))

    #expect(
      throws: ImageStoreError.severalNames(
        id: id.short, names: ["docker.io/library/a:latest", "docker.io/library/b:latest"])
    ) {
      try store.remove(id.encoded)
    }
    let first = try store.remove("a")
    #expect(throws: ImageStoreError.inUse(image: "b:latest", containers: ["web1"])) {
      try store.remove("b") { _ in ["web1"] }
    }
    let second = try store.remove("b")

    #expect(first.untagged == ["docker.io/library/a:latest"])
    #expect(first.deleted == nil)
    #expect(second.untagged == ["docker.io/library/b:latest"])
    #expect(second.deleted == id)
    #expect(try store.images().images.isEmpty)
    #expect(throws: ImageStoreError.noSuchImage("b")) { try store.remove("b") }
  }

  @Test func `with force an image goes by its id, used or not`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let target = try scratch.addImage(store)
    let id = try store.load(target).id
    try store.tag(target, as: reference("a"))
    try store.tag(target, as: reference("b"))

    let removal = try store.remove(id.short, force: true) { _ in ["web1"] }

    #expect(removal.deleted == id)
    #expect(removal.untagged.count == 2)
    #expect(try store.images().images.isEmpty)
  }

  @Test func `what is damaged is told by name and stops nothing else`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let good = try scratch.addImage(store, note: "good")
    let bad = try scratch.addImage(store, note: "bad")
    let badConfiguration = try store.load(bad).id
    try store.tag(good, as: reference("good"))
    try store.tag(bad, as: reference("bad"))
    scratch.run(
      """
      rm root/images/blobs/sha256/\(badConfiguration.encoded)
      sed -i 's/"manifests":\\[/"manifests":[{"digest":"nonsense","annotations":{"org.opencontainers.image.ref.name":"docker.io\\/library\\/odd:latest"}},/' root/images/index.json
      """)

    let listing = try store.images()

    #expect(listing.images.map(\.references) == [["docker.io/library/good:latest"]])
    #expect(listing.damaged.count == 2)
    #expect("\(listing.damaged)".contains("odd:latest"))
    #expect("\(listing.damaged)".contains("bad:latest"))
    #expect(throws: ImageStoreError.self) { try store.resolve("bad") }
    #expect(throws: ImageStoreError.self) { try store.resolve("odd") }
    #expect(try store.resolve("good").target.digest == good.digest)
    // Both can be removed by name, and the entry that cannot be read survives changes of others until then.
    try store.tag(good, as: reference("other"))
    #expect(try store.images().damaged.count == 2)
    _ = try store.remove("bad")
    _ = try store.remove("odd")
    #expect(try store.images().damaged.isEmpty)
  }

  @Test func `an index that is no index is told and not overwritten`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let target = try scratch.addImage(store)
    try scratch.write("{", to: "root/images/index.json")

    #expect(throws: ImageStoreError.self) { try store.images() }
    #expect(throws: ImageStoreError.self) { try store.tag(target, as: reference("a")) }

    #expect(scratch.text("root/images/index.json") == "{")
  }

  @Test func `an index of platforms leads to this machine's manifest`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    var mine = try scratch.addImage(store, note: "mine")
    mine.platform = .current
    var other = try scratch.addImage(store, note: "other")
    other.platform = Platform(os: "linux", architecture: "s390x")
    let bytes = ImageIndex(manifests: [other, mine]).serialized()
    let target = ContentDescriptor(
      mediaType: MediaType.imageIndex, digest: try store.writeBlob(bytes), size: Int64(bytes.count))

    try store.tag(target, as: reference("many"))

    let record = try store.resolve("many")
    #expect(record.manifestDigest == mine.digest)
    #expect(record.target.digest == target.digest)
    #expect(record.configuration.author == "mine")
  }

  @Test func `eight writers at once lose no name`() throws {
    let scratch = StoreScratch()
    let target = try scratch.addImage(try scratch.images())
    let failures = Mutex<[String]>([])
    var threads: [pthread_t] = []

    // Each with a store of its own: the lock is between open files, as between processes.
    for writer in 0..<8 {
      threads.append(
        startThread {
          do {
            let store = try scratch.images()
            for name in 0..<20 { try store.tag(target, as: reference("w\(writer)/n\(name)")) }
            for name in 0..<5 { try store.untag(reference("w\(writer)/n\(name)")) }
          } catch {
            failures.withLock { $0.append("\(error)") }
          }
        })
    }
    for thread in threads { pthread_join(thread, nil) }

    #expect(failures.withLock { $0 } == [])
    #expect(try scratch.images().images().images.first?.references.count == 8 * 15)
    #expect(try scratch.names("root/images").filter { $0.hasPrefix(".") } == [])
  }

  private func startThread(_ body: @escaping @Sendable () -> Void) -> pthread_t {
    final class Work {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let work = Unmanaged.passRetained(Work(body)).toOpaque()
    pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, work)
    return thread
  }
}
