import Foundation
import SkiffKernel
import Testing

extension Integration.Compatibility {
  /// dockerd with its containerd, our runtime as the default one.
  struct Docker {
    @Test func `docker runs containers and reads how they end`() throws {
      try inHarbour { harbour in
        let docker = try DockerDaemon(Island(harbour))

        #expect(try docker.run([], "echo", "aye").expecting(0).output == "aye\n")
        #expect(try docker.run([], "sh", "-c", "exit 7").code == 7)
        #expect(try docker.run([], "no-such-command").code == 127)
        #expect(try docker.run([], "/bin/no-such-command").code == 127)
        #expect(try docker.run([], "/etc/passwd").code == 126)
        #expect(try docker.run([], "/etc").code == 126)
        let refusal = try docker.run([], "no-such-command")
        #expect(refusal.message.contains(#"exec: "no-such-command": executable file not found in $PATH"#))
        let who = try docker.run(
          ["-u", "33:33", "-w", "/tmp", "-e", "SEA=salt"], "sh", "-c", "id -u; id -g; pwd; echo $SEA")
        #expect(who.lines == ["33", "33", "/tmp", "salt"])
        #expect(try docker.run(["-w", "/made/here"], "pwd").output == "/made/here\n")
        #expect(try docker.run(["--init"], "ps", "-o", "args").expecting(0).output.contains("docker-init -- ps"))
        // The killed are killed by number, and the stopped by signal.
        try docker.start("stopped", [], "trap 'exit 3' TERM; while :; do sleep 0.05; done")
        try docker.docker("stop", "stopped")
        #expect(try docker.inspect("stopped", "{{.State.ExitCode}}") == "3")
        try docker.docker("start", "stopped")
        try docker.docker("kill", "stopped")
        #expect(try docker.inspect("stopped", "{{.State.ExitCode}}") == "137")
        #expect(try docker.attempt("kill", "stopped").code == 1)
      }
    }

