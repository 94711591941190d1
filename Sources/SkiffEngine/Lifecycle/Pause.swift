import SkiffRuntime

extension Engine {
  /// Stops every process of a container where it stands.
  public func pause(_ text: String) throws(EngineError) {
    let (id, name) = try living(text, to: "pause")
    if try livingProcess(id)?.isPaused == true {
      throw .refused("cannot pause container \(name): it is paused already")
    }
    do throws(RuntimeError) {
      try runtime.pause(try Self.runtimeID(id))
    } catch {
      throw EngineError(error)
    }
    announce("pause", try containers.open(id: id).record())
  }

  /// Lets a paused container go on.
  public func unpause(_ text: String) throws(EngineError) {
    let (id, name) = try living(text, to: "unpause")
    guard try livingProcess(id)?.isPaused == true else {
      throw .refused("cannot unpause container \(name): it is not paused")
    }
    do throws(RuntimeError) {
      try runtime.resume(try Self.runtimeID(id))
    } catch {
      throw EngineError(error)
    }
    announce("unpause", try containers.open(id: id).record())
  }

  /// A container that runs or is paused, by id and name.
  func living(_ text: String, to act: String) throws(EngineError) -> (id: String, name: String) {
    let id = try containers.find(text)
    let record = try containers.open(id: id).record()
    guard try runningProcess(id) != nil else { throw .containerNotRunning(name: record.name, act: act) }
    return (id, record.name)
  }

  /// The processes of a container as ps(1) of the host shows them: titles, and a row of as many cells for each process.
  ///
  /// - Parameter arguments: of ps; without any, `-ef`.
  public func processes(_ text: String, arguments: [String]) throws(EngineError) -> [[String]] {
    let (id, _) = try living(text, to: "list the processes of")
    let table: [UInt8]
    do throws(RuntimeError) {
      table = try runtime.processTable(try Self.runtimeID(id), arguments: arguments)
    } catch {
      throw EngineError(error)
    }
    return ProcessTable.rows(String(decoding: table, as: UTF8.self))
  }

  // MARK: Names

  /// Gives a container another name.
  public func rename(_ text: String, to name: String) throws(EngineError) {
    let id = try containers.find(text)
    let directory = try containers.open(id: id)
    try take(directory)
    var record = try directory.record()
    let old = record.name
    guard old != name else { throw .refused("cannot rename container \(old): that is its name already") }
    // Whatever cuts this short, the container goes by both names or by one of them: a name that no record speaks of is let go when
    // its container is gone.
    record.name = try containers.takeName(name, for: id, option: "the new name")
    do throws(EngineError) {
      try directory.replace(ContainerDirectory.File.record, record.serialized())
    } catch {
      try containers.dropName(name, of: id)
      throw error
    }
    try containers.dropName(old, of: id)
    announce("rename", record, ["oldName": "/" + old])
  }
}

/// What ps(1) prints, in cells.
package enum ProcessTable {
  /// The last column takes the rest of its line, blanks and all.
  package static func rows(_ text: String) -> [[String]] {
    let lines = text.split(separator: "\n")
    guard let heading = lines.first else { return [] }
    let titles = heading.split(separator: " ").map(String.init)
    guard !titles.isEmpty else { return [] }
    return [titles]
      + lines.dropFirst().map { $0.split(separator: " ", maxSplits: titles.count - 1).map(String.init) }
  }
}
