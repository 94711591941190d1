import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// Which events are wanted, and from when until when.
public struct EventOptions: Equatable, Sendable {
  /// Those since then, too; nil is only what happens from now on.
  public var since: Timestamp?
  /// Ends there; nil goes on for ever.
  public var until: Timestamp?
  /// By key; any value of a key will do, every key has to fit.
  private var filters: [String: [String]] = [:]

  public init() {}

  private static let keys = ["container", "event", "image", "label", "network", "scope", "type", "volume"]

  /// Reads `KEY=VALUE` as `--filter` has it.
  public mutating func add(_ text: String) throws(EngineError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, Self.keys.contains(parts[0]) else {
      throw .invalidOption(
        name: "--filter", value: text, reason: "the keys are " + Self.keys.joined(separator: ", "))
    }
    filters[parts[0], default: []].append(parts[1])
  }

  /// Whether an event is wanted.
  package func wants(_ event: JSONValue) -> Bool {
    if let moment = Self.moment(event) {
      if let since, moment < since { return false }
      if let until, moment > until { return false }
    }
    let type = event["Type"]?.string ?? ""
    let actor = event["Actor"]
    let id = actor?["ID"]?.string ?? ""
    let attributes = actor?["Attributes"]
    let name = attributes?["name"]?.string ?? ""
    return filters.allSatisfy { key, values in
      values.contains { value in
        switch key {
        case "event":
          let action = event["Action"]?.string ?? ""
          // `exec_create` stands for `exec_create: ls`.
          return action == value || action.hasPrefix(value + ":")
        case "type": return type == value
        case "scope": return event["scope"]?.string == value
        case "label": return Self.hasLabel(value, attributes)
        case "image": return Self.isImage(value, type, id, name, attributes?["image"]?.string ?? "")
        default: return type == key && (name == value || (!value.isEmpty && id.hasPrefix(value)))
        }
      }
    }
  }

  private static func isImage(_ value: String, _ type: String, _ id: String, _ name: String, _ from: String) -> Bool {
    let image = type == "image" ? name : from
    return image == value || image.hasPrefix(value + ":") || (type == "image" && id.hasPrefix(value))
  }

  private static func hasLabel(_ wanted: String, _ attributes: JSONValue?) -> Bool {
    let parts = wanted.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard let value = attributes?[parts[0]]?.string else { return false }
    return parts.count == 1 || value == parts[1]
  }

  static func moment(_ event: JSONValue) -> Timestamp? {
    guard let time = event["timeNano"]?.integer, time >= 0 else { return nil }
    return Timestamp(seconds: time / 1_000_000_000, nanoseconds: time % 1_000_000_000)
  }
}

// Telling.
extension Engine {
  func announce(_ type: String, _ action: String, _ id: String, _ attributes: [String: String] = [:]) {
    let event = EngineEvent(type: type, action: action, id: id, attributes: attributes)
    if EventJournal.append(event, runRoot: configuration.runRoot) { return }
    // The first thing that happens since the machine came up, and it is no container.
    do throws(EngineError) {
      _ = try StateDirectory.open(configuration.runRoot)
      EventJournal.append(event, runRoot: configuration.runRoot)
    } catch {
      // A journal with a gap.
    }
  }

  func announce(_ action: String, _ record: ContainerRecord, _ more: [String: String] = [:]) {
    announce("container", action, record.id, record.eventAttributes.merging(more) { _, new in new })
  }
}

extension ContainerRecord {
  /// What an event says of a container: its labels, its image, its name.
  var eventAttributes: [String: String] {
    labels.merging(["image": imageName, "name": name]) { _, known in known }
  }
}

// Listening.
extension Engine {
  /// Gives the events that are wanted to `take`, the oldest first, until the end that was asked for.
  public func events(
    _ options: EventOptions, take: (JSONValue) throws(EngineError) -> Void
  ) throws(EngineError) {
    _ = try StateDirectory.open(configuration.runRoot)
    let reader = try EventReader(runRoot: configuration.runRoot, fromStart: options.since != nil)
    while true {
      // Asked before the last look: what was written before the end is read after it.
      let now = Timestamp.now()
      let isOver = options.until.map { now > $0 } ?? false
      while let event = try reader.next() {
        if options.wants(event) { try take(event) }
      }
      if isOver { return }
      let left = options.until.map { max(0, ($0.seconds - now.seconds) * 1000) + 1 } ?? .max
      try reader.wait(milliseconds: min(left, 1000))
    }
  }
}

