import SkiffRuntime
import SkiffSpec
import Testing

/// What a process wants of a device file (struct bpf_cgroup_dev_ctx).
struct DeviceAccess: CustomStringConvertible {
  /// 1 block, 2 character.
  var kind: UInt32
  var major: UInt32
  var minor: UInt32
  /// 1 mknod, 2 read, 4 write.
  var access: UInt32

  var description: String { "\(kind == 1 ? "b" : "c") \(major):\(minor) access \(access)" }
}

/// Runs eBPF as the kernel does, for the instructions that a device program uses; nil where its verifier would refuse.
struct DeviceProgramInterpreter {
  var instructions: [UInt64]

  func allows(_ access: DeviceAccess) -> Bool? {
    let context = [access.access << 16 | access.kind, access.major, access.minor]
    // Nothing but the context's address is there at the start.
    var registers = [UInt64?](repeating: nil, count: 11)
    var counter = 0
    for _ in 0..<instructions.count {
      guard counter < instructions.count else { return nil }
      let instruction = instructions[counter]
      let to = Int(instruction >> 8 & 15)
      let from = Int(instruction >> 12 & 15)
      let offset = Int(Int16(bitPattern: UInt16(truncatingIfNeeded: instruction >> 16)))
      let value = UInt32(truncatingIfNeeded: instruction >> 32)
      guard to < 10, from < 10 else { return nil }
      counter += 1
      switch instruction & 0xFF {
      case 0x61:
        guard from == 1, offset % 4 == 0, context.indices.contains(offset / 4) else { return nil }
        registers[to] = UInt64(context[offset / 4])
      case 0xBC:
        guard let source = registers[from] else { return nil }
        registers[to] = source & 0xFFFF_FFFF
      case 0xB4: registers[to] = UInt64(value)
      case 0x54:
        guard let left = registers[to] else { return nil }
        registers[to] = left & UInt64(value)
      case 0x74:
        guard let left = registers[to] else { return nil }
        registers[to] = (left & 0xFFFF_FFFF) >> UInt64(value)
      case 0x05: counter += offset
      case 0x56:
        guard let left = registers[to] else { return nil }
        if UInt32(truncatingIfNeeded: left) != value { counter += offset }
      case 0x46:
        guard let left = registers[to] else { return nil }
        if UInt32(truncatingIfNeeded: left) & value != 0 { counter += offset }
      case 0x95:
        guard let answer = registers[0] else { return nil }
        return answer != 0
      default: return nil
      }
    }
    return nil
  }

  /// Whether every instruction can be reached, which the verifier wants.
  var isWholeReachable: Bool {
    var reached: Set<Int> = []
    var pending = [0]
    while let counter = pending.popLast() {
      guard instructions.indices.contains(counter) else { return false }
      if !reached.insert(counter).inserted { continue }
      let instruction = instructions[counter]
      let jump = counter + 1 + Int(Int16(bitPattern: UInt16(truncatingIfNeeded: instruction >> 16)))
      switch instruction & 0xFF {
      case 0x95: continue
      case 0x05: pending.append(jump)
      case 0x56, 0x46: pending += [jump, counter + 1]
      default: pending.append(counter + 1)
      }
    }
    return reached.count == instructions.count
  }
}

@Suite struct `DeviceProgram: device rules as eBPF` {
  private static func rule(
    _ allow: Bool, _ type: String? = nil, _ major: Int64? = nil, _ minor: Int64? = nil, _ access: String? = nil
  ) -> RuntimeSpec.DeviceRule {
    var rule = RuntimeSpec.DeviceRule()
    (rule.allow, rule.type, rule.major, rule.minor, rule.access) = (allow, type, major, minor, access)
    return rule
  }

  /// For each of mknod, read and write the last rule that covers it decides; asked for nothing, some rule must allow something.
  private static func model(_ rules: [RuntimeSpec.DeviceRule], _ wanted: DeviceAccess) -> Bool {
    let letters: [(bit: UInt32, letter: Character)] = [(1, "m"), (2, "r"), (4, "w")]
    func covers(_ rule: RuntimeSpec.DeviceRule, _ letter: Character) -> Bool {
      if rule.type == "a" || rule.type == nil, !rule.allow { return true }
      if rule.type == "b", wanted.kind != 1 { return false }
      if rule.type == "c", wanted.kind != 2 { return false }
      if let major = rule.major, major >= 0, major != Int64(wanted.major) { return false }
      if let minor = rule.minor, minor >= 0, minor != Int64(wanted.minor) { return false }
      return (rule.access ?? "rwm").contains(letter)
    }
    func decision(_ letter: Character) -> Bool { rules.last { covers($0, letter) }?.allow ?? false }
    let asked = letters.filter { wanted.access & $0.bit != 0 }
    if asked.isEmpty { return true }
    return asked.allSatisfy { decision($0.letter) }
  }

