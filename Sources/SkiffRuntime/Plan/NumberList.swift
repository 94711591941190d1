/// A list such as `0-3,7`, as the kernel writes CPUs and memory nodes (cpuset(7), "Formats").
enum NumberList {
  /// More than any machine has; a list beyond is refused before it makes a long one.
  private static let limit = 8192

  /// Bits in words, the lowest first; nil for what is no list.
  static func words(_ text: String) -> [UInt64]? {
    var words: [UInt64] = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { Int($0) }
      guard let first = ends[0], let last = ends.count == 2 ? ends[1] : first, first >= 0, first <= last, last < limit
      else { return nil }
      while words.count * 64 <= last { words.append(0) }
      for number in first...last { words[number / 64] |= 1 << UInt64(number % 64) }
    }
    return words
  }
}
