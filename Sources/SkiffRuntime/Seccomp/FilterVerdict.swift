// What a compiled filter says of one call, for those who explain it.
extension SeccompProgram {
  /// The action with which the kernel would meet a call (SECCOMP_RET_…, seccomp(2)), found as the kernel finds it.
  ///
  /// - Parameter architecture: AUDIT_ARCH_….
  package func verdict(number: UInt32, architecture: UInt32, instruction: UInt64, arguments: [UInt64]) -> UInt32 {
    func halves(_ word: UInt64) -> [UInt32] {
      [UInt32(truncatingIfNeeded: word), UInt32(truncatingIfNeeded: word >> 32)]
    }
    // struct seccomp_data.
    let description = [number, architecture] + halves(instruction) + arguments.flatMap(halves)
    var accumulator: UInt32 = 0
    var index = 0
    while index < instructions.count {
      let word = instructions[index]
      let operand = UInt32(truncatingIfNeeded: word >> 32)
      let whenTrue = Int(UInt8(truncatingIfNeeded: word >> 16))
      let whenFalse = Int(UInt8(truncatingIfNeeded: word >> 24))
      index += 1
      let holds: Bool
      switch UInt16(truncatingIfNeeded: word) {
      case FilterInstruction.answer: return operand
      case FilterInstruction.loadWord:
        let place = Int(operand / 4)
        accumulator = place < description.count ? description[place] : 0
        continue
      case FilterInstruction.and:
        accumulator &= operand
        continue
      case FilterInstruction.jump:
        index += Int(operand)
        continue
      case FilterInstruction.jumpEqual: holds = accumulator == operand
      case FilterInstruction.jumpGreater: holds = accumulator > operand
      case FilterInstruction.jumpGreaterOrEqual: holds = accumulator >= operand
      case FilterInstruction.jumpAnyBit: holds = accumulator & operand != 0
      // No other instruction is ever written.
      default: return SeccompAction.killProcess
      }
      index += holds ? whenTrue : whenFalse
    }
    return SeccompAction.killProcess
  }
}

extension SystemCallTable {
  /// The name of a call by its number on an architecture; nil where there is no such call.
  package static func name(of number: UInt32, on architecture: SeccompArchitecture) -> String? {
    let column = architecture.column.utf8.span
    for position in 0..<nameCount {
      let code = code(in: column, at: position)
      if code != none, Self.number(ofCode: code, on: architecture) == number { return name(at: position) }
    }
    return nil
  }
}

extension SeccompArchitecture {
  /// By what the kernel tells tracers and filters (AUDIT_ARCH_…) and the number of the call.
  package init?(auditToken: UInt32, number: UInt32) {
    let isX32 = auditToken == SeccompArchitecture.x86_64.auditToken && number & SeccompArchitecture.x32Bit != 0
    let found = SeccompArchitecture.allCases.first { $0.auditToken == auditToken && ($0 == .x32) == isX32 }
    guard let found else { return nil }
    self = found
  }
}
