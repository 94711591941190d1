import SkiffKernel
import SkiffSpec

/// The ids of a user namespace that has the same ones as the caller's (`--userns keep-id` of root).
enum KeptIDs {
  /// Every user id that there is where skiff runs, mapped to itself.
  static func users() throws(EngineError) -> [IDRange] { try ranges("/proc/self/uid_map") }

  /// The same of groups.
  static func groups() throws(EngineError) -> [IDRange] { try ranges("/proc/self/gid_map") }

  /// Reads a map (user_namespaces(7)): lines of first id inside, first id outside, count.
  private static func ranges(_ path: String) throws(EngineError) -> [IDRange] {
    let content = try naming("read", path) { () throws(Errno) in
      try Descriptor.workingDirectory.readFile(try KernelPath(path), limitBytes: 1 << 16)
    }
    return String(decoding: content, as: UTF8.self).split(separator: "\n").compactMap { line in
      let numbers = line.split(separator: " ").compactMap { UInt32($0) }
      guard numbers.count == 3, numbers[2] > 0 else { return nil }
      return IDRange(container: numbers[0], host: numbers[0], size: numbers[2])
    }
  }
}

extension RunRequest {
  /// Who runs the program where `--userns keep-id` says so; a group alone is root's.
  var keptUser: String? {
    guard case .keepID(let user, let group) = userNamespace, user != nil || group != nil else { return nil }
    return "\(user ?? 0):\(group ?? 0)"
  }
}
