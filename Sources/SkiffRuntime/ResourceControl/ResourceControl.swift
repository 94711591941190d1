internal import SkiffKernel
package import SkiffSpec

/// A container's place in the kernel's resctrl file system: shares of caches and of memory bandwidth (config-linux.md
/// "IntelRdt", the kernel's resctrl documentation).
package struct ResourceControlRecord: Equatable, Sendable {
  /// The group that the container's processes belong to.
  package var path: String
  /// The group that they are counted in, if one was asked for; it goes with the container.
  package var monitoringPath: String?
  /// Whether the group was made for the container alone, and goes with it.
  package var isOwn: Bool

  package init(path: String, monitoringPath: String? = nil, isOwn: Bool) {
    self.path = path
    self.monitoringPath = monitoringPath
    self.isOwn = isOwn
  }

  /// Files through which a process moves itself, by writing 0.
  package var taskFiles: [String] { ["\(path)/tasks"] + (monitoringPath.map { ["\($0)/tasks"] } ?? []) }
}

/// Makes and removes places in resctrl.
package struct ResourceControl: Equatable, Sendable {
  /// Where the file system is mounted.
  package let root: String
  private static let fileLimitBytes = 1 << 16

  /// For a file system that is known to be there.
  package init(root: String) {
    self.root = root
  }

  /// Finds the file system; a machine without it is an error that says so.
  package static func find() throws(LaunchError) -> ResourceControl {
    let standard = "/sys/fs/resctrl"
    if let magic = try? Descriptor.workingDirectory.fileSystemMagic(of: standard), magic == FileSystemStatus.resctrl {
      return ResourceControl(root: standard)
    }
    // Only a container that asks for it pays for this table.
    let tableLimitBytes = 16 << 20
    if let file = try? Descriptor.workingDirectory.open("/proc/self/mountinfo", .readOnly),
      let table = try? file.descriptor.readToEnd(limitBytes: tableLimitBytes)
    {
      for line in String(decoding: table, as: UTF8.self).split(separator: "\n") where line.contains(" - resctrl ") {
        let fields = line.split(separator: " ")
        if fields.count > 4 { return ResourceControl(root: String(fields[4])) }
      }
    }
    throw LaunchError("linux.intelRdt: this machine has no resctrl file system mounted")
  }

  // MARK: What is to be done

  /// What a configuration asks of the file system.
  package struct Wish: Equatable, Sendable {
    package var path: String
    package var monitoringPath: String?
    /// Written to `schemata` in this order; none leaves that file alone.
    package var lines: [String]
    /// The group has a name of its own, and may be shared: what is there must be as asked for.
    package var isNamed: Bool
  }

  /// The place of a container, by its own id unless the configuration names a class.
  package func wish(_ rdt: RuntimeSpec.IntelRdt, containerID: String) -> Wish {
    let name = rdt.closID.flatMap { $0.isEmpty ? nil : $0 }
    // `/` is the class that every process is in without a word.
    let path = name == "/" ? root : "\(root)/\(name ?? containerID)"
    let older = [rdt.l3CacheSchema, rdt.memBwSchema].compactMap { $0 }.filter { !$0.isEmpty }
    return Wish(
      path: path, monitoringPath: rdt.enableMonitoring ? "\(path)/mon_groups/\(containerID)" : nil,
      lines: older + rdt.schemata, isNamed: name != nil)
  }

  /// Makes what is missing of a wish, or checks what is there.
  package func prepare(_ wish: Wish) throws(LaunchError) -> ResourceControlRecord {
    var record = ResourceControlRecord(path: wish.path, isOwn: false)
    do throws(LaunchError) {
      let isNew = try makeGroup(wish)
      record.isOwn = isNew && !wish.isNamed
      if !wish.lines.isEmpty {
        if isNew || !wish.isNamed {
          try write(wish.lines, to: wish.path)
        } else {
          try check(wish)
        }
      }
      if let path = wish.monitoringPath {
        record.monitoringPath = try makeMonitoringGroup(path)
      }
      return record
    } catch {
      // The first failure is the one that is reported.
      try? remove(record)
      throw error
    }
  }

  private func makeGroup(_ wish: Wish) throws(LaunchError) -> Bool {
    // Nothing to write into a class of that name: it must be there, made by whoever manages the machine.
    if wish.isNamed, wish.lines.isEmpty {
      guard (try? Descriptor.workingDirectory.fileSystemMagic(of: wish.path)) != nil else {
        throw LaunchError("linux.intelRdt.closID: there is no class \(wish.path), and no schema to make one with")
      }
      return false
    }
    if wish.path == root { return false }
    do throws(Errno) {
      try Descriptor.workingDirectory.makeDirectory(try KernelPath(wish.path), mode: 0o755)
      return true
    } catch {
      if error == .exists { return false }
      throw refusal("make the class \(wish.path)", error)
    }
  }

  private func makeMonitoringGroup(_ path: String) throws(LaunchError) -> String {
    do throws(Errno) {
      try Descriptor.workingDirectory.makeDirectory(try KernelPath(path), mode: 0o755)
      return path
    } catch {
      throw refusal("make the monitoring group \(path)", error)
    }
  }

  private func write(_ lines: [String], to path: String) throws(LaunchError) {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath(path).appending("schemata"), .writeOnly)
      try file.descriptor.writeAll(Array((lines.joined(separator: "\n") + "\n").utf8))
    } catch {
      throw refusal("set the schemata \(lines.joined(separator: ", "))", error)
    }
  }

  private func check(_ wish: Wish) throws(LaunchError) {
    let present: String
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath(wish.path).appending("schemata"), .readOnly)
      present = String(decoding: try file.descriptor.readToEnd(limitBytes: Self.fileLimitBytes), as: UTF8.self)
    } catch {
      throw refusal("read the schemata of \(wish.path)", error)
    }
    let there = Schemata(present)
    for line in wish.lines where !there.holds(line) {
      throw LaunchError("linux.intelRdt: the class \(wish.path) is there, and its schemata are not \(line)")
    }
  }

  private func refusal(_ act: String, _ error: Errno) -> LaunchError {
    var words = "linux.intelRdt: cannot \(act): \(error)"
    if let path = try? KernelPath(root).appending("info").appending("last_cmd_status"),
      let file = try? Descriptor.workingDirectory.open(path, .readOnly),
      let said = try? file.descriptor.readToEnd(limitBytes: Self.fileLimitBytes)
    {
      let text = String(decoding: said, as: UTF8.self).split(separator: "\n").joined(separator: "; ")
      if !text.isEmpty, text != "ok" { words += " (\(text))" }
    }
    return LaunchError(words)
  }

  // MARK: The end

  /// Removes what was made for the container alone; what is gone already is no error.
  package func remove(_ record: ResourceControlRecord) throws(LaunchError) {
    for path in [record.monitoringPath, record.isOwn ? record.path : nil] {
      guard let path else { continue }
      do throws(Errno) {
        try Descriptor.workingDirectory.removeDirectory(try KernelPath(path))
      } catch {
        if error != .notFound { throw refusal("remove \(path)", error) }
      }
    }
  }
}