/// Reads the journal from one file to the next.
private final class EventReader {
  private let runRoot: String
  private let path: KernelPath
  private let watch: FileWatch
  private var older: LogFileReader?
  private var current: LogFileReader?
  private var currentInode: UInt64 = 0

  init(runRoot: String, fromStart: Bool) throws(EngineError) {
    self.runRoot = runRoot
    do throws(Errno) {
      path = try KernelPath("\(runRoot)/\(EventJournal.fileName)")
      watch = try FileWatch()
      let place = try Descriptor.workingDirectory.open(try KernelPath(runRoot), [.readOnly, .directory])
      try watch.add(place.descriptor, [.created, .movedIn, .modified])
    } catch {
      throw .kernel(act: "read", thing: "\(runRoot)/\(EventJournal.fileName)", cause: error)
    }
    try naming("read", "\(runRoot)/\(EventJournal.fileName)") { () throws(Errno) in try begin(fromStart: fromStart) }
  }

  private func begin(fromStart: Bool) throws(Errno) {
    while true {
      let file = try Descriptor.workingDirectory.open(path, [.readOnly, .create, .noFollow], mode: 0o600)
      // While it is held nobody makes it the older one.
      try file.descriptor.lock(exclusive: false, wait: true)
      guard try Descriptor.workingDirectory.status(path).inode == file.descriptor.status().inode else { continue }
      if fromStart, let found = try Self.openIfPresent("\(runRoot)/\(EventJournal.olderName)") {
        older = LogFileReader(found, .jsonFile)
      }
      // A description of its own, so that the lock goes with this one.
      var reader = LogFileReader(try Descriptor.workingDirectory.open(path, [.readOnly, .noFollow]), .jsonFile)
      if !fromStart { _ = try reader.skipToLast(0) }
      take(reader)
      return
    }
  }

  private func take(_ reader: consuming LogFileReader) {
    do throws(Errno) {
      currentInode = try reader.descriptor.status().inode
    } catch {
      currentInode = 0
    }
    current = consume reader
  }

  private static func openIfPresent(_ path: String) throws(Errno) -> FileDescriptor? {
    do throws(Errno) {
      return try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .noFollow])
    } catch {
      guard error == .notFound else { throw error }
      return nil
    }
  }

  /// The next event; nil while there is none.
  func next() throws(EngineError) -> JSONValue? {
    let path = "\(runRoot)/\(EventJournal.fileName)"
    do throws(Errno) {
      while true {
        guard let line = try nextLine() else { return nil }
        do throws(JSONError) {
          return try JSONValue.parse(line)
        } catch {
          // Cut short by a full disk.
        }
      }
    } catch {
      throw .kernel(act: "read", thing: path, cause: error)
    }
  }

  private func nextLine() throws(Errno) -> [UInt8]? {
    if older != nil {
      if let line = try older?.nextLine() { return Array(line) }
      older = nil
    }
    while true {
      // Asked before it is read: what was written to it before it became the older one is read still.
      let isOlder = try isReplaced()
      if let line = try current?.nextLine() { return Array(line) }
      guard isOlder, let next = try Self.openIfPresent(path.text) else { return nil }
      take(LogFileReader(next, .jsonFile))
    }
  }

  private func isReplaced() throws(Errno) -> Bool {
    do throws(Errno) {
      return try Descriptor.workingDirectory.status(path).inode != currentInode
    } catch {
      guard error == .notFound else { throw error }
      return true
    }
  }

  func wait(milliseconds: Int64) throws(EngineError) {
    try naming("wait for", "events") { () throws(Errno) in
      var entries = [PollEntry(watch.descriptor, .readable)]
      try poll(&entries, timeoutMilliseconds: milliseconds)
      try watch.drain()
    }
  }
}
