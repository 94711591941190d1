/// Finds system calls by name in the static text of SystemCallNumbers, with no table made at the start of the program.
package enum SystemCallTable {
  /// How many names there are; their positions are below this.
  package static let nameCount = SystemCallNumbers.count
  /// What stands for "no such call".
  static let none = 4095
  /// A code below this is a number less the architecture's base; from here on it counts arm's private calls.
  static let privatePage = 1024
  /// Every code is below this.
  static let codeCount = 1040

  /// The code that stands at `position` of a column.
  @inline(__always)
  static func code(in column: Span<UInt8>, at position: Int) -> Int {
    // The text is ours, and "0" the smallest character in it.
    Int(column[2 &* position] &- 48) &<< 6 | Int(column[2 &* position &+ 1] &- 48)
  }

  /// The position of `name` in every column; nil if no architecture has such a call.
  package static func position(of name: String) -> Int? {
    var hash: UInt32 = 2_166_136_261
    var length = 0
    for byte in name.utf8 {
      hash = (hash ^ UInt32(byte)) &* 16_777_619
      length &+= 1
    }
    let names = SystemCallNumbers.names.utf8.span
    let starts = SystemCallNumbers.starts.utf8.span
    let slots = SystemCallNumbers.slots.utf8.span
    var slot = Int(hash % UInt32(SystemCallNumbers.slotCount))
    while true {
      let position = code(in: slots, at: slot)
      if position == none { return nil }
      let start = start(of: position, in: starts)
      if Self.start(of: position &+ 1, in: starts) &- start == length {
        var index = start
        var isEqual = true
        for byte in name.utf8 {
          if names[index] != byte {
            isEqual = false
            break
          }
          index &+= 1
        }
        if isEqual { return position }
      }
      slot = (slot &+ 1) % SystemCallNumbers.slotCount
    }
  }

  /// The name at a position.
  package static func name(at position: Int) -> String {
    let starts = SystemCallNumbers.starts.utf8.span
    let names = SystemCallNumbers.names.utf8.span
    var bytes: [UInt8] = []
    for index in start(of: position, in: starts)..<start(of: position + 1, in: starts) { bytes.append(names[index]) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The number of a call as a program of `architecture` passes it; nil where there is no such call.
  package static func number(of name: String, on architecture: SeccompArchitecture) -> UInt32? {
    guard let position = position(of: name) else { return nil }
    let code = code(in: architecture.column.utf8.span, at: position)
    return code == none ? nil : number(ofCode: code, on: architecture)
  }

  /// The number that a code stands for.
  static func number(ofCode code: Int, on architecture: SeccompArchitecture) -> UInt32 {
    if code < privatePage { return architecture.base + UInt32(code) }
    return SeccompArchitecture.armPrivateBase + UInt32(code - privatePage)
  }

  @inline(__always)
  private static func start(of position: Int, in starts: Span<UInt8>) -> Int {
    code(in: starts, at: 2 &* position) &<< 12 | code(in: starts, at: 2 &* position &+ 1)
  }
}
