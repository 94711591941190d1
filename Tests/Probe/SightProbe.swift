import SkiffKernel

/// `see`: everything that a process can find out about itself and its surroundings without changing anything.
func seeProbe() -> ProbeValue {
  var members: [(String, ProbeValue)] = []
  members += identity()
  members += processStatus()
  members += schedule()
  members += surroundings()
  members += openFiles()
  members += terminal()
  return .object(members)
}

private func identity() -> [(String, ProbeValue)] {
  let workingDirectory: ProbeValue
  do throws(Errno) {
    workingDirectory = .text(try SkiffKernel.workingDirectory().text)
  } catch {
    workingDirectory = .text("error: \(error)")
  }
  return [
    ("hostname", fileText("/proc/sys/kernel/hostname")),
    ("domainname", fileText("/proc/sys/kernel/domainname")),
    ("pid", .integer(Int64(ProcessControl.processID))),
    ("ppid", .integer(Int64(ProcessControl.parentProcessID))),
    ("effectiveUserID", .integer(Int64(Credentials.effectiveUserID))),
    ("effectiveGroupID", .integer(Int64(Credentials.effectiveGroupID))),
    ("umask", .integer(currentUmask())),
    ("cwd", workingDirectory),
    ("arguments", .texts(CommandLine.arguments)),
    ("environment", .texts((text(of: "/proc/self/environ") ?? "").split(separator: "\0").map(String.init))),
  ]
}

private func currentUmask() -> Int64 {
  let mask = ProcessControl.setUmask(0o77)
  ProcessControl.setUmask(mask)
  return Int64(mask)
}

/// The lines of /proc/self/status, `Uid` and its kin as lists of numbers, capability sets and signal sets as hexadecimal text.
private func processStatus() -> [(String, ProbeValue)] {
  var status: [(String, ProbeValue)] = []
  for line in lines(of: "/proc/self/status") {
    let parts = line.split(separator: ":", maxSplits: 1)
    guard let key = parts.first, let value = parts.dropFirst().first else { continue }
    switch key {
    case "Uid", "Gid", "Groups", "NSpid":
      let numbers = value.split { $0 == "\t" || $0 == " " }.compactMap { Int64($0) }
      status.append((String(key), .list(numbers.map { .integer($0) })))
    case "NoNewPrivs", "Seccomp", "Seccomp_filters", "Threads":
      status.append((String(key), Int64(value.trimmed).map { .integer($0) } ?? .null))
    default:
      status.append((String(key), .text(value.trimmed)))
    }
  }
  return [("status", .object(status))]
}

private func schedule() -> [(String, ProbeValue)] {
  // Fields after the name, which may hold spaces and ends with the last parenthesis (proc_pid_stat(5)).
  let stat = text(of: "/proc/self/stat") ?? ""
  let fields = stat.lastIndex(of: ")").map { stat[$0...].split(separator: " ") } ?? []
  func field(_ number: Int) -> ProbeValue {
    // Field 3 is the first after the name, which took index 0.
    let index = number - 2
    guard fields.indices.contains(index), let value = Int64(fields[index]) else { return .null }
    return .integer(value)
  }
  var limits: [(String, ProbeValue)] = []
  for line in lines(of: "/proc/self/limits").dropFirst() {
    // Fixed columns: name (26), soft (21), hard (21), unit.
    let name = String(line.prefix(25)).trimmed
    let values = line.dropFirst(25).split(separator: " ").prefix(2).map { ProbeValue.text(String($0)) }
    limits.append((name, .list(values)))
  }
  let priority = attemptSystemCall(252, [1, 0])  // ioprio_get of this process
  return [
    ("nice", field(19)),
    ("schedulingPolicy", field(41)),
    ("realtimePriority", field(40)),
    ("ioPriority", .integer(Int64(priority))),
    ("memoryPolicy", memoryPolicy()),
    // Those that this process may see.
    ("keys", .texts(lines(of: "/proc/keys").map { words($0) })),
    ("sessionID", field(6)),
    ("processGroup", field(5)),
    ("rlimits", .object(limits)),
    ("oomScoreAdjustment", fileText("/proc/self/oom_score_adj")),
    ("personality", fileText("/proc/self/personality")),
    ("timensOffsets", fileText("/proc/self/timens_offsets")),
  ]
}

private func memoryPolicy() -> ProbeValue {
  outcome { () throws(Errno) in
    let policy = try ProcessControl.memoryPolicy()
    return .object([
      ("mode", .integer(Int64(policy.mode))),
      ("nodes", .list(policy.nodes.prefix(1).map { .integer(Int64(truncatingIfNeeded: $0)) })),
    ])
  }
}

