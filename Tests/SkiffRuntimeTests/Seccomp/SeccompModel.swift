import SkiffRuntime
import SkiffSpec

/// What a profile means, said as plainly as possible: no tree, no words of 32 bits, no instructions.
///
/// For profiles in which the rules for one call have one action, so that their order does not matter.
struct SeccompModel {
  let profile: RuntimeSpec.Seccomp
  let architectures: [SeccompArchitecture]
  let defaultAction: UInt32
  private var rulesByCall: [String: [Int]] = [:]
  private var namesByNumber: [[UInt32: [String]]] = []
  private var lastNumbers: [UInt32?] = []
  private var usesPrivatePage: [Bool] = []

  private static let innerSocketCalls = [
    "socket", "bind", "connect", "listen", "accept", "getsockname", "getpeername", "socketpair", "send", "recv",
    "sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg", "recvmsg", "accept4", "recvmmsg",
    "sendmmsg",
  ]
  private static let innerIPCCalls: [String?] = [
    "semop", "semget", "semctl", "semtimedop", nil, nil, nil, nil, nil, nil, "msgsnd", "msgrcv", "msgget", "msgctl",
    nil, nil, nil, nil, nil, nil, "shmat", "shmdt", "shmget", "shmctl",
  ]

  init(_ profile: RuntimeSpec.Seccomp, architectures: [SeccompArchitecture]) throws {
    self.profile = profile
    self.architectures = architectures
    defaultAction = try SeccompAction.parse(profile.defaultAction, number: profile.defaultErrnoRet)
    for (index, rule) in profile.rules.enumerated() {
      for name in rule.names { rulesByCall[name, default: []].append(index) }
    }
    for architecture in architectures {
      var names: [UInt32: [String]] = [:]
      for name in rulesByCall.keys {
        if let number = SystemCallTable.number(of: name, on: architecture) { names[number, default: []].append(name) }
      }
      namesByNumber.append(names)
      let isPrivate = { (number: UInt32) in
        architecture == .arm && number >= SeccompArchitecture.armPrivateBase
      }
      var numbers = Array(names.keys)
      if architecture.hasInnerCalls {
        for (multiplexer, inner) in [
          ("socketcall", Self.innerSocketCalls), ("ipc", Self.innerIPCCalls.compactMap { $0 }),
        ]
        where rulesByCall.keys.contains(where: inner.contains) {
          numbers += [SystemCallTable.number(of: multiplexer, on: architecture)].compactMap { $0 }
        }
      }
      lastNumbers.append(numbers.filter { !isPrivate($0) }.max())
      usesPrivatePage.append(names.keys.contains(where: isPrivate))
    }
  }

  /// The action for a call; nil where the caller's architecture is none of the profile's.
  func action(_ data: CallData) -> UInt32 {
    let isX32 = data.number >= SeccompArchitecture.x32Bit
    for (index, architecture) in architectures.enumerated() where architecture.auditToken == data.architecture {
      if architecture == .x32, !isX32 { continue }
      if architecture == .x86_64, isX32 { continue }
      if isNewer(data.number, index) { return SeccompAction.noSuchCall }
      for name in namesByNumber[index][data.number] ?? [] {
        if let action = action(name, data.arguments, architecture) { return action }
      }
      if architecture.hasInnerCalls, let action = innerAction(data, architecture) { return action }
      return defaultAction
    }
    let kin = architectures.filter { $0.auditToken == data.architecture }
    // A number that a tracer uses; x86_64 has no name for it.
    if kin == [.x86_64], data.number == .max { return defaultAction }
    return SeccompAction.killThread
  }

  /// Whether runc's rule for newer calls decides.
  func isNewer(_ data: CallData) -> Bool {
    let isX32 = data.number >= SeccompArchitecture.x32Bit
    for (index, architecture) in architectures.enumerated() where architecture.auditToken == data.architecture {
      if architecture == .x32, !isX32 { continue }
      if architecture == .x86_64, isX32 { continue }
      return isNewer(data.number, index)
    }
    return false
  }

  /// The names in the profile that a number has.
  func names(_ number: UInt32, on architecture: SeccompArchitecture) -> [String] {
    guard let index = architectures.firstIndex(of: architecture) else { return [] }
    return namesByNumber[index][number] ?? []
  }

  /// runc's rule: what comes after all that the profile names does not exist.
  private func isNewer(_ number: UInt32, _ index: Int) -> Bool {
    let architecture = architectures[index]
    guard !SeccompAction.isPermissive(defaultAction), let last = lastNumbers[index], last > architecture.base else {
      return false
    }
    if architecture.asksThroughCallZero, number == 0 { return true }
    if usesPrivatePage[index],
      (SeccompArchitecture.armPrivateBase..<SeccompArchitecture.armPrivateBase + 16).contains(number)
    {
      return false
    }
    return number > last
  }

  private func action(
    _ name: String, _ arguments: [UInt64], _ architecture: SeccompArchitecture, isFirstHidden: Bool = false
  ) -> UInt32? {
    for index in rulesByCall[name] ?? [] {
      let rule = profile.rules[index]
      guard let action = try? SeccompAction.parse(rule.action, number: rule.errnoRet), action != defaultAction else {
        continue
      }
      let results = rule.conditions.map { condition in
        isFirstHidden && condition.index == 0 || holds(condition, arguments, architecture)
      }
      // One argument twice: each condition is a rule by itself.
      let isAlternative = Set(rule.conditions.map(\.index)).count < rule.conditions.count
      if isAlternative ? results.contains(true) : !results.contains(false) { return action }
    }
    return nil
  }

  /// A call through socketcall(2) or ipc(2), about whose first argument nothing can be asked.
  private func innerAction(_ data: CallData, _ architecture: SeccompArchitecture) -> UInt32? {
    let inner: String?
    let number = architecture.is64Bit ? data.arguments[0] : data.arguments[0] & 0xFFFF_FFFF
    if data.number == SystemCallTable.number(of: "socketcall", on: architecture) {
      inner = (1...20).contains(number) ? Self.innerSocketCalls[Int(number) - 1] : nil
    } else if data.number == SystemCallTable.number(of: "ipc", on: architecture) {
      inner = (1...24).contains(number) ? Self.innerIPCCalls[Int(number) - 1] : nil
    } else {
      return nil
    }
    guard let inner else { return nil }
    return action(inner, data.arguments, architecture, isFirstHidden: true)
  }

  private func holds(
    _ condition: RuntimeSpec.SeccompCondition, _ arguments: [UInt64], _ architecture: SeccompArchitecture
  ) -> Bool {
    let visible: UInt64 = architecture.is64Bit ? .max : 0xFFFF_FFFF
    let argument = arguments[Int(condition.index)] & visible
    let value = condition.value & visible
    switch condition.op {
    case "SCMP_CMP_EQ": return argument == value
    case "SCMP_CMP_NE": return argument != value
    case "SCMP_CMP_LT": return argument < value
    case "SCMP_CMP_LE": return argument <= value
    case "SCMP_CMP_GE": return argument >= value
    case "SCMP_CMP_GT": return argument > value
    default: return argument & value == condition.valueTwo & value
    }
  }
}

extension SeccompArchitecture {
  /// As the manual of libseccomp has it, not as the compiler has.
  fileprivate var is64Bit: Bool {
    [.x86_64, .aarch64, .riscv64, .loongarch64, .mips64, .mipsel64, .ppc64, .ppc64le, .s390x].contains(self)
  }

  fileprivate var hasInnerCalls: Bool {
    [.x86, .mips, .mipsel, .ppc, .ppc64, .ppc64le, .s390, .s390x].contains(self)
  }
}
