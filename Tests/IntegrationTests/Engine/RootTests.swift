import Foundation
import Testing

extension Integration {
  /// Tutorial steps: private propagation, chroot and pivot_root, a root file system from an archive, an ext4 image, a btrfs snapshot.
  @Suite struct RootFileSystems {
    @Test func `the old root is gone, proc is mounted, nothing of the host is in sight`() throws {
      try inHarbour { harbour in
        let seen = try Store(harbour).see()

        let targets = seen.mounts.list.map(\.target.text)
        #expect(seen.mount("/").type.text == "overlay")
        #expect(seen.mount("/proc").type.text == "proc")
        let allowed = ["/", "/proc", "/sys", "/dev", "/etc/resolv.conf", "/etc/hosts", "/etc/hostname"]
        for target in targets {
          #expect(
            allowed.contains(target) || ["/dev/", "/proc/", "/sys/"].contains { target.hasPrefix($0) }, "\(target)")
        }
        for mount in seen.mounts.list {
          #expect(mount.propagation.texts.allSatisfy { !$0.hasPrefix("shared:") }, "\(mount)")
        }
      }
    }

    @Test func `unmounting inside never unmounts outside`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let source = try harbour.makeDirectory("source")
        try shell("mount -t tmpfs outside \(source); mount --make-shared \(source); echo kept > \(source)/file")
        harbour.atEnd { _ = try? shell("umount -l \(source)") }

        let told = try store.perform(
          ["--privileged", "--volume", "\(source):/data"], "read /data/file", "umount /data", "umount /proc")

        #expect(told[1].isTrue && told[2].isTrue)
        #expect(try shell("cat \(source)/file; test -e /proc/self && echo proc").lines == ["kept", "proc"])
      }
    }

    @Test func `a shared volume passes mounts on, by choice alone`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let source = try harbour.makeDirectory("source")
        try shell("mount -t tmpfs t \(source); mount --make-shared \(source); mkdir \(source)/a")
        harbour.atEnd { _ = try? shell("umount -R -l \(source)") }

        _ = try store.perform(["--privileged", "--volume", "\(source):/data"], "mount tmpfs /data/a")
        #expect(try run(["grep", "-c", "\(source)/a ", "/proc/self/mountinfo"]).lines == ["0"])

        _ = try store.perform(["--privileged", "--volume", "\(source):/data:rshared"], "mount tmpfs /data/a")
        #expect(try run(["grep", "-c", "\(source)/a ", "/proc/self/mountinfo"]).lines == ["1"])
      }
    }

    @Test func `an image is imported from an archive and from a directory`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)

        try store.skiff("import", try Store.archive(), "localhost/from-archive")
        try store.skiff("import", try Store.tree(), "localhost/from-tree:1")

        for image in ["localhost/from-archive:latest", "localhost/from-tree:1"] {
          #expect(try store.skiff("run", "--rm", image, "/bin/echo", "aye").output == "aye\n")
        }
        let listed = try store.skiff("images").output
        #expect(listed.contains("localhost/from-archive"))
        #expect(listed.contains("localhost/from-tree"))
      }
    }

    @Test func `an archive is imported from standard input, with settings`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)

        try shell(
          """
          \(Programs.skiff) --root \(harbour.path("store")) --run-root \(harbour.path("run")) import \
          --change 'ENV SEA=calm' --change 'CMD ["sh","-c","echo $SEA"]' - localhost/piped < \(try Store.archive())
          """)

        #expect(try store.skiff("run", "--rm", "localhost/piped").output == "calm\n")
      }
    }

    @Test func `what one container writes no other sees`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("run", "--name", "one", Store.image, "sh", "-c", "echo mine > /etc/mine; rm -f /bin/vi")

        let other = try store.skiff("run", "--rm", Store.image, "sh", "-c", "ls /etc/mine /bin/vi; true")

        #expect(other.output == "/bin/vi\n")
        try store.skiff("start", "--attach", "one")
        try store.skiff("rm", "one")
      }
    }

    @Test func `a directory serves as the root file system`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        try shell("cp -a \(try Store.tree()) \(harbour.path("root"))")

        let outcome = try store.skiff(
          "run", "--rm", "--rootfs", harbour.path("root"), "sh", "-c", "echo written > /note; cat /note")

        #expect(outcome.output == "written\n")
        #expect(try harbour.read("root/note") == "written\n")
      }
    }

    @Test func `an ext4 image file serves as the root file system`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let file = harbour.path("disk.ext4")
        try shell("dd if=/dev/zero of=\(file) bs=1M count=64 status=none; mkfs.ext4 -q -d \(try Store.tree()) \(file)")

        let first = try store.skiff(
          "run", "--rm", "--rootfs", file, "sh", "-c", "echo kept > /note; grep ' / ' /proc/mounts")
        let second = try store.skiff("run", "--rm", "--rootfs", file, "cat", "/note")

        #expect(first.output.contains("ext4"))
        #expect(second.output == "kept\n")
      }
    }

    @Test func `on btrfs an image is a subvolume and a container a snapshot`() throws {
      try inHarbour { harbour in
        let (file, mount) = (harbour.path("disk.btrfs"), try harbour.makeDirectory("disk"))
        try shell("truncate -s 512M \(file); mkfs.btrfs -q \(file); mount -o loop \(file) \(mount)")
        harbour.atEnd { _ = try? shell("umount \(mount)") }
        let store = try Store(harbour, storageDriver: "btrfs", root: mount + "/store")

        try store.skiff(
          "run", "--name", "one", Store.image, "sh", "-c", "echo mine > /etc/mine; grep ' / ' /proc/mounts")
        let other = try store.skiff("run", "--rm", Store.image, "sh", "-c", "ls /etc/mine; grep ' / ' /proc/mounts")

        #expect(other.output.contains("btrfs"))
        #expect(!other.output.contains("/etc/mine\n"))
        // The image's own, and the snapshot of the container that is kept.
        #expect(try shell("btrfs subvolume list \(mount) | wc -l").lines[0] >= "2")
        try store.skiff("rm", "one")
        try store.skiff("rmi", Store.image)
        #expect(try shell("btrfs subvolume list \(mount) | wc -l").lines == ["0"])
      }
    }

    @Test func `a read-only root, and temporary file systems where they are wanted`() throws {
      try inHarbour { harbour in
        let told = try Store(harbour).perform(
          ["--read-only", "--tmpfs", "/scratch:size=1m,mode=1777"], "create /x x", "create /scratch/x x", "see")

        #expect(told[0].errno.number == 30)
        #expect(told[1].number == 1)
        #expect(told[2].mount("/scratch").superOptions.texts.contains("size=1024k"))
      }
    }

    @Test func `volumes are kept by name, and start with what the image has there`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        try store.skiff("run", "--rm", "-v", "sea:/etc", Store.image, "sh", "-c", "echo salt > /etc/water")
        let seen = try store.attempt(
          "run", "--rm", "-v", "sea:/data:ro", Store.image, "sh", "-c",
          "cat /data/water; ls /data/passwd; echo x > /data/x")

        #expect(seen.output == "salt\n/data/passwd\n")
        #expect(seen.errors.contains("Read-only file system"))
        #expect(seen.code == 1)
      }
    }
  }
}
