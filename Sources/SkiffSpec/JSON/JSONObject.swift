/// The members of a JSON object in the order in which they were first named. A key stands once: the last value given to it counts.
public struct JSONObject: Sendable {
  public typealias Member = (key: String, value: JSONValue)

  /// Up to here a search from the front is quicker than hashing.
  private static let indexThreshold = 12

  public private(set) var members: [Member] = []
  /// Where each key stands, once there are many: hostile documents must not cost quadratic time.
  private var index: [String: Int] = [:]

  public init() {}

  public init(_ members: some Sequence<(String, JSONValue)>) {
    for (key, value) in members {
      self[key] = value
    }
  }

  public var count: Int { members.count }
  public var isEmpty: Bool { members.isEmpty }
  public var keys: [String] { members.map(\.key) }

  /// Setting a new key appends it, nil removes it.
  public subscript(key: String) -> JSONValue? {
    get {
      guard let position = position(of: key) else { return nil }
      return members[position].value
    }
    set {
      switch (position(of: key), newValue) {
      case (let position?, let value?):
        members[position].value = value
      case (let position?, nil):
        members.remove(at: position)
        rebuildIndex()
      case (nil, let value?):
        members.append((key, value))
        if members.count == Self.indexThreshold + 1 {
          rebuildIndex()
        } else if members.count > Self.indexThreshold {
          index[key] = members.count - 1
        }
      case (nil, nil):
        break
      }
    }
  }

  private func position(of key: String) -> Int? {
    if members.count > Self.indexThreshold { return index[key] }
    return members.firstIndex { $0.key == key }
  }

  private mutating func rebuildIndex() {
    index.removeAll(keepingCapacity: true)
    guard members.count > Self.indexThreshold else { return }
    for position in members.indices {
      index[members[position].key] = position
    }
  }
}

extension JSONObject: Equatable {
  /// Objects are equal when they have the same members, in whatever order (RFC 8259, section 4).
  public static func == (left: JSONObject, right: JSONObject) -> Bool {
    guard left.count == right.count else { return false }
    return left.members.allSatisfy { right[$0.key] == $0.value }
  }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
  public init(dictionaryLiteral members: (String, JSONValue)...) {
    self.init(members)
  }
}
