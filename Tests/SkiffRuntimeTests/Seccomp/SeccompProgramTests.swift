import SkiffRuntime
import SkiffSpec
import Testing

@Suite struct `SeccompProgram: profiles compiled to filters` {
  private let allow = "SCMP_ACT_ALLOW"
  private let errno = "SCMP_ACT_ERRNO"

  private func verdict(
    _ program: SeccompProgram, _ name: String, _ arguments: [UInt64] = [],
    on architecture: SeccompArchitecture = .x86_64
  ) -> UInt32? {
    let number = SystemCallTable.number(of: name, on: architecture) ?? .max
    let data = CallData(
      number: number, architecture: architecture.auditToken,
      arguments: arguments + [UInt64](repeating: 0, count: 6 - arguments.count))
    return FilterInterpreter(instructions: program.instructions).run(data)?.action
  }

  private func compile(_ profile: RuntimeSpec.Seccomp) throws(SeccompError) -> SeccompProgram {
    try SeccompProgram.compile(profile, native: .x86_64)
  }

  // MARK: What a filter answers

  @Test func `every action has the kernel's number`() throws {
    let actions: [(String, UInt32?, UInt32)] = [
      ("SCMP_ACT_ERRNO", nil, 0x0005_0001), ("SCMP_ACT_ERRNO", 100, 0x0005_0064), ("SCMP_ACT_ERRNO", 0, 0x0005_0000),
      ("SCMP_ACT_KILL", nil, 0), ("SCMP_ACT_KILL_THREAD", nil, 0), ("SCMP_ACT_KILL_PROCESS", nil, 0x8000_0000),
      ("SCMP_ACT_LOG", nil, 0x7FFC_0000), ("SCMP_ACT_TRACE", 7, 0x7FF0_0007), ("SCMP_ACT_TRAP", nil, 0x0003_0000),
    ]
    for (name, number, expected) in actions {
      let program = try compile(
        SeccompFixtures.profile(allow, [SeccompFixtures.rule(["mkdir"], name, errno: number)]))

      #expect(verdict(program, "mkdir") == expected)
      #expect(verdict(program, "rmdir") == SeccompAction.allow)
    }
  }

  @Test func `the default answer has its errno`() throws {
    let program = try compile(
      SeccompFixtures.profile(errno, errno: 6, [SeccompFixtures.rule(["read", "mseal"], allow)]))

    #expect(verdict(program, "write") == 0x0005_0006)
  }

  @Test func `a call newer than the profile does not exist`() throws {
    let rules = [SeccompFixtures.rule(["read", "openat2"], allow)]
    let strict = try compile(SeccompFixtures.profile(errno, rules))
    let permissive = try compile(SeccompFixtures.profile("SCMP_ACT_LOG", rules))

    #expect(verdict(strict, "close_range") == SeccompAction.errno | 1)
    #expect(verdict(strict, "pidfd_getfd") == SeccompAction.noSuchCall)
    #expect(verdict(permissive, "pidfd_getfd") == SeccompAction.log)
  }

  @Test func `a caller of an architecture that is not listed is killed`() throws {
    let rules = [SeccompFixtures.rule(["read"], allow)]
    let program = try compile(SeccompFixtures.profile(errno, rules))
    let both = try compile(SeccompFixtures.profile(errno, architectures: ["SCMP_ARCH_X86"], rules))

    #expect(verdict(program, "read", on: .x86) == SeccompAction.killThread)
    #expect(verdict(program, "read", on: .x32) == SeccompAction.killThread)
    #expect(verdict(both, "read", on: .x86) == SeccompAction.allow)
    #expect(verdict(both, "read", on: .x86_64) == SeccompAction.allow)
  }

  @Test func `one argument compared twice means either`() throws {
    let conditions = [
      SeccompFixtures.condition(0, "SCMP_CMP_EQ", 1), SeccompFixtures.condition(0, "SCMP_CMP_EQ", 3),
    ]
    let program = try compile(
      SeccompFixtures.profile(errno, [SeccompFixtures.rule(["kill", "mseal"], allow, conditions)]))

    #expect(verdict(program, "kill", [1]) == SeccompAction.allow)
    #expect(verdict(program, "kill", [3]) == SeccompAction.allow)
    #expect(verdict(program, "kill", [2]) == SeccompAction.errno | 1)
  }

