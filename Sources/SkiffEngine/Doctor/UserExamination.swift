import SkiffKernel
import SkiffRuntime

/// Who asks: the rights of root, or what an ordinary user has been given.
struct UserExamination {
  func findings() -> [Finding] {
    Credentials.effectiveUserID == 0 ? capabilities() : ordinary()
  }

  // MARK: Root

  private static let rights = "Rights"

  private static let wanted: [(name: String, verdict: Finding.Verdict, why: String)] = [
    ("SYS_ADMIN", .missing, "namespaces and mounts"),
    ("NET_ADMIN", .missing, "bridges, cables and the firewall of containers (--network host or none run without)"),
    ("SETUID", .missing, "--user, and every container whose image names one"),
    ("SETGID", .missing, "groups of --user and --group-add"),
    ("SETPCAP", .missing, "taking rights away from containers"),
    ("CHOWN", .missing, "files of images belong to many users"),
    ("DAC_OVERRIDE", .missing, "files of images belong to many users"),
    ("FOWNER", .missing, "modes and times of images' files"),
    ("MKNOD", .missing, "devices of containers"),
    ("KILL", .missing, "stopping containers of other users"),
    ("SYS_CHROOT", .warning, "mount namespaces of other containers"),
    ("SETFCAP", .warning, "file capabilities in images"),
    ("SYS_RESOURCE", .warning, "--ulimit above the caller's own limits, negative --oom-score-adj"),
    ("SYS_PTRACE", .warning, "skiff explain with a command, and looking into other users' processes"),
    ("NET_BIND_SERVICE", .warning, "given to containers by default: ports below 1024"),
    ("NET_RAW", .warning, "--cap-add NET_RAW: raw sockets in containers"),
    ("SYS_NICE", .warning, "--cpu-rt-runtime, scheduling of containers"),
    ("BPF", .ok, "only without SYS_ADMIN"),
  ]

  private func capabilities() -> [Finding] {
    var findings: [Finding] = []
    for (name, verdict, why) in Self.wanted where verdict != .ok {
      guard let number = CapabilityNames.number("CAP_\(name)"), !Trial.holds(number) else { continue }
      findings.append(
        Finding(
          Self.rights, "CAP_\(name)", verdict, "root is not allowed it here", why: why,
          fix: "give it where this machine is a container itself: --cap-add \(name), or"
            + " CapabilityBoundingSet= of the systemd unit"))
    }
    let held = CapabilityNames.all.enumerated().filter { Trial.holds($0.offset) }.count
    findings.insert(
      Finding(
        Self.rights, "capabilities", .ok, "\(held) of \(CapabilityNames.all.count)",
        why: "what the caller does not have it cannot give to containers"), at: 0)
    return findings + [isOuter()].compactMap { $0 }
  }

  /// Root of a user namespace is root of what belongs to it alone.
  private func isOuter() -> Finding? {
    guard let inner = try? UserNamespace.isOuter(), inner else { return nil }
    return Finding(
      Self.rights, "user namespace", .warning, "this root is not the machine's",
      why: "devices, some file systems and the kernel's settings stay out of reach",
      fix: "run skiff outside of the user namespace if they are needed")
  }

  // MARK: Ordinary users

  private static let user = "User"

  private func ordinary() -> [Finding] {
    let id = Credentials.effectiveUserID
    let names = SubordinateIDs.names(of: id)
    return [
      Finding(
        Self.user, "engine", .missing, "user \(names.first ?? "") (\(id))",
        why: "containers of ordinary users, in a user namespace of theirs, are not built yet",
        fix: "run skiff as root, for example with sudo (skiff-runtime serves rootless podman today)")
    ] + subordinate(id, names) + [lingering(names), runtimeDirectory()].compactMap { $0 }
  }

  private func subordinate(_ id: UInt32, _ names: [String]) -> [Finding] {
    let why = "a container has many users; an ordinary user has one, and borrows the others from this range"
    var findings: [Finding] = []
    var ranges: [(program: String, first: UInt32)] = []
    for (file, program) in [("/etc/subuid", "newuidmap"), ("/etc/subgid", "newgidmap")] {
      let range = SubordinateIDs.ranges(in: file, of: id, names).max { $0.count < $1.count }
      let needed: UInt32 = 65536
      findings.append(
        Finding(
          Self.user, file, range.map { $0.count >= needed ? .ok : .warning } ?? .missing,
          range.map { "\($0.count) ids from \($0.first) on" } ?? "no line for this user", why: why,
          fix:
            "as root: usermod --add-sub\(file.hasSuffix("uid") ? "uid" : "gid")s 100000-165535 \(names.first ?? "\(id)")"
        ))
      if let range { ranges.append((program, range.first)) }
    }
    for program in ["newuidmap", "newgidmap"] {
      findings.append(mapping(program, first: ranges.first { $0.program == program }?.first, id))
    }
    return findings
  }

