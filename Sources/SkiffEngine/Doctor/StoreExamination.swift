import SkiffKernel
import SkiffSpec

/// Where the engine keeps its things: the file system, its space, and whether containers' files can lie there.
struct StoreExamination {
  let root: String
  let runRoot: String
  let trial: Trial
  private static let topic = "Store"

  func findings() -> [Finding] {
    [place(), overlay(), running()].compactMap { $0 }
  }

  private static let names: [UInt64: String] = [
    0xEF53: "ext4", 0x5846_5342: "xfs", FileSystemStatus.btrfs: "btrfs", FileSystemStatus.tmpfs: "tmpfs",
    FileSystemStatus.overlay: "overlay", 0x2FC1_2FC1: "zfs", 0x6969: "nfs", 0xF2F5_2010: "f2fs", 0x6573_5546: "fuse",
    0xCA45_1A4E: "bcachefs", 0xFF53_4D42: "cifs", 0x4D44: "vfat", 0x0102_1997: "9p",
  ]

  /// The directory, or the one above that it will be made in.
  private static func existing(_ path: String) -> String {
    var path = path
    while !SmallFile.exists(path), let slash = path.lastIndex(of: "/") {
      path = slash == path.startIndex ? "/" : String(path[..<slash])
    }
    return path
  }

  private func place() -> Finding {
    let why = "images and the files of containers lie here"
    let space: FileSystemStatus
    do throws(Errno) {
      let directory = try Descriptor.workingDirectory.open(try KernelPath(Self.existing(root)), .pathOnly)
      space = try directory.descriptor.fileSystemStatus()
    } catch {
      return Finding(
        Self.topic, root, .missing, "\(error)", why: why, fix: "choose another place with --root or SKIFF_ROOT")
    }
    let (free, overflowed) = space.availableBlocks.multipliedReportingOverflow(by: space.blockSizeBytes)
    let freeBytes = overflowed ? Int64.max : Int64(clamping: free)
    let type = Self.names[space.magic] ?? "file system 0x\(String(space.magic, radix: 16))"
    let detail = "\(type), \(ByteSize(bytes: freeBytes).decimalText) free"
    if space.isReadOnly {
      return Finding(
        Self.topic, root, .missing, detail + ", read-only", why: why, fix: "remount it read-write, or use --root")
    }
    let tight: Int64 = 2 << 30
    let full: Int64 = 64 << 20
    let verdict: Finding.Verdict = freeBytes < full ? .missing : freeBytes < tight ? .warning : .ok
    return Finding(
      Self.topic, root, verdict, detail, why: why,
      fix: "make room: skiff system prune --all; or use --root on a larger disk")
  }

  /// Layers are tried in a new directory of the store, which goes at once.
  private func overlay() -> Finding? {
    let why = "containers lie in overlays here; where that cannot be, skiff takes btrfs or whole copies"
    let place = Self.existing(root)
    do throws(Errno) {
      let parent = try Descriptor.workingDirectory.open(try KernelPath(place), [.readOnly, .directory])
      // Nothing of anybody's has this name: where there is no store yet, the place is not the engine's own.
      let entry = try TemporaryName.make(prefix: ".skiff-doctor-")
      try parent.descriptor.makeDirectory(entry, mode: 0o700)
      let refusal = trial.refusal(in: .mount) { () throws(TrialRefusal) in
        try OverlayTrial.mount(in: place == "/" ? "/\(entry)" : "\(place)/\(entry)", trial)
      }
      try parent.descriptor.removeTree(entry)
      guard let refusal else { return Finding(Self.topic, "overlays in the store", .ok, "", why: why) }
      return Finding(
        Self.topic, "overlays in the store", .warning, refusal.words, why: why,
        fix: "put the store on ext4, xfs or btrfs with --root; or use --storage-driver btrfs or copy")
    } catch {
      return Finding(
        Self.topic, "overlays in the store", .missing, "cannot write in \(place): \(error)", why: why,
        fix: "choose another place with --root or SKIFF_ROOT")
    }
  }

  private func running() -> Finding {
    let why = "what a reboot may forget lies here; on a disk it would be believed after a reboot until it is swept"
    let magic = (try? Descriptor.workingDirectory.fileSystemMagic(of: Self.existing(runRoot))) ?? 0
    return Finding(
      Self.topic, runRoot, magic == FileSystemStatus.tmpfs || magic == FileSystemStatus.ramfs ? .ok : .warning,
      Self.names[magic] ?? "file system 0x\(String(magic, radix: 16))", why: why,
      fix: "mount a tmpfs on /run, or use --run-root")
  }
}
