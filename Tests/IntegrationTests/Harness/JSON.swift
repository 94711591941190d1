import Foundation

/// JSON to look at: what programs print. Written with Foundation's reader, so that our own is not its own judge.
@dynamicMemberLookup
struct JSON: CustomStringConvertible {
  private let value: Any?

  init(_ value: Any?) {
    self.value = value is NSNull ? nil : value
  }

  init(text: String) throws {
    do {
      value = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    } catch {
      throw Trouble("not JSON: \(text)")
    }
  }

  subscript(dynamicMember key: String) -> JSON { self[key] }
  subscript(key: String) -> JSON { JSON((value as? [String: Any])?[key]) }
  subscript(index: Int) -> JSON {
    guard let array = value as? [Any], array.indices.contains(index) else { return JSON(nil) }
    return JSON(array[index])
  }

  var isMissing: Bool { value == nil }
  var text: String { value as? String ?? "" }
  var number: Int { (value as? NSNumber)?.intValue ?? -1 }
  var isTrue: Bool { (value as? NSNumber)?.boolValue ?? false }
  var list: [JSON] { (value as? [Any] ?? []).map(JSON.init) }
  var texts: [String] { list.map(\.text) }
  var numbers: [Int] { list.map(\.number) }
  var keys: [String] { ((value as? [String: Any])?.keys).map { $0.sorted() } ?? [] }

  var description: String {
    guard let value else { return "null" }
    let data = try? JSONSerialization.data(withJSONObject: value, options: [.fragmentsAllowed, .sortedKeys])
    return data.map { String(decoding: $0, as: UTF8.self) } ?? "\(value)"
  }
}

/// A JSON document to change: objects merge, anything else replaces, null removes (RFC 7386).
struct Document {
  private(set) var members: [String: Any]

  init(_ text: String) throws {
    members = try Self.object(text)
  }

  mutating func merge(_ patch: String) throws {
    members = Self.merged(members, try Self.object(patch))
  }

  /// Adds to the list at a path of keys, which is made where it is missing.
  mutating func append(_ element: String, to path: String...) throws {
    let value = try JSONSerialization.jsonObject(with: Data(element.utf8), options: .fragmentsAllowed)
    members = Self.appended(members, value, path[...])
  }

  /// Takes the last mount away again.
  mutating func removeLastMount() {
    guard let mounts = members["mounts"] as? [Any] else { return }
    members["mounts"] = Array(mounts.dropLast())
  }

  var data: Data {
    get throws { try JSONSerialization.data(withJSONObject: members, options: [.prettyPrinted, .sortedKeys]) }
  }

  private static func object(_ text: String) throws -> [String: Any] {
    guard let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else {
      throw Trouble("not an object: \(text)")
    }
    return object
  }

  private static func merged(_ target: [String: Any], _ patch: [String: Any]) -> [String: Any] {
    var result = target
    for (key, value) in patch {
      if value is NSNull {
        result[key] = nil
      } else if let object = value as? [String: Any] {
        result[key] = merged(result[key] as? [String: Any] ?? [:], object)
      } else {
        result[key] = value
      }
    }
    return result
  }

  private static func appended(_ target: [String: Any], _ value: Any, _ path: ArraySlice<String>) -> [String: Any] {
    guard let key = path.first else { return target }
    var result = target
    if path.count == 1 {
      result[key] = (result[key] as? [Any] ?? []) + [value]
    } else {
      result[key] = appended(result[key] as? [String: Any] ?? [:], value, path.dropFirst())
    }
    return result
  }
}
