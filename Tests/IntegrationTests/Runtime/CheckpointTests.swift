import Foundation
import SkiffKernel
import Testing

/// criu needs a kernel that knows its calls; where `criu check` fails, the machine of `make test-vm` has one.
private let criuWorks = (try? run(["criu", "check"]).code) == 0

extension Integration {
  /// Containers saved to files and brought back, by criu.
  @Suite(.enabled(if: criuWorks, "criu does not work here: make test-vm")) struct Checkpoints {
    /// Counts in a file, and cannot be counted on to begin where it was unless its memory came back.
    private func counting(_ harbour: Harbour, _ patch: String = "{}") throws -> Bundle {
      let bundle = try Bundle(harbour, patch)
      try shell("cp /bin/busybox \(bundle.rootfs)/bin/busybox")
      let script =
        "i=0; while :; do i=$((i+1)); echo $i >/tmp/new; /bin/busybox mv /tmp/new /tmp/count; /bin/busybox sleep 0.1; done"
      try bundle.setArguments(["/bin/busybox", "sh", "-c", script])
      try bundle.writeConfiguration()
      try start(bundle, ["run", "--detach", "--bundle", bundle.path])
      try awaitCount(bundle, above: 5)
      return bundle
    }

    /// Streams that nobody waits for.
    private func start(_ bundle: Bundle, _ words: [String]) throws {
      let root = bundle.harbour.path("state")
      try shell(
        "\(Programs.runtime) --root \(root) \(words.joined(separator: " ")) \(bundle.id) </dev/null >/dev/null 2>\(bundle.harbour.path("errors")) || { cat \(bundle.harbour.path("errors")) >&2; exit 1; }"
      )
    }

    private func count(_ bundle: Bundle) -> Int {
      let text = try? String(contentsOfFile: bundle.rootfs + "/tmp/count", encoding: .utf8)
      return Int((text ?? "").trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    private func awaitCount(_ bundle: Bundle, above least: Int) throws {
      let deadline = ContinuousClock.now + .seconds(30)
      while count(bundle) <= least {
        guard ContinuousClock.now < deadline else { throw Trouble("the count stays at \(count(bundle))") }
        ClockTime.sleep(milliseconds: 50)
      }
    }

    @Test func `a container goes on where it was saved`() throws {
      try inHarbour { harbour in
        let outside = try harbour.makeDirectory("outside")
        let bundle = try counting(
          harbour,
          """
          {"linux":{"resources":{"pids":{"limit":33}},"maskedPaths":["/proc/keys","/sys/firmware"],
             "readonlyPaths":["/proc/sys"]}}
          """)
        try bundle.configuration.append(
          #"{"destination":"/data","type":"bind","source":"\#(outside)","options":["rbind"]}"#, to: "mounts")
        try bundle.delete(force: true)
        try bundle.writeConfiguration()
        try start(bundle, ["run", "--detach", "--bundle", bundle.path])
        try awaitCount(bundle, above: 5)

        try bundle.runtime(["checkpoint", "--image-path", harbour.path("images"), bundle.id]).expecting(0)
        #expect(try bundle.runtime(["state", bundle.id]).code == 1)
        let saved = count(bundle)
        ClockTime.sleep(milliseconds: 500)
        #expect(count(bundle) == saved)

        try start(
          bundle,
          [
            "restore", "--detach", "--bundle", bundle.path, "--image-path", harbour.path("images"), "--work-path",
            harbour.path("work"), "--pid-file", harbour.path("pid"), "-no-subreaper",
          ])
        let state = try bundle.state()
        #expect(state.status.text == "running")
        #expect(try harbour.read("pid") == "\(state.pid.number)")
        try awaitCount(bundle, above: saved)
        // Not from the beginning.
        #expect(count(bundle) < saved + 500)
        #expect(try group("pids", of: state.pid.number) == "/skiff-test/\(bundle.id)")
        #expect(try value("pids", "pids.max", "pids.max", of: state.pid.number) == "33")
        try harbour.write("from outside", to: "outside/word")
        #expect(
          try bundle.runtime(["exec", bundle.id, "/bin/busybox", "cat", "/data/word"]).expecting(0).output
            == "from outside")
        try bundle.delete(force: true)
      }
    }

    @Test func `a container that is to go on runs through its checkpoint, and a first dump makes the second small`()
      throws
    {
      try inHarbour { harbour in
        let bundle = try counting(harbour)

        try bundle.runtime(["checkpoint", "--pre-dump", "--image-path", harbour.path("first"), bundle.id]).expecting(0)
        #expect(try bundle.state().status.text == "running")
        try bundle.runtime([
          "checkpoint", "--leave-running", "--parent-path", "../first", "--image-path", harbour.path("second"),
          bundle.id,
        ]).expecting(0)

        #expect(try bundle.state().status.text == "running")
        try awaitCount(bundle, above: count(bundle))
        #expect(try shell("cat \(harbour.path("second"))/parent/../first/pages-1.img | wc -c").output != "0\n")
        try bundle.delete(force: true)
      }
    }

    @Test func `what fails is told with criu's words, and leaves nothing`() throws {
      try inHarbour { harbour in
        let bundle = try counting(harbour)
        try harbour.makeDirectory("empty")
        let checkpoint = ["checkpoint", "--image-path", harbour.path("images")]

        #expect(try bundle.runtime(checkpoint + ["--manage-cgroups-mode", "mine", bundle.id]).code == 1)
        #expect(try bundle.runtime(checkpoint + ["--empty-ns", "pid", bundle.id]).code == 1)
        #expect(try bundle.runtime(checkpoint + ["nobody"]).errors.contains("does not exist"))
        try bundle.delete(force: true)

        let restore = try bundle.runtime([
          "restore", "--detach", "--bundle", bundle.path, "--image-path", harbour.path("empty"), bundle.id,
        ])
        #expect(restore.code == 1)
        #expect(try bundle.runtime(["state", bundle.id]).code == 1)
        // A list of streams alone makes criu itself refuse.
        try harbour.write("[]", to: "empty/descriptors.json")
        let refused = try bundle.runtime([
          "restore", "--detach", "--bundle", bundle.path, "--image-path", harbour.path("empty"), bundle.id,
        ])
        #expect(refused.code == 1)
        #expect(refused.errors.contains("criu failed: type RESTORE"))
        #expect(try bundle.runtime(["state", bundle.id]).code == 1)
        #expect(try bundle.runtime(["checkpoint", "--help"]).code == 0)
      }
    }

    @Test func `a restored container ends in the foreground with its code`() throws {
      try inHarbour { harbour in
        let bundle = try counting(harbour)
        try bundle.runtime(["checkpoint", "--image-path", harbour.path("images"), bundle.id]).expecting(0)

        let session = try bundle.session([
          "restore", "--bundle", bundle.path, "--image-path", harbour.path("images"), bundle.id,
        ])
        try awaitCount(bundle, above: count(bundle))
        try bundle.kill("KILL")

        #expect(try session.wait().code == 137)
        #expect(try bundle.runtime(["state", bundle.id]).code == 1)
      }
    }
  }

  /// Where criu does not work, engines that ask are told why.
  @Suite(.enabled(if: !criuWorks)) struct CheckpointProbe {
    @Test func `the probe for checkpoints fails with what is missing`() throws {
      guard Programs.isOurRuntime else { return }
      let probe = try run([Programs.runtime, "checkpoint", "--help"])

      #expect(probe.code == 1)
      #expect(probe.errors.contains("criu"))
    }
  }

  /// Mounts that come and go while a container runs.
  @Suite struct LiveMounts {
    @Test func `mounts are added to a running container and taken away`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try waiting(harbour)
        try harbour.write("from outside", to: "outside/word")
        try harbour.write("one file", to: "single")
        let list = try harbour.write(
          """
          {"mounts":[
            {"destination":"/mnt/new","type":"bind","source":"\(harbour.path("outside"))","options":["bind","ro"]},
            {"destination":"/tmp/single","type":"bind","source":"\(harbour.path("single"))","options":["bind"]},
            {"destination":"/mnt/memory","type":"tmpfs","source":"mem","options":["size=1m","noexec"]}]}
          """, to: "mounts.json")

        try bundle.runtime(["mounts", "add", bundle.id, list]).expecting(0)
        let read = { (path: String) in try bundle.runtime(["exec", bundle.id, "/bin/probe", "read", path]).output }
        #expect(try read("/mnt/new/word") == "\"from outside\"\n")
        #expect(try read("/tmp/single") == "\"one file\"\n")
        let write = try bundle.runtime(["exec", bundle.id, "/bin/probe", "write", "/mnt/new/word", "x"])
        #expect(try JSON(text: write.output).errno.number == 30)
        #expect(try read("/proc/self/mountinfo").contains("/mnt/memory rw,noexec"))

        try bundle.runtime(["mounts", "remove", bundle.id, list]).expecting(0)
        #expect(try !read("/proc/self/mountinfo").contains("/mnt/"))
        #expect(try bundle.runtime(["mounts", "remove", bundle.id, list]).code == 1)
        try bundle.delete(force: true)
      }
    }

    @Test func `a link in the container does not lead a mount to the host`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try waiting(harbour)
        try shell("ln -s ../../../../../../\(harbour.directory) \(bundle.rootfs)/tmp/out")
        try harbour.makeDirectory("outside")
        let list = try harbour.write(
          #"[{"destination":"/tmp/out/place","type":"bind","source":"\#(harbour.path("outside"))","options":["bind"]}]"#,
          to: "mounts.json")

        _ = try bundle.runtime(["mounts", "add", bundle.id, list])

        #expect(!harbour.exists("place"))
        for bad in [
          #"[{"destination":"/"}]"#, #"[{"destination":"/mnt/a","type":"proc"}]"#, "[", #"{"mounts":5}"#,
          #"[{"destination":"/mnt/a","type":"bind","source":"relative","options":["bind"]}]"#,
        ] {
          let file = try harbour.write(bad, to: "bad.json")
          #expect(try bundle.runtime(["mounts", "add", bundle.id, file]).code == 1, "\(bad)")
        }
        try bundle.delete(force: true)
      }
    }
  }
}
