/// Reads members of a tree and notes each that is wrong, as the documents of images are read: they are small, and some are kept whole.
struct DocumentReader {
  private(set) var problems: [SpecProblem] = []

  mutating func refuse(_ keyPath: String, _ message: String) {
    // Enough for a person; hostile documents could make very many.
    guard problems.count < SpecReader.problemLimit else { return }
    problems.append(SpecProblem(keyPath, message))
  }

  /// The member of an object, nil where it is absent or null.
  private func member(_ name: String, of object: JSONValue) -> JSONValue? {
    guard let value = object[name], !value.isNull else { return nil }
    return value
  }

  private mutating func mismatch(_ expected: JSONKind, _ found: JSONValue, _ keyPath: String) {
    refuse(keyPath, "expected \(expected.phrase), found \(found.kind.phrase)")
  }

  func path(_ parent: String, _ name: String) -> String { SpecKeyPath.joined(parent, name) }

  mutating func string(_ name: String, of object: JSONValue, at parent: String) -> String? {
    guard let value = member(name, of: object) else { return nil }
    guard let text = value.string else {
      mismatch(.string, value, path(parent, name))
      return nil
    }
    return text
  }

  mutating func integer(_ name: String, of object: JSONValue, at parent: String) -> Int64? {
    guard let value = member(name, of: object) else { return nil }
    guard let number = value.integer else {
      refuse(path(parent, name), "expected a whole number, found \(value.kind.phrase)")
      return nil
    }
    return number
  }

  mutating func bool(_ name: String, of object: JSONValue, at parent: String) -> Bool? {
    guard let value = member(name, of: object) else { return nil }
    guard let flag = value.bool else {
      mismatch(.bool, value, path(parent, name))
      return nil
    }
    return flag
  }

  /// The elements with their key paths; nil where the list is absent.
  mutating func list(
    _ name: String, of object: JSONValue, at parent: String
  ) -> [(value: JSONValue, keyPath: String)]? {
    guard let value = member(name, of: object) else { return nil }
    let here = path(parent, name)
    guard let elements = value.array else {
      mismatch(.array, value, here)
      return nil
    }
    return elements.enumerated().map { ($1, "\(here)[\($0)]") }
  }

  mutating func strings(_ name: String, of object: JSONValue, at parent: String) -> [String]? {
    guard let elements = list(name, of: object, at: parent) else { return nil }
    return elements.compactMap { element in
      if let text = element.value.string { return text }
      mismatch(.string, element.value, element.keyPath)
      return nil
    }
  }

  mutating func object(_ name: String, of object: JSONValue, at parent: String) -> JSONValue? {
    guard let value = member(name, of: object) else { return nil }
    guard value.object != nil else {
      mismatch(.object, value, path(parent, name))
      return nil
    }
    return value
  }

  /// An object of strings; null values count as empty.
  mutating func dictionary(_ name: String, of parentObject: JSONValue, at parent: String) -> [String: String] {
    guard let members = object(name, of: parentObject, at: parent)?.object?.members else { return [:] }
    var result: [String: String] = [:]
    for member in members {
      if let text = member.value.string {
        result[member.key] = text
      } else if member.value.isNull {
        result[member.key] = ""
      } else {
        mismatch(.string, member.value, path(path(parent, name), member.key))
      }
    }
    return result
  }

  /// The names of an object whose values say nothing, as `{"80/tcp": {}}`.
  mutating func names(_ name: String, of parentObject: JSONValue, at parent: String) -> [String] {
    object(name, of: parentObject, at: parent)?.object?.keys ?? []
  }

  mutating func digest(_ text: String, at keyPath: String) -> Digest? {
    do throws(FormatError) {
      return try Digest(text)
    } catch {
      refuse(keyPath, error.message)
      return nil
    }
  }

  mutating func timestamp(_ name: String, of object: JSONValue, at parent: String) -> Timestamp? {
    guard let text = string(name, of: object, at: parent), !text.isEmpty else { return nil }
    do throws(FormatError) {
      return try Timestamp(parsing: text)
    } catch {
      refuse(path(parent, name), error.message)
      return nil
    }
  }

  /// Parses a document that must be an object of at most `sizeLimit` bytes.
  static func document(_ bytes: [UInt8], sizeLimit: Int) throws(SpecProblems) -> JSONValue {
    guard bytes.count <= sizeLimit else {
      throw SpecProblems([SpecProblem("", "the document is larger than \(sizeLimit) bytes")])
    }
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(bytes)
    } catch {
      throw SpecProblems([SpecProblem("", error.description)])
    }
    guard value.object != nil else {
      throw SpecProblems([SpecProblem("", "expected an object, found \(value.kind.phrase)")])
    }
    return value
  }

  /// What was read, if it has no problems.
  func finished<Value>(_ value: Value?) throws(SpecProblems) -> Value {
    guard problems.isEmpty else { throw SpecProblems(problems) }
    guard let value else { throw SpecProblems([SpecProblem("", "the document is incomplete")]) }
    return value
  }
}

extension JSONValue {
  var kind: JSONKind {
    switch self {
    case .null: .null
    case .bool: .bool
    case .integer, .unsigned, .number: .number
    case .string: .string
    case .array: .array
    case .object: .object
    }
  }
}
