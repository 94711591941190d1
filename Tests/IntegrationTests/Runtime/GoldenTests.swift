import Foundation
import Testing

extension Integration {
  /// Configurations that other engines wrote, run by skiff-runtime and by runc: what a program finds inside is the same.
  ///
  /// Where runc is another way on purpose, the rule stands beside its reason in `Sight.comparable`.
  @Suite(.enabled(if: Programs.isOurRuntime)) struct Golden {
    private static let directory = Programs.repository + "/Tests/SkiffSpecTests/Fixtures"

    static let names: [String] = {
      let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
      return files.filter { $0.hasSuffix(".json") && !$0.hasPrefix("process-") && !$0.hasPrefix("update-") }.sorted()
    }()

    @Test func `the configurations are there`() {
      #expect(Self.names.count >= 30)
    }

    @Test(arguments: names) func `a configuration of another engine has the effect that it has under runc`(
      name: String
    ) throws {
      let peer = try Programs.find("runc")
      try inHarbour { harbour in
        let configuration = try harbour.golden(Self.directory + "/" + name)

        let ours = try Sight(harbour, configuration, runtime: Programs.runtime)
        let theirs = try Sight(harbour, configuration, runtime: peer)

        // The probe's own last word, or 1 for a refusal.
        #expect(ours.code == theirs.code, "\(ours.errors) \(theirs.errors)")
        let (seen, expected) = (ours.comparable(configuration), theirs.comparable(configuration))
        for key in Set(seen.keys).union(expected.keys).sorted() {
          #expect(seen[key] == expected[key], "\(key)")
        }
        #expect(ours.code == 1 || seen.count > 60)
      }
    }
  }
}

/// A configuration that can be run here: what it names of the machine that it was written on is replaced.
private struct GoldenConfiguration {
  var members: [String: Any]
  var hasUserNamespace = false
  /// Places that must show nothing, and that must not be changed.
  var masked: Set<String> = []
  var readOnly: Set<String> = []
  var ownerID = 0
  /// File systems in memory that begin with what they cover.
  var copiedUp: [String] = []
}

