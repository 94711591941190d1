/// A large part of a document, shared by its copies until one of them changes it.
///
/// A configuration has hundreds of fields: copying them one by one, as a plain value would with every hand-over, was a measurable
/// part of a container's start.
@propertyWrapper public struct Shared<Value: Equatable & Sendable>: Equatable, Sendable {
  // Sendable: changed only through the one reference that there is.
  private final class Storage: @unchecked Sendable {
    var value: Value

    init(_ value: Value) {
      self.value = value
    }
  }

  private var storage: Storage

  public init(wrappedValue: Value) {
    storage = Storage(wrappedValue)
  }

  public var wrappedValue: Value {
    _read { yield storage.value }
    _modify {
      if !isKnownUniquelyReferenced(&storage) { storage = Storage(storage.value) }
      yield &storage.value
    }
  }

  public static func == (left: Self, right: Self) -> Bool {
    left.storage === right.storage || left.storage.value == right.storage.value
  }
}
