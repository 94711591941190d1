import Foundation

/// A source file of ours: where it stands and what it says.
struct SourceFile {
  /// From the top of the repository, as `Sources/SkiffKernel/Errno.swift`.
  let path: String
  let text: String

  /// The text with comments and the content of string literals blanked, so that rules look at code alone.
  let code: String

  var components: [String] { path.split(separator: "/").map(String.init) }
  /// The target that the file belongs to.
  var room: String { components.dropFirst().first ?? "" }
  var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }

  init(path: String, text: String) {
    self.path = path
    self.text = text
    self.code = Self.codeOnly(text)
  }

  /// The modules that the file imports.
  var imports: [String] {
    code.split(separator: "\n").compactMap { line in
      var words = line.split(separator: " ").map(String.init)
      while let word = words.first, word.hasPrefix("@") || Self.accessLevels.contains(word) { words.removeFirst() }
      guard words.first == "import", words.count >= 2 else { return nil }
      // `import struct Glibc.stat` names the module after the kind.
      let name = Self.kinds.contains(words[1]) ? words.dropFirst(2).first ?? "" : words[1]
      return name.split(separator: ".").first.map(String.init)
    }
  }

  private static let accessLevels: Set<String> = ["internal", "package", "public", "private", "fileprivate"]
  private static let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]

  private static func codeOnly(_ text: String) -> String {
    var out: [UInt8] = []
    let bytes = Array(text.utf8)
    let (quote, slash, star, newline, backslash) = (
      UInt8(ascii: "\""), UInt8(ascii: "/"), UInt8(ascii: "*"), UInt8(ascii: "\n"), UInt8(ascii: "\\")
    )
    var index = 0
    func at(_ offset: Int) -> UInt8 { index + offset < bytes.count ? bytes[index + offset] : 0 }
    while index < bytes.count {
      if at(0) == slash, at(1) == slash {
        while index < bytes.count, bytes[index] != newline { index += 1 }
      } else if at(0) == slash, at(1) == star {
        while index < bytes.count, !(at(0) == star && at(1) == slash) { index += 1 }
        index += 2
      } else if at(0) == quote {
        let isLong = at(1) == quote && at(2) == quote
        let width = isLong ? 3 : 1
        out.append(quote)
        index += width
        while index < bytes.count {
          if at(0) == backslash {
            index += 2
            continue
          }
          if at(0) == newline { out.append(newline) }
          if at(0) == quote, !isLong || (at(1) == quote && at(2) == quote) { break }
          index += 1
        }
        out.append(quote)
        index += width
      } else {
        out.append(at(0))
        index += 1
      }
    }
    return String(decoding: out, as: UTF8.self)
  }
}

/// The repository's own files.
enum SourceTree {
  static let top = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Every Swift file beneath `Sources` and `Tests`.
  static let files: [SourceFile] = ["Sources", "Tests"].flatMap { folder in
    paths(beneath: folder).filter { $0.hasSuffix(".swift") }.compactMap { path in
      guard let data = FileManager.default.contents(atPath: top.appending(path: path).path) else { return nil }
      return SourceFile(path: path, text: String(decoding: data, as: UTF8.self))
    }
  }

  static var sources: [SourceFile] { files.filter { $0.path.hasPrefix("Sources/") } }

  static func paths(beneath folder: String) -> [String] {
    let names = FileManager.default.enumerator(atPath: top.appending(path: folder).path)?.allObjects as? [String]
    return (names ?? []).map { folder + "/" + $0 }.sorted()
  }
}
