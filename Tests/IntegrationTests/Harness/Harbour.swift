import Foundation
import SkiffKernel
import SkiffNetworks
import Testing

/// The suite of all integration tests: they share a machine, so they run one after another.
@Suite(.serialized) enum Integration {}

/// A place for one test: directories that are thrown away, and a look at what was left behind.
final class Harbour {
  let directory: String
  let mark: String
  private let before: Traces
  private var undo: [() -> Void] = []

  fileprivate init() throws {
    mark = "skiff-test-\(UInt32.random(in: 0 ... .max))"
    // On a disk: overlay mounts cannot lie on another overlay or, with some kernels, on tmpfs.
    directory = "/var/tmp/\(mark)"
    before = Traces.now()
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
  }

  /// A path beneath the test's directory.
  func path(_ name: String) -> String { directory + "/" + name }

  @discardableResult
  func makeDirectory(_ name: String) throws -> String {
    try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
    return path(name)
  }

  @discardableResult
  func write(_ text: String, to name: String, mode: Int = 0o644) throws -> String {
    let file = path(name)
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    guard
      FileManager.default.createFile(
        atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: mode])
    else { throw Trouble("cannot write \(file)") }
    return file
  }

  func read(_ name: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: path(name)) else { throw Trouble("cannot read \(name)") }
    return String(decoding: data, as: UTF8.self)
  }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

  /// Done at the end, the last first, whatever happens.
  func atEnd(_ act: @escaping () -> Void) { undo.append(act) }

  fileprivate func close() {
    // Before the stores' own file systems go.
    takeDownNetworks()
    for act in undo.reversed() { act() }
    // The kernel takes some things down in its own time: links of a network namespace, cgroups, mounts of the last process.
    var left = before.newcomers(marks: [mark])
    let deadline = ContinuousClock.now + .seconds(5)
    while !left.isEmpty, ContinuousClock.now < deadline {
      ClockTime.sleep(milliseconds: 20)
      left = before.newcomers(marks: [mark])
    }
    for trace in left { Issue.record("left behind: \(trace)") }
    if left.isEmpty {
      do {
        try FileManager.default.removeItem(atPath: directory)
      } catch {
        Issue.record("left behind: \(directory): \(error)")
      }
    }
  }
}

extension Harbour {
  /// A store's bridge stays for its next container, as a person's would: the test's own stores have none.
  fileprivate func takeDownNetworks() {
    let places = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    for name in places + places.map({ $0 + "/store" }) {
      guard exists("\(name)/networks") else { continue }
      do {
        let networks = NetworkStore(rootDirectory: path(name), runDirectory: path("run"))
        if let network = try networks.network(.standard) { try networks.takeDown(network) }
      } catch {
        Issue.record("the network of \(name) stays: \(error)")
      }
    }
  }
}

/// Runs a test in a harbour of its own, and checks that it leaves nothing on the host.
func inHarbour(_ test: (Harbour) throws -> Void) throws {
  let harbour = try Harbour()
  defer { harbour.close() }
  try test(harbour)
}
