import Foundation
import Testing

extension Integration {
  /// `skiff explain`: each defence refuses something, is named, and with the option that is told the same passes.
  @Suite struct EngineExplainDenial {
    /// What stood in the way of a command in a container that runs with these options.
    private func refusals(
      _ store: Store, _ options: [String], _ command: [String], explaining: [String] = []
    ) throws -> [JSON] {
      _ = try store.start(["--name", "one"] + options)
      let outcome = try store.attempt(["explain", "--format", "json"] + explaining + ["one", "--"] + command)
      try store.skiff("rm", "--force", "one")
      return try outcome.lines.map { try JSON(text: $0) }
    }

    /// The words of an option as a person would type them.
    private func words(_ flag: String) -> [String] {
      let parts = flag.split(separator: " ", maxSplits: 1).map(String.init)
      // A rule of a device is one word; two options in a row are not.
      guard parts.count == 2, parts[0] != "--device-cgroup-rule" else { return parts }
      return [parts[0]] + parts[1].split(separator: " ").map(String.init)
    }

    /// Denied in a container with `options`, explained as `kind`, allowed with the first option that is told.
    ///
    /// - Parameter again: The options of the second run, where those of the first would contradict the one that is told.
    @discardableResult
    private func prove(
      _ kind: String, with options: [String] = [], again: [String]? = nil, _ line: String, flag: String? = nil,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> JSON? {
      var found: JSON?
      try inHarbour { harbour in
        let store = try Store(harbour)
        let options = ["--network", "none"] + options
        let again = again.map { ["--network", "none"] + $0 } ?? options
        let command = ["sh", "-c", line]
        let denied = try store.attempt(["run", "--rm"] + options + [Store.image] + command)
        #expect(denied.code != 0, "it is not denied: \(denied)", sourceLocation: sourceLocation)

        let denials = try refusals(store, options, command)

        let denial = denials.first { $0.Guard.text == kind }
        #expect(denial != nil, "\(denials)", sourceLocation: sourceLocation)
        #expect(denial?.Certainty.text == "seen", "\(denials)", sourceLocation: sourceLocation)
        let told = try #require(denial?.Flags.texts.first, "\(denials)", sourceLocation: sourceLocation)
        if let flag { #expect(told == flag, "\(denials)", sourceLocation: sourceLocation) }
        let allowed = try store.attempt(["run", "--rm"] + again + words(told) + [Store.image] + command)
        #expect(allowed.code == 0, "\(told) does not allow it: \(allowed)", sourceLocation: sourceLocation)
        found = denial
      }
      return found
    }

    @Test func `seccomp`() throws {
      try prove("seccomp", "unshare -U true", flag: "--cap-add SYS_ADMIN")
    }

    @Test func `a profile of one's own`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let profile = try harbour.write(
          #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}"#,
          to: "profile.json")
        let denials = try refusals(
          store, ["--network", "none", "--security-opt", "seccomp=\(profile)"], ["mkdir", "/tmp/x"])

        #expect(denials.map(\.Guard.text) == ["seccomp"], "\(denials)")
        #expect(denials[0].What.text.contains("/tmp/x") && denials[0].Why.text.contains("profile.json"))
        #expect(denials[0].Flags.texts == ["--security-opt seccomp=unconfined"])
      }
    }

    @Test func `a filter that kills`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let profile = try harbour.write(
          #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_KILL_PROCESS"}]}"#,
          to: "profile.json")
        let denials = try refusals(
          store, ["--network", "none", "--security-opt", "seccomp=\(profile)"], ["mkdir", "/tmp/x"])