extension ResourceControlRecord {
  /// As it is kept with the container.
  var json: JSONValue {
    var members: [(String, JSONValue)] = [("path", .string(path)), ("isOwn", .bool(isOwn))]
    if let monitoringPath { members.append(("monitoring", .string(monitoringPath))) }
    return .object(JSONObject(members))
  }

  /// Nil where the value is none.
  init?(_ json: JSONValue) {
    guard let path = json["path"]?.string else { return nil }
    self.init(path: path, monitoringPath: json["monitoring"]?.string, isOwn: json["isOwn"]?.bool ?? false)
  }
}

/// The lines of a `schemata` file: for each resource a value for each of its domains (`L3:0=7ff;1=7ff`).
struct Schemata: Equatable {
  private var values: [String: [String: String]] = [:]

  init(_ text: String) {
    for line in text.split(separator: "\n") {
      guard let (resource, domains) = Self.parse(line) else { continue }
      values[resource, default: [:]].merge(domains) { $1 }
    }
  }

  /// Whether every value that a line asks for is there.
  func holds(_ line: String) -> Bool {
    guard let (resource, domains) = Self.parse(line[...]), let there = values[resource] else { return false }
    return domains.allSatisfy { there[$0.key] == $0.value }
  }

  private static func parse(_ line: Substring) -> (String, [String: String])? {
    let parts = line.split(separator: ":", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    var domains: [String: String] = [:]
    for entry in parts[1].split(separator: ";") {
      let sides = entry.split(separator: "=", maxSplits: 1).map(trimmed)
      guard sides.count == 2 else { return nil }
      // Masks are written with and without leading zeros, in either case.
      let value = sides[1].lowercased().drop { $0 == "0" }
      domains[sides[0]] = value.isEmpty ? "0" : String(value)
    }
    return (trimmed(parts[0]), domains)
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.filter { $0 != " " && $0 != "\t" })
  }
}