    @Test func `docker works in a running container`() throws {
      try inHarbour { harbour in
        let docker = try DockerDaemon(Island(harbour))
        try docker.start("one", [], "echo logged; exec sleep 1000")

        #expect(try docker.attempt("exec", "one", "ps", "-o", "args").expecting(0).output.contains("sleep 1000"))
        let who = try docker.attempt(
          "exec", "-u", "33", "-w", "/tmp", "-e", "SEA=salt", "one", "sh", "-c", "id -u; pwd; echo $SEA")
        #expect(who.lines == ["33", "/tmp", "salt"])
        #expect(try docker.attempt("exec", "one", "sh", "-c", "exit 6").code == 6)
        let refusal = try docker.attempt("exec", "one", "no-such-command")
        #expect([126, 127].contains(refusal.code))
        #expect((refusal.output + refusal.message).contains("executable file not found in $PATH"))
        #expect(try docker.attempt("exec", "--privileged", "one", "probe", "see").expecting(0).code == 0)
        #expect(try docker.docker("logs", "one") == "logged")
        #expect(try docker.docker("top", "one").contains("sleep 1000"))
        #expect(try docker.docker("stats", "--no-stream", "--format", "{{.PIDs}}", "one") == "1")

        try docker.docker("pause", "one")
        #expect(try docker.inspect("one", "{{.State.Status}}") == "paused")
        #expect(try docker.attempt("exec", "one", "true").code != 0)
        try docker.docker("unpause", "one")
        #expect(try docker.attempt("exec", "one", "true").code == 0)

        try docker.docker("update", "--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5", "one")
        let limits = try docker.docker(
          "exec", "one", "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
        #expect(limits == "67108864\n50000")

        try harbour.write("cargo\n", to: "cargo")
        try docker.docker("cp", harbour.path("cargo"), "one:/tmp/cargo")
        #expect(try docker.docker("exec", "one", "cat", "/tmp/cargo") == "cargo")
        try docker.docker("cp", "one:/etc/passwd", harbour.path("passwd-copy"))
        #expect(try harbour.read("passwd-copy").contains("www-data"))
        try docker.docker("rm", "--force", "one")
      }
    }

    @Test func `docker's terminals have a size, a device and an end`() throws {
      try inHarbour { harbour in
        let docker = try DockerDaemon(Island(harbour))

        let run = try docker.session(
          ["run", "--rm", "-it", DockerDaemon.image, "sh"], terminal: WindowSize(rows: 33, columns: 101))
        try run.expect("# ")
        try run.send("stty size; tty; ls -l /dev/console\n")
        try run.expect("33 101")
        try run.expect("/dev/pts/0")
        try run.expect("136,")
        try run.resize(WindowSize(rows: 20, columns: 60))
        ClockTime.sleep(milliseconds: 300)
        try run.send("stty size\n")
        try run.expect("20 60")
        try run.send("exit 5\n")
        #expect(try run.wait().code == 5)

        try docker.start("one")
        let exec = try docker.session(["exec", "-it", "one", "sh"], terminal: WindowSize(rows: 24, columns: 80))
        try exec.expect("# ")
        try exec.send("tty; exit 4\n")
        try exec.expect("/dev/pts/")
        #expect(try exec.wait().code == 4)
        #expect(try docker.run(["-t"], "sh", "-c", "test -t 1 && echo terminal").output.contains("terminal"))
      }
    }

    @Test func `docker's limits hold`() throws {
      try inHarbour { harbour in
        let docker = try DockerDaemon(Island(harbour))

        let greedy = try docker.attempt(
          "run", "--name", "greedy", "--memory", "32m", DockerDaemon.image, "dd", "if=/dev/zero", "of=/dev/null",
          "bs=60M", "count=1")
        #expect(greedy.code == 137)
        #expect(try docker.inspect("greedy", "{{.State.OOMKilled}}") == "true")
        let bomb = try docker.run(["--pids-limit", "10"], "probe", "fork-bomb", "100").expecting(0)
        #expect(try JSON(text: bomb.output).started.number == 9)
        let shares = try docker.run(
          ["--cpus", "0.5", "--cpu-shares", "512", "--cpuset-cpus", "0"], "sh", "-c",
          "cd /sys/fs/cgroup; cat cpu/cpu.cfs_quota_us cpu/cpu.shares cpuset/cpuset.cpus")
        #expect(shares.lines == ["50000", "512", "0"])
        #expect(try docker.run(["--ulimit", "core=0"], "sh", "-c", "ulimit -c").output == "0\n")
        #expect(try docker.run(["--oom-score-adj", "500"], "cat", "/proc/self/oom_score_adj").output == "500\n")
        #expect(
          try docker.run(["--tmpfs", "/scratch:size=1m"], "df", "/scratch").expecting(0).output.contains(" 1024 "))
      }
    }

