import Foundation
import SkiffKernel
import Testing

extension Integration.Compatibility {
  /// podman with our runtime beneath, as root and as an ordinary user.
  struct PodmanEngine {
    @Test func `podman's containers as root`() throws {
      try inHarbour { harbour in
        let podman = try PodmanHost(harbour)

        #expect(
          try podman.run(["--network", "bridge"], "ip", "-o", "-4", "addr", "show", "eth0").output.contains("10.88."))
        #expect(try podman.run(["--init"], "ps", "-o", "args").expecting(0).output.contains("--"))
        let readOnly = try podman.run(
          ["--read-only", "--tmpfs", "/scratch"], "sh", "-c", "touch /scratch/x && touch /x")
        #expect(readOnly.code == 1 && readOnly.errors.contains("Read-only file system"))
        #expect(try podman.run(["--privileged"], "true").code == 0)
        #expect(try podman.run(["--pid", "host", "--network", "host", "--ipc", "host"], "true").code == 0)
        #expect(try podman.run(["--cgroups", "disabled"], "true").expecting(0).code == 0)
        let map = try podman.run(
          ["--uidmap", "0:100000:1000", "--gidmap", "0:100000:1000"], "cat", "/proc/self/uid_map")
        #expect(map.fields == ["0", "100000", "1000"])
        try podman.podman("volume", "create", "sea")
        #expect(try podman.run(["-v", "sea:/v"], "touch", "/v/x").code == 0)
        let mapped = try podman.run(
          ["-v", "sea:/v:idmap", "--uidmap", "0:100000:1000", "--gidmap", "0:100000:1000"], "stat", "-c", "%u", "/v/x")
        #expect(mapped.expecting0 == "0\n")
        let limits = try podman.run(
          ["-m", "64m", "--cpus", "0.5"], "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
          "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
        #expect(limits.lines == ["67108864", "50000"])
      }
    }

    @Test func `podman works in a running container`() throws {
      try inHarbour { harbour in
        let podman = try PodmanHost(harbour)
        try podman.podman(
          "run", "-d", "--name", "one", "--network", "none", "--health-cmd", "test -e /tmp/well", "--health-interval",
          "disable", podman.image, "sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done")

        #expect(try podman.attempt("exec", "one", "sh", "-c", "exit 6").code == 6)
        #expect(try podman.attempt("exec", "one", "no-such-command").code == 127)
        let exec = try podman.session(["exec", "-it", "one", "sh"], terminal: WindowSize(rows: 24, columns: 80))
        try exec.expect("# ")
        try exec.send("tty; exit 4\n")
        try exec.expect("/dev/pts/")
        #expect(try exec.wait().code == 4)
        #expect(try podman.attempt("healthcheck", "run", "one").code == 1)
        try podman.podman("exec", "one", "touch", "/tmp/well")
        #expect(try podman.attempt("healthcheck", "run", "one").code == 0)
        #expect(try podman.podman("top", "one", "args").contains("trap"))
        #expect(try podman.podman("stats", "--no-stream", "--format", "{{.PIDs}}", "one") != "0")
        try podman.podman("pause", "one")
        #expect(try podman.podman("inspect", "--format", "{{.State.Status}}", "one") == "paused")
        try podman.podman("unpause", "one")
        try podman.podman("stop", "one")
        #expect(try podman.podman("inspect", "--format", "{{.State.ExitCode}}", "one") == "3")
        try podman.podman("start", "one")
        try podman.podman("kill", "one")
        try podman.podman("wait", "one")
        #expect(try podman.podman("inspect", "--format", "{{.State.ExitCode}}", "one") == "137")
        try podman.podman("rm", "one")
      }
    }

    @Test func `podman's pods and Kubernetes files`() throws {
      try inHarbour { harbour in
        let podman = try PodmanHost(harbour)
        try podman.podman("pod", "create", "--name", "fleet", "--share", "pid,net,ipc")
        for name in ["one", "two"] {
          try podman.podman("run", "-d", "--pod", "fleet", "--name", name, podman.image, "sleep", "1000")
        }

        #expect(
          try podman.podman("exec", "one", "ps", "-o", "args").split(separator: "\n").filter { $0 == "sleep 1000" }
            .count == 2)
        try podman.podman("pod", "pause", "fleet")
        try podman.podman("pod", "unpause", "fleet")
        try podman.podman("pod", "stop", "--time", "0", "fleet")
        try podman.podman("pod", "start", "fleet")
        #expect(try podman.attempt("exec", "two", "true").code == 0)
        try podman.podman("pod", "rm", "--force", "--time", "0", "fleet")

        try harbour.write(
          """
          apiVersion: v1
          kind: Pod
          metadata:
            name: web
          spec:
            containers:
            - name: server
              image: \(podman.image)
              command: ["/bin/sleep", "1000"]
              securityContext:
                readOnlyRootFilesystem: true
              resources:
                limits:
                  memory: 64Mi
          """, to: "pod.yaml")
        try podman.podman("play", "kube", harbour.path("pod.yaml"))
        #expect(
          try podman.podman("exec", "web-server", "/bin/cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
            == "67108864")
        try podman.podman("play", "kube", "--down", harbour.path("pod.yaml"))
        #expect(try podman.podman("ps", "--all", "--quiet") == "")
      }
    }

