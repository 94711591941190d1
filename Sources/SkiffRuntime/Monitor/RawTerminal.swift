package import SkiffKernel

/// A person's terminal, switched to pass every key on; switched back when this goes, or by `restore()` before the process ends.
package final class RawTerminal {
  private let terminal: Descriptor
  private let former: TerminalMode

  /// Nil where the file is no terminal.
  package init?(_ terminal: Descriptor) {
    guard terminal.isTerminal, let mode = try? terminal.terminalMode() else { return nil }
    self.terminal = terminal
    self.former = mode
    // A terminal that refuses stays as it is: keys then arrive by the line.
    try? terminal.setTerminalMode(mode.raw)
  }

  deinit { restore() }

  package func restore() {
    // Nothing more can be done for a terminal that is gone.
    try? terminal.setTerminalMode(former)
  }
}

/// Finds a sequence of keys in what a person types, byte by byte.
package struct DetachKeyScanner: Sendable {
  private let keys: [UInt8]
  private var matched = 0

  package init(keys: [UInt8]) {
    self.keys = keys
  }

  /// Gives what is to be passed on, and whether the sequence was completed; what began like it and went on otherwise is passed on.
  package mutating func scan(_ bytes: some Sequence<UInt8>) -> (passed: [UInt8], isComplete: Bool) {
    var passed: [UInt8] = []
    if keys.isEmpty { return (Array(bytes), false) }
    for byte in bytes {
      if byte == keys[matched] {
        matched += 1
        if matched == keys.count { return (passed, true) }
        continue
      }
      passed.append(contentsOf: keys[..<matched])
      matched = 0
      if byte == keys[0] {
        matched = 1
        if keys.count == 1 { return (passed, true) }
      } else {
        passed.append(byte)
      }
    }
    return (passed, false)
  }
}

extension DetachKeyScanner {
  /// docker's notation: `ctrl-p,ctrl-q`, single characters, `ctrl-@ [ \ ] ^ _`; nil where a key is unknown.
  package static func parse(_ text: String) -> [UInt8]? {
    if text.isEmpty { return [] }
    var keys: [UInt8] = []
    for word in text.split(separator: ",", omittingEmptySubsequences: false) {
      if word.hasPrefix("ctrl-") {
        guard let character = word.dropFirst(5).utf8.first, word.utf8.count == 6 else { return nil }
        switch character {
        case UInt8(ascii: "a")...UInt8(ascii: "z"): keys.append(character - UInt8(ascii: "a") + 1)
        case UInt8(ascii: "@"), UInt8(ascii: "[")...UInt8(ascii: "_"): keys.append(character - UInt8(ascii: "@"))
        default: return nil
        }
      } else if word.utf8.count == 1, let character = word.utf8.first {
        keys.append(character)
      } else {
        return nil
      }
    }
    return keys
  }
}