  @Test func `a rule without conditions beats those with`() throws {
    let condition = [SeccompFixtures.condition(0, "SCMP_CMP_EQ", 1)]
    let program = try compile(
      SeccompFixtures.profile(
        errno,
        [
          SeccompFixtures.rule(["kill"], "SCMP_ACT_KILL_PROCESS", condition), SeccompFixtures.rule(["kill"], allow),
          SeccompFixtures.rule(["kill"], "SCMP_ACT_LOG"),
        ]))

    #expect(verdict(program, "kill", [1]) == SeccompAction.allow)
  }

  // MARK: What is refused, with words

  @Test func `what a profile asks for and cannot have is an error that names it`() {
    let cases: [(RuntimeSpec.Seccomp, SeccompError)] = [
      (SeccompFixtures.profile("SCMP_ACT_PANIC"), .unknownAction("SCMP_ACT_PANIC")),
      (SeccompFixtures.profile(""), .unknownAction("")),
      (SeccompFixtures.profile("SCMP_ACT_NOTIFY"), .notifyByDefault),
      (SeccompFixtures.profile(allow, errno: 1), .numberNotTaken(action: allow)),
      (SeccompFixtures.profile(errno, errno: 4096), .numberTooLarge(4096)),
      (SeccompFixtures.profile(allow, architectures: ["SCMP_ARCH_VAX"]), .unknownArchitecture("SCMP_ARCH_VAX")),
      (SeccompFixtures.profile(allow, architectures: ["SCMP_ARCH_S390X"]), .mixedByteOrders("SCMP_ARCH_S390X")),
      (SeccompFixtures.profile(allow, [SeccompFixtures.rule([], errno)]), .namelessRule),
      (SeccompFixtures.profile(allow, [SeccompFixtures.rule([""], errno)]), .namelessRule),
      (
        SeccompFixtures.profile(
          allow, [SeccompFixtures.rule(["read"], errno, [SeccompFixtures.condition(6, "SCMP_CMP_EQ", 0)])]),
        .noSuchArgument(6)
      ),
      (
        SeccompFixtures.profile(
          allow, [SeccompFixtures.rule(["read"], errno, [SeccompFixtures.condition(0, "SCMP_CMP_IS", 0)])]),
        .unknownOperator("SCMP_CMP_IS")
      ),
      (
        SeccompFixtures.profile(
          allow,
          [
            SeccompFixtures.rule(["read"], errno, [SeccompFixtures.condition(0, "SCMP_CMP_EQ", 0)]),
            SeccompFixtures.rule(["read"], "SCMP_ACT_KILL", [SeccompFixtures.condition(0, "SCMP_CMP_EQ", 0)]),
          ]),
        .contradiction(call: "read")
      ),
    ]
    for (profile, expected) in cases {
      #expect(throws: expected) { _ = try SeccompProgram.compile(profile, native: .x86_64) }
    }
    var profile = SeccompFixtures.profile(allow)
    profile.flags = ["SECCOMP_FILTER_FLAG_MAGIC"]
    #expect(throws: SeccompError.unknownFlag("SECCOMP_FILTER_FLAG_MAGIC")) { _ = try SeccompProgram.compile(profile) }
  }

  @Test func `a filter longer than the kernel takes is refused, not cut`() throws {
    let rules = (0..<2000).map { index in
      SeccompFixtures.rule(
        ["read"], errno,
        [
          SeccompFixtures.condition(0, "SCMP_CMP_EQ", UInt64(index) << 32),
          SeccompFixtures.condition(1, "SCMP_CMP_EQ", UInt64(index)),
        ])
    }

    #expect(throws: SeccompError.self) { _ = try SeccompProgram.compile(SeccompFixtures.profile(allow, rules)) }
    let (fits, model) = (SeccompFixtures.profile(allow, Array(rules.prefix(400))), SeccompAction.errno | 1)
    let program = try compile(fits)
    #expect(program.instructions.count > 1000)
    #expect(verdict(program, "read", [0, 0]) == model)
    #expect(verdict(program, "read", [399 << 32, 399]) == model)
    #expect(verdict(program, "read", [399 << 32, 398]) == SeccompAction.allow)
  }

  @Test func `names of no architecture are left out and told`() throws {
    let program = try compile(
      SeccompFixtures.profile(errno, [SeccompFixtures.rule(["read", "sing_a_song"], allow)]))

    #expect(program.unknownNames == ["sing_a_song"])
    #expect(verdict(program, "read") == SeccompAction.allow)
  }

