import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// The ways in which layers become a container's root file system: all show the same.
  @Suite struct StorageDrivers {
    static let drivers = ["overlay", "btrfs", "copy"]

    /// A store of that driver; `disk` is where a btrfs is mounted.
    private func start(_ harbour: Harbour, _ driver: String) throws -> (store: Store, disk: String) {
      let disk = try harbour.makeDirectory("disk")
      if driver == "btrfs" {
        let file = harbour.path("disk.btrfs")
        try shell("truncate -s 512M \(file); mkfs.btrfs -q \(file); mount -o loop \(file) \(disk)")
        harbour.atEnd { _ = try? shell("umount \(disk)") }
      }
      return (try Store(harbour, storageDriver: driver, root: disk + "/store", hasImage: false), disk)
    }

    private func subvolumes(_ disk: String) throws -> [String] {
      try shell("btrfs subvolume list \(disk) | sed 's/.* path //'").lines
    }

    @Test(arguments: drivers)
    func `an image of several layers is what another unpacker makes of it`(driver: String) throws {
      try inHarbour { harbour in
        let layout = try LayeredImage.build(harbour)
        let expected = try LayeredImage.expected()
        let (store, disk) = try start(harbour, driver)

        try store.skiff("load", "--input", layout)
        let id = try store.skiff("images", "--quiet").lines[0]
        let found = try LayeredImage.entries(
          try store.attempt(
            ["run", "--rm", "--privileged", "--user", "0", "--network", "none", id, "probe", "tree", "/"]
              + LayeredImage.leftOut
          ).expecting(0))

        #expect(expected.count > 300)
        for path in Set(expected.keys).union(found.keys).sorted() where path != "/etc" {
          #expect(found[path] == expected[path], "\(path)")
        }
        try store.skiff("rmi", id)
        #expect(try store.content() == [])
        if driver == "btrfs" { #expect(try subvolumes(disk) == []) }
      }
    }

    @Test(arguments: drivers)
    func `what a container changes is its own, and goes with it`(driver: String) throws {
      try inHarbour { harbour in
        let (store, disk) = try start(harbour, driver)
        try store.skiff("import", try Store.archive(), Store.image)
        let image = try store.content()

        try store.skiff(
          "run", "--name", "one", "--network", "none", Store.image, "sh", "-c",
          "echo mine > /etc/mine; rm /bin/vi; echo changed >> /etc/passwd; chmod 700 /tmp")
        let seen = "ls /etc/mine /bin/vi; grep -c changed /etc/passwd; stat -c %a /tmp; grep ' / ' /proc/mounts"
        let other = try store.skiff("run", "--rm", "--network", "none", Store.image, "sh", "-c", seen).lines
        #expect(Array(other.prefix(3)) == ["/bin/vi", "0", "1777"])
        let type = ["overlay": "overlay", "btrfs": "btrfs", "copy": "ext4"][driver] ?? "?"
        #expect(other.last?.contains(" \(type) ") == true || driver == "copy", "\(other)")
        if driver == "btrfs" {
          let paths = try subvolumes(disk)
          #expect(paths.filter { $0.hasPrefix("store/layers/") && $0.hasSuffix("/fs") }.count == 1, "\(paths)")
          #expect(paths.filter { $0.hasPrefix("store/containers/") && $0.hasSuffix("/tree") }.count == 1, "\(paths)")
        }
        // The container itself has what it did, and the image does not.
        try store.skiff("start", "one")
        try store.awaitEnd("one")
        try store.skiff("rm", "one")
        #expect(try store.content() == image)

        try store.skiff("rmi", Store.image)
        #expect(try store.content() == [])
        if driver == "btrfs" { #expect(try subvolumes(disk) == []) }
      }
    }

    @Test func `subvolumes that a container makes go with it`() throws {
      try inHarbour { harbour in
        let (store, disk) = try start(harbour, "btrfs")
        try store.skiff("import", try Store.archive(), Store.image)
        let id = try store.start(["--network", "none"])
        try shell("btrfs subvolume create \(disk)/store/containers/\(id)/tree/tmp/nested")
        #expect(try subvolumes(disk).count == 3)

        try store.skiff("rm", "--force", id)

        #expect(try subvolumes(disk).count == 1)
      }
    }

    @Test func `a store keeps the driver that it was made with`() throws {
      try inHarbour { harbour in
        let first = try Store(harbour, storageDriver: "copy", hasImage: false)
        try first.skiff("import", try Store.archive(), Store.image)

        let outcome = try Store(harbour, storageDriver: "overlay", hasImage: false).attempt(
          "run", "--rm", Store.image, "true")

        #expect(outcome.code == 125)
        #expect(outcome.errors.contains("was made with storage driver copy, not overlay"), "\(outcome.errors)")
        let none = try Store(harbour, storageDriver: "btrfs", root: harbour.path("other"), hasImage: false)
        let refused = try none.attempt("import", try Store.archive(), Store.image)
        #expect(refused.code == 1)
        #expect(refused.errors.contains("btrfs"), "\(refused.errors)")
      }
    }
  }

  /// A file with a file system in it as a container's root.
  @Suite struct ImageFiles {
    private func make(_ harbour: Harbour) throws -> (store: Store, file: String) {
      let file = harbour.path("disk.ext4")
      try shell("truncate -s 32M \(file); mkfs.ext4 -q -d \(try Store.tree()) \(file)")
      return (try Store(harbour, hasImage: false), file)
    }

    private func loops(_ file: String) -> [String] {
      let devices = (try? FileManager.default.contentsOfDirectory(atPath: "/sys/block")) ?? []
      return devices.filter { device in
        let text = FileManager.default.contents(atPath: "/sys/block/\(device)/loop/backing_file")
        return text.map { String(decoding: $0, as: UTF8.self).hasPrefix(file) } ?? false
      }
    }

    @Test func `it is mounted by a loop device, which goes with the container`() throws {
      try inHarbour { harbour in
        let (store, file) = try make(harbour)

        let id = try store.attempt(
          "run", "--detach", "--network", "none", "--rootfs", file, "sh", "-c", "echo kept > /note; sleep 1000"
        ).expecting(0).lines[0]
        #expect(loops(file).count == 1)
        #expect(try store.exec(id, "cat /note; grep -c ' / ext4 rw' /proc/mounts") == "kept\n1")
        try store.skiff("rm", "--force", id)

        let deadline = ContinuousClock.now + .seconds(5)
        while !loops(file).isEmpty, ContinuousClock.now < deadline { ClockTime.sleep(milliseconds: 10) }
        #expect(loops(file) == [])
        #expect(try shell("e2fsck -fn \(file) >/dev/null 2>&1; echo $?").lines == ["0"])
        #expect(try shell("debugfs -R 'cat /note' \(file) 2>/dev/null").output == "kept\n")
      }
    }

    @Test func `two containers do not write to one file system by two mounts`() throws {
      try inHarbour { harbour in
        let (store, file) = try make(harbour)
        let id = try store.attempt("run", "--detach", "--network", "none", "--rootfs", file, "sleep", "1000")
          .expecting(0).lines[0]

        let second = try store.attempt("run", "--rm", "--network", "none", "--rootfs", file, "true")

        #expect(second.code == 125)
        #expect(second.errors.contains(file), "\(second.errors)")
        #expect(loops(file).count == 1)
        try store.skiff("rm", "--force", id)
        try store.attempt("run", "--rm", "--network", "none", "--rootfs", file, "true").expecting(0)
        #expect(try shell("e2fsck -fn \(file) >/dev/null 2>&1; echo $?").lines == ["0"])
      }
    }

    @Test func `what holds no file system is refused and lets its loop device go`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let file = harbour.path("words")
        try shell("head -c 1000000 /dev/urandom > \(file)")

        let outcome = try store.attempt("run", "--rm", "--network", "none", "--rootfs", file, "true")

        #expect(outcome.code == 125)
        #expect(outcome.errors.contains(file), "\(outcome.errors)")
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        #expect(try store.skiff("ps", "--all", "--quiet").lines == [])
        #expect(loops(file) == [])
      }
    }
  }
}
