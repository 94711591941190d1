import Foundation
import Testing

extension Integration {
  /// `skiff doctor`: what the machine has and lacks, found by trying.
  @Suite struct EngineDoctor {
    /// What was found, by name.
    private func findings(_ outcome: Outcome) throws -> [String: JSON] {
      var found: [String: JSON] = [:]
      for line in outcome.lines {
        let finding = try JSON(text: line)
        found[finding.Name.text] = finding
      }
      return found
    }

    private func look(_ store: Store, before: [String] = []) throws -> (code: Int32, findings: [String: JSON]) {
      let outcome = try store.attempt("doctor", "--format", "json", before: before)
      return (outcome.code, try findings(outcome))
    }

    @Test func `a machine on which containers run has what they need, and keeps no trace of the look`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let before = try FileManager.default.subpathsOfDirectory(atPath: store.root).sorted()

        let (code, found) = try look(store)

        #expect(code == 0, "\(found.values.filter { $0.Verdict.text == "missing" })")
        for name in ["mount namespaces", "overlayfs", "seccomp filters", "bridge and veth", "nftables with NAT"] {
          #expect(found[name]?.Verdict.text == "ok", "\(name): \(String(describing: found[name]))")
        }
        #expect(found.values.allSatisfy { !$0.Why.text.isEmpty })
        #expect(found.values.filter { $0.Verdict.text != "ok" }.allSatisfy { !$0.Fix.text.isEmpty })
        #expect(try FileManager.default.subpathsOfDirectory(atPath: store.root).sorted() == before)
        let table = try store.skiff("doctor", "--format", "table {{.Verdict}}\t{{.Name}}")
        #expect(table.lines[0].split(separator: " ").map(String.init) == ["VERDICT", "NAME"])
        #expect(try store.attempt("doctor", "--format", "{{.Nonsense").code == 125)
      }
    }

    @Test func `what lies where the store will be is left alone`() throws {
      try inHarbour { harbour in
        try harbour.write("mine", to: "place/.doctor/file")
        let store = try Store(harbour, root: harbour.path("place/store"), hasImage: false)

        #expect(try look(store).findings["overlays in the store"] != nil)

        #expect(try harbour.read("place/.doctor/file") == "mine")
        #expect(try FileManager.default.contentsOfDirectory(atPath: harbour.path("place")) == [".doctor"])
      }
    }

    @Test func `a right that is taken away is missed by name, and so is what it was for`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let (code, found) = try look(store, before: ["setpriv", "--bounding-set", "-net_admin"])

        #expect(code == 1)
        #expect(found["CAP_NET_ADMIN"]?.Verdict.text == "missing")
        #expect(found["CAP_NET_ADMIN"]?.Fix.text.contains("--cap-add NET_ADMIN") == true)
        #expect(found["capabilities"]?.Verdict.text == "ok")
      }
    }

    @Test func `control groups that cannot be written are seen`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let (code, found) = try look(
          store,
          before: [
            "unshare", "--mount", "sh", "-euc",
            "for tree in $(grep -o ' /sys/fs/cgroup[^ ]* ' /proc/self/mountinfo); do mount -o remount,bind,ro $tree; done; exec \"$@\"",
            "sh",
          ])

        #expect(code == 1)
        #expect(found["making groups"]?.Verdict.text == "missing")
        #expect(found["making groups"]?.Fix.text.contains("remount,rw") == true)
      }
    }

    @Test func `a limit of user namespaces is found by reaching it`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let (_, found) = try look(
          store,
          before: [
            "unshare", "--user", "--map-root-user", "sh", "-euc",
            "echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\"", "sh",
          ])

        #expect(found["user.max_user_namespaces"]?.Verdict.text == "warning")
        #expect(found["user namespaces"]?.Verdict.text != "ok")
        #expect(found["user namespaces"]?.Fix.text.contains("sysctl user.max_user_namespaces") == true)
        #expect(found["user namespace"]?.Detail.text == "this root is not the machine's")
      }
    }

    @Test func `a store on a file system that is read-only cannot be used`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let (code, found) = try look(
          store,
          before: [
            "unshare", "--mount", "sh", "-euc",
            "mount --bind \(store.root) \(store.root); mount -o remount,bind,ro \(store.root); exec \"$@\"", "sh",
          ])

        #expect(code == 1)
        #expect(found[store.root]?.Detail.text.contains("read-only") == true)
      }
    }

    @Test func `an ordinary user may ask, and hears what is missing`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try shell("chmod 755 \(harbour.directory); install -m 755 \(Programs.skiff) \(harbour.path("skiff"))")

        let outcome = try run(
          ["setpriv", "--reuid", "61234", "--regid", "61234", "--clear-groups", harbour.path("skiff"), "doctor"])

        #expect(outcome.code == 1)
        #expect(outcome.output.contains("missing  engine"))
        #expect(outcome.output.contains("usermod --add-subuids"))
        #expect(outcome.output.contains("ok       user namespaces"))
        #expect(outcome.output.contains("missing  skiff-runtime"), "it stands alone in that directory")
        withExtendedLifetime(store) {}
      }
    }

    @Test func `colours are for terminals, and for those who want them`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let escape = "\u{1B}["
        #expect(try !store.skiff("doctor").output.contains(escape))
        // The one who runs the tests may have said what he thinks of colours.
        let coloured = try Session(
          [Programs.skiff, "--root", store.root, "doctor"], terminal: .init(rows: 50, columns: 120),
          environment: ["NO_COLOR": "", "TERM": "xterm"])
        #expect(try coloured.wait().code == 0)
        #expect(coloured.text.contains(escape + "32mok"))
        let plain = try Session(
          [Programs.skiff, "--root", store.root, "doctor"], terminal: .init(rows: 50, columns: 120),
          environment: ["NO_COLOR": "1"])
        #expect(try plain.wait().code == 0)
        #expect(!plain.text.contains(escape) && plain.text.contains("Kernel"))
      }
    }
  }

  /// What is damaged is refused, not passed over.
  @Suite struct EngineDamage {
    @Test func `a layer that is no digest makes diff and sizes fail, not lie`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, storageDriver: "copy")
        let id = try store.skiff("create", "--name", "one", "--network", "none", Store.image).lines[0]
        #expect(try store.skiff("diff", "one").output == "")
        #expect(try store.inspect("one").SizeRw.isMissing)
        try shell(
          "sed -i 's/\"layers\":\\[\"sha256:/\"layers\":[\"sha257:/' \(store.root)/containers/\(id)/container.json")

        for words in [["diff", "one"], ["inspect", "--size", "one"]] {
          let refused = try store.attempt(words)
          #expect(refused.code == 1, "\(refused)")
          #expect(refused.errors.contains("cannot read the record of container one: layer sha257:"), "\(refused)")
        }
        try store.skiff("rm", "one")
      }
    }
  }
}
