/// Finds the key paths of values by where they start in a document.
struct KeyPathFinder {
  private var json: JSONReader
  /// Ascending.
  private let offsets: [Int]
  private var paths: [String] = []
  private var path: [Step] = []

  private enum Step {
    case key(String)
    case index(Int)
  }

  init(bytes: [UInt8], offsets: [Int]) {
    json = JSONReader(bytes)
    self.offsets = offsets
  }

  /// One path for each offset, in their order.
  mutating func keyPaths() -> [String] {
    // A syntax error ends the walk where it ended the first one; what was noted stands before it.
    try? walk()
    while paths.count < offsets.count { paths.append("") }
    return paths
  }

  private mutating func walk() throws(JSONError) {
    let kind = try json.peek()
    while paths.count < offsets.count, offsets[paths.count] == json.offset {
      paths.append(rendered())
    }
    switch kind {
    case .object:
      try json.beginObject()
      while let key = try json.nextKey() {
        path.append(.key(key))
        try walk()
        path.removeLast()
      }
    case .array:
      try json.beginArray()
      var index = 0
      while try json.nextElement() {
        path.append(.index(index))
        try walk()
        path.removeLast()
        index += 1
      }
    default:
      try json.skipValue()
    }
  }

  private func rendered() -> String {
    var text = ""
    for step in path {
      switch step {
      case .index(let index): text += "[\(index)]"
      case .key(let key): text = SpecKeyPath.joined(text, key)
      }
    }
    return text
  }
}

/// How key paths are written.
enum SpecKeyPath {
  /// `path.key`, or `path["odd key"]` where the key would be unclear.
  static func joined(_ path: String, _ key: String) -> String {
    let isPlain = !key.isEmpty && key.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") }
    guard isPlain else { return "\(path)[\(quoted(key))]" }
    return path.isEmpty ? key : "\(path).\(key)"
  }

  /// In quotes, with control characters made visible, so that a hostile word cannot rewrite a terminal or a log line.
  static func quoted(_ text: String) -> String {
    JSONValue.string(text).description
  }
}

extension UInt8 {
  /// An ASCII letter or digit.
  @inline(__always)
  var isLetterOrDigit: Bool {
    isDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
  }

  /// An ASCII digit.
  @inline(__always)
  var isDigit: Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
  }
}
