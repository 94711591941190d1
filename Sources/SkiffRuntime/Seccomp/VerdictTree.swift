/// Calls with neighbouring numbers and one verdict: from `first` up to where the next range starts.
struct VerdictRange: Equatable {
  var first: UInt32
  var verdict: UInt32
}

/// The verdicts on all numbers that one kind of caller can pass, as few ranges as possible, in order.
struct VerdictRanges {
  private(set) var ranges: [VerdictRange] = []

  init() {
    ranges.reserveCapacity(256)
  }

  /// From `first` on the verdict is `verdict`.
  @inline(__always)
  mutating func append(from first: UInt32, _ verdict: UInt32) {
    if let last = ranges.last {
      if last.verdict == verdict { return }
      if last.first == first { ranges.removeLast() }
      if let before = ranges.last, before.verdict == verdict { return }
    }
    ranges.append(VerdictRange(first: first, verdict: verdict))
  }
}

/// A leaf of the search tree: a range, and one or two single numbers inside it that are judged differently.
///
/// A single number costs one comparison this way; as a range of its own it would cost two.
struct VerdictLeaf {
  var first: UInt32
  var verdict: UInt32
  var exceptions: (VerdictRange?, VerdictRange?) = (nil, nil)

  /// Folds ranges to leaves.
  static func folded(_ ranges: [VerdictRange]) -> [VerdictLeaf] {
    var leaves: [VerdictLeaf] = []
    leaves.reserveCapacity(ranges.count)
    var index = 0
    while index < ranges.count {
      var leaf = VerdictLeaf(first: ranges[index].first, verdict: ranges[index].verdict)
      index += 1
      if let exception = exception(to: leaf, at: index, in: ranges) {
        leaf.exceptions.0 = exception
        index += 2
        if let exception = Self.exception(to: leaf, at: index, in: ranges) {
          leaf.exceptions.1 = exception
          index += 2
        }
      }
      leaves.append(leaf)
    }
    return leaves
  }

  private static func exception(to leaf: VerdictLeaf, at index: Int, in ranges: [VerdictRange]) -> VerdictRange? {
    guard index + 1 < ranges.count else { return nil }
    let (candidate, next) = (ranges[index], ranges[index + 1])
    // A next range starts above its predecessor, so the difference is at least one.
    guard next.first - candidate.first == 1, next.verdict == leaf.verdict else { return nil }
    return candidate
  }
}

/// Writes the search for a call's number.
struct VerdictTreeWriter {
  private let leaves: [VerdictLeaf]
  private let defaultAction: UInt32
  private let conditionals: [ConditionalCall]
  /// Where the look at the arguments of each conditional call is already written.
  private var written: [FilterTarget?]

  init(_ ranges: VerdictRanges, conditionals: [ConditionalCall], defaultAction: UInt32) {
    leaves = VerdictLeaf.folded(ranges.ranges)
    self.conditionals = conditionals
    self.defaultAction = defaultAction
    written = [FilterTarget?](repeating: nil, count: conditionals.count)
  }

  /// Writes the whole search; the number is loaded first.
  mutating func write(into assembler: inout FilterAssembler) -> FilterTarget {
    let root = tree(0..<leaves.count, into: &assembler)
    if case .action = root { return root }
    return assembler.load(offset: CallDescription.number, then: root)
  }

  /// As deep as the number of leaves has binary digits.
  private mutating func tree(_ range: Range<Int>, into assembler: inout FilterAssembler) -> FilterTarget {
    if range.count == 1 { return leaf(leaves[range.lowerBound], into: &assembler) }
    let middle = range.lowerBound + range.count / 2
    let above = tree(middle..<range.upperBound, into: &assembler)
    let below = tree(range.lowerBound..<middle, into: &assembler)
    return assembler.branch(FilterInstruction.jumpGreaterOrEqual, leaves[middle].first, then: above, else: below)
  }

  private mutating func leaf(_ leaf: VerdictLeaf, into assembler: inout FilterAssembler) -> FilterTarget {
    var target = self.target(leaf.verdict, into: &assembler)
    if let exception = leaf.exceptions.1 {
      let other = self.target(exception.verdict, into: &assembler)
      target = assembler.branch(FilterInstruction.jumpEqual, exception.first, then: other, else: target)
    }
    if let exception = leaf.exceptions.0 {
      let other = self.target(exception.verdict, into: &assembler)
      target = assembler.branch(FilterInstruction.jumpEqual, exception.first, then: other, else: target)
    }
    return target
  }

  private mutating func target(_ verdict: UInt32, into assembler: inout FilterAssembler) -> FilterTarget {
    guard Verdict.isConditional(verdict) else { return .action(verdict) }
    let index = Int(verdict & 0xFFFF)
    if let target = written[index] { return target }
    let target = assembler.check(conditionals[index], defaultAction: defaultAction)
    written[index] = target
    return target
  }
}
