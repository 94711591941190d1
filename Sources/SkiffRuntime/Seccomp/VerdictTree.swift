/// Calls with neighbouring numbers and one verdict: from `first` up to where the next range starts.
struct VerdictRange: Equatable {
  var first: UInt32
  var verdict: UInt32
}

/// The verdicts on all numbers that one kind of caller can pass, as few ranges as possible, in order.
struct VerdictRanges {
  private(set) var ranges: [VerdictRange] = []

  init() {
    ranges.reserveCapacity(192)
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

/// How ranges are folded to the leaves of the search tree: a leaf is a range, with one or two single numbers inside it that are judged
/// differently.
///
/// A single number costs one comparison this way; as a range of its own it would cost two.
struct VerdictLeaves {
  let ranges: [VerdictRange]
  /// Where each leaf begins in `ranges`: a leaf is one range, or three or five of which every second is a single number.
  private(set) var starts: [UInt16] = []

  init(_ ranges: [VerdictRange]) {
    self.ranges = ranges
    starts.reserveCapacity(ranges.count)
    var index = 0
    while index < ranges.count {
      starts.append(UInt16(truncatingIfNeeded: index))
      let verdict = ranges[index].verdict
      var end = index + 1
      while end - index < 5, isException(at: end, to: verdict) { end += 2 }
      index = end
    }
  }

  var count: Int { starts.count }

  /// The ranges of a leaf.
  func leaf(_ index: Int) -> ArraySlice<VerdictRange> {
    let end = index + 1 < starts.count ? Int(starts[index + 1]) : ranges.count
    return ranges[Int(starts[index])..<end]
  }

  private func isException(at index: Int, to verdict: UInt32) -> Bool {
    guard index + 1 < ranges.count else { return false }
    // A range starts above the one before it, so the difference is at least one.
    return ranges[index + 1].first - ranges[index].first == 1 && ranges[index + 1].verdict == verdict
  }
}

/// Writes the search for a call's number.
struct VerdictTreeWriter {
  private let leaves: VerdictLeaves
  private let defaultAction: UInt32
  private let conditionals: [ConditionalCall]
  /// Where the look at the arguments of each conditional call is written; 0 for not yet, else one more than its place.
  private var written: [UInt32]

  init(_ ranges: VerdictRanges, conditionals: [ConditionalCall], defaultAction: UInt32) {
    leaves = VerdictLeaves(ranges.ranges)
    self.conditionals = conditionals
    self.defaultAction = defaultAction
    written = [UInt32](repeating: 0, count: conditionals.count)
  }

  /// Writes the whole search; the number is loaded first.
  mutating func write(into assembler: inout FilterAssembler) -> FilterTarget {
    let root = tree(0..<leaves.count, into: &assembler)
    if case .action = root { return root }
    return assembler.load(offset: CallDescription.number, then: root)
  }

  /// As deep as the number of leaves has binary digits.
  private mutating func tree(_ range: Range<Int>, into assembler: inout FilterAssembler) -> FilterTarget {
    if range.count == 1 { return leaf(range.lowerBound, into: &assembler) }
    let middle = range.lowerBound + range.count / 2
    let above = tree(middle..<range.upperBound, into: &assembler)
    let below = tree(range.lowerBound..<middle, into: &assembler)
    return assembler.branch(
      FilterInstruction.jumpGreaterOrEqual, leaves.ranges[Int(leaves.starts[middle])].first, then: above, else: below)
  }

  private mutating func leaf(_ index: Int, into assembler: inout FilterAssembler) -> FilterTarget {
    let leaf = leaves.leaf(index)
    var target = self.target(leaf[leaf.startIndex].verdict, into: &assembler)
    for exception in stride(from: leaf.endIndex - 2, to: leaf.startIndex, by: -2) {
      let other = self.target(leaf[exception].verdict, into: &assembler)
      target = assembler.branch(FilterInstruction.jumpEqual, leaf[exception].first, then: other, else: target)
    }
    return target
  }

  private mutating func target(_ verdict: UInt32, into assembler: inout FilterAssembler) -> FilterTarget {
    guard Verdict.isConditional(verdict) else { return .action(verdict) }
    let index = Int(verdict & 0xFFFF)
    if written[index] > 0 { return .place(Int(written[index]) - 1) }
    let target = assembler.check(conditionals[index], defaultAction: defaultAction)
    if case .place(let place) = target { written[index] = UInt32(truncatingIfNeeded: place + 1) }
    return target
  }
}
