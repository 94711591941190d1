/// A part of the configuration that is read straight from the bytes of a JSON document.
protocol SpecReadable {
  /// Reads an object; members that are not known are passed over, those of a wrong type are noted.
  init(from reader: inout SpecReader) throws(JSONError)
}

/// Reads typed members and notes every one that has the wrong type, then goes on: a person should see all problems at once.
///
/// Only the place of a problem is noted while reading; key paths are found by a second walk if there are problems at all, so that
/// a good document pays nothing for them.
struct SpecReader {
  /// More problems than these are not noted.
  static let problemLimit = 200

  private var json: JSONReader
  private var noted: [(offset: Int, message: String)] = []

  /// Reads one document whole. Throws all problems of form; `T` may still make no sense.
  static func read<T: SpecReadable>(_ bytes: [UInt8], sizeLimit: Int) throws(SpecProblems) -> T {
    let (value, problems): (T?, [SpecProblem]) = readWhatIsReadable(bytes, sizeLimit: sizeLimit)
    guard let value, problems.isEmpty else { throw SpecProblems(problems) }
    return value
  }

  /// Reads one document as far as it goes; nil only with problems.
  static func readWhatIsReadable<T: SpecReadable>(_ bytes: [UInt8], sizeLimit: Int) -> (T?, [SpecProblem]) {
    guard bytes.count <= sizeLimit else {
      return (nil, [SpecProblem("", JSONError(offset: sizeLimit, reason: .tooLarge(limit: sizeLimit)).description)])
    }
    var reader = SpecReader(json: JSONReader(bytes))
    do throws(JSONError) {
      guard try reader.json.peek() == .object else {
        let found = try reader.json.peek()
        return (nil, [SpecProblem("", "expected an object, found \(found.phrase)")])
      }
      let value = try T(from: &reader)
      try reader.json.finish()
      return (value, reader.problems(in: bytes))
    } catch {
      let syntax = SpecProblem("", "\(error) (\(linePosition(of: error.offset, in: bytes)))")
      return (nil, reader.problems(in: bytes) + [syntax])
    }
  }

  private func problems(in bytes: [UInt8]) -> [SpecProblem] {
    guard !noted.isEmpty else { return [] }
    let noted = noted.sorted { $0.offset < $1.offset }
    var finder = KeyPathFinder(bytes: bytes, offsets: noted.map(\.offset))
    let paths = finder.keyPaths()
    return zip(paths, noted).map { SpecProblem($0, $1.message) }
  }

  private static func linePosition(of offset: Int, in bytes: [UInt8]) -> String {
    let before = bytes.prefix(offset)
    let line = before.count { $0 == 0x0A } + 1
    let column = before.count - (before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0) + 1
    return "line \(line), column \(column)"
  }
}

// MARK: Walking

extension SpecReader {
  /// Steps into an object. False where there is none to step into: null, or something else, which is noted.
  mutating func beginObject() throws(JSONError) -> Bool {
    guard try expect(.object) else { return false }
    try json.beginObject()
    return true
  }

  @inline(__always)
  mutating func nextKey() throws(JSONError) -> String? {
    try json.nextKey()
  }

  /// Passes over a member that is not known.
  mutating func skip() throws(JSONError) {
    try json.skipValue()
  }

  /// Notes that the value which stands next, or was just peeked at, is wrong.
  mutating func note(_ message: String, at offset: Int? = nil) {
    guard noted.count < Self.problemLimit else { return }
    noted.append((offset ?? json.offset, message))
  }

  /// Where the value starts that stands next.
  mutating func startOfValue() throws(JSONError) -> Int {
    _ = try json.peek()
    return json.offset
  }

  /// Whether a value of this kind stands next. Null is passed over; another kind is noted and passed over.
  @inline(__always)
  private mutating func expect(_ kind: JSONKind) throws(JSONError) -> Bool {
    let found = try json.peek()
    if found == kind { return true }
    try passOver(found, insteadOf: kind)
    return false
  }

