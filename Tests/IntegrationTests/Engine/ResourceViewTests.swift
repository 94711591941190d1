import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// `--resource-view`: files of /proc and /sys tell of the container's limits and use.
  @Suite struct EngineResourceView {
    /// The processes that serve views.
    private func servers() throws -> Set<String> {
      Set(try shell("grep -lx skiff-view /proc/[0-9]*/comm 2>/dev/null || true").lines)
    }

    private static let limits = ["--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5"]

    /// A line of meminfo, in kB.
    private func amount(_ name: String, _ text: String) -> Int {
      let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
      return Int(line.split(separator: " ").dropFirst().first ?? "") ?? -1
    }

    @Test func `limits are seen inside, live, by what runs there and by what comes later`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(
          ["--name", "one", "--network", "none", "--resource-view"] + Self.limits,
          "cat /proc/meminfo > /first; sleep 1000")

        let before = try store.exec("one", "cat /proc/meminfo")
        #expect(amount("MemTotal", before) == 65536)
        #expect((1..<65536).contains(amount("MemFree", before)))
        #expect(amount("SwapTotal", before) == 0)
        #expect(
          try amount("MemTotal", store.exec("one", "cat /first")) == 65536,
          "the first process saw it, too")
        #expect(try store.exec("one", "grep -c ^processor /proc/cpuinfo") == "1")
        #expect(try store.exec("one", "cat /sys/devices/system/cpu/online") == "0")
        #expect(try store.exec("one", "grep -c ^cpu[0-9] /proc/stat") == "1")
        #expect(try store.exec("one", "wc -l < /proc/swaps") == "1")
        let uptime = try store.exec("one", "cut -d. -f1 /proc/uptime")
        #expect((0..<60).contains(Int(uptime) ?? -1), "\(uptime)")
        #expect(try store.exec("one", "cat /proc/loadavg").split(separator: " ").count == 5)
        #expect(
          try store.exec("one", "head -c 5 /proc/meminfo; tail -c +6 /proc/meminfo | head -c 5")
            == "MemTotal:")

        _ = try store.exec("one", "head -c 20000000 /dev/zero > /dev/shm/blob")
        let after = try store.exec("one", "cat /proc/meminfo")
        #expect(
          amount("MemFree", before) - amount("MemFree", after) > 15_000, "\(before)\n\(after)")
        #expect(amount("Shmem", after) > 15_000)
        try store.skiff("update", "--memory", "128m", "--memory-swap", "128m", "one")
        #expect(try amount("MemTotal", store.exec("one", "cat /proc/meminfo")) == 131_072)
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `it is there when it is asked for, every time, and goes with the container`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let before = try servers()
        let host = try shell("head -1 /proc/meminfo").output
        #expect(
          try store.skiff(
            "run", "--rm", "--network", "none", "-m", "64m", Store.image, "head", "-1",
            "/proc/meminfo"
          ).output
            == host)
        #expect(try servers().subtracting(before).isEmpty, "nothing is paid for what is not asked for")

        _ = try store.start(
          ["--name", "one", "--network", "none", "--resource-view"] + Self.limits)
        #expect(try servers().subtracting(before).count == 1)
        try store.skiff("restart", "--time", "0", "one")
        #expect(try amount("MemTotal", store.exec("one", "cat /proc/meminfo")) == 65536)
        try eventually("the first view's server ends") {
          try servers().subtracting(before).count == 1
        }
        try store.skiff("kill", "one")
        try eventually("the server ends with the container") { try servers().subtracting(before).isEmpty }
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `reads end when the server has ended, and nothing of the host shows`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let before = try servers()
        _ = try store.start(
          ["--name", "one", "--network", "none", "--resource-view"] + Self.limits)
        let mounts = try store.exec("one", "grep fuse /proc/self/mountinfo")
        #expect(
          mounts.split(separator: "\n").count == 7 && !mounts.contains(harbour.directory),
          "\(mounts)")
        #expect(
          try store.exec("one", "ls /dev").contains("null"), "what it passed through is as it was")
        let comm = try #require(try servers().subtracting(before).first)
        let server = try #require(Int32(comm.split(separator: "/")[1]))
        let files = try shell("ls /proc/\(server)/fd").lines
        #expect(
          files.count <= 5, "it holds the line to the kernel and nothing of the host: \(files)")

        #expect(Glibc.kill(server, SIGKILL) == 0)
        let read = try store.attempt(["exec", "one", "cat", "/proc/meminfo"], seconds: 10)
        #expect(read.code == 1 && read.errors.contains("not connected"), "\(read)")
        #expect(try store.exec("one", "cat /proc/version").hasPrefix("Linux"))
        try store.skiff("rm", "--force", "one")
      }
    }

    @Test func `others than root, in a user namespace, see it as well`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let seen = try store.attempt(
          [
            "run", "--rm", "--network", "none", "--resource-view", "--userns", "auto", "--user",
            "1000",
          ] + Self.limits
            + [Store.image, "sh", "-c", "head -1 /proc/meminfo; ! echo x > /proc/uptime"])

        #expect(
          seen.code == 0 && seen.lines.first?.split(separator: " ").dropFirst().first == "65536",
          "\(seen)")
      }
    }
  }
}
