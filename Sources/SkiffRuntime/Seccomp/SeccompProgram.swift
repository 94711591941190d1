package import SkiffSpec

/// A filter of system calls as the kernel takes it (seccomp(2)), made of an OCI profile without libseccomp.
///
/// The filter finds the architecture, then the call's number by binary search over ranges of equal verdict, then looks at arguments
/// where the profile does. Its verdicts are those of libseccomp with runc's rule for calls that are newer than the profile.
package struct SeccompProgram: Equatable, Sendable {
  /// Instructions of classic BPF, each a sock_filter.
  package let instructions: [UInt64]
  /// SECCOMP_FILTER_FLAG_….
  package let flags: UInt32
  /// Names in the profile that no architecture has; they are left out, and a person may want to know.
  package let unknownNames: [String]

  /// Whether a supervisor is asked about calls: installing the filter then gives the file that it listens on.
  package var notifies: Bool { flags & SeccompFlags.newListener != 0 }

  /// What the kernel takes (BPF_MAXINSNS).
  package static let instructionLimit = 4096

  /// Makes the filter of a profile.
  package static func compile(_ spec: RuntimeSpec.Seccomp) throws(SeccompError) -> SeccompProgram {
    try compile(spec, native: .native)
  }

  /// Makes the filter for a machine whose own architecture is `native`; the profile's list comes on top of it.
  package static func compile(
    _ spec: RuntimeSpec.Seccomp, native: SeccompArchitecture
  ) throws(SeccompError) -> SeccompProgram {
    let profile = try ResolvedProfile(spec, native: native)
    var assembler = FilterAssembler()
    // Built from the end: the machine's own architecture is written last, so it stands nearest to the beginning.
    // Each section's token in the high half, its place in the low.
    var sections: [UInt64] = []
    for architecture in profile.architectures.reversed() {
      // x86_64 and x32 are one to the kernel's token: both are written when the first of the list is met.
      let kin = profile.architectures.filter { $0.auditToken == architecture.auditToken }
      guard kin.first == architecture else { continue }
      let start = try section(kin, of: profile, into: &assembler)
      sections.append(UInt64(architecture.auditToken) << 32 | UInt64(assembler.place(of: start)))
      if assembler.count > instructionLimit { throw .tooLong(instructions: assembler.count) }
    }
    // A caller of an architecture that nobody listed is killed, as by libseccomp.
    var dispatch = FilterTarget.action(SeccompAction.killThread)
    for section in sections {
      dispatch = assembler.branch(
        FilterInstruction.jumpEqual, UInt32(truncatingIfNeeded: section >> 32),
        then: .place(Int(section & 0xFFFF_FFFF)), else: dispatch)
    }
    _ = assembler.load(offset: CallDescription.architecture, then: dispatch)
    let instructions = assembler.finished()
    if instructions.count > instructionLimit { throw .tooLong(instructions: instructions.count) }
    return SeccompProgram(instructions: instructions, flags: profile.flags, unknownNames: profile.unknownNames)
  }

  /// Writes what callers with one audit token are asked: one architecture, or x86_64 and x32 together.
  private static func section(
    _ architectures: [SeccompArchitecture], of profile: ResolvedProfile, into assembler: inout FilterAssembler
  ) throws(SeccompError) -> FilterTarget {
    var conditionals: [ConditionalCall] = []
    var ranges = VerdictRanges()
    let beyond: (CallVerdicts) -> UInt32 = { verdicts in
      // To a C library EPERM means "no", ENOSYS means "try the older call": calls that the profile is too old to know get the latter.
      let isNumbered = !SeccompAction.isPermissive(profile.defaultAction) && verdicts.last ?? 0 > 0
      return isNumbered ? SeccompAction.noSuchCall : profile.defaultAction
    }
    if architectures[0].auditToken == SeccompArchitecture.x86_64.auditToken {
      if architectures.contains(.x86_64) {
        let verdicts = try CallVerdicts(profile, on: .x86_64, conditionals: &conditionals)
        ranges.append(verdicts, on: .x86_64, profile.defaultAction, beyond: beyond(verdicts))
      } else {
        ranges.append(from: 0, SeccompAction.killThread)
      }
      if architectures.contains(.x32) {
        let verdicts = try CallVerdicts(profile, on: .x32, conditionals: &conditionals)
        ranges.append(verdicts, on: .x32, profile.defaultAction, beyond: beyond(verdicts))
      } else {
        ranges.append(from: SeccompArchitecture.x32Bit, SeccompAction.killThread)
        // With this number a tracer says that the call is to be skipped.
        ranges.append(from: .max, profile.defaultAction)
      }
    } else {
      let verdicts = try CallVerdicts(profile, on: architectures[0], conditionals: &conditionals)
      ranges.append(from: 0, profile.defaultAction)
      ranges.append(verdicts, on: architectures[0], profile.defaultAction, beyond: beyond(verdicts))
    }
    var writer = VerdictTreeWriter(ranges, conditionals: conditionals, defaultAction: profile.defaultAction)
    return writer.write(into: &assembler)
  }
}

