import Foundation

/// What a container can leave on the host when something goes wrong: taken before and after a test, and compared.
struct Traces {
  var mounts: Set<String>
  var cgroups: Set<String>
  var links: Set<String>
  var loops: Set<String>

  /// What is there now. Cgroups are those that containers get, not the machine's own.
  static func now() -> Traces {
    Traces(mounts: currentMounts(), cgroups: currentCgroups(), links: names("/sys/class/net"), loops: busyLoops())
  }

  /// What is there now and was not before, in words. `marks` are texts by which a test's processes are known.
  func newcomers(marks: [String]) -> [String] {
    let now = Traces.now()
    var found: [String] = []
    found += now.mounts.subtracting(mounts).map { "mount \($0)" }
    found += now.cgroups.subtracting(cgroups).map { "cgroup \($0)" }
    found += now.links.subtracting(links).filter { $0 != "skiff0" }.map { "network link \($0)" }
    found += now.loops.subtracting(loops).map { "loop device \($0)" }
    found += Self.processes(marks: marks)
    return found.sorted()
  }

  private static func text(_ path: String) -> String {
    // A process or a group may go while we look: then it is not a trace.
    guard let data = FileManager.default.contents(atPath: path) else { return "" }
    return String(decoding: data, as: UTF8.self)
  }

  private static func names(_ path: String) -> Set<String> {
    Set((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [])
  }

  private static func currentMounts() -> Set<String> {
    Set(
      text("/proc/self/mountinfo").split(separator: "\n").compactMap { line in
        let fields = line.split(separator: " ")
        return fields.count > 4 ? String(fields[4]) : nil
      })
  }

  /// Directories of every cgroup hierarchy, to a depth that holds every group of ours.
  private static func currentCgroups() -> Set<String> {
    var found: Set<String> = []
    let roots = text("/proc/self/mountinfo").split(separator: "\n").compactMap { line -> String? in
      let halves = line.components(separatedBy: " - ")
      guard halves.count == 2, halves[1].hasPrefix("cgroup") else { return nil }
      let fields = halves[0].split(separator: " ")
      return fields.count > 4 ? String(fields[4]) : nil
    }
    func walk(_ path: String, depth: Int) {
      guard depth < 6 else { return }
      for name in names(path) {
        let child = path + "/" + name
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: child, isDirectory: &isDirectory), isDirectory.boolValue else {
          continue
        }
        found.insert(child)
        walk(child, depth: depth + 1)
      }
    }
    for root in roots { walk(root, depth: 0) }
    // The parent that all containers share stays, as a system's own slices do.
    return found.filter { !$0.hasSuffix("/skiff") }
  }

  private static func busyLoops() -> Set<String> {
    names("/sys/block").filter {
      $0.hasPrefix("loop") && FileManager.default.fileExists(atPath: "/sys/block/\($0)/loop/backing_file")
    }
  }

  /// Processes whose command line, environment, working directory or root holds one of the marks; ourselves left out.
  private static func processes(marks: [String]) -> [String] {
    let own = ProcessInfo.processInfo.processIdentifier
    return names("/proc").compactMap { name in
      guard let id = Int32(name), id != own else { return nil }
      let command = text("/proc/\(id)/cmdline").replacingOccurrences(of: "\0", with: " ")
      let links = ["cwd", "root"].map {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/\($0)")) ?? ""
      }
      let everything = ([command, text("/proc/\(id)/environ")] + links).joined(separator: "\n")
      guard marks.contains(where: { everything.contains($0) }) else { return nil }
      return "process \(id): \(command)"
    }
  }
}
