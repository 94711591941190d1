import SkiffKernel
import SkiffSpec

/// A profile of the caller's own (`--security-opt seccomp=FILE`): docker's format, of which the runtime specification's is a part.
package enum SeccompProfileFile {
  /// Largest profile that is read.
  static let limitBytes = 8 << 20

  /// What the conditions of a profile's rules are about.
  package struct Circumstances: Sendable {
    package var capabilities: Set<String>
    /// As Go and OCI name it: `amd64`.
    package var architecture: String
    package var kernel: (major: UInt32, minor: UInt32)

    package init(capabilities: Set<String>, architecture: String, kernel: (major: UInt32, minor: UInt32)) {
      self.capabilities = capabilities
      self.architecture = architecture
      self.kernel = kernel
    }
  }

  /// Reads a profile and keeps the rules whose conditions hold.
  static func read(
    _ path: String, capabilities: [String], architecture: String
  ) throws(EngineError) -> RuntimeSpec.Seccomp {
    let bytes = try naming("read the seccomp profile", path) { () throws(Errno) in
      let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .nonBlocking])
      guard try file.descriptor.status().type == .regular else { throw .invalidArgument }
      return try file.descriptor.readToEnd(limitBytes: limitBytes)
    }
    let circumstances = Circumstances(
      capabilities: Set(capabilities), architecture: architecture, kernel: kernelVersion())
    return try parse(bytes, path: path, circumstances)
  }

  /// The same for bytes; `path` stands in errors.
  package static func parse(
    _ bytes: [UInt8], path: String, _ circumstances: Circumstances
  ) throws(EngineError) -> RuntimeSpec.Seccomp {
    let document: JSONValue
    do throws(JSONError) {
      document = try JSONValue.parse(bytes)
    } catch {
      throw .damaged(thing: "the seccomp profile \(path)", reason: "\(error)")
    }
    do throws(Fault) {
      return try profile(document, circumstances)
    } catch {
      throw .damaged(thing: "the seccomp profile \(path)", reason: error.words)
    }
  }

  private struct Fault: Error {
    let words: String
  }

  private static func profile(
    _ document: JSONValue, _ circumstances: Circumstances
  ) throws(Fault) -> RuntimeSpec.Seccomp {
    guard let action = document["defaultAction"]?.string else { throw Fault(words: "it has no defaultAction") }
    var profile = RuntimeSpec.Seccomp()
    profile.defaultAction = action
    profile.defaultErrnoRet = try number(document["defaultErrnoRet"], "defaultErrnoRet")
    profile.architectures = try strings(document["architectures"], "architectures")
    if let flags = document["flags"], !flags.isNull { profile.flags = try strings(flags, "flags") }
    if let map = document["archMap"], !map.isNull {
      guard profile.architectures.isEmpty else {
        throw Fault(words: "it has both architectures and archMap")
      }
      profile.architectures = try architectures(map, of: circumstances.architecture)
    }
    let entries = document["syscalls"]?.array ?? []
    for (index, entry) in entries.enumerated() {
      let place = "syscalls[\(index)]"
      guard try holds(entry["includes"], circumstances, place + ".includes", isExclusion: false),
        try !holds(entry["excludes"], circumstances, place + ".excludes", isExclusion: true)
      else { continue }
      profile.rules.append(try rule(entry, place))
    }
    return profile
  }

  private static func rule(_ entry: JSONValue, _ place: String) throws(Fault) -> RuntimeSpec.SeccompRule {
    var rule = RuntimeSpec.SeccompRule()
    rule.names = try strings(entry["names"], place + ".names")
    if let name = entry["name"]?.string, !name.isEmpty { rule.names.append(name) }
    guard !rule.names.isEmpty else { throw Fault(words: "\(place) names no system call") }
    guard let action = entry["action"]?.string else { throw Fault(words: "\(place) has no action") }
    rule.action = action
    rule.errnoRet = try number(entry["errnoRet"], place + ".errnoRet")
    for (index, argument) in (entry["args"]?.array ?? []).enumerated() {
      let inner = "\(place).args[\(index)]"
      var condition = RuntimeSpec.SeccompCondition()
      guard let position = try number(argument["index"], inner + ".index"), let op = argument["op"]?.string,
        let value = argument["value"]?.unsigned
      else { throw Fault(words: "\(inner) needs index, value and op") }
      condition.index = position
      condition.op = op
      condition.value = value
      condition.valueTwo = argument["valueTwo"]?.unsigned ?? 0
      rule.conditions.append(condition)
    }
    return rule
  }

  /// Whether a set of conditions holds; an empty inclusion always does, an empty exclusion never.
  ///
  /// All parts of an inclusion must hold; of an exclusion one is enough.
  private static func holds(
    _ conditions: JSONValue?, _ circumstances: Circumstances, _ place: String, isExclusion: Bool
  ) throws(Fault) -> Bool {
    guard let conditions, !conditions.isNull else { return !isExclusion }
    guard let members = conditions.object?.members else { throw Fault(words: "\(place) is no object") }
    var answers: [Bool] = []
    for member in members where !member.value.isNull {
      switch member.key {
      case "caps":
        let names = try strings(member.value, place + ".caps")
        guard !names.isEmpty else { continue }
        answers.append(
          isExclusion
            ? names.contains(where: circumstances.capabilities.contains)
            : names.allSatisfy(circumstances.capabilities.contains))
      case "arches":
        let names = try strings(member.value, place + ".arches")
        if !names.isEmpty { answers.append(names.contains(circumstances.architecture)) }
      case "minKernel":
        guard let text = member.value.string, let version = version(text) else {
          throw Fault(words: "\(place).minKernel is no version")
        }
        answers.append(circumstances.kernel >= version)
      default:
        // A condition that is not understood must not widen what is allowed.
        throw Fault(words: "\(place) has the condition \"\(member.key)\", which is not known")
      }
    }
    if answers.isEmpty { return !isExclusion }
    return isExclusion ? answers.contains(true) : answers.allSatisfy { $0 }
  }

  private static func architectures(_ map: JSONValue, of architecture: String) throws(Fault) -> [String] {
    guard let own = names[architecture] else { return [] }
    for entry in map.array ?? [] where entry["architecture"]?.string == own {
      return [own] + (try strings(entry["subArchitectures"], "archMap"))
    }
    return []
  }

  private static let names = [
    "amd64": "SCMP_ARCH_X86_64", "386": "SCMP_ARCH_X86", "arm64": "SCMP_ARCH_AARCH64", "arm": "SCMP_ARCH_ARM",
    "riscv64": "SCMP_ARCH_RISCV64", "s390x": "SCMP_ARCH_S390X", "ppc64le": "SCMP_ARCH_PPC64LE",
    "loong64": "SCMP_ARCH_LOONGARCH64", "mips64le": "SCMP_ARCH_MIPSEL64",
  ]

  private static func strings(_ value: JSONValue?, _ place: String) throws(Fault) -> [String] {
    guard let value, !value.isNull else { return [] }
    guard let list = value.array else { throw Fault(words: "\(place) is no list") }
    let texts = list.compactMap(\.string)
    guard texts.count == list.count else { throw Fault(words: "\(place) holds something else than texts") }
    return texts
  }

  private static func number(_ value: JSONValue?, _ place: String) throws(Fault) -> UInt32? {
    guard let value, !value.isNull else { return nil }
    guard let number = value.unsigned.flatMap({ UInt32(exactly: $0) }) else {
      throw Fault(words: "\(place) is no number of 32 bits")
    }
    return number
  }

  private static func version(_ text: String) -> (major: UInt32, minor: UInt32)? {
    let parts = text.split(separator: ".", maxSplits: 2)
    guard let first = parts.first, let major = UInt32(first) else { return nil }
    guard parts.count > 1 else { return (major, 0) }
    return UInt32(parts[1].prefix { $0 >= "0" && $0 <= "9" }).map { (major, $0) }
  }

  /// Version 0 where it cannot be read: then no rule that asks for a version holds.
  private static func kernelVersion() -> (major: UInt32, minor: UInt32) {
    do throws(Errno) {
      let text = try Descriptor.workingDirectory.readFile("/proc/sys/kernel/osrelease", limitBytes: 256)
      return version(String(decoding: text, as: UTF8.self)) ?? (0, 0)
    } catch {
      return (0, 0)
    }
  }
}
