/// An Internet address, of either version.
public enum IPAddress: Hashable, Sendable {
  case v4(UInt32)
  /// The upper and lower half.
  case v6(UInt64, UInt64)

  /// Reads dotted decimal (RFC 6943: four parts, no leading zeros) or an IPv6 address (RFC 4291), without a zone; nil otherwise.
  public init?(_ text: String) {
    if text.utf8.contains(UInt8(ascii: ":")) {
      guard let (high, low) = Self.version6(text) else { return nil }
      self = .v6(high, low)
    } else {
      guard let address = Self.version4(text[...]) else { return nil }
      self = .v4(address)
    }
  }

  private static func version4(_ text: Substring) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var address: UInt32 = 0
    for part in parts {
      // A leading zero means octal to some readers and decimal to others.
      guard part.utf8.count == 1 || part.utf8.first != UInt8(ascii: "0"), part.utf8.count <= 3,
        let number: UInt8 = Decimal.value(part)
      else { return nil }
      address = address << 8 | UInt32(number)
    }
    return address
  }

  private static func version6(_ text: String) -> (UInt64, UInt64)? {
    guard text.utf8.count <= 45 else { return nil }
    // At most one "::", which stands for one or more groups of zeros.
    var sides: [Substring] = [text[...]]
    var index = text.utf8.startIndex
    while index < text.utf8.endIndex {
      let next = text.utf8.index(after: index)
      if next < text.utf8.endIndex, text.utf8[index] == UInt8(ascii: ":"), text.utf8[next] == UInt8(ascii: ":") {
        sides = [text[..<index], text[text.utf8.index(after: next)...]]
        break
      }
      index = next
    }
    guard let first = groups(of: sides[0], mayEndIn4: sides.count == 1) else { return nil }
    guard sides.count == 2 else {
      return first.count == 8 ? halves(of: first) : nil
    }
    guard let second = groups(of: sides[1], mayEndIn4: true), first.count + second.count <= 7 else { return nil }
    let zeros = [UInt16](repeating: 0, count: 8 - first.count - second.count)
    return halves(of: first + zeros + second)
  }

  private static func groups(of text: Substring, mayEndIn4: Bool) -> [UInt16]? {
    guard !text.isEmpty else { return [] }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    var groups: [UInt16] = []
    for (index, part) in parts.enumerated() {
      if mayEndIn4, index == parts.count - 1, part.utf8.contains(UInt8(ascii: ".")) {
        guard let address = version4(part) else { return nil }
        groups += [UInt16(truncatingIfNeeded: address >> 16), UInt16(truncatingIfNeeded: address)]
      } else {
        let isGroup = (1...4).contains(part.utf8.count) && part.utf8.first?.isLetterOrDigit == true
        guard isGroup, let group = UInt16(part, radix: 16) else { return nil }
        groups.append(group)
      }
    }
    return groups
  }

  private static func halves(of groups: [UInt16]) -> (UInt64, UInt64)? {
    guard groups.count == 8 else { return nil }
    let value = { (part: ArraySlice<UInt16>) in part.reduce(UInt64(0)) { $0 << 16 | UInt64($1) } }
    return (value(groups[..<4]), value(groups[4...]))
  }
}

extension IPAddress: CustomStringConvertible {
  /// In the recommended form (RFC 5952).
  public var description: String {
    switch self {
    case .v4(let address):
      return [24, 16, 8, 0].map { String(address >> UInt32($0) & 0xFF) }.joined(separator: ".")
    case .v6(let high, let low):
      let groups = [high, low].flatMap { half in [48, 32, 16, 0].map { half >> UInt64($0) & 0xFFFF } }
      guard let zeros = Self.longestRunOfZeros(groups) else {
        return groups.map { String($0, radix: 16) }.joined(separator: ":")
      }
      let left = groups[..<zeros.lowerBound].map { String($0, radix: 16) }.joined(separator: ":")
      let right = groups[zeros.upperBound...].map { String($0, radix: 16) }.joined(separator: ":")
      return "\(left)::\(right)"
    }
  }

  /// The first longest run of two or more.
  private static func longestRunOfZeros(_ groups: [UInt64]) -> Range<Int>? {
    var best: Range<Int>?
    var start = 0
    while start < groups.count {
      var end = start
      while end < groups.count, groups[end] == 0 { end += 1 }
      if end - start >= 2, end - start > (best?.count ?? 0) { best = start..<end }
      start = max(end, start + 1)
    }
    return best
  }
}