extension SeccompProgram {
  private static let mark = Array("skiff.bpf.1\n".utf8)

  /// The filter as it is kept in a file: a mark, flags, count and instructions, all little-endian. Unknown names are not kept.
  package var bytes: [UInt8] {
    var bytes = Self.mark
    bytes.reserveCapacity(20 + instructions.count * 8)
    for byte in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: flags >> (8 * UInt32(byte)))) }
    for byte in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: instructions.count >> (8 * byte))) }
    for instruction in instructions {
      for byte in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: instruction >> (8 * UInt64(byte)))) }
    }
    return bytes
  }

  /// Reads a filter that `bytes` gave; nil for anything else, and for a program that the kernel would refuse.
  package init?(bytes: [UInt8]) {
    let header = Self.mark.count + 8
    guard bytes.count >= header, bytes.count % 8 == header % 8, bytes.starts(with: Self.mark) else { return nil }
    func number(at offset: Int, size: Int) -> UInt64 {
      var number: UInt64 = 0
      for byte in 0..<size { number |= UInt64(bytes[offset + byte]) << (8 * UInt64(byte)) }
      return number
    }
    let count = (bytes.count - header) / 8
    guard count <= Self.instructionLimit, number(at: header - 4, size: 4) == UInt64(count) else { return nil }
    flags = UInt32(truncatingIfNeeded: number(at: header - 8, size: 4))
    instructions = (0..<count).map { number(at: header + 8 * $0, size: 8) }
    unknownNames = []
    guard Self.isSound(instructions) else { return nil }
  }

  /// Whether every way through the program stays inside it and ends with an answer.
  private static func isSound(_ instructions: [UInt64]) -> Bool {
    for (index, instruction) in instructions.enumerated() {
      let operand = Int(instruction >> 32)
      let next: Int
      switch UInt16(truncatingIfNeeded: instruction) {
      case FilterInstruction.answer: continue
      case FilterInstruction.loadWord:
        guard operand < 64, operand % 4 == 0 else { return false }
        next = 0
      case FilterInstruction.and: next = 0
      case FilterInstruction.jump: next = operand
      case FilterInstruction.jumpEqual, FilterInstruction.jumpGreater, FilterInstruction.jumpGreaterOrEqual,
        FilterInstruction.jumpAnyBit:
        next = Int(max(UInt8(truncatingIfNeeded: instruction >> 16), UInt8(truncatingIfNeeded: instruction >> 24)))
      default: return false
      }
      if index + 1 + next >= instructions.count { return false }
    }
    return !instructions.isEmpty
  }
}

extension VerdictRanges {
  /// Adds the numbers of an architecture, from its base up to the end of all numbers.
  fileprivate mutating func append(
    _ verdicts: CallVerdicts, on architecture: SeccompArchitecture, _ defaultAction: UInt32, beyond: UInt32
  ) {
    append(from: architecture.base, defaultAction)
    var code = 0
    if architecture.asksThroughCallZero, beyond == SeccompAction.noSuchCall {
      append(from: 0, SeccompAction.noSuchCall)
      code = 1
    }
    while code <= verdicts.last ?? -1 {
      let verdict = verdicts.verdicts[code]
      append(from: architecture.base + UInt32(code), verdict == Verdict.unset ? defaultAction : verdict)
      code += 1
    }
    append(from: architecture.base + UInt32(code), beyond)
    guard verdicts.usesPrivatePage else { return }
    for code in SystemCallTable.privatePage..<SystemCallTable.codeCount {
      let verdict = verdicts.verdicts[code]
      let number = SystemCallTable.number(ofCode: code, on: architecture)
      append(from: number, verdict == Verdict.unset ? defaultAction : verdict)
    }
    append(from: SystemCallTable.number(ofCode: SystemCallTable.codeCount, on: architecture), beyond)
  }
}
