import Foundation
import SkiffKernel

/// A registry that misbehaves as the first part of a repository's name asks it to (Tests/Fixtures/registry/rogue-registry).
final class RogueRegistry {
  let address: String
  let processID: Int32
  private let session: Session
  private let log: String

  /// Starts one; it ends with this object, or with the tests.
  init(log: String, _ options: [String] = [], before: [String] = []) throws {
    self.log = log
    session = try Session(
      before + ["python3", Programs.fixture("registry/rogue-registry"), "--log", log] + options)
    processID = session.processID
    let port = try session.expect("\n").trimmingCharacters(in: .whitespacesAndNewlines)
    address = "127.0.0.1:\(port)"
  }

  /// The one that most tests share: it starts once, and each of them asks for a repository of its own.
  static func shared() throws -> RogueRegistry { try only.get() }

  // Read and written by tests that run one after another.
  nonisolated(unsafe) private static let only = Result {
    try RogueRegistry(log: "/var/tmp/skiff-test-registry-\(ProcessInfo.processInfo.processIdentifier).log")
  }

  /// A repository that nobody asked for yet.
  func repository(_ behaviour: String) -> String { "\(behaviour)/\(UInt32.random(in: 0 ... .max))" }

  /// The lines about a repository: what was asked and what was sent, in the order of the ends of the answers.
  func requests(_ repository: String) throws -> [JSON] {
    try lines(repository).filter { $0.image.isMissing }
  }

  /// What the repository's image is made of: `layers`, `sizes`, `config`, `manifest`.
  func facts(_ repository: String) throws -> JSON {
    guard let line = try lines(repository).first(where: { !$0.image.isMissing }) else {
      throw Trouble("nobody asked for \(repository)")
    }
    return line.image
  }

  private func lines(_ repository: String) throws -> [JSON] {
    let text = FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
    return try text.split(separator: "\n").map { try JSON(text: String($0)) }
      .filter { $0.repository.text == repository }
  }

  func stop() {
    session.closeInput()
    _ = try? session.wait(seconds: 10)
  }
}
