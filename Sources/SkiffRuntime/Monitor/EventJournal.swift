package import SkiffKernel
package import SkiffSpec

/// Something that happened to a thing of the engine, in the shape that Docker's API gives it.
package struct EngineEvent: Equatable, Sendable {
  package var type: String
  package var action: String
  package var id: String
  package var attributes: [String: String]
  package var time: ClockTime

  package init(type: String, action: String, id: String, attributes: [String: String]) {
    self.type = type
    self.action = action
    self.id = id
    self.attributes = attributes
    self.time = ClockTime.now()
  }

  package var document: JSONValue {
    var document = JSONObject()
    if type == "container" || type == "image" {
      document["status"] = .string(action)
      document["id"] = .string(id)
      if let image = attributes["image"] { document["from"] = .string(image) }
    }
    document["Type"] = .string(type)
    document["Action"] = .string(action)
    document["Actor"] = ["ID": .string(id), "Attributes": JSONValue(attributes)]
    document["scope"] = "local"
    document["time"] = .integer(time.seconds)
    document["timeNano"] = .integer(time.totalNanoseconds)
    return .object(document)
  }
}

/// The journal of what happened, a JSON document a line: `RUN_ROOT/events`, and `RUN_ROOT/events.1` for what was before.
///
/// Whoever does something appends one line by one write(2), which the kernel keeps whole and in order (open(2), O_APPEND). Nobody reads
/// it to learn how things stand: it is for people and programs that want to hear of changes, and may be lost at any time. A file that has
/// grown to its limit becomes the older of the two, so that both together stay bounded.
package enum EventJournal {
  package static let fileName = "events"
  package static let olderName = "events.1"
  /// A new file is begun above this size.
  private static let limitBytes: Int64 = 1 << 20
  /// A longer line is left out: no honest event is.
  private static let lineLimitBytes = 32 << 10

  /// Appends an event to the journal of a run root. What cannot be written is no reason for anything to fail.
  ///
  /// - Returns: false where there is no such run root yet.
  @discardableResult
  package static func append(_ event: EngineEvent, runRoot: String) -> Bool {
    var line = event.document.serialized()
    line.append(UInt8(ascii: "\n"))
    guard line.count <= lineLimitBytes else { return true }
    do throws(Errno) {
      let name = "\(runRoot)/\(fileName)"
      let path = try KernelPath(name)
      let file = try Descriptor.workingDirectory.open(path, [.writeOnly, .append, .create, .noFollow], mode: 0o600)
      _ = try file.descriptor.write(line.span)
      if try file.descriptor.status().sizeBytes > limitBytes { try beginAnew(file.descriptor, path, runRoot) }
    } catch {
      // A journal with a gap.
      return error != .notFound
    }
    return true
  }

  private static func beginAnew(_ file: Descriptor, _ path: KernelPath, _ runRoot: String) throws(Errno) {
    // Readers hold it shared while they go from the older file to this one; the next writer tries again.
    try file.lock(exclusive: true, wait: false)
    guard try Descriptor.workingDirectory.status(path).inode == file.status().inode else { return }
    let older = "\(runRoot)/\(olderName)"
    try Descriptor.workingDirectory.rename(path, to: try KernelPath(older), in: .workingDirectory)
  }
}