extension Harbour {
  fileprivate func golden(_ path: String) throws -> GoldenConfiguration {
    let data = try Data(contentsOf: URL(filePath: path))
    var golden = GoldenConfiguration(members: try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:])
    golden.members["hooks"] = nil
    golden.members["root"] = (golden.members["root"] as? [String: Any] ?? [:]).merging(["path": "rootfs"]) { $1 }
    var process = golden.members["process"] as? [String: Any] ?? [:]
    process["terminal"] = false
    process["consoleSize"] = nil
    golden.copiedUp = (golden.members["mounts"] as? [[String: Any]] ?? []).filter {
      ($0["options"] as? [String])?.contains("tmpcopyup") == true
    }.compactMap { $0["destination"] as? String }
    let places = golden.copiedUp.map { " , stat \($0)" }.joined()
    process["args"] = "/bin/probe see , read /sys/fs/cgroup/devices/devices.list , \(limits)\(places) , exit 7".split(
      separator: " "
    ).map(String.init)
    // runc asks for what the caller has not and ends; skiff-runtime leaves it out and says so.
    process["capabilities"] = try (process["capabilities"] as? [String: [String]])?.mapValues { try held($0) }
    process["rlimits"] = (process["rlimits"] as? [[String: Any]])?.map(reachable)
    if let score = process["oomScoreAdj"] as? Int { process["oomScoreAdj"] = max(score, ownOOMScore) }
    golden.members["process"] = process
    var linux = golden.members["linux"] as? [String: Any] ?? [:]
    linux["namespaces"] = (linux["namespaces"] as? [[String: Any]])?.map { $0.filter { $0.key != "path" } }
    golden.hasUserNamespace =
      (linux["namespaces"] as? [[String: Any]])?.contains { $0["type"] as? String == "user" } == true
    golden.masked = Set(linux["maskedPaths"] as? [String] ?? [])
    golden.readOnly = Set(linux["readonlyPaths"] as? [String] ?? [])
    if let maps = linux["uidMappings"] as? [[String: Any]] {
      golden.ownerID = maps.first { $0["containerID"] as? Int == 0 }?["hostID"] as? Int ?? 0
    }
    golden.members["linux"] = linux
    golden.members["mounts"] = try (golden.members["mounts"] as? [[String: Any]] ?? []).enumerated().map {
      index, mount in
      try local(mount, "source-\(index)")
    }
    return golden
  }

  /// Limits of the container's group that it sees itself.
  private var limits: String {
    [
      "memory/memory.limit_in_bytes", "memory/memory.soft_limit_in_bytes", "memory/memory.memsw.limit_in_bytes",
      "memory/memory.swappiness", "pids/pids.max", "cpu/cpu.shares", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us",
      "cpuset/cpuset.cpus", "cpuset/cpuset.mems", "blkio/blkio.weight", "blkio/blkio.bfq.weight",
      "blkio/blkio.throttle.read_bps_device", "blkio/blkio.throttle.write_iops_device",
    ].map { "read /sys/fs/cgroup/\($0)" }.joined(separator: " , ")
  }

  /// A source of a bind that was the other machine's: an empty file or directory of ours.
  private func local(_ mount: [String: Any], _ name: String) throws -> [String: Any] {
    let source = mount["source"] as? String ?? ""
    let isOfEveryMachine = ["/sys", "/proc", "/dev"].contains { source.hasPrefix($0) }
    guard mount["type"] as? String == "bind", !isOfEveryMachine, let target = mount["destination"] as? String else {
      return mount
    }
    let isFile = target.hasPrefix("/etc/") || ["/run/.containerenv", "/dev/init", "/sbin/docker-init"].contains(target)
    let place = isFile ? try write("", to: name) : try makeDirectory(name)
    return mount.merging(["source": place]) { $1 }
  }

  private func held(_ names: [String]) throws -> [String] {
    let line = try shell("grep CapPrm /proc/self/status").output.split(separator: "\t").last ?? ""
    let own = UInt64(line.trimmingCharacters(in: .whitespacesAndNewlines), radix: 16) ?? 0
    let kept = try shell("capsh --decode=\(String(own, radix: 16))").output.uppercased()
    return names.filter { kept.contains($0) }
  }

  /// What the caller's own hard limits allow, whatever the test's caller may do.
  private func reachable(_ limit: [String: Any]) -> [String: Any] {
    let names = [
      "RLIMIT_NOFILE": "Max open files", "RLIMIT_NPROC": "Max processes", "RLIMIT_CORE": "Max core file size",
      "RLIMIT_MEMLOCK": "Max locked memory",
    ]
    let table = (try? String(contentsOfFile: "/proc/self/limits", encoding: .utf8)) ?? ""
    guard let type = limit["type"] as? String, let name = names[type],
      let line = table.split(separator: "\n").first(where: { $0.hasPrefix(name) }),
      let own = UInt64(line.dropFirst(name.count).split(separator: " ").dropFirst().first ?? "")
    else { return limit }
    let hard = min((limit["hard"] as? NSNumber)?.uint64Value ?? 0, own)
    let soft = min((limit["soft"] as? NSNumber)?.uint64Value ?? 0, hard)
    return ["type": type, "hard": hard, "soft": soft]
  }

  private var ownOOMScore: Int {
    let text = (try? String(contentsOfFile: "/proc/self/oom_score_adj", encoding: .utf8)) ?? "0"
    return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
  }
}

/// What the probe told in a container of one runtime.
private struct Sight {
  let code: Int32
  let errors: String
  private let lines: [JSON]
  private let isOurs: Bool

  init(_ harbour: Harbour, _ configuration: GoldenConfiguration, runtime: String) throws {
    isOurs = runtime == Programs.runtime
    let bundle = try Bundle(harbour)
    let (root, id) = (harbour.path(isOurs ? "state" : "state-of-runc"), bundle.id)
    var members = configuration.members
    var linux = members["linux"] as? [String: Any] ?? [:]
    linux["cgroupsPath"] = "/skiff-test/\(id)"
    members["linux"] = linux
    try JSONSerialization.data(withJSONObject: members).write(to: URL(filePath: bundle.path + "/config.json"))
    try shell(
      "mkdir -p \(bundle.rootfs)/run; chown -R \(configuration.ownerID):\(configuration.ownerID) \(bundle.rootfs)")
    harbour.atEnd { _ = try? run([runtime, "--root", root, "delete", "--force", id]) }
    let outcome = try run([runtime, "--root", root, "run", "--bundle", bundle.path, id], seconds: 30)
    (code, errors) = (outcome.code, outcome.errors)
    // A file of a controller that is not mounted is an error to the probe, and no line less.
    lines = try outcome.lines.map { try JSON(text: $0) }
  }