  /// The program is run on a user namespace that goes at once.
  private func mapping(_ name: String, first: UInt32?, _ id: UInt32) -> Finding {
    let why = "only this program, which is root's, may map the borrowed ids"
    guard let program = HostProgram.find(name) else {
      return Finding(Self.user, name, .missing, "not found on PATH", why: why, fix: "apt install uidmap")
    }
    guard let first else { return Finding(Self.user, name, .ok, "there; nothing to try it with", why: why) }
    let own = name == "newuidmap" ? id : Credentials.effectiveGroupID
    do throws(Errno) {
      let pipe = try Pipe.make()
      switch try cloneProcess(namespaces: .user) {
      case .child:
        var byte: [UInt8] = [0]
        let reading = try? pipe.reading.descriptor.duplicate()
        _ = consume pipe
        // Lives until the parent lets go of its end.
        if let reading { _ = try? reading.descriptor.read(into: &byte) }
        ProcessControl.exit(0)
      case .parent(let processID, let handle):
        let outcome = try HostProgram.run(
          program.descriptor, [name, "\(processID)", "0", "\(own)", "1", "1", "\(first)", "1"], limitBytes: 4096)
        _ = consume pipe
        _ = try handle.descriptor.waitForExit()
        guard outcome.status == .exited(0) else {
          return Finding(
            Self.user, name, .missing,
            String(decoding: outcome.words, as: UTF8.self).split(separator: "\n").joined(separator: "; "), why: why,
            fix:
              "it needs its rights: chmod u+s, or setcap cap_set\(name == "newuidmap" ? "uid" : "gid")+ep (apt install"
              + " --reinstall uidmap)")
        }
        return Finding(Self.user, name, .ok, "", why: why)
      }
    } catch {
      return Finding(Self.user, name, .missing, "\(error)", why: why, fix: "see the user namespaces above")
    }
  }

  /// Nil where no systemd looks after users.
  private func lingering(_ names: [String]) -> Finding? {
    guard SmallFile.exists("/run/systemd/system"), let name = names.first else { return nil }
    return Finding(
      Self.user, "lingering", SmallFile.exists("/var/lib/systemd/linger/\(name)") ? .ok : .warning, "",
      why: "without it systemd ends a user's containers when the user logs out", fix: "loginctl enable-linger \(name)")
  }

  private func runtimeDirectory() -> Finding {
    let path = ProcessEnvironment.value(named: "XDG_RUNTIME_DIR") ?? ""
    let status = try? Descriptor.workingDirectory.status(
      try KernelPath(path.isEmpty ? "/nonexistent" : path), follow: true)
    let isOwn = status?.type == .directory && status?.userID == Credentials.effectiveUserID
    return Finding(
      Self.user, "XDG_RUNTIME_DIR", isOwn ? .ok : .warning,
      path.isEmpty ? "not set" : isOwn ? path : "\(path) is not a directory of this user's",
      why: "the state of running containers is kept there",
      fix: "log in by ssh or machinectl shell rather than su, or set it to a directory of the user's, mode 700")
  }
}

/// Ranges of ids that are lent to users (subuid(5), subgid(5)).
enum SubordinateIDs {
  /// The names of a user id in passwd(5).
  static func names(of id: UInt32) -> [String] {
    (SmallFile.text("/etc/passwd") ?? "").split(separator: "\n").compactMap { line in
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      return fields.count > 2 && UInt32(fields[2]) == id ? String(fields[0]) : nil
    }
  }

  static func ranges(in file: String, of id: UInt32, _ names: [String]) -> [(first: UInt32, count: UInt32)] {
    (SmallFile.text(file) ?? "").split(separator: "\n").compactMap { line in
      let fields = line.split(separator: ":")
      guard fields.count == 3, UInt32(fields[0]) == id || names.contains(String(fields[0])),
        let first = UInt32(fields[1]), let count = UInt32(fields[2]), count > 0
      else { return nil }
      return (first, count)
    }
  }
}