  private mutating func passOver(_ found: JSONKind, insteadOf kind: JSONKind) throws(JSONError) {
    if found != .null { note("expected \(kind.phrase), found \(found.phrase)") }
    try json.skipValue()
  }
}

// MARK: Scalars

extension SpecReader {
  /// A string; nil for null and for what was noted.
  mutating func string() throws(JSONError) -> String? {
    guard try expect(.string) else { return nil }
    let offset = json.offset
    let text = try json.readString()
    // The kernel's strings end at a NUL: what follows one would be lost in silence.
    if text.utf8.contains(0) { note("must not contain a NUL character", at: offset) }
    return text
  }

  mutating func read(_ target: inout String) throws(JSONError) {
    if let value = try string() { target = value }
  }

  mutating func read(_ target: inout String?) throws(JSONError) {
    target = try string()
  }

  mutating func read(_ target: inout Bool) throws(JSONError) {
    if try expect(.bool) { target = try json.readBool() }
  }

  mutating func read(_ target: inout Bool?) throws(JSONError) {
    target = try expect(.bool) ? try json.readBool() : nil
  }

  mutating func read<T: FixedWidthInteger>(_ target: inout T) throws(JSONError) {
    if let value: T = try wholeNumber() { target = value }
  }

  mutating func read<T: FixedWidthInteger>(_ target: inout T?) throws(JSONError) {
    target = try wholeNumber()
  }

  private mutating func wholeNumber<T: FixedWidthInteger>() throws(JSONError) -> T? {
    guard try expect(.number) else { return nil }
    let offset = json.offset
    switch try json.readNumber() {
    case .integer(let number):
      if let value = T(exactly: number) { return value }
    case .unsigned(let number):
      if let value = T(exactly: number) { return value }
    case .real:
      note("expected a whole number", at: offset)
      return nil
    }
    note("must be between \(T.min) and \(T.max)", at: offset)
    return nil
  }
}

// MARK: Composites

extension SpecReader {
  mutating func read<T: SpecReadable>(_ target: inout T) throws(JSONError) {
    target = try T(from: &self)
  }

  mutating func read<T: SpecReadable>(_ target: inout T?) throws(JSONError) {
    guard try expect(.object) else {
      target = nil
      return
    }
    target = try T(from: &self)
  }

  mutating func read(_ target: inout [String]) throws(JSONError) {
    target = []
    guard try expect(.array) else { return }
    try json.beginArray()
    while try json.nextElement() {
      guard try json.peek() != .null else {
        note("expected a string, found null")
        try json.skipValue()
        continue
      }
      // A place-holder keeps the numbering of the elements for later problems.
      target.append(try string() ?? "")
    }
  }

  /// A list that is there or not: null is not.
  mutating func read(_ target: inout [String]?) throws(JSONError) {
    target = nil
    guard try json.peek() != .null else {
      try json.skipValue()
      return
    }
    var list: [String] = []
    try read(&list)
    target = list
  }

  mutating func read<T: FixedWidthInteger>(_ target: inout [T]) throws(JSONError) {
    target = []
    guard try expect(.array) else { return }
    try json.beginArray()
    while try json.nextElement() {
      if let value: T = try wholeNumber() { target.append(value) }
    }
  }

  mutating func read<T: SpecReadable>(_ target: inout [T]) throws(JSONError) {
    target = []
    guard try expect(.array) else { return }
    try json.beginArray()
    while try json.nextElement() {
      target.append(try T(from: &self))
    }
  }

  mutating func read(_ target: inout [String: String]) throws(JSONError) {
    target = [:]
    guard try beginObject() else { return }
    while let key = try keyOfMap() {
      target[key] = try string() ?? ""
    }
  }

  mutating func read<T: SpecReadable>(_ target: inout [String: T]) throws(JSONError) {
    target = [:]
    guard try beginObject() else { return }
    while let key = try keyOfMap() {
      target[key] = try T(from: &self)
    }
  }

  private mutating func keyOfMap() throws(JSONError) -> String? {
    guard let key = try json.nextKey() else { return nil }
    if key.utf8.contains(0) {
      _ = try json.peek()
      note("the name must not contain a NUL character")
    }
    return key
  }
}