  @Test func `flags become the kernel's`() throws {
    var profile = SeccompFixtures.profile(allow)
    #expect(try SeccompProgram.compile(profile).flags == 4)
    profile.flags = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"]
    #expect(try SeccompProgram.compile(profile).flags == 2)
    profile.flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]
    #expect(try SeccompProgram.compile(profile).flags == 0)
    profile.flags = []
    #expect(try SeccompProgram.compile(profile).flags == 0)
  }

  @Test func `a profile that asks a supervisor makes a filter with a listener`() throws {
    var profile = SeccompFixtures.profile(allow, [SeccompFixtures.rule(["mkdir"], "SCMP_ACT_NOTIFY")])
    let program = try SeccompProgram.compile(profile)
    #expect(program.notifies)
    #expect(program.flags == 8 | 4)
    #expect(verdict(program, "mkdir") == SeccompAction.notify)
    // One thread needs no flag for all; beside a listener the kernel would not take it alone.
    profile.flags = ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]
    #expect(try SeccompProgram.compile(profile).flags == 8 | 32)
    #expect(try !SeccompProgram.compile(SeccompFixtures.profile(allow)).notifies)
  }

  // MARK: How long it is

  /// Instructions, and steps to the verdict on a call: the most and the mean over all numbers of the machine's own architecture.
  private func size(_ instructions: [UInt64]) -> (count: Int, deepest: Int, mean: Double) {
    let interpreter = FilterInterpreter(instructions: instructions)
    let steps = (0..<UInt32(512)).compactMap { number in
      interpreter.run(
        CallData(number: number, architecture: 0xC000_003E, arguments: [UInt64](repeating: 0, count: 6)))?.steps
    }
    return (instructions.count, steps.max() ?? 0, Double(steps.reduce(0, +)) / Double(max(steps.count, 1)))
  }

  @Test(arguments: SeccompFixtures.names)
  func `a filter is short and its search shallow`(name: String) throws {
    let profile = try SeccompFixtures.ofEngine(name)
    let ours = size(try compile(profile).instructions)
    let theirs = size(try LibseccompOracle(profile).instructions())
    let theirTree = size(try LibseccompOracle(profile, optimized: true).instructions())
    print("\(name): ours \(ours), libseccomp \(theirs), libseccomp's tree \(theirTree)")

    #expect(ours.count < 260)
    #expect(ours.deepest < 20)
    #expect(ours.count * 3 < theirs.count)
  }

  @Test func `compiling podman's profile is quick`() throws {
    let profile = try SeccompFixtures.ofEngine("podman")
    let clock = ContinuousClock()
    var times: [Duration] = []
    for _ in 0..<200 { times.append(try clock.measure { _ = try SeccompProgram.compile(profile) }) }
    let theirs = try clock.measure { _ = try LibseccompOracle(profile).instructions() }
    print("ours first \(times[0]), least \(times.min() ?? .zero); libseccomp \(theirs)")

    // Milliseconds are the bench's; that it is another order of magnitude is the design's.
    #expect((times.min() ?? .zero) * 10 < theirs)
  }

  // MARK: Keeping it

  @Test func `a filter comes back from its bytes`() throws {
    for name in SeccompFixtures.names {
      let program = try compile(try SeccompFixtures.ofEngine(name))

      let again = SeccompProgram(bytes: program.bytes)

      #expect(again?.instructions == program.instructions)
      #expect(again?.flags == program.flags)
    }
  }

  @Test func `damaged bytes are no filter`() throws {
    let bytes = try compile(try SeccompFixtures.ofEngine("docker")).bytes
    #expect(SeccompProgram(bytes: []) == nil)
    #expect(SeccompProgram(bytes: Array(bytes.dropLast())) == nil)
    #expect(SeccompProgram(bytes: bytes + [0]) == nil)
    var generator = SeededGenerator(state: 5)
    for _ in 0..<2000 {
      var damaged = bytes
      damaged[Int.random(in: 0..<bytes.count, using: &generator)] ^= UInt8.random(in: 1...255, using: &generator)
      // Whatever is accepted ends with an answer on every way through it.
      guard let program = SeccompProgram(bytes: damaged) else { continue }
      let interpreter = FilterInterpreter(instructions: program.instructions)
      let data = CallData(number: 1, architecture: 0xC000_003E, arguments: [UInt64](repeating: 0, count: 6))
      #expect(interpreter.run(data) != nil)
    }
  }
}
