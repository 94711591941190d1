import Foundation
import Testing

extension Integration {
  /// Another engine with our runtime beneath: what it asks for, and how it reads the answers.
  @Suite struct Podman {
    @Test func `podman runs, looks into, stops and removes containers`() throws {
      try inHarbour { harbour in
        let podman = try PodmanStore(harbour)

        #expect(try podman.run("echo", "aye").expecting(0).output == "aye\n")
        #expect(try podman.run("sh", "-c", "exit 7").code == 7)
        #expect(try podman.run("no-such-command").code == 127)
        #expect(try podman.run("/etc/passwd").code == 126)
        let seen = try JSON(text: try podman.run("probe", "see").expecting(0).output)
        #expect(seen.pid.number == 1)
        #expect(seen.status.Seccomp.number == 2)
        #expect(seen.status.CapEff.text != "0000000000000000")

        try podman.podman(
          ["run", "-d", "--name", "one", "--network", "none"] + podman.limits + [podman.image, "sleep", "1000"]
        )
        .expecting(0)
        #expect(try podman.podman(["exec", "one", "ps", "-o", "args"]).expecting(0).output.contains("sleep 1000"))
        #expect(try podman.podman(["exec", "one", "sh", "-c", "exit 6"]).code == 6)
        try podman.podman(["stop", "-t", "0", "one"]).expecting(0)
        try podman.podman(["start", "one"]).expecting(0)
        try podman.podman(["rm", "-f", "-t", "0", "one"]).expecting(0)
      }
    }

    @Test func `podman's limits, privileges and terminals`() throws {
      try inHarbour { harbour in
        let podman = try PodmanStore(harbour)

        let bomb = try podman.run(options: ["--pids-limit", "10", "-m", "64m"], "probe", "fork-bomb", "100")
        #expect(try JSON(text: bomb.expecting(0).output).started.number == 9)
        let privileged = try podman.run(options: ["--privileged"], "probe", "see")
        #expect(try JSON(text: privileged.expecting(0).output).status.Seccomp.number == 0)
        #expect(
          try podman.run(options: ["-t"], "sh", "-c", "test -t 0 && echo terminal").expecting(0).output.contains(
            "terminal"))
      }
    }

    @Test func `podman's read-only containers can write where its tmpfs copies lie`() throws {
      try inHarbour { harbour in
        let podman = try PodmanStore(harbour)

        let outcome = try podman.run(
          options: ["--read-only"], "sh", "-c",
          "touch /x; touch /tmp/y && test -d /run && touch /run/z && grep -c 'tmpfs /tmp ' /proc/mounts")

        #expect(outcome.code == 0, "\(outcome)")
        #expect(outcome.lines == ["1"])
        #expect(outcome.errors.contains("Read-only file system"))
      }
    }
  }
}

/// A throw-away store of podman's, with our runtime in the place of its own.
private final class PodmanStore {
  let image = "localhost/base:latest"
  /// Podman asks for the highest limits there are, which a caller without CAP_SYS_RESOURCE may not set.
  let limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]
  private let globals: [String]

  init(_ harbour: Harbour) throws {
    let podman = try Programs.find("podman")
    globals = [
      podman, "--runtime", Programs.runtime, "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--root",
      harbour.path("podman"), "--runroot", harbour.path("podman-run"), "--tmpdir", harbour.path("podman-tmp"),
    ]
    let all = globals
    harbour.atEnd {
      _ = try? IntegrationTests.run(all + ["rm", "--all", "--force", "-t", "0"])
      // Podman keeps a mount of its store, and groups that its conmon leaves a moment later.
      _ = try? shell(
        """
        umount -l \(harbour.path("podman"))/overlay 2>/dev/null || true
        for try in 1 2 3 4 5 6 7 8 9 10; do
          ls -d /sys/fs/cgroup/*/libpod_parent >/dev/null 2>&1 || break
          find /sys/fs/cgroup/*/libpod_parent -depth -type d -exec rmdir {} + 2>/dev/null || true
          sleep 0.1
        done
        """)
    }
    try self.podman(["import", "--quiet", try Store.archive(), image]).expecting(0)
  }

  @discardableResult
  func podman(_ arguments: [String]) throws -> Outcome {
    try IntegrationTests.run(globals + arguments)
  }

  func run(options: [String] = [], _ command: String...) throws -> Outcome {
    try podman(["run", "--rm", "--network", "none"] + limits + options + [image] + command)
  }
}
