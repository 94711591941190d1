import Foundation
import SkiffKernel

/// An engine's store that is thrown away after the test, with one image in it.
final class Store {
  let harbour: Harbour
  let root: String
  private let globals: [String]

  /// Busybox with the probe in it; its command is `sh`.
  static let image = "localhost/base:latest"

  init(_ harbour: Harbour, storageDriver: String? = nil, root: String? = nil, hasImage: Bool = true) throws {
    self.harbour = harbour
    let options = storageDriver.map { ["--storage-driver", $0] } ?? []
    self.root = root ?? harbour.path("store")
    globals = ["--root", self.root, "--run-root", harbour.path("run")] + options
    let program = [Programs.skiff] + globals
    harbour.atEnd {
      guard let all = try? IntegrationTests.run(program + ["ps", "--all", "--quiet"]), !all.lines.isEmpty else {
        return
      }
      _ = try? IntegrationTests.run(program + ["rm", "--force"] + all.lines)
    }
    if hasImage { try skiff("import", "--change", #"CMD ["sh"]"#, Self.archive(), Self.image) }
  }

  /// The image's root file system as an archive, made once.
  static func archive() throws -> String { try baseArchive.get() }

  private static let baseArchive = Result { () throws -> String in
    let directory = Programs.built + "test-images"
    let archive = directory + "/base.tar"
    try shell(
      """
      rm -rf \(directory); mkdir -p \(directory)
      \(Programs.repository)/Scripts/busybox-tree \(directory)/tree
      install -m 755 \(Programs.probe) \(directory)/tree/bin/probe
      strip \(directory)/tree/bin/probe
      tar -C \(directory)/tree --numeric-owner --owner=0 --group=0 -cf \(archive) .
      """)
    return archive
  }

  /// The root file system as a directory.
  static func tree() throws -> String {
    _ = try archive()
    return Programs.built + "test-images/tree"
  }

  /// Runs skiff, which must succeed.
  @discardableResult
  func skiff(_ arguments: String..., input: String = "") throws -> Outcome {
    try attempt(arguments, input: input).expecting(0)
  }

  /// Runs skiff, whatever comes of it.
  func attempt(_ arguments: String..., input: String = "", seconds: Double = 120) throws -> Outcome {
    try attempt(arguments, input: input, seconds: seconds)
  }

  func attempt(_ arguments: [String], input: String = "", seconds: Double = 120) throws -> Outcome {
    try IntegrationTests.run([Programs.skiff] + globals + arguments, input: input, seconds: seconds)
  }

  /// The same in other surroundings: `before` are the words of a program that starts skiff.
  func attempt(
    _ arguments: String..., before: [String], environment: [String: String] = [:]
  ) throws -> Outcome {
    try IntegrationTests.run(before + [Programs.skiff] + globals + arguments, environment: environment)
  }

  /// Runs skiff's transfer program, whatever comes of it: for options that skiff itself does not have.
  func transfer(_ arguments: String..., seconds: Double = 120) throws -> Outcome {
    try IntegrationTests.run(
      [Programs.transfer, arguments[0], "--root", root] + arguments.dropFirst(), seconds: seconds)
  }

  /// What lies in the store beside what every store has, sorted: images, layers, whatever is half done.
  func content() throws -> [String] {
    let usual: Set<String> = [
      "containers", "images", "images/blobs", "images/blobs/sha256", "images/hold.lock", "images/index.json",
      "images/index.lock", "images/oci-layout", "images/partial", "layers", "names", "networks", "storage.json",
      "volumes",
    ]
    guard FileManager.default.fileExists(atPath: root) else { return [] }
    return try FileManager.default.subpathsOfDirectory(atPath: root).filter { !usual.contains($0) }.sorted()
  }

  /// Runs skiff under another program, a tracer for example, whatever comes of it.
  @discardableResult
  func attempt(under program: [String], _ arguments: [String]) throws -> Outcome {
    try IntegrationTests.run(program + [Programs.skiff] + globals + arguments)
  }

  /// Starts skiff beside the test.
  func session(_ arguments: String..., terminal: WindowSize? = nil) throws -> Session {
    try session(arguments, terminal: terminal)
  }

  func session(_ arguments: [String], terminal: WindowSize? = nil) throws -> Session {
    try Session([Programs.skiff] + globals + arguments, terminal: terminal)
  }

  /// What the probe sees in a container of the image, run with these options.
  func see(_ options: String...) throws -> JSON {
    try JSON(text: attempt(["run", "--rm"] + options + [Self.image, "probe", "see"]).expecting(0).output)
  }

  /// What each of the probe's acts gave in one container, run with these options.
  func perform(_ options: [String] = [], _ acts: String...) throws -> [JSON] {
    let words = acts.joined(separator: " , ").split(separator: " ").map(String.init)
    return try attempt(["run", "--rm"] + options + [Self.image, "probe"] + words).expecting(0).lines.map {
      try JSON(text: $0)
    }
  }

  /// Runs a container in the background and gives its id; `command` is the shell's.
  func start(_ options: [String] = [], _ command: String = "sleep 1000") throws -> String {
    let outcome = try attempt(["run", "--detach"] + options + [Self.image, "sh", "-c", command]).expecting(0)
    return outcome.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// What `inspect` tells of a container.
  func inspect(_ container: String) throws -> JSON {
    try JSON(text: try skiff("inspect", container).output)[0]
  }

  /// Runs a line in a container's shell and gives what it printed.
  func exec(_ container: String, _ line: String) throws -> String {
    try skiff("exec", container, "sh", "-c", line).output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// Waits until a container is no longer running.
  func awaitEnd(_ container: String, seconds: Double = 20) throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try inspect(container).State.Running.isTrue {
      guard ContinuousClock.now < deadline else { throw Trouble("\(container) still runs") }
      ClockTime.sleep(milliseconds: 20)
    }
  }
}
