import Foundation
import SkiffKernel
import SkiffRuntime
import Testing

/// Overlays for kernels that take the names of all layers in one text; newer ones take it still.
@Suite struct OverlayMounts {
  @Test(.enabled(if: getuid() == 0))
  func `numbers of open files stand for layers whose paths are long and hold colons`() throws {
    let layers = try Layers(count: 60)
    defer { layers.remove() }

    let outcome = try ownDirectory { () throws in
      let before = try workingDirectory().text
      let tree = try OverlayMount.numbered(layers.paths) { (names) throws(Errno) in
        let context = try FileSystemContext(type: "overlay")
        try context.set("lowerdir", to: names)
        return try context.mount(.readOnly)
      }
      let top = try tree.descriptor.open("shared", [.readOnly])
      let last = try tree.descriptor.open("own59", [.readOnly])
      return (
        before, try workingDirectory().text, try top.descriptor.readToEnd(limitBytes: 100),
        try last.descriptor.readToEnd(limitBytes: 100)
      )
    }

    #expect(outcome.0 == outcome.1)
    #expect(String(decoding: outcome.2, as: UTF8.self) == "0" && String(decoding: outcome.3, as: UTF8.self) == "59")
  }

  @Test(.enabled(if: getuid() == 0))
  func `what does not fit, or is not made, changes no working directory`() throws {
    let layers = try Layers(count: 3)
    defer { layers.remove() }

    try ownDirectory { () throws in
      let before = try workingDirectory().text
      let many = Array(repeating: layers.paths, count: 60).flatMap { $0 }
      #expect(throws: Errno.argumentListTooLong) {
        _ = try OverlayMount.numbered(many) { (_) throws(Errno) in throw .badMessage }
      }
      #expect(throws: Errno.badMessage) {
        _ = try OverlayMount.numbered(layers.paths) { (_) throws(Errno) in throw .badMessage }
      }
      #expect(try workingDirectory().text == before)
    }
  }

  /// Directories that could not be named by their paths.
  private struct Layers {
    let top = "/var/tmp/skiff-layers-\(UInt32.random(in: 1...UInt32.max))"
    let paths: [String]

    init(count: Int) throws {
      let top = top
      paths = (0..<count).map { "\(top)/a:\(String(repeating: "b", count: 100))/\($0)" }
      for (number, path) in paths.enumerated() {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        for name in ["shared", "own\(number)"] {
          try Data("\(number)".utf8).write(to: URL(filePath: "\(path)/\(name)"))
        }
      }
    }

    func remove() { try? FileManager.default.removeItem(atPath: top) }
  }

  /// Does `act` in a thread whose working directory is not the other threads'.
  private func ownDirectory<Outcome: Sendable>(_ act: @escaping @Sendable () throws -> Outcome) throws -> Outcome {
    let ended = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var outcome: Result<Outcome, any Error>?
    let thread = Thread {
      // CLONE_FS (unshare(2)).
      outcome = Result {
        try unshare(NamespaceFlags(rawValue: 0x200))
        return try act()
      }
      ended.signal()
    }
    thread.start()
    ended.wait()
    return try #require(outcome).get()
  }
}