  private func expect(_ rules: [RuntimeSpec.DeviceRule], allows: Bool, _ access: DeviceAccess) {
    let program = DeviceProgramInterpreter(instructions: DeviceProgram.compile(rules))
    #expect(program.isWholeReachable)
    #expect(program.allows(access) == allows, "\(rules) \(access)")
  }

  private let null = DeviceAccess(kind: 2, major: 1, minor: 3, access: 6)

  @Test func `without rules nothing is allowed`() {
    expect([], allows: false, null)
    expect([], allows: false, DeviceAccess(kind: 1, major: 8, minor: 0, access: 1))
  }

  @Test func `a device is allowed after everything is denied`() {
    let rules = [Self.rule(false, "a", nil, nil, "rwm"), Self.rule(true, "c", 1, 3, "rwm")]
    expect(rules, allows: true, null)
    expect(rules, allows: false, DeviceAccess(kind: 2, major: 1, minor: 5, access: 2))
    expect(rules, allows: false, DeviceAccess(kind: 1, major: 1, minor: 3, access: 2))
  }

  @Test func `every access asked for must be allowed`() {
    let rules = [Self.rule(false), Self.rule(true, "c", 1, 3, "r")]
    expect(rules, allows: true, DeviceAccess(kind: 2, major: 1, minor: 3, access: 2))
    expect(rules, allows: false, DeviceAccess(kind: 2, major: 1, minor: 3, access: 4))
    expect(rules, allows: false, null)
    // By two rules together it may be.
    expect(rules + [Self.rule(true, "c", 1, nil, "w")], allows: true, null)
  }

  @Test func `a later denial takes out of what is allowed`() {
    let rules = [Self.rule(true, "c", nil, nil, "rwm"), Self.rule(false, "c", 1, 3, "w")]
    // Reading and writing at once is refused by what is denied of it.
    expect(rules, allows: false, null)
    expect(rules, allows: true, DeviceAccess(kind: 2, major: 1, minor: 3, access: 2))
    expect(rules, allows: true, DeviceAccess(kind: 2, major: 1, minor: 5, access: 6))
  }

  @Test func `the last rule for everything forgets those before it`() {
    let open = [Self.rule(true, "c", 1, 3, "rwm"), Self.rule(false, "a"), Self.rule(true, "a", -1, -1, "rwm")]
    #expect(DeviceProgram.compile(open).count == 8)
    expect(open, allows: true, DeviceAccess(kind: 1, major: 8, minor: 0, access: 7))
    expect(open + [Self.rule(false, "a")], allows: false, null)
  }

  @Test func `a doubt is a denial`() {
    // No such type, number or access.
    expect([Self.rule(true, "x", 1, 3, "rwm")], allows: false, null)
    expect([Self.rule(true, "c", 1 << 40, 3, "rwm")], allows: false, null)
    expect([Self.rule(true, "c", 1, -7, "rwm")], allows: false, null)
    expect([Self.rule(true, "c", 1, 3, "xyz")], allows: false, null)
    let all = Self.rule(true, "a", nil, nil, "rwm")
    expect([all, Self.rule(false, "x", 9, 9, "r")], allows: false, null)
    expect([all, Self.rule(false, "c", 1 << 40, 3, "rwm")], allows: false, null)
    expect([all, Self.rule(false, "a", 9, 9, "r")], allows: false, null)
    // The largest number is a number, not a sign.
    let largest = DeviceAccess(kind: 2, major: .max, minor: .max, access: 2)
    expect([Self.rule(true, "c", 0xFFFF_FFFF, 0xFFFF_FFFF, "r")], allows: true, largest)
    expect([Self.rule(true, "c", 0xFFFF_FFFF, 0, "r")], allows: false, largest)
  }

  @Test func `random lists mean what the model says`() {
    var generator = SeededGenerator(state: 7)
    for _ in 0..<3000 {
      let rules = (0..<Int.random(in: 0...14, using: &generator)).map { _ in
        Self.rule(
          Bool.random(using: &generator), ["a", "b", "c", nil, "c", "c"].randomElement(using: &generator) ?? nil,
          [nil, -1, 0, 1, 8, 0xFFFF_FFFF].randomElement(using: &generator) ?? nil,
          [nil, -1, 0, 3, 5].randomElement(using: &generator) ?? nil,
          [nil, "r", "w", "m", "rw", "rwm", "wm"].randomElement(using: &generator) ?? nil)
      }
      let program = DeviceProgramInterpreter(instructions: DeviceProgram.compile(rules))
      #expect(program.isWholeReachable, "\(rules)")
      for kind: UInt32 in [1, 2] {
        for major: UInt32 in [0, 1, 8, .max] {
          for minor: UInt32 in [0, 3, 5, 9] {
            for access: UInt32 in 1...7 {
              let wanted = DeviceAccess(kind: kind, major: major, minor: minor, access: access)
              let answer = program.allows(wanted)
              if answer != Self.model(rules, wanted) {
                Issue.record("\(rules) \(wanted): \(String(describing: answer))")
              }
            }
          }
        }
      }
    }
  }
}