    @Test func `docker's privileges are given and taken`() throws {
      try inHarbour { harbour in
        let docker = try DockerDaemon(Island(harbour))
        func see(_ options: String...) throws -> JSON {
          try JSON(text: try docker.run(options, "probe", "see").expecting(0).output)
        }

        let plain = try see()
        #expect(plain.status.Seccomp.number == 2)
        #expect(plain.status.CapEff.text == "00000000a80425fb")
        // Nothing of the runtime's in the program's own output.
        #expect(try docker.run(["--privileged"], "true").expecting(0).errors == "")
        #expect(try see("--privileged").status.Seccomp.number == 0)
        let few = try see("--cap-drop", "all", "--cap-add", "net_admin", "--security-opt", "no-new-privileges")
        #expect(few.status.CapEff.text == "0000000000001000")
        #expect(few.status.NoNewPrivs.number == 1)
        let readOnly = try docker.run(["--read-only"], "touch", "/x")
        #expect(readOnly.code == 1)
        #expect(readOnly.errors.contains("Read-only file system"))
        #expect(try docker.run(["--device", "/dev/fuse"], "ls", "-l", "/dev/fuse").output.contains("10, 229"))
        #expect(try docker.run(["-v", "\(harbour.directory):/h:ro"], "touch", "/h/x").code == 1)
        #expect(try docker.run(["-v", "sea:/v"], "sh", "-c", "echo 1 > /v/x && cat /v/x").output == "1\n")
        #expect(
          try docker.run(["--sysctl", "kernel.msgmax=8192"], "cat", "/proc/sys/kernel/msgmax").output == "8192\n")
        #expect(
          try docker.run(["--network", "host", "--pid", "host", "--ipc", "host", "--uts", "host"], "true").code == 0)
        #expect(try docker.run(["--cgroupns", "private"], "cat", "/proc/self/cgroup").output.contains(":/\n"))
      }
    }

    @Test func `docker's remapped user namespace`() throws {
      try inHarbour { harbour in
        let island = try Island(harbour, hasUser: true)
        let docker = try DockerDaemon(
          island, options: ["--userns-remap", "\(Island.user.name):\(Island.user.name)"])

        let seen = try docker.run([], "cat", "/proc/self/uid_map").expecting(0)
        #expect(
          seen.output.split(separator: " ").map { $0.trimmingCharacters(in: .newlines) } == ["0", "1000000", "65536"])
        #expect(try docker.run([], "sh", "-c", "echo hi > /x && cat /x").output == "hi\n")
        #expect(try docker.run(["--userns", "host"], "cat", "/proc/self/uid_map").output.contains("4294967295"))
        try docker.start("one")
        #expect(try docker.docker("exec", "-u", "33", "one", "id", "-u") == "33")
      }
    }

    @Test func `docker's networks are wired by its prestart hook`() throws {
      try inHarbour { harbour in
        let island = try Island(harbour)
        let docker = try DockerDaemon(island)

        #expect(try docker.run([], "ping", "-c", "1", "172.17.0.1").code == 0)
        #expect(try docker.run(["--network", "none"], "ip", "-o", "link").lines.count == 1)
        try docker.docker("network", "create", "sea")
        try docker.start(
          "served", ["--network", "sea", "-p", "8080:80"], "echo aye > /tmp/index.html; httpd -f -p 80 -h /tmp")
        try eventually("the server answers by its name") {
          try docker.run(["--network", "sea"], "wget", "-q", "-O", "-", "http://served/").output == "aye\n"
        }
        #expect(try island.run("busybox", "wget", "-q", "-O", "-", "http://127.0.0.1:8080/").output == "aye\n")
        #expect(
          try docker.run(["--network", "container:served", "--pid", "container:served"], "ps").output.contains("httpd"))
        try docker.docker("network", "connect", "bridge", "served")
        #expect(try docker.docker("exec", "served", "ip", "-4", "-o", "addr").contains("eth1"))
      }
    }

    @Test func `docker restarts and watches its containers`() throws {
      try inHarbour { harbour in
        let docker = try DockerDaemon(Island(harbour))

        try docker.start("failing", ["--restart", "on-failure:2"], "exit 3")
        try docker.start(
          "watched", ["--health-cmd", "test -e /tmp/well", "--health-interval", "200ms", "--health-retries", "1"])
        try eventually("two restarts") {
          try docker.inspect("failing", "{{.RestartCount}}{{.State.Status}}") == "2exited"
        }
        try eventually("unhealthy") { try docker.inspect("watched", "{{.State.Health.Status}}") == "unhealthy" }
        try docker.docker("exec", "watched", "touch", "/tmp/well")
        try eventually("healthy") { try docker.inspect("watched", "{{.State.Health.Status}}") == "healthy" }
      }
    }

    @Test func `docker builds with RUN by both of its builders`() throws {
      try inHarbour { harbour in
        // BuildKit runs the program that is called runc.
        try harbour.makeDirectory("path")
        try FileManager.default.createSymbolicLink(
          atPath: harbour.path("path/runc"), withDestinationPath: Programs.runtime)
        let docker = try DockerDaemon(Island(harbour), path: harbour.path("path"))
        try harbour.write(
          """
          FROM base
          RUN echo built > /built
          WORKDIR /made
          USER 33
          RUN test $(id -u) = 33 && test $(pwd) = /made
          CMD cat /built
          """, to: "context/Dockerfile")

        try docker.docker("build", "--tag", "classic", harbour.path("context"))
        #expect(try docker.docker("run", "--rm", "classic") == "built")
        try docker.buildKit(["build", "--no-cache", "--tag", "modern", harbour.path("context")]).expecting(0)
        #expect(try docker.docker("run", "--rm", "modern") == "built")
        try harbour.write("FROM base\nRUN exit 9\n", to: "broken/Dockerfile")
        let broken = try docker.attempt("build", harbour.path("broken"))
        #expect(broken.code == 9 && broken.errors.contains("returned a non-zero code: 9"))
      }
    }
  }
}
