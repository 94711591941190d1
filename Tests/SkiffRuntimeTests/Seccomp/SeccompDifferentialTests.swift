import SkiffRuntime
import SkiffSpec
import Testing

/// Whether our filters mean what profiles say, and what libseccomp makes of them.
///
/// On the profiles of engines all must agree. On random ones ours must agree with the plain model; libseccomp 2.5.4 itself gets
/// about one in a hundred of those wrong (it lets calls share instructions that should not), so most of them have to agree with it.
@Suite struct `Seccomp filters say what profiles mean` {
  static let lists: [[String]] = [
    [], ["SCMP_ARCH_X86_64"], ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], ["SCMP_ARCH_X86"],
    ["SCMP_ARCH_X32"], ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"], ["SCMP_ARCH_RISCV64", "SCMP_ARCH_MIPSEL64N32"],
    ["SCMP_ARCH_PPC64LE", "SCMP_ARCH_MIPSEL"],
  ]

  @Test(arguments: SeccompFixtures.names)
  func `as libseccomp does, on the profiles of engines`(name: String) throws {
    let comparison = try Comparison(SeccompFixtures.ofEngine(name))

    // In our own profile rules for one call have several actions, which the model does not know.
    let others: [Comparison.Other] = name == "skiff" ? [.libseccomp] : [.model, .libseccomp]
    let differences = try comparison.differences(seed: 1, against: others)
    #expect(differences.isEmpty, "\(differences)")
  }

  @Test(arguments: [RandomProfile.Shape.oneRuleForACall, .oneAction])
  func `as the model does, on random profiles`(shape: RandomProfile.Shape) throws {
    for seed in 0..<120 {
      var random = RandomProfile(seed: seed, shape)
      let comparison = try Comparison(random.make(architectures: Self.lists))

      let differences = try comparison.differences(seed: seed, against: [.model])

      #expect(differences.isEmpty, "seed \(seed): \(differences)")
    }
  }

  @Test func `as libseccomp does, on random profiles with one rule for a call`() throws {
    let agreeing = try (1000..<1100).filter { seed in
      var random = RandomProfile(seed: seed, .oneRuleForACall)
      let comparison = try Comparison(random.make(architectures: Self.lists))
      return try comparison.differences(seed: seed, against: [.libseccomp]).isEmpty
    }

    #expect(agreeing.count >= 95)
  }

  @Test func `as libseccomp does, on random profiles that compare for equality and have many actions`() throws {
    var (asked, agreeing) = (0, 0)
    for seed in 2000..<2200 {
      var random = RandomProfile(seed: seed, .severalActions)
      random.operators = ["SCMP_CMP_EQ"]
      let profile = random.make(architectures: Self.lists)
      // Where rules contradict each other, both refuse.
      guard (try? LibseccompOracle(profile)) != nil else { continue }
      asked += 1
      agreeing += try Comparison(profile).differences(seed: seed, against: [.libseccomp]).isEmpty ? 1 : 0
    }

    #expect(asked > 100)
    #expect(agreeing * 100 >= asked * 95)
  }

  /// Every operator on every argument at every border of 32 and 64 bits, on an architecture of each width.
  @Test(arguments: [
    "SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
  ])
  func `as both do, at the borders of every argument`(op: String) throws {
    for (place, value) in RandomProfile.values.enumerated() {
      // All six arguments, each compared by the rule of another call.
      let calls = ["mmap", "splice", "mremap", "pwrite64", "fallocate", "sendto"]
      let rules = calls.enumerated().map { index, name in
        SeccompFixtures.rule(
          [name], "SCMP_ACT_ERRNO", errno: 7,
          [SeccompFixtures.condition(UInt32(index), op, value, RandomProfile.values[19 - place])])
      }
      let comparison = try Comparison(
        SeccompFixtures.profile("SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], rules))

      let differences = try comparison.differences(seed: place, against: [.model, .libseccomp])

      #expect(differences.isEmpty, "\(op) \(value): \(differences)")
    }
  }

  /// Every call that both know, by name, on every architecture of this byte order: alone in its profile's action.
  @Test(arguments: SeccompArchitecture.allCases.filter { !$0.isBigEndian && $0 != .loongarch64 })
  func `as both do, for every name`(architecture: SeccompArchitecture) throws {
    // Five actions, so that neighbours differ and a number that is off by one shows.
    let actions: [(String, UInt32?)] = [
      ("SCMP_ACT_ERRNO", 1), ("SCMP_ACT_ERRNO", 2), ("SCMP_ACT_LOG", nil), ("SCMP_ACT_TRACE", 3),
      ("SCMP_ACT_TRAP", nil),
    ]
    let rules = actions.enumerated().map { index, action in
      let names = RandomProfile.names.enumerated().filter { $0.offset % actions.count == index }.map(\.element)
      return SeccompFixtures.rule(names, action.0, errno: action.1)
    }
    let comparison = try Comparison(SeccompFixtures.profile("SCMP_ACT_ALLOW", rules), only: architecture)

    let differences = try comparison.differences(seed: 3, against: [.model, .libseccomp])

    #expect(differences.isEmpty, "\(differences)")
  }

  @Test(arguments: [
    SeccompArchitecture.s390x, .s390, .mips, .mips64, .mips64n32, .ppc, .ppc64, .ppc64le, .aarch64, .arm, .x32, .x86,
    .riscv64, .mipsel64,
  ])
  func `as both do, on one architecture of either byte order`(architecture: SeccompArchitecture) throws {
    for seed in 30_000..<30_010 {
      var random = RandomProfile(seed: seed, .oneRuleForACall)
      let comparison = try Comparison(random.make(architectures: [[]]), only: architecture)

      let differences = try comparison.differences(seed: seed, against: [.model, .libseccomp])

      #expect(differences.isEmpty, "seed \(seed): \(differences)")
    }
  }
}

/// One profile, asked of all who should agree.
struct Comparison {
  enum Other: String {
    case model, libseccomp
  }

  private let profile: RuntimeSpec.Seccomp
  private let native: SeccompArchitecture
  private let architectures: [SeccompArchitecture]
  private let model: SeccompModel
  private let ours: FilterInterpreter
  private let libseccomp: FilterInterpreter

  init(_ profile: RuntimeSpec.Seccomp, only: SeccompArchitecture? = nil) throws {
    var profile = profile
    if let only { profile.architectures = [only.specName] }
    // Calls younger than the library cannot be asked about.
    for index in profile.rules.indices {
      profile.rules[index].names.removeAll { !LibseccompOracle.knows($0) && SystemCallTable.position(of: $0) != nil }
    }
    profile.rules.removeAll { $0.names.isEmpty }
    self.profile = profile
    native = only ?? .native
    let native = native
    architectures = [native] + profile.architectures.compactMap(SeccompArchitecture.init).filter { $0 != native }
    model = try SeccompModel(profile, architectures: architectures)
    let program = try SeccompProgram.compile(profile, native: native)
    ours = FilterInterpreter(instructions: program.instructions, isBigEndian: native.isBigEndian)
    let theirs = try LibseccompOracle(profile, only: only).instructions()
    libseccomp = FilterInterpreter(
      // The library writes instructions in the byte order of the architecture.
      instructions: native.isBigEndian ? theirs.map(Self.swapped) : theirs, isBigEndian: native.isBigEndian)
  }

  private static func swapped(_ instruction: UInt64) -> UInt64 {
    UInt64(UInt16(truncatingIfNeeded: instruction).byteSwapped) | instruction & 0xFFFF_0000
      | UInt64(UInt32(truncatingIfNeeded: instruction >> 32).byteSwapped) << 32
  }

  /// The first few disagreements, in words.
  func differences(seed: Int, against others: [Other]) throws -> [String] {
    var generator = SeededGenerator(state: UInt64(truncatingIfNeeded: seed))
    var found: [String] = []
    let strangers: Set<UInt32> = [0x4000_0003, 0xC000_003E, 0xC000_00B7, 0, .max]
    for token in strangers.union(architectures.map(\.auditToken)) {
      for number in numbers(token) {
        for arguments in argumentLists(number, token, &generator) {
          let data = CallData(number: number, architecture: token, arguments: arguments)
          let mine = ours.run(data)?.action
          for other in others {
            let theirs = other == .model ? model.action(data) : expectedOfLibseccomp(data)
            if mine != nil, mine == theirs { continue }
            found.append("\(data): ours \(hex(mine)), \(other.rawValue)'s \(hex(theirs))")
            if found.count > 3 { return found }
          }
        }
      }
    }
    return found
  }

  /// libseccomp's action, but for the calls that are newer than the profile: that rule is runc's.
  private func expectedOfLibseccomp(_ data: CallData) -> UInt32? {
    if model.isNewer(data) { return SeccompAction.noSuchCall }
    let action = libseccomp.run(data)?.action
    // For a foreign byte order it forgets to turn some answers round.
    if native.isBigEndian, let action, action.byteSwapped == ours.run(data)?.action { return action.byteSwapped }
    return action
  }

  private func hex(_ number: UInt32?) -> String { number.map { "0x" + String($0, radix: 16) } ?? "none" }

  private func numbers(_ token: UInt32) -> [UInt32] {
    var numbers = Array(0...UInt32(600))
    for architecture in architectures where architecture.auditToken == token && architecture.base > 0 {
      numbers += (architecture.base - 3)...(architecture.base + 600)
    }
    numbers += (0x000E_FFFE...0x000F_0012)
    numbers += (SeccompArchitecture.x32Bit - 2)...(SeccompArchitecture.x32Bit + 600)
    numbers += [1023, 1024, 1025, 65535, 0x3FFF_FFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, .max]
    return numbers
  }

  private func argumentLists(_ number: UInt32, _ token: UInt32, _ generator: inout SeededGenerator) -> [[UInt64]] {
    var interesting = [[UInt64]](repeating: [], count: 6)
    var isConditional = false
    for architecture in architectures where architecture.auditToken == token {
      let names = model.names(number, on: architecture)
      let isMultiplexer = ["socketcall", "ipc"].contains {
        SystemCallTable.number(of: $0, on: architecture) == number
      }
      if isMultiplexer {
        isConditional = true
        interesting[0] += (0...26).map(UInt64.init)
      }
      for rule in profile.rules
      where !rule.conditions.isEmpty && (isMultiplexer || rule.names.contains(where: names.contains)) {
        isConditional = true
        for condition in rule.conditions {
          for value in [condition.value, condition.valueTwo] {
            interesting[Int(condition.index)] += [
              value, value &- 1, value &+ 1, ~value, value ^ 0x1_0000_0000, value & 0xFFFF_FFFF,
              value & 0xFFFF_FFFF_0000_0000, value | condition.valueTwo, value | 0xFFFF_FFFF_0000_0000,
            ]
          }
        }
      }
    }
    var lists: [[UInt64]] = [[0, 0, 0, 0, 0, 0], [UInt64](repeating: .max, count: 6)]
    guard isConditional else { return lists }
    for index in 0..<6 {
      for value in Set(interesting[index]) {
        lists.append((0..<6).map { $0 == index ? value : 0 })
      }
    }
    for _ in 0..<100 {
      lists.append(interesting.map { ($0 + RandomProfile.values).randomElement(using: &generator) ?? 0 })
    }
    return lists
  }
}