        #expect(denials.map(\.Guard.text) == ["seccomp"], "\(denials)")
        #expect(denials.first?.Flags.texts == ["--security-opt seccomp=unconfined"], "\(denials)")
      }
    }

    @Test(arguments: [
      ("chown 1000 /etc/passwd", ["--cap-drop", "CHOWN"], "--cap-add CHOWN"),
      ("mknod /tmp/null c 1 3", [], "--cap-add MKNOD"),
      ("chroot / true", ["--cap-drop", "SYS_CHROOT"], "--cap-add SYS_CHROOT"),
      ("ip link add dummy0 type dummy || ip link set lo down", [], "--cap-add NET_ADMIN"),
    ])
    func `a capability`(_ line: String, _ options: [String], _ flag: String) throws {
      // What was dropped is not dropped the second time: an option that is given twice cannot take itself back.
      guard options.isEmpty else {
        try inHarbour { harbour in
          let store = try Store(harbour)
          let denials = try refusals(store, ["--network", "none"] + options, ["sh", "-c", line])
          // The default profile lets chroot(2) pass by its capability only: the filter refuses first.
          #expect(denials.contains { $0.Flags.texts.first == flag }, "\(denials)")
          #expect(try store.attempt("run", "--rm", "--network", "none", Store.image, "sh", "-c", line).code == 0)
        }
        return
      }
      try prove("capability", with: options, line, flag: flag)
    }

    @Test func `capabilities of somebody who is not root`() throws {
      try prove("capability", with: ["--user", "1000"], "chroot / true", flag: "--user 0")
    }

    @Test func `a root file system that is read-only`() throws {
      let denial = try prove("read-only", with: ["--read-only"], "echo x > /etc/new", flag: "--read-only=false")
      #expect(denial?.What.text.contains("/etc/new") == true)
    }

    @Test func `a mount that is read-only`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let data = try harbour.makeDirectory("data")
        let denials = try refusals(store, ["--network", "none", "-v", "\(data):/data:ro"], ["touch", "/data/x"])

        #expect(denials.map(\.Guard.text) == ["read-only"], "\(denials)")
        #expect(denials[0].Flags.texts == ["-v \(data):/data:rw"])
        try store.skiff("run", "--rm", "--network", "none", "-v", "\(data):/data:rw", Store.image, "touch", "/data/x")
      }
    }

    @Test func `a setting of the kernel's, and one of the network's`() throws {
      try prove(
        "read-only", "exec 3>> /proc/sys/kernel/printk", flag: "--security-opt systempaths=unconfined")
      try inHarbour { harbour in
        let store = try Store(harbour)
        let denials = try refusals(
          store, ["--network", "none"], ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"])
        #expect(denials.first?.Flags.texts.first == "--sysctl net.ipv4.ip_forward=VALUE", "\(denials)")
      }
    }

    @Test func `a path that is masked`() throws {
      try prove("masked", "test -n \"$(head -c 1 /proc/kallsyms)\"", flag: "--security-opt systempaths=unconfined")
    }

    @Test func `a device`() throws {
      try prove(
        "device", with: ["-v", "/dev/loop-control:/dev/loop-control"], "exec 3< /dev/loop-control",
        flag: "--device /dev/loop-control")
    }

    @Test func `a device that the container made itself`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let command = ["sh", "-c", "mknod /tmp/control c 10 237 && exec 3< /tmp/control"]
        let denials = try refusals(store, ["--network", "none", "--cap-add", "MKNOD"], command)

        let rule = denials.first { $0.Guard.text == "device" }?.Flags.texts.last
        #expect(rule == "--device-cgroup-rule c 10:237 rwm", "\(denials)")
        let options = ["run", "--rm", "--network", "none", "--cap-add", "MKNOD"]
        try store.attempt(options + words(rule ?? "") + [Store.image] + command).expecting(0)
      }
    }

    @Test func `a file of somebody whom the user namespace does not have`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let secret = try harbour.write("x", to: "secret", mode: 0o600)
        let options = ["--network", "none", "-v", "\(secret):/secret"]
        let denials = try refusals(store, options + ["--userns", "auto"], ["cat", "/secret"])

        #expect(denials.first?.Guard.text == "id map", "\(denials)")
        #expect(denials.first?.Flags.texts == ["--userns host"])
        try store.attempt(["run", "--rm"] + options + ["--userns", "host", Store.image, "cat", "/secret"]).expecting(0)
      }
    }

    @Test func `an id that the user namespace does not have`() throws {
      try prove(
        "id map", with: ["--uidmap", "0:100000:1000", "--gidmap", "0:100000:1000"], again: [], "chown 5000 /tmp",
        flag: "--userns host")
    }

    @Test func `a wall of landlock`() throws {
      let walls = ["--tmpfs", "/data", "--landlock", "ro=/bin,ro=/etc,ro=/data"]
      try prove("landlock", with: walls, "echo on > /data/file", flag: "--landlock rw=/data")
    }

    @Test func `no_new_privs`() throws {
      try inHarbour { harbour in
        let tree = try Store.tree()
        try shell(
          "cp -a \(tree) \(harbour.path("tree")); cp \(tree)/bin/probe \(harbour.path("tree"))/bin/rooted; chmod 4755 \(harbour.path("tree"))/bin/rooted"
        )
        let store = try Store(harbour, hasImage: false)
        try store.skiff("import", harbour.path("tree"), "rooted:1")
        let options = ["--network", "none", "--user", "1000", "--security-opt", "no-new-privileges"]
        try store.attempt(["run", "-d", "--name", "one"] + options + ["rooted:1", "sleep", "1000"]).expecting(0)
        let outcome = try store.attempt("explain", "--format", "json", "one", "--", "/bin/rooted", "see")
        try store.skiff("rm", "--force", "one")

        let denial = try JSON(text: try #require(outcome.lines.first, "\(outcome)"))
        #expect(denial.Guard.text == "no_new_privs", "\(outcome)")
        #expect(denial.Flags.texts == ["--security-opt no-new-privileges=false"])
        let allowed = try store.skiff(
          "run", "--rm", "--network", "none", "--user", "1000", "--security-opt", "no-new-privileges=false", "rooted:1",
          "/bin/rooted", "see")
        #expect(try JSON(text: allowed.output).status.Uid.list.dropFirst().first?.number == 0, "\(allowed)")
      }
    }

    @Test func `a program on a tmpfs`() throws {
      try prove(
        "mount option", with: ["--tmpfs", "/scratch"], again: [], "cp /bin/busybox /scratch/true; /scratch/true",
        flag: nil)
    }

    @Test func `open files, processes and file sizes`() throws {
      try prove(
        "limit", with: ["--ulimit", "nofile=16:16"],
        #"i=3; while [ $i -lt 60 ]; do eval "exec $i< /etc/passwd" || exit 1; i=$((i+1)); done"#
      )
      try prove(
        "limit", with: ["--pids-limit", "6"], "for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait",
        flag: "--pids-limit 24")
      try prove(
        "limit", with: ["--ulimit", "fsize=4096"], "head -c 100000 /dev/zero > /tmp/blob", flag: "--ulimit fsize=-1")
      try prove(
        "limit", with: ["--shm-size", "1m"], "head -c 3000000 /dev/zero > /dev/shm/blob", flag: "--shm-size 4m")
    }

    @Test func `memory, seen live, under watch, and when all is over`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let eat = "x=$(head -c 60000000 /dev/zero | tr '\\0' x); echo ${#x}"
        let denials = try refusals(
          store, ["--network", "none", "--memory", "24m", "--memory-swap", "24m"], ["sh", "-c", eat])
        #expect(denials.contains { $0.Guard.text == "limit" && $0.Flags.texts == ["--memory 96m"] }, "\(denials)")

        let ended = try store.attempt(
          "run", "--name", "two", "--network", "none", "--memory", "24m", "--memory-swap", "24m", Store.image, "sh",
          "-c",
          eat)
        #expect(ended.code != 0)
        let after = try store.attempt("explain", "--format", "json", "two")
        #expect(after.output.contains("--memory 96m"), "\(after)")
        try store.skiff("rm", "two")
      }
    }

    @Test func `a container that has ended is started once more under watch`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let ended = try store.attempt(
          "run", "--name", "job", "--network", "none", "--read-only", Store.image, "sh", "-c", "echo x > /etc/new")
        #expect(ended.code == 1)

        let words = try store.attempt("explain", "--format", "json", "job")
        let watched = try store.attempt("explain", "--trace", "--format", "json", "job")

        let candidate = try JSON(text: try #require(words.lines.first, "\(words)"))
        #expect(candidate.Certainty.text == "candidate" && candidate.Guard.text == "read-only", "\(words)")
        #expect(candidate.Flags.texts.first == "--read-only=false")
        let seen = try JSON(text: try #require(watched.lines.first, "\(watched)"))
        #expect(seen.Certainty.text == "seen" && seen.Guard.text == "read-only", "\(watched)")
        #expect(try store.inspect("job").State.Status.text == "exited")
        try store.skiff("rm", "job")
      }
    }

    @Test func `messages alone give candidates, and what nothing is known of gives none`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let ping = try store.skiff("explain", "ping: permission denied (are you root?)")
        #expect(ping.output.contains("--cap-add NET_RAW") && ping.output.contains("capability?"))
        let files = try store.skiff("explain", "open /data/x: too many open files")
        #expect(files.output.contains("--ulimit nofile="))
        let nothing = try store.attempt("explain", "all is well with the world")
        #expect(nothing.code == 1 && nothing.output.contains("nothing is found"))
        #expect(try store.attempt("explain", "nobody").errors.contains("no such container: nobody"))
        #expect(try store.attempt("explain").code == 125)
      }
    }

    @Test func `what is not denied is not explained, and the command's words and end are its own`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(["--name", "one", "--network", "none"])
        let outcome = try store.attempt("explain", "one", "--", "sh", "-c", "ls /; echo done; echo x > /tmp/x; exit 3")

        #expect(outcome.code == 1)
        #expect(outcome.output.contains("nothing is found") && outcome.output.contains("exit code 3"), "\(outcome)")
        #expect(outcome.errors.contains("done"))
        #expect(try store.attempt("explain", "--trace", "one").errors.contains("it is running"))
        try store.skiff("rm", "--force", "one")
        try store.skiff("create", "--name", "two", "--network", "none", Store.image)
        #expect(try store.attempt("explain", "two", "true").errors.contains("it is not running"))
        try store.skiff("rm", "two")
      }
    }
  }
}