  /// By name, as text, what must be the same.
  func comparable(_ configuration: GoldenConfiguration) -> [String: String] {
    guard let seen = lines.first else { return [:] }
    var facts: [String: String] = [:]
    func note(_ key: String, _ value: JSON) { facts[key] = value.description }
    for key in [
      "hostname", "cwd", "umask", "arguments", "rlimits", "oomScoreAdjustment", "nice", "schedulingPolicy",
      "ioPriority",
      "personality", "uidMap", "gidMap", "setgroups", "links",
    ] { note(key, seen[key]) }
    for key in [
      "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp",
    ] { note("status." + key, seen.status[key]) }
    // runc 1.1 hands on every entry; of two with one name we keep the last.
    let environment = seen.environment.texts
    for entry in environment {
      facts["environment.\(entry.prefix { $0 != "=" })"] = entry
    }
    for name in seen.namespaces.keys {
      facts["namespaces.\(name)"] = seen.namespaces[name].text == hostNamespace(name) ? "the host's" : "its own"
    }
    if facts["namespaces.pid"] == "its own" { note("processes", seen.processes) }
    noteDevices(seen, configuration, &facts)
    noteMounts(seen, configuration, &facts)
    // The list of allowed devices has no order.
    facts["allowed"] = (lines.count > 1 ? lines[1].text : "").split(separator: "\n").sorted().joined(separator: ", ")
    for (index, line) in lines.dropFirst(2).dropLast(configuration.copiedUp.count).enumerated() {
      facts["limit \(index)"] = line.description
    }
    for (path, line) in zip(configuration.copiedUp, lines.suffix(configuration.copiedUp.count)) {
      facts["place \(path)"] = "mode \(line["mode"]), uid \(line["uid"]), gid \(line["gid"])"
    }
    return facts
  }

  private func noteDevices(_ seen: JSON, _ configuration: GoldenConfiguration, _ facts: inout [String: String]) {
    // runc makes the link only where the machine has the file.
    for name in seen.devices.keys where name != "core" {
      let device = seen.devices[name]
      var facets = ["type", "major", "minor", "mode", "link"]
      // In a user namespace runc shows the host's nodes, and message queues of a group, that belong to nobody there; ours are
      // the container's.
      let isShown = configuration.hasUserNamespace && (device.type.text == "characterDevice" || name == "mqueue")
      if !isShown { facets += ["uid", "gid"] }
      facts["devices.\(name)"] = facets.map { "\($0) \(device[$0])" }.joined(separator: ", ")
    }
  }

  private func noteMounts(_ seen: JSON, _ configuration: GoldenConfiguration, _ facts: inout [String: String]) {
    for mount in seen.mounts.list {
      let target = mount.target.text
      // Control groups of version 2, which runc 1.1 leaves out of a hybrid machine's.
      if target == "/sys/fs/cgroup/unified" { continue }
      // runc shows its own /dev/null and a tmpfs of its own there; ours cannot be changed either way.
      if configuration.masked.contains(target) {
        facts["masked \(target)"] = mount.options.texts.contains("ro") || !isOurs ? "closed" : "open"
        continue
      }
      if configuration.readOnly.contains(target) {
        facts["read-only \(target)"] = mount.options.texts.contains("ro") ? "ro" : "rw"
        continue
      }
      if configuration.hasUserNamespace, isDeviceNode(target, seen) { continue }
      var facets = [mount.type.text, mount.propagation.texts.map { $0.prefix { $0 != ":" } }.joined(separator: " ")]
      // runc 1.1 leaves the tmpfs over version 1 open though `ro` was asked for.
      if target != "/sys/fs/cgroup" { facets.append(mount.options.texts.sorted().joined(separator: ",")) }
      // Where something is copied up, the mode is its own; whether it is told the kernel beforehand makes no difference.
      let told = configuration.copiedUp.contains(target) ? ["size="] : ["size=", "mode=", "gid="]
      let sizes = mount.superOptions.texts.filter { option in told.contains { option.hasPrefix($0) } }
      if mount.type.text == "tmpfs", target != "/sys/fs/cgroup" { facets += sizes.sorted() }
      facts["mount \(target) of \(mount.type.text)"] = facets.joined(separator: " | ")
    }
  }

  private func isDeviceNode(_ target: String, _ seen: JSON) -> Bool {
    target.hasPrefix("/dev/") && seen.devices[String(target.dropFirst(5))].type.text == "characterDevice"
  }
}
