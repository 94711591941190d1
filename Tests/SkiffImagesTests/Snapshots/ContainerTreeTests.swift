import SkiffImages
import SkiffKernel
import SkiffSpec
import Testing

@Suite struct ContainerTreeTests {
  /// Two layers that a container sees as one tree; the same for each driver, but for how removals stand.
  private func addLayers(_ scratch: StoreScratch, _ layers: LayerStore) throws -> [Digest] {
    let lower = try scratch.addLayer(
      layers, "lower", describesRoot: true,
      fill: """
        mkdir dir opaque; printf one > dir/one; printf gone > dir/gone; printf old > opaque/old; chmod 751 .; chown 5:6 .
        printf x > file; ln file hard; ln -s file link; mknod null c 1 3; mkfifo pipe; chmod 4755 file
        setfattr -n user.colour -v blue dir; touch -d '2001-01-01' dir/one; chown 7:8 dir/one
        """)
    let removal =
      switch layers.driver {
      case .overlay: "mkdir dir opaque; mknod dir/gone c 0 0; setfattr -n trusted.overlay.opaque -v y opaque"
      case .btrfs: "rm dir/gone opaque/old"
      case .copy: "mkdir dir opaque; touch dir/.wh.gone opaque/.wh..wh..opq"
      }
    let upper = try scratch.addLayer(
      layers, "upper", on: lower, fill: "\(removal); printf two > dir/two; printf new > opaque/new; chmod 700 dir")
    return [lower, upper]
  }

  private static let expected = """
    . 751 5:6
    ./dir 700 0:0
    ./dir/one 644 7:8 978307200 one
    ./dir/two 644 0:0 two
    ./file 4755 0:0 x
    ./hard 4755 0:0 x
    ./link 777 0:0
    ./null 644 0:0
    ./opaque 755 0:0
    ./opaque/new 644 0:0 new
    ./pipe 644 0:0

    """

  /// Lists what a container sees.
  private static let list = """
    find . | LC_ALL=C sort | while read f; do
      if test "$f" = ./dir/one; then t=" $(stat -c %Y $f)"; else t=; fi
      if test -f $f && ! test -L $f; then c=" $(cat $f)"; else c=; fi
      printf '%s %s%s%s\\n' $f "$(stat -c '%a %u:%g' $f)" "$t" "$c"
    done
    """

  private func prepare(_ scratch: StoreScratch, _ layers: LayerStore, _ chain: [Digest]) throws -> (
    ContainerTree, RootfsDescription
  ) {
    scratch.run("mkdir -p root/containers/one")
    let tree = ContainerTree(layers: layers, containerDirectory: "\(scratch.path)/root/containers/one")
    return (tree, try tree.prepare(chainIDs: chain))
  }