    @Test func `podman builds with RUN`() throws {
      try inHarbour { harbour in
        let podman = try PodmanHost(harbour)
        try harbour.write(
          "FROM \(podman.image)\nRUN echo built > /built\nUSER 33\nRUN test $(id -u) = 33\nCMD cat /built\n",
          to: "Containerfile")

        try podman.podman(
          "build", "--network", "none", "--file", harbour.path("Containerfile"), "--tag", "made", harbour.directory)
        #expect(try podman.podman("run", "--rm", "--network", "none", "made") == "built")
      }
    }

    @Test func `podman's containers as an ordinary user`() throws {
      try inHarbour { harbour in
        let podman = try PodmanHost(harbour, asUser: true)

        #expect(try podman.run([], "echo", "aye").expecting(0).output == "aye\n")
        #expect(try podman.run([], "sh", "-c", "exit 7").code == 7)
        #expect(try podman.run([], "no-such-command").code == 127)
        #expect(try podman.run([], "/etc/passwd").code == 126)
        #expect(try podman.run([], "cat", "/proc/self/uid_map").fields.prefix(3) == ["0", "\(Island.user.id)", "1"])
        #expect(try podman.run(["-u", "33"], "id", "-u").output == "33\n")
        #expect(try podman.run(["--userns", "keep-id"], "id", "-u").output == "\(Island.user.id)\n")
        let network = try podman.run(["--network", "slirp4netns"], "ip", "-o", "-4", "addr", "show", "tap0")
        #expect(network.expecting0.contains("10.0.2.100"))
        #expect(try podman.run(["--network", "host"], "true").code == 0)

        try podman.podman("run", "-d", "--name", "one", "--network", "none", podman.image, "sleep", "1000")
        #expect(try podman.podman("exec", "one", "ps", "-o", "args").contains("sleep 1000"))
        #expect(try podman.attempt("exec", "-u", "33", "one", "sh", "-c", "exit $(id -u)").code == 33)
        try podman.podman("stop", "-t", "0", "one")
        try podman.podman("start", "one")
        try podman.podman("rm", "--force", "--time", "0", "one")
        try podman.podman("pod", "create", "--name", "fleet", "--network", "none", "--share", "pid,ipc")
        try podman.podman("run", "-d", "--pod", "fleet", "--name", "two", podman.image, "sleep", "1000")
        #expect(try podman.attempt("exec", "two", "true").code == 0)
        try podman.podman("pod", "rm", "--force", "--time", "0", "fleet")
        try podman.podman("system", "migrate")
      }
    }
  }
}

extension Outcome {
  fileprivate var expecting0: String { code == 0 ? output : "\(self)" }
  fileprivate var fields: [String] { output.split { $0 == " " || $0 == "\n" }.map(String.init) }
}

/// A podman on an island with a store of its own, told of our runtime by the file that is installed.
private final class PodmanHost {
  let island: Island
  let image = "localhost/base:latest"
  private let globals: [String]
  private let asUser: Bool

  init(_ harbour: Harbour, asUser: Bool = false) throws {
    island = try Island(harbour, hasUser: asUser)
    self.asUser = asUser
    let place = asUser ? harbour.path("home") : harbour.directory
    let runtime = asUser ? harbour.path("skiff-runtime") : Programs.runtime
    guard
      let shipped = FileManager.default.contents(atPath: Programs.repository + "/Packaging/podman/skiff.conf")
    else { throw Trouble("Packaging/podman/skiff.conf is missing") }
    // Podman asks for the highest limits there are, which a caller without CAP_SYS_RESOURCE may not set.
    let configuration = """
      [containers]
      default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
      \(String(decoding: shipped, as: UTF8.self).replacingOccurrences(of: "/usr/local/bin/skiff-runtime", with: runtime))
      """
    let file = try harbour.write(configuration, to: "containers.conf")
    globals = [
      "env", "CONTAINERS_CONF=\(file)", "podman", "--runtime", "skiff", "--cgroup-manager", "cgroupfs",
      "--events-backend", "file", "--storage-driver", asUser ? "vfs" : "overlay", "--root", "\(place)/podman",
      "--runroot", asUser ? "\(place)/run/podman" : "\(place)/podman-run", "--tmpdir",
      asUser ? "\(place)/run/tmp" : "\(place)/podman-tmp",
    ]
    if !asUser {
      island.expectGroup("conmon")
      // A pod's group is podman's, which forgets it in the trees without controllers; a container's begins with libpod-.
      island.expectGroup("libpod_parent") { $0 == "conmon" || ($0.count == 64 && $0.allSatisfy(\.isHexDigit)) }
    }
    harbour.atEnd { [self] in
      _ = try? attempt("pod", "rm", "--all", "--force", "--time", "0")
      _ = try? attempt("rm", "--all", "--force", "--time", "0")
    }
    try podman("import", "--quiet", Store.archive(), image)
  }

  func attempt(_ arguments: [String]) throws -> Outcome { try island.attempt(globals + arguments, asUser: asUser) }

  func attempt(_ arguments: String...) throws -> Outcome { try attempt(arguments) }

  @discardableResult
  func podman(_ arguments: String...) throws -> String {
    try attempt(arguments).expecting(0).output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// `podman run --rm`, without a network unless the options name one.
  func run(_ options: [String], _ command: String...) throws -> Outcome {
    let network = options.contains("--network") ? [] : ["--network", "none"]
    return try attempt(["run", "--rm"] + network + options + [image] + command)
  }

  func session(_ arguments: [String], terminal: WindowSize) throws -> Session {
    try island.session(globals + arguments, asUser: asUser, terminal: terminal)
  }
}