private func surroundings() -> [(String, ProbeValue)] {
  var namespaces: [(String, ProbeValue)] = []
  for name in names(in: "/proc/self/ns") ?? [] {
    namespaces.append((name, linkTarget(of: "/proc/self/ns/" + name).map { .text($0) } ?? .null))
  }
  let processes = (names(in: "/proc") ?? []).filter { !$0.isEmpty && $0.allSatisfy(\.isNumber) }
  return [
    ("namespaces", .object(namespaces)),
    ("processes", .list(processes.compactMap { Int64($0) }.sorted().map { .integer($0) })),
    ("mounts", .list(lines(of: "/proc/self/mountinfo").compactMap(mount))),
    ("cgroups", .texts(lines(of: "/proc/self/cgroup").map(String.init))),
    ("uidMap", .texts(lines(of: "/proc/self/uid_map").map { words($0) })),
    ("gidMap", .texts(lines(of: "/proc/self/gid_map").map { words($0) })),
    ("setgroups", fileText("/proc/self/setgroups")),
    ("devices", devices()),
    ("root", .texts(names(in: "/") ?? [])),
    ("links", .texts(names(in: "/sys/class/net") ?? [])),
  ]
}

private func words(_ line: Substring) -> String { line.split(separator: " ").joined(separator: " ") }

/// One line of mountinfo (proc_pid_mountinfo(5)).
private func mount(_ line: Substring) -> ProbeValue? {
  let halves = line.split(separator: " - ", maxSplits: 1)
  guard let first = halves.first?.split(separator: " "), let second = halves.dropFirst().first?.split(separator: " "),
    first.count >= 6, second.count >= 2
  else { return nil }
  return .object([
    ("root", .text(unescaped(first[3]))),
    ("target", .text(unescaped(first[4]))),
    ("options", .texts(first[5].split(separator: ",").map(String.init))),
    ("propagation", .texts(first.dropFirst(6).map(String.init))),
    ("type", .text(String(second[0]))),
    ("source", .text(unescaped(second[1]))),
    ("superOptions", .texts(second.count > 2 ? second[2].split(separator: ",").map(String.init) : [])),
  ])
}

/// Octal escapes of mountinfo, such as `\040` for a space.
private func unescaped(_ text: Substring) -> String {
  var out = ""
  var rest = text
  while let character = rest.first {
    if character == "\\", let code = UInt8(rest.dropFirst().prefix(3), radix: 8) {
      out.unicodeScalars.append(Unicode.Scalar(code))
      rest = rest.dropFirst(4)
    } else {
      out.append(character)
      rest.removeFirst()
    }
  }
  return out
}

/// What lies in /dev: type, permissions, owner, numbers or link target, by name.
private func devices() -> ProbeValue {
  .object((names(in: "/dev") ?? []).map { ($0, statusValue("/dev/" + $0)) })
}

private func openFiles() -> [(String, ProbeValue)] {
  var files: [(String, ProbeValue)] = []
  for name in names(in: "/proc/self/fd") ?? [] {
    // The listing's own directory is closed by now and no longer a link.
    guard let target = linkTarget(of: "/proc/self/fd/" + name) else { continue }
    files.append((name, .text(target)))
  }
  return [("descriptors", .object(files))]
}

private func terminal() -> [(String, ProbeValue)] {
  guard Descriptor.standardInput.isTerminal else { return [("terminal", .null)] }
  var members: [(String, ProbeValue)] = [
    ("name", linkTarget(of: "/proc/self/fd/0").map { .text($0) } ?? .null),
    ("console", statusValue("/dev/console")),
  ]
  do throws(Errno) {
    let size = try Descriptor.standardInput.windowSize()
    members.append(("rows", .integer(Int64(size.rows))))
    members.append(("columns", .integer(Int64(size.columns))))
  } catch {
    members.append(("error", .text("\(error)")))
  }
  // Only the controlling terminal opens by this name.
  do throws(Errno) {
    _ = try Descriptor.workingDirectory.open("/dev/tty", [.readOnly, .noControllingTerminal])
    members.append(("isControlling", .bool(true)))
  } catch {
    members.append(("isControlling", .bool(false)))
  }
  return [("terminal", .object(members))]
}

private func fileText(_ path: String) -> ProbeValue {
  text(of: path).map { .text($0.trimmed) } ?? .null
}