  @Test func `overlay gives the layers from the top and a writable directory like their root`() throws {
    let scratch = StoreScratch()
    let layers = try scratch.layers(.overlay)
    let chain = try addLayers(scratch, layers)

    let (tree, description) = try prepare(scratch, layers, chain)

    let one = "\(scratch.path)/root/containers/one"
    #expect(
      description
        == .overlay(
          lower: [layers.treePath(chain[1]), layers.treePath(chain[0])], upper: "\(one)/upper", work: "\(one)/work"))
    #expect(description.json["kind"]?.string == "overlay")
    scratch.run(
      """
      mkdir seen
      unshare -m sh -c 'mount -t overlay -o lowerdir=\(layers.treePath(chain[1])):\(layers.treePath(chain[0])),upperdir=\(one)/upper,workdir=\(one)/work overlay seen &&
        cd seen && \(Self.list.replacing("'", with: "'\\''")) > ../list && head -c 50000 /dev/zero > written'
      """)
    #expect(scratch.text("list") == Self.expected)
    #expect(try tree.usageBytes() >= 50000)
    #expect(try tree.usageBytes() < 200_000)
    try ContainerTree.remove(in: "\(scratch.path)/root/containers/one")
    #expect(try scratch.names("root/containers/one") == [])
    try ContainerTree.remove(in: "\(scratch.path)/root/containers/one")
  }

  @Test func `copy gives one tree that is the container's own`() throws {
    let scratch = StoreScratch()
    let layers = try scratch.layers(.copy)
    let chain = try addLayers(scratch, layers)

    let (_, description) = try prepare(scratch, layers, chain)

    #expect(description == .directory(path: "\(scratch.path)/root/containers/one/tree"))
    scratch.run("cd root/containers/one/tree && { \(Self.list); } > ../../../../list")
    #expect(scratch.text("list") == Self.expected)
    #expect(try scratch.status("root/containers/one/tree/hard").linkCount == 2)
    scratch.run("test \"$(getfattr --only-values -n user.colour root/containers/one/tree/dir)\" = ''")
    scratch.run("printf changed > root/containers/one/tree/dir/one; grep -q one \(layers.treePath(chain[0]))/dir/one")
    try ContainerTree.remove(in: "\(scratch.path)/root/containers/one")
    #expect(try scratch.names("root/containers/one") == [])
  }

  @Test func `btrfs gives each container a snapshot, and writes in one are never seen in another`() throws {
    let scratch = StoreScratch()
    scratch.run("mkdir root && truncate -s 200M disk && mkfs.btrfs -q disk && mount -o loop disk root")
    defer { scratch.run("umount root") }
    let layers = try scratch.layers(.btrfs)
    let chain = try addLayers(scratch, layers)

    let (first, description) = try prepare(scratch, layers, chain)
    scratch.run("mkdir root/containers/two")
    let second = ContainerTree(layers: layers, containerDirectory: "\(scratch.path)/root/containers/two")
    _ = try second.prepare(chainIDs: chain)

    #expect(description == .directory(path: "\(scratch.path)/root/containers/one/tree"))
    scratch.run("cd root/containers/one/tree && { \(Self.list); } > ../../../../list")
    #expect(scratch.text("list") == Self.expected)
    scratch.run(
      """
      printf mine > root/containers/one/tree/dir/one
      grep -q one root/containers/two/tree/dir/one && grep -q one \(layers.treePath(chain[1]))/dir/one
      btrfs subvolume create root/containers/one/tree/own && touch root/containers/one/tree/own/x
      """)
    #expect(try first.usageBytes() > 0)
    // A subvolume that was made inside does not hinder.
    try ContainerTree.remove(in: "\(scratch.path)/root/containers/one")
    try ContainerTree.remove(in: "\(scratch.path)/root/containers/two")
    #expect(try scratch.names("root/containers/one") == [])
    for chainID in chain { try layers.remove(chainID) }
    #expect(try scratch.names("root/layers") == [])
    scratch.run("test $(btrfs subvolume list root | wc -l) = 0")
  }

  @Test func `btrfs elsewhere is refused in clear words`() throws {
    let scratch = StoreScratch()
    scratch.run("mkdir root && mount -t tmpfs tmpfs root")
    defer { scratch.run("umount root") }

    #expect(
      performing: { try scratch.layers(.btrfs) },
      throws: { "\($0)".contains("needs the store on a btrfs") && "\($0)".contains("mkfs.btrfs") })
  }

  @Test func `on btrfs a layer without the one below is refused`() throws {
    let scratch = StoreScratch()
    scratch.run("mkdir root && truncate -s 200M disk && mkfs.btrfs -q disk && mount -o loop disk root")
    defer { scratch.run("umount root") }
    let layers = try scratch.layers(.btrfs)
    let below = Digest(sha256: SHA256.hexadecimal(of: "below".utf8))

    #expect(throws: ImageStoreError.missingLayer(below)) {
      _ = try layers.begin(Digest(sha256: SHA256.hexadecimal(of: "above".utf8)), on: below)
    }

    #expect(try scratch.names("root/layers") == [])
  }

  @Test func `a store keeps its driver`() throws {
    let scratch = StoreScratch()

    #expect(try scratch.layers(.copy).driver == .copy)
    #expect(try scratch.layers().driver == .copy)
    #expect(throws: ImageStoreError.self) { try scratch.layers(.overlay) }
  }

  @Test func `on an overlay the store copies`() throws {
    let scratch = StoreScratch()
    scratch.run(
      "mkdir lower upper work merged && mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged")
    defer { scratch.run("umount merged") }

    let layers = try LayerStore(root: try KernelPath("\(scratch.path)/merged/root"))

    #expect(layers.driver == .copy)
    #expect(throws: ImageStoreError.self) {
      try LayerStore(root: try KernelPath("\(scratch.path)/merged/other"), driver: .overlay)
    }
    #expect(try scratch.names("merged/root/layers") == [])
  }

  @Test func `on an ordinary disk the store overlays`() throws {
    let scratch = StoreScratch()

    #expect(try scratch.layers().driver == .overlay)

    #expect(try scratch.names("root/layers") == [])
  }

  @Test func `layers below one that hides all do not show`() throws {
    let scratch = StoreScratch()
    let layers = try scratch.layers(.overlay)
    let lower = try scratch.addLayer(layers, "a", fill: "touch a")
    let hiding = try scratch.addLayer(layers, "b", on: lower, hidesLowerLayers: true, fill: "touch b")

    let (_, description) = try prepare(scratch, layers, [lower, hiding])

    guard case .overlay(let shown, _, _) = description else { return }
    #expect(shown == [layers.treePath(hiding)])
  }

  @Test func `a missing layer is told`() throws {
    let scratch = StoreScratch()
    let layers = try scratch.layers(.overlay)
    let missing = Digest(sha256: SHA256.hexadecimal(of: "missing".utf8))

    #expect(throws: ImageStoreError.missingLayer(missing)) { try prepare(scratch, layers, [missing]) }
  }

  @Test func `an image without layers is an empty tree`() throws {
    let scratch = StoreScratch()
    let layers = try scratch.layers(.overlay)

    let (_, description) = try prepare(scratch, layers, [])

    guard case .overlay(let lower, _, _) = description else { return }
    #expect(lower.count == 1)
    try ContainerTree.remove(in: "\(scratch.path)/root/containers/one")
    #expect(try scratch.names("root/containers/one") == [])
  }
}
