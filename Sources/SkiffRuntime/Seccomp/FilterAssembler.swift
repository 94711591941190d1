/// Where a jump leads.
enum FilterTarget: Equatable {
  /// The filter answers with this action.
  case action(UInt32)
  /// The instruction at this place, counted from the end of the program.
  case place(Int)
}

/// One instruction of classic BPF, packed as the kernel's sock_filter lies in memory on a little-endian machine.
enum FilterInstruction {
  static let loadWord: UInt16 = 0x20
  static let and: UInt16 = 0x54
  static let jump: UInt16 = 0x05
  static let jumpEqual: UInt16 = 0x15
  static let jumpGreater: UInt16 = 0x25
  static let jumpGreaterOrEqual: UInt16 = 0x35
  static let jumpAnyBit: UInt16 = 0x45
  static let answer: UInt16 = 0x06

  @inline(__always)
  static func packed(_ code: UInt16, jumpTrue: Int = 0, jumpFalse: Int = 0, operand: UInt32) -> UInt64 {
    UInt64(code) | UInt64(UInt8(truncatingIfNeeded: jumpTrue)) << 16
      | UInt64(UInt8(truncatingIfNeeded: jumpFalse)) << 24 | UInt64(operand) << 32
  }
}

/// Builds a filter from its end to its beginning.
///
/// Jumps of BPF only lead forward, so what an instruction jumps to has its place before the instruction is written, and the
/// distance is known at once. A distance above 255 gets a stepping stone: another answer, or a long jump.
struct FilterAssembler {
  private var reversed: [UInt64] = []
  /// The nearest answer of each action: the action in the high half, its place in the low. (Each further type of array would cost
  /// the runtime's start as much as a hundred instructions.)
  private var answers: [UInt64] = []

  init() {
    reversed.reserveCapacity(320)
  }

  /// How many instructions there are so far.
  var count: Int { reversed.count }

  /// The program, from its beginning.
  consuming func finished() -> [UInt64] {
    reversed.reverse()
    return reversed
  }

  /// `if A op operand`, to one target or the other.
  mutating func branch(
    _ code: UInt16, _ operand: UInt32, then whenTrue: FilterTarget, else whenFalse: FilterTarget
  ) -> FilterTarget {
    if whenTrue == whenFalse { return whenTrue }
    let trueAt = reach(whenTrue)
    let falseAt = reach(whenFalse)
    return write(
      FilterInstruction.packed(
        code, jumpTrue: count - trueAt - 1, jumpFalse: count - falseAt - 1, operand: operand))
  }

  /// Loads a word of the call's description into A and goes on at `target`.
  mutating func load(offset: UInt32, then target: FilterTarget) -> FilterTarget {
    follow(target)
    return write(FilterInstruction.packed(FilterInstruction.loadWord, operand: offset))
  }

  /// Keeps the bits of `mask` in A and goes on at `target`.
  mutating func and(mask: UInt32, then target: FilterTarget) -> FilterTarget {
    follow(target)
    return write(FilterInstruction.packed(FilterInstruction.and, operand: mask))
  }

  /// The place of what `target` names, written now if it is an answer that stands nowhere near.
  mutating func place(of target: FilterTarget) -> Int {
    if case .place(let place) = target { return place }
    return reach(target)
  }

  /// A place not farther than a conditional jump can lead, with room for one more stepping stone.
  private mutating func reach(_ target: FilterTarget) -> Int {
    let farthest = 254
    switch target {
    case .place(let place):
      if count - place <= farthest { return place }
      return write(jumping(to: place))
    case .action(let action):
      for index in answers.indices where UInt32(truncatingIfNeeded: answers[index] >> 32) == action {
        let near = Int(answers[index] & 0xFFFF_FFFF)
        if count - near <= farthest { return near }
        let place = writeAnswer(action)
        answers[index] = UInt64(action) << 32 | UInt64(place)
        return place
      }
      let place = writeAnswer(action)
      answers.append(UInt64(action) << 32 | UInt64(place))
      return place
    }
  }

  /// Makes the instruction written last be what `target` names.
  private mutating func follow(_ target: FilterTarget) {
    switch target {
    case .place(let place):
      if place != count - 1 { _ = write(jumping(to: place)) as Int }
    case .action(let action):
      _ = writeAnswer(action)
    }
  }

  private func jumping(to place: Int) -> UInt64 {
    FilterInstruction.packed(FilterInstruction.jump, operand: UInt32(truncatingIfNeeded: count - place - 1))
  }

  private mutating func writeAnswer(_ action: UInt32) -> Int {
    write(FilterInstruction.packed(FilterInstruction.answer, operand: action))
  }

  @inline(__always)
  private mutating func write(_ instruction: UInt64) -> Int {
    reversed.append(instruction)
    return reversed.count - 1
  }

  @inline(__always)
  private mutating func write(_ instruction: UInt64) -> FilterTarget {
    .place(write(instruction))
  }
}
