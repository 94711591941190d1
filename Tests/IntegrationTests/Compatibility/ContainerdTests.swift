import Foundation
import SkiffKernel
import Testing

extension Integration.Compatibility {
  /// containerd by its own client, our runtime named with each container.
  struct Containerd {
    @Test func `ctr runs, looks into, freezes and ends tasks`() throws {
      try inHarbour { harbour in
        let ctr = try ContainerdDaemon(Island(harbour))

        #expect(try ctr.run([], "echo", "aye").expecting(0).output == "aye\n")
        #expect(try ctr.run([], "sh", "-c", "exit 5").code == 5)
        let refusal = try ctr.run([], "no-such-command")
        #expect(refusal.message.contains("OCI runtime create failed"))
        #expect(refusal.message.contains(#"exec: "no-such-command": executable file not found in $PATH"#))
        #expect(try ctr.run(["--read-only"], "touch", "/x").code == 1)
        #expect(try ctr.run(["--privileged"], "probe", "see").code == 0)
        #expect(try ctr.run(["--seccomp"], "grep", "Seccomp:", "/proc/self/status").output == "Seccomp:\t2\n")
        #expect(
          try ctr.run(
            ["--net-host", "--mount", "type=bind,src=/etc,dst=/h,options=rbind:ro"], "test", "-e", "/h/passwd"
          )
          .code == 0)

        try ctr.attempt(["run", "--detach"] + ctr.runtime + [ctr.image, "one", "sleep", "1000"]).expecting(0)
        let exec = try ctr.attempt(["task", "exec", "--exec-id", "e1", "one", "ps", "-o", "args"])
        #expect(exec.expecting0.contains("sleep 1000"))
        #expect(try ctr.attempt(["task", "exec", "--exec-id", "e2", "one", "sh", "-c", "exit 3"]).code == 3)
        #expect(try ctr.attempt(["task", "ps", "one"]).expecting0.lines.count >= 2)
        #expect(try ctr.attempt(["task", "metrics", "one"]).expecting0.contains("pids.current"))
        try ctr.attempt(["task", "pause", "one"]).expecting(0)
        #expect(try ctr.attempt(["task", "ls"]).output.contains("PAUSED"))
        try ctr.attempt(["task", "resume", "one"]).expecting(0)
        #expect(try ctr.attempt(["task", "ls"]).output.contains("RUNNING"))
        try ctr.attempt(["task", "kill", "--signal", "9", "one"]).expecting(0)
        try eventually("stopped") { try ctr.attempt(["task", "ls"]).output.contains("STOPPED") }
        // The client gives the task's own code, as a shell tells a kill.
        #expect(try ctr.attempt(["task", "rm", "one"]).code == 0)
        try ctr.attempt(["container", "rm", "one"]).expecting(0)
      }
    }

    @Test func `ctr's terminals`() throws {
      try inHarbour { harbour in
        let ctr = try ContainerdDaemon(Island(harbour))

        let run = try ctr.session(
          ["run", "--rm", "--tty"] + ctr.runtime + [ctr.image, "one", "sh"], terminal: WindowSize(rows: 24, columns: 80)
        )
        try run.expect("# ")
        try run.send("tty; stty size; exit 4\n")
        try run.expect("/dev/")
        try run.expect("24 80")
        #expect(try run.wait().code == 4)
      }
    }
  }
}

extension Outcome {
  /// What it printed, if it ended well; a test's expectation shows all of it otherwise.
  fileprivate var expecting0: String { code == 0 ? output : "\(self)" }
}

extension String {
  fileprivate var lines: [Substring] { split(separator: "\n") }
}

/// A containerd of a test's own, without its CRI plugin.
private final class ContainerdDaemon {
  let island: Island
  let image = "docker.io/library/base:latest"
  let runtime = ["--runc-binary", Programs.runtime]
  private let socket: String

  init(_ island: Island) throws {
    self.island = island
    let harbour = island.harbour
    socket = harbour.path("containerd.sock")
    // ctr names a container's group after its namespace.
    island.expectGroup("default")
    try harbour.write(
      """
      version = 2
      root = "\(harbour.path("containerd-root"))"
      state = "\(harbour.path("containerd-state"))"
      disabled_plugins = ["io.containerd.grpc.v1.cri"]
      [grpc]
        address = "\(socket)"
      """, to: "containerd.toml")
    try island.daemon("containerd", ["containerd", "--config", harbour.path("containerd.toml")]) {
      try attempt(["version"]).code == 0
    }
    let layout = harbour.path("image")
    let archive = harbour.path("image.tar")
    try IntegrationTests.shell(
      """
      umoci init --layout \(layout)
      umoci new --image \(layout):latest
      umoci insert --image \(layout):latest \(try Store.tree()) /
      umoci config --image \(layout):latest --config.env PATH=/bin
      skopeo copy --quiet oci:\(layout):latest docker-archive:\(archive):\(image)
      """)
    try attempt(["images", "import", archive]).expecting(0)
  }

  func attempt(_ arguments: [String]) throws -> Outcome {
    try island.attempt(["ctr", "--address", socket] + arguments)
  }

  func run(_ options: [String], _ command: String...) throws -> Outcome {
    try attempt(["run", "--rm"] + runtime + options + [image, "run-\(UInt32.random(in: 0 ... .max))"] + command)
  }

  func session(_ arguments: [String], terminal: WindowSize) throws -> Session {
    try island.session(["ctr", "--address", socket] + arguments, terminal: terminal)
  }
}
