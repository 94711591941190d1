import Foundation
import Testing

extension Integration {
  /// Tutorial step: capabilities, no_new_privs, seccomp: safe by default, more by choice.
  @Suite struct EngineSecurity {
    /// chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service sys_chroot setfcap
    static let usual = "00000000800405fb"

    @Test func `the usual rights are few`() throws {
      try inHarbour { harbour in
        let seen = try Store(harbour).see()

        #expect(seen.status.CapBnd.text == Self.usual)
        #expect(seen.status.CapEff.text == Self.usual)
        #expect(seen.status.CapInh.text == "0000000000000000")
        #expect(seen.status.CapAmb.text == "0000000000000000")
        #expect(seen.status.Seccomp.number == 2)
        // Nothing in the image is setuid.
        #expect(seen.status.NoNewPrivs.number == 1)
        #expect(seen.rlimits["Max core file size"].list.first?.text == "0")
        #expect(seen.status.SigBlk.text == "0000000000000000")
        #expect(seen.descriptors.keys == ["0", "1", "2"])
      }
    }

    @Test func `the kernel's own things are masked or read-only`() throws {
      try inHarbour { harbour in
        let told = try Store(harbour).perform(
          [], "read /proc/kcore", "read /proc/timer_list", "read /proc/kallsyms", "list /sys/firmware",
          "write /proc/sys/kernel/hostname x", "write /proc/irq/default_smp_affinity 3",
          "make-directory /sys/fs/cgroup/x",
          "create /sys/kernel/x x")

        // Not every kernel has it.
        #expect(told[0].text == "" && (told[0].errno.isMissing || told[0].errno.number == 2))
        #expect(told[1].text == "")
        #expect(told[2].text == "")
        #expect(told[3].texts == [])
        for index in 4...6 { #expect([30, 13, 1].contains(told[index].errno.number), "\(index): \(told[index])") }
        #expect(told[7].errno.number != -1)
      }
    }

    @Test func `rights are added and dropped one by one`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        #expect(try store.see("--cap-add", "NET_RAW").status.CapEff.text == "00000000800425fb")
        #expect(try store.see("--cap-drop", "CAP_CHOWN").status.CapEff.text == "00000000800405fa")
        #expect(try store.see("--cap-drop", "all").status.CapEff.text == "0000000000000000")
        #expect(try store.see("--cap-drop", "ALL", "--cap-add", "kill").status.CapEff.text == "0000000000000020")
      }
    }

    @Test func `privileged has all that the caller has`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let own = try shell("grep CapBnd /proc/self/status").output.split(separator: "\t").last?.split(separator: "\n")
          .first

        let seen = try store.see("--privileged")

        #expect(seen.status.CapEff.text == own.map(String.init))
        #expect(seen.status.Seccomp.number == 0)
        #expect(seen.status.NoNewPrivs.number == 0)
        #expect(seen.devices["loop-control"].type.text == "characterDevice")
      }
    }

    @Test func `the filter refuses what containers do not need`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        // keyctl through unshare's kin: a new user namespace is not for the usual container.
        let filtered = try store.attempt("run", "--rm", Store.image, "unshare", "-U", "true")
        let unfiltered = try store.attempt(
          "run", "--rm", "--security-opt", "seccomp=unconfined", Store.image, "unshare", "-U", "true")

        #expect(filtered.code == 1)
        #expect(filtered.errors.contains("Operation not permitted"))
        #expect(unfiltered.code == 0)
        #expect(try store.see("--security-opt", "seccomp=unconfined").status.Seccomp.number == 0)
      }
    }

    @Test func `no attribute of a layer leads the overlay elsewhere`() throws {
      try inHarbour { harbour in
        let layout = try LayeredImage.build(harbour)
        let store = try Store(harbour, hasImage: false)
        try store.skiff("load", "--input", layout)
        let name = try store.skiff("images", "--quiet").lines[0]
        let before = try store.attempt("run", "--rm", "--network", "none", "--user", "0", name, "ls", "/gone")
        #expect(before.lines == ["back", "unsaid"])

        // As if the unpacker had let it through: the directory of an upper layer stands for another one of the layers below.
        try shell(
          "setfattr -n trusted.overlay.redirect -v /owned $(dirname \(store.root)/layers/*/fs/gone/back)")
        let after = try store.attempt("run", "--rm", "--network", "none", "--user", "0", name, "ls", "/gone")

        #expect(!after.output.contains("mine"), "\(after)")
        #expect(after.code != 0)
      }
    }

    @Test func `a profile of one's own`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let profile = try harbour.write(
          #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}"#,
          to: "profile.json")

        let told = try store.perform(["--security-opt", "seccomp=\(profile)"], "make-directory /tmp/x")

        #expect(told[0].errno.number == 1)
        let missing = try store.attempt(
          "run", "--rm", "--security-opt", "seccomp=/absent.json", Store.image, "true")
        #expect(missing.code == 125)
        #expect(missing.errors.contains("/absent.json"))
      }
    }

    @Test func `no_new_privs by choice`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        #expect(try store.see("--security-opt", "no-new-privileges").status.NoNewPrivs.number == 1)
        #expect(try store.see("--security-opt", "no-new-privileges=false").status.NoNewPrivs.number == 0)
      }
    }
  }
}
