package import SkiffSpec

/// Device rules as a program of eBPF, for cgroups of version 2, which have no list of devices of their own.
///
/// Read, write and mknod are judged one by one: for each, the last rule of the list that covers it decides, and what no rule covers
/// is denied. This is what the lists of version 1 come to when each `allow` and `deny` is written in turn, but where a later `deny`
/// names a part of what is allowed: version 1 lets that slip, here it holds.
package enum DeviceProgram {
  /// Packed bpf_insn, for BPFProgram(loadingDeviceFilter:).
  package static func compile(_ rules: [RuntimeSpec.DeviceRule]) -> [UInt64] {
    let understood = rules.compactMap(DeviceMatch.understanding)
    // What is before a rule for everything cannot matter.
    let total = understood.lastIndex { $0.coversEverything }
    let base = total.map { understood[$0].allow } ?? false
    var program = DeviceProgramWriter()
    for rule in understood[(total.map { $0 + 1 } ?? 0)...].reversed() { program.add(rule) }
    return program.finished(allowingTheRest: base)
  }
}

/// What a rule covers, understood so that a doubt is always a denial.
struct DeviceMatch: Equatable {
  /// The kernel's numbers (BPF_DEVCG_DEV_…); nil for both.
  enum Kind: UInt32 {
    case block = 1
    case character = 2
  }

  var allow: Bool
  var kind: Kind?
  var major: UInt32?
  var minor: UInt32?
  /// BPF_DEVCG_ACC_…: 1 mknod, 2 read, 4 write.
  var access = DeviceMatch.everyAccess

  static let everyAccess: UInt32 = 7
  static let denialOfEverything = DeviceMatch(allow: false)

  /// Nil for a rule that allows nothing that exists.
  static func understanding(_ rule: RuntimeSpec.DeviceRule) -> DeviceMatch? {
    var match = DeviceMatch(allow: rule.allow)
    switch rule.type ?? "a" {
    case "b": match.kind = .block
    case "c", "u": match.kind = .character
    // To version 1, a denial of `a` denies everything, whatever else it says.
    case "a": if !rule.allow { return denialOfEverything }
    default: return rule.allow ? nil : denialOfEverything
    }
    // Callers write both -1 and nothing for "every".
    if let number = rule.major, number != -1 {
      match.major = UInt32(exactly: number)
      if match.major == nil { return rule.allow ? nil : denialOfEverything }
    }
    if let number = rule.minor, number != -1 {
      match.minor = UInt32(exactly: number)
      if match.minor == nil { return rule.allow ? nil : denialOfEverything }
    }
    guard let letters = rule.access, !letters.isEmpty else { return match }
    match.access = 0
    for letter in letters.utf8 {
      switch letter {
      case UInt8(ascii: "m"): match.access |= 1
      case UInt8(ascii: "r"): match.access |= 2
      case UInt8(ascii: "w"): match.access |= 4
      case UInt8(ascii: "a") where !rule.allow: match.access = DeviceMatch.everyAccess
      default: if !rule.allow { return denialOfEverything }
      }
    }
    // An allowance of nothing would still let the file be looked at.
    return match.access == 0 ? nil : match
  }

  var coversEverything: Bool {
    kind == nil && major == nil && minor == nil && access == DeviceMatch.everyAccess
  }
}

/// Writes the program; rules come last to first.
///
/// Registers: 1 the description of the access, 2 the kind, 3 what is asked and not yet allowed, 4 major, 5 minor.
private struct DeviceProgramWriter {
  private var instructions: [UInt64] = []

  init() {
    // struct bpf_cgroup_dev_ctx: access << 16 | kind, major, minor.
    instructions = [
      Self.packed(Self.loadWord, to: 3, from: 1, offset: 0),
      Self.packed(Self.move, to: 2, from: 3),
      Self.packed(Self.andValue, to: 2, value: 0xFFFF),
      Self.packed(Self.shiftRight, to: 3, value: 16),
      Self.packed(Self.loadWord, to: 4, from: 1, offset: 4),
      Self.packed(Self.loadWord, to: 5, from: 1, offset: 8),
    ]
  }

  mutating func add(_ rule: DeviceMatch) {
    // Each test leads past the whole rule when it fails; how far that is depends on what follows.
    var tests: [(register: UInt64, value: UInt32)] = []
    if let kind = rule.kind { tests.append((2, kind.rawValue)) }
    if let major = rule.major { tests.append((4, major)) }
    if let minor = rule.minor { tests.append((5, minor)) }
    let verdict = Self.verdict(rule)
    for (index, test) in tests.enumerated() {
      instructions.append(
        Self.packed(
          Self.jumpNotEqual, to: test.register, offset: tests.count - index - 1 + verdict.count, value: test.value))
    }
    instructions += verdict
  }

  private static func verdict(_ rule: DeviceMatch) -> [UInt64] {
    if !rule.allow {
      // Asked for what is denied and not allowed by a later rule.
      if rule.access == DeviceMatch.everyAccess { return answer(0) }
      return [packed(jumpAnyBit, to: 3, offset: 1, value: rule.access), packed(jump, offset: 2)] + answer(0)
    }
    if rule.access == DeviceMatch.everyAccess { return answer(1) }
    return [
      packed(andValue, to: 3, value: DeviceMatch.everyAccess & ~rule.access),
      packed(jumpNotEqual, to: 3, offset: 2, value: 0),
    ] + answer(1)
  }

  consuming func finished(allowingTheRest: Bool) -> [UInt64] {
    instructions + Self.answer(allowingTheRest ? 1 : 0)
  }

  private static func answer(_ value: UInt32) -> [UInt64] {
    [packed(moveValue, to: 0, value: value), packed(exit)]
  }

  // Operations on 32 bits (BPF_JMP32, BPF_ALU); jumps are counted from the instruction after.
  private static let loadWord: UInt64 = 0x61
  private static let move: UInt64 = 0xBC
  private static let moveValue: UInt64 = 0xB4
  private static let andValue: UInt64 = 0x54
  private static let shiftRight: UInt64 = 0x74
  private static let jump: UInt64 = 0x05
  private static let jumpNotEqual: UInt64 = 0x56
  private static let jumpAnyBit: UInt64 = 0x46
  private static let exit: UInt64 = 0x95

  /// struct bpf_insn as it lies in memory on a little-endian machine.
  private static func packed(
    _ code: UInt64, to: UInt64 = 0, from: UInt64 = 0, offset: Int = 0, value: UInt32 = 0
  ) -> UInt64 {
    code | to << 8 | from << 12 | UInt64(UInt16(truncatingIfNeeded: offset)) << 16 | UInt64(value) << 32
  }
}
