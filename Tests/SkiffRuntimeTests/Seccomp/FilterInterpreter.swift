/// What the kernel tells a filter about a call (struct seccomp_data).
struct CallData {
  var number: UInt32
  var architecture: UInt32
  var arguments: [UInt64]

  /// The word at a byte offset, as a machine of either byte order lays the arguments out.
  func word(at offset: UInt32, isBigEndian: Bool) -> UInt32? {
    switch offset {
    case 0: return number
    case 4: return architecture
    case 8, 12: return 0
    case 16..<64 where offset % 4 == 0:
      let argument = arguments[Int(offset - 16) / 8]
      let isFirstHalf = offset % 8 == 0
      return UInt32(truncatingIfNeeded: isFirstHalf == isBigEndian ? argument >> 32 : argument)
    default: return nil
    }
  }
}

/// Runs classic BPF as the kernel does, for the instructions that seccomp allows and filters use.
struct FilterInterpreter {
  struct Verdict: Equatable {
    var action: UInt32
    var steps: Int
  }

  var instructions: [UInt64]
  var isBigEndian = false

  /// Nil where the kernel would refuse the program.
  func run(_ data: CallData) -> Verdict? {
    var accumulator: UInt32 = 0
    var counter = 0
    var steps = 0
    while counter < instructions.count {
      let instruction = instructions[counter]
      let operand = UInt32(truncatingIfNeeded: instruction >> 32)
      steps += 1
      counter += 1
      let holds: Bool
      switch UInt16(truncatingIfNeeded: instruction) {
      case 0x20:
        guard let word = data.word(at: operand, isBigEndian: isBigEndian) else { return nil }
        accumulator = word
        continue
      case 0x54:
        accumulator &= operand
        continue
      case 0x05:
        counter += Int(operand)
        continue
      case 0x06: return Verdict(action: operand, steps: steps)
      case 0x15: holds = accumulator == operand
      case 0x25: holds = accumulator > operand
      case 0x35: holds = accumulator >= operand
      case 0x45: holds = accumulator & operand != 0
      default: return nil
      }
      counter += Int(UInt8(truncatingIfNeeded: holds ? instruction >> 16 : instruction >> 24))
    }
    return nil
  }
}
