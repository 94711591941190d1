import Foundation
import SkiffSpec

import SkiffRuntime

/// Profiles as engines really write them.
enum SeccompFixtures {
  static let names = ["podman", "docker", "cri", "skiff"]

  static func ofEngine(_ name: String) throws -> RuntimeSpec.Seccomp {
    let directory = URL(filePath: #filePath).appending(path: "../../../Fixtures/seccomp")
    let data = try Data(contentsOf: directory.appending(path: name + ".json").standardizedFileURL)
    return profile(try JSONSerialization.jsonObject(with: data))
  }

  private static func profile(_ json: Any) -> RuntimeSpec.Seccomp {
    let object = json as? [String: Any] ?? [:]
    var profile = RuntimeSpec.Seccomp()
    profile.defaultAction = object["defaultAction"] as? String ?? ""
    profile.defaultErrnoRet = (object["defaultErrnoRet"] as? NSNumber)?.uint32Value
    profile.architectures = object["architectures"] as? [String] ?? []
    profile.rules = (object["syscalls"] as? [[String: Any]] ?? []).map { item in
      var rule = RuntimeSpec.SeccompRule()
      rule.names = item["names"] as? [String] ?? []
      rule.action = item["action"] as? String ?? ""
      rule.errnoRet = (item["errnoRet"] as? NSNumber)?.uint32Value
      rule.conditions = (item["args"] as? [[String: Any]] ?? []).map { argument in
        condition(
          (argument["index"] as? NSNumber)?.uint32Value ?? 0, argument["op"] as? String ?? "",
          (argument["value"] as? NSNumber)?.uint64Value ?? 0, (argument["valueTwo"] as? NSNumber)?.uint64Value ?? 0)
      }
      return rule
    }
    return profile
  }

  static func condition(_ index: UInt32, _ op: String, _ value: UInt64, _ valueTwo: UInt64 = 0)
    -> RuntimeSpec.SeccompCondition
  {
    var condition = RuntimeSpec.SeccompCondition()
    (condition.index, condition.op, condition.value, condition.valueTwo) = (index, op, value, valueTwo)
    return condition
  }

  static func rule(
    _ names: [String], _ action: String, errno: UInt32? = nil, _ conditions: [RuntimeSpec.SeccompCondition] = []
  ) -> RuntimeSpec.SeccompRule {
    var rule = RuntimeSpec.SeccompRule()
    (rule.names, rule.action, rule.errnoRet, rule.conditions) = (names, action, errno, conditions)
    return rule
  }

  static func profile(
    _ defaultAction: String, errno: UInt32? = nil, architectures: [String] = [], _ rules: [RuntimeSpec.SeccompRule] = []
  ) -> RuntimeSpec.Seccomp {
    var profile = RuntimeSpec.Seccomp()
    (profile.defaultAction, profile.defaultErrnoRet) = (defaultAction, errno)
    (profile.architectures, profile.rules) = (architectures, rules)
    return profile
  }
}

/// Random numbers that come again with their seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Makes profiles that use everything, in ways that no person would.
struct RandomProfile {
  var generator: SeededGenerator
  var shape: Shape
  var operators = [
    "SCMP_CMP_EQ", "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
  ]

  enum Shape {
    /// No call has more than one rule.
    case oneRuleForACall
    /// The rules for one call have one action.
    case oneAction
    /// The rules for one call may have several actions.
    case severalActions
  }

  /// All names that libseccomp knows too, and does not mistake for another (it gave two calls of PowerPC one number).
  static let names: [String] = (0..<SystemCallTable.nameCount).map(SystemCallTable.name).filter(LibseccompOracle.knows)
  static let values: [UInt64] = [
    0, 1, 2, 5, 16, 40, 0xFF, 0x1000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF, 0x1_0000_0000,
    0x1_0000_0005, 0x5_FFFF_FFFF, 0x7E02_0000, 0xFFFF_FFFF_0000_0000, 0x8000_0000_0000_0000, .max - 1, .max,
  ]

  init(seed: Int, _ shape: Shape) {
    generator = SeededGenerator(state: UInt64(truncatingIfNeeded: seed))
    self.shape = shape
  }

  mutating func make(architectures: [[String]]) -> RuntimeSpec.Seccomp {
    var actions: [(String, UInt32?)] = [
      ("SCMP_ACT_ALLOW", nil), ("SCMP_ACT_ERRNO", 1), ("SCMP_ACT_ERRNO", 38), ("SCMP_ACT_ERRNO", nil),
      ("SCMP_ACT_ERRNO", 4094), ("SCMP_ACT_KILL", nil), ("SCMP_ACT_KILL_PROCESS", nil), ("SCMP_ACT_LOG", nil),
      ("SCMP_ACT_TRACE", 7), ("SCMP_ACT_TRAP", nil), ("SCMP_ACT_KILL_THREAD", nil),
    ]
    let (defaultAction, errno) = pick(actions)
    // A supervisor cannot be the default.
    actions.append(("SCMP_ACT_NOTIFY", nil))
    var rules: [RuntimeSpec.SeccompRule] = []
    let ruleAction = pick(actions)
    // A few names come often, so that rules meet.
    let favourites = (0..<4).map { _ in pick(Self.names) } + ["socket", "clone", "semop", "personality"]
    for _ in 0..<Int.random(in: 1...24, using: &generator) {
      let (action, errno) = shape == .severalActions ? pick(actions) : ruleAction
      let count = pick([1, 1, 1, 2, 8, 60])
      let names = (0..<count).map { _ in
        count < 8 && Bool.random(using: &generator) ? pick(favourites) : pick(Self.names)
      }
      let conditionCount = count > 8 ? 0 : pick([0, 1, 1, 1, 2, 3])
      let conditions = (0..<conditionCount).map { _ in
        SeccompFixtures.condition(
          UInt32.random(in: 0...5, using: &generator),
          pick(operators), pick(Self.values), pick(Self.values))
      }
      rules.append(SeccompFixtures.rule(names, action, errno: errno, conditions))
    }
    if shape == .oneRuleForACall {
      var seen: Set<String> = []
      for index in rules.indices {
        rules[index].names.removeAll { !seen.insert($0).inserted }
        // One argument twice makes several rules.
        var arguments: Set<UInt32> = []
        rules[index].conditions.removeAll { !arguments.insert($0.index).inserted }
      }
      rules.removeAll { $0.names.isEmpty }
    }
    return SeccompFixtures.profile(defaultAction, errno: errno, architectures: pick(architectures), rules)
  }

  private mutating func pick<Element>(_ list: [Element]) -> Element {
    list[Int.random(in: 0..<list.count, using: &generator)]
  }
}
