/// Whose namespace of a kind a container uses.
public enum NamespaceRequest: Equatable, Sendable {
  /// One of its own.
  case `private`
  case host
  /// That of another container, by name or id.
  case container(String)

  /// Reads `private`, `host` or `container:NAME`; nil for anything else.
  public init?(parsing text: String) {
    switch text {
    case "private", "": self = .private
    case "host": self = .host
    default:
      guard text.hasPrefix("container:"), text.utf8.count > 10 else { return nil }
      self = .container(String(text.dropFirst(10)))
    }
  }

  public var text: String {
    switch self {
    case .private: "private"
    case .host: "host"
    case .container(let name): "container:\(name)"
    }
  }
}

/// Which network a container is in.
public enum NetworkRequest: Equatable, Sendable {
  /// A namespace with nothing but its loopback.
  case none
  case host
  /// Joined to the default network by a pair of virtual interfaces.
  case bridge
  case container(String)

  /// Reads `none`, `host`, `bridge` (also `default`) or `container:NAME`; nil for anything else.
  public init?(parsing text: String) {
    switch text {
    case "none": self = .none
    case "host": self = .host
    case "bridge", "default", "private": self = .bridge
    default:
      guard text.hasPrefix("container:"), text.utf8.count > 10 else { return nil }
      self = .container(String(text.dropFirst(10)))
    }
  }

  public var text: String {
    switch self {
    case .none: "none"
    case .host: "host"
    case .bridge: "bridge"
    case .container(let name): "container:\(name)"
    }
  }
}

/// How ids inside the container relate to ids outside.
public enum UserNamespaceRequest: Equatable, Sendable {
  /// They are the same.
  case host
  /// A range of 65,536 ids that no other container has, chosen by the engine.
  case automatic
  case mapped(users: [IDRange], groups: [IDRange])
  /// A namespace of its own in which every id is the same as outside; who runs the program there, where that is said.
  case keepID(user: UInt32?, group: UInt32?)
  /// Those of another container, by name or id.
  case container(String)

  /// Reads `host`, `auto`, `keep-id[:uid=N,gid=N]`, `container:NAME`, or `map:CONTAINER:HOST:SIZE[,…]` for users and groups alike; nil for anything else.
  public init?(parsing text: String) {
    switch text {
    case "host", "": self = .host
    case "auto", "private": self = .automatic
    case "keep-id": self = .keepID(user: nil, group: nil)
    case _ where text.hasPrefix("keep-id:"):
      self.init(keepID: text.dropFirst(8))
    default:
      if text.hasPrefix("container:"), text.utf8.count > 10 {
        self = .container(String(text.dropFirst(10)))
        return
      }
      var list: Substring
      guard text.hasPrefix("map:") || text.hasPrefix("map=") else {
        return nil
      }
      list = text.dropFirst(4)
      var ranges: [IDRange] = []
      while !list.isEmpty {
        let item = list.prefix { $0 != "," }
        guard let range = IDRange(parsing: String(item)) else { return nil }
        ranges.append(range)
        list = list.dropFirst(item.count + 1)
      }
      guard !ranges.isEmpty else { return nil }
      self = .mapped(users: ranges, groups: ranges)
    }
  }

  /// Reads what follows `keep-id:`.
  private init?(keepID text: Substring) {
    var (user, group): (UInt32?, UInt32?) = (nil, nil)
    for field in text.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = field.split(separator: "=", omittingEmptySubsequences: false)
      // The last id of all means "none" to the kernel.
      guard parts.count == 2, let id = UInt32(parts[1]), id < .max else { return nil }
      switch parts[0] {
      case "uid": user = id
      case "gid": group = id
      default: return nil
      }
    }
    self = .keepID(user: user, group: group)
  }

  /// `keep-id` as the command line reads it; empty for another kind.
  var keepIDText: String {
    guard case .keepID(let user, let group) = self else { return "" }
    let fields = [user.map { "uid=\($0)" }, group.map { "gid=\($0)" }].compactMap { $0 }
    return "keep-id" + (fields.isEmpty ? "" : ":") + fields.joined(separator: ",")
  }

  /// As inspection shows it; the maps stand beside it.
  var mode: String {
    switch self {
    case .host: ""
    case .automatic, .mapped, .keepID: "private"
    case .container(let name): "container:\(name)"
    }
  }
}

/// Ids that follow each other, inside and outside.
public struct IDRange: Equatable, Sendable {
  public var container: UInt32
  public var host: UInt32
  public var size: UInt32

  public init(container: UInt32, host: UInt32, size: UInt32) {
    self.container = container
    self.host = host
    self.size = size
  }

  /// Reads `CONTAINER:HOST:SIZE`; nil where a number is none, or the range is empty or leaves the ids that exist.
  public init?(parsing text: String) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 3 || parts.count == 2, let container = UInt32(parts[0]), let host = UInt32(parts[1]) else {
      return nil
    }
    guard let size = parts.count == 3 ? UInt32(parts[2]) : 1, size > 0 else { return nil }
    // The last id of all, 2^32-1, means "none" to the kernel.
    let limit = UInt64(UInt32.max)
    guard UInt64(container) + UInt64(size) <= limit, UInt64(host) + UInt64(size) <= limit else { return nil }
    self.init(container: container, host: host, size: size)
  }

  public var text: String { "\(container):\(host):\(size)" }
}
