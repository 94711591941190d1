import SkiffImages
import SkiffKernel
import SkiffSpec

/// What the engine did on the disk to make a container, told for a person who wants to learn (`--explain`).
struct StorageLog {
  private(set) var steps: [ExplanationStep] = []
  private let isKept: Bool

  init(isKept: Bool) {
    self.isKept = isKept
  }

  /// The moment from which a step is timed; free of charge where nothing is kept.
  func now() -> ClockTime {
    isKept ? .monotonic() : ClockTime(seconds: 0, nanoseconds: 0)
  }

  private mutating func add(_ began: ClockTime, _ what: String, _ call: String, _ command: String) {
    guard isKept else { return }
    let span = ClockTime.monotonic().totalNanoseconds &- began.totalNanoseconds
    steps.append(
      ExplanationStep(what: what, kernelCall: call, command: command, nanoseconds: UInt64(max(0, span))))
  }

  mutating func found(_ image: ResolvedImage, since began: ClockTime) {
    add(
      began, "find the image \(image.name) in the store: \(image.chainIDs.count) layer(s), already unpacked",
      "openat(\"images/index.json\"), openat(\"images/blobs/sha256/\(image.id.suffix(64).prefix(12))…\")",
      "jq .manifests images/index.json")
  }

  mutating func madeDirectory(_ path: String, since began: ClockTime) {
    add(
      began, "make the container's directory, and hold it", "mkdirat(\"\(path)\", 0700), flock(LOCK_EX)",
      "mkdir -m 700 \(path)")
  }

  mutating func tookName(_ name: String, id: String, root: String, since began: ClockTime) {
    add(
      began, "take the name \(name): whoever makes the link has it",
      "symlinkat(\"../containers/\(id)\", \"\(root)/names/\(name)\")",
      "ln -s ../containers/\(id) \(root)/names/\(name)")
  }

  /// - Parameter driver: the store's; nil for a root file system of the caller's.
  mutating func madeRootfs(_ rootfs: RootfsRecord, driver: StorageDriver?, since began: ClockTime) {
    switch rootfs {
    case .overlay(let lower, let upper, let work):
      add(
        began, "make an empty layer to write in, above the image's \(lower.count)",
        "mkdirat(\"\(upper)\"), mkdirat(\"\(work)\")", "mkdir \(upper) \(work)")
    case .directory(let path):
      switch driver {
      case .btrfs:
        add(
          began, "make a snapshot of the topmost layer to write in", "ioctl(BTRFS_IOC_SNAP_CREATE_V2, \"\(path)\")",
          "btrfs subvolume snapshot LAYER \(path)")
      case .copy, .overlay:
        add(
          began, "copy the layers over each other into a tree to write in",
          "openat(\"\(path)/…\", O_CREAT), ioctl(FICLONE) or copy_file_range()", "cp -a --reflink=auto LAYER/. \(path)")
      case nil:
        add(began, "take the directory \(path) as the root file system", "openat(\"\(path)\")", "ls -d \(path)")
      }
    case .image(let file, _):
      add(began, "take the file \(file) as the disk of the container", "openat(\"\(file)\")", "file \(file)")
    }
  }

  mutating func wroteSpecification(_ path: String, since began: ClockTime) {
    add(
      began, "write down what the container is to be, for the runtime", "openat(\"\(path)\", O_CREAT), write()",
      "skiff-runtime spec > \(path)")
  }
}
