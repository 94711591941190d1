import Foundation
import SkiffKernel
import SkiffRuntime
import SkiffSpec
import Testing

/// Documents of every kind that a stranger may have written, changed at random and given to what reads them in the runtime. A trap
/// ends the test process: these tests pass by coming to their end.
///
/// The beginnings are real documents (Tests/SkiffSpecTests/Fixtures) and those that once found something
/// (Tests/Fixtures/fuzz); `SKIFF_FUZZ=100` takes a hundred times as many changes, `SKIFF_FUZZ_SEED` others.
@Suite struct RuntimeFuzz {
  private static let environment = ProcessInfo.processInfo.environment
  private static let effort = environment["SKIFF_FUZZ"].flatMap { Int($0) } ?? 1
  private static let seed = environment["SKIFF_FUZZ_SEED"].flatMap { UInt64($0) } ?? 1

  private static func documents(_ folder: String, _ belongs: (String) -> Bool) throws -> [[UInt8]] {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let directory = tests.appending(path: folder)
    return try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted().filter(belongs).map {
      [UInt8](try Data(contentsOf: directory.appending(path: $0)))
    }
  }

  private static func corpus(_ kind: String, _ belongs: @escaping (String) -> Bool = { _ in false }) throws -> [[UInt8]]
  {
    try documents("SkiffSpecTests/Fixtures") { $0.hasSuffix(".json") && belongs($0) }
      + documents("Fixtures/fuzz/\(kind)") { !$0.hasPrefix(".") }
  }

  // MARK: What reads them

  /// As `create` does: read and check, then plan, then what becomes of limits, devices and filters.
  private func take(configuration bytes: [UInt8]) {
    guard let spec = try? RuntimeSpec.parseAndValidate(bytes) else { return }
    for isOuter in [true, false] {
      var around = LaunchCircumstances(id: "web", rootPath: "/bundle/rootfs", bundlePath: "/bundle")
      around.start = isOuter ? .whenTold : .atOnce
      around.isCallerInUserNamespace = isOuter
      around.mayChangeGroups = !isOuter
      around.usesPivot = !isOuter
      around.hasCgroup = isOuter
      if let plan = try? LaunchPlanner.plan(spec, around) { _ = plan.explanation }
    }
    take(resources: spec.linux.resources ?? RuntimeSpec.Resources())
    if let profile = spec.linux.seccomp { _ = try? SeccompProgram.compile(profile) }
    if let path = spec.linux.cgroupsPath { _ = try? CgroupPath(path) }
    _ = try? SystemdProperties.annotations(spec.annotations)
  }

  private func take(resources: RuntimeSpec.Resources) {
    for version in [CgroupVersion.v1, .v2] {
      for isUpdate in [false, true] { _ = try? CgroupSettings.make(resources, isUpdate: isUpdate, version: version) }
    }
    if let policy = try? DevicePolicy(resources.devices) { _ = policy }
    _ = DeviceProgram.compile(resources.devices)
  }

  /// As `exec --process` does, which trusts nobody's file either.
  private func take(process bytes: [UInt8]) {
    guard let process = try? RuntimeSpec.Process.parse(bytes) else { return }
    for isOuter in [true, false] {
      var around = ExecCircumstances(namespaces: isOuter ? [.user, .pid, .mount] : [.pid, .mount], initProcessID: 1)
      around.isCallerInUserNamespace = isOuter
      around.mayChangeGroups = !isOuter
      if let plan = try? LaunchPlanner.planExec(process, around) { _ = plan.explanation }
    }
  }

  /// As every command does with what an earlier one remembered.
  private func take(state bytes: [UInt8]) {
    guard let record = ContainerRecord(parsing: bytes) else { return }
    #expect(ContainerRecord(parsing: record.serialized()) == record)
  }

  // MARK: How they are changed

  @Test func `no change of a configuration makes the runtime trap`() throws {
    let documents = try Self.corpus("config") { !$0.hasPrefix("process-") && !$0.hasPrefix("update-") }
    #expect(documents.count > 20)
    var change = Mutation(seed: Self.seed)
    for document in documents {
      take(configuration: document)
      for _ in 0..<60 * Self.effort { take(configuration: change.bytes(of: document)) }
      for _ in 0..<120 * Self.effort { take(configuration: change.values(of: document)) }
    }
  }

  @Test func `a configuration that ends at any byte makes nothing trap`() throws {
    for document in try Self.corpus("config", { $0 == "podman-default.json" }) {
      let step = Self.effort > 1 ? 1 : 7
      for length in stride(from: 0, through: document.count, by: step) {
        take(configuration: Array(document[..<length]))
      }
    }
  }

  @Test func `no change of a process makes exec trap`() throws {
    let documents = try Self.corpus("process") { $0.hasPrefix("process-") }
    #expect(documents.count >= 4)
    var change = Mutation(seed: Self.seed &+ 1)
    for document in documents {
      for length in 0...document.count { take(process: Array(document[..<length])) }
      for _ in 0..<300 * Self.effort { take(process: change.bytes(of: document)) }
      for _ in 0..<600 * Self.effort { take(process: change.values(of: document)) }
    }
  }

  @Test func `no change of limits makes update trap`() throws {
    var change = Mutation(seed: Self.seed &+ 2)
    for document in try Self.corpus("update", { $0.hasPrefix("update-") }) {
      for round in 0..<600 * Self.effort {
        let bytes = round % 2 == 0 ? change.bytes(of: document) : change.values(of: document)
        if let resources = try? RuntimeSpec.Resources.parse(bytes) { take(resources: resources) }
      }
    }
  }

  @Test func `no change of a state makes a command trap`() throws {
    let documents = try Self.corpus("state")
    #expect(!documents.isEmpty)
    var change = Mutation(seed: Self.seed &+ 3)
    for document in documents {
      #expect(ContainerRecord(parsing: document) != nil)
      for length in 0...document.count { take(state: Array(document[..<length])) }
      for _ in 0..<1500 * Self.effort { take(state: change.bytes(of: document)) }
      for _ in 0..<1500 * Self.effort { take(state: change.values(of: document)) }
    }
  }

  @Test func `no frame makes either side of the handshake trap`() throws {
    var change = Mutation(seed: Self.seed &+ 4)
    let pair = try UnixSocket.pair(.packet)
    let frames = try Self.corpus("handshake")
    #expect(!frames.isEmpty)
    for frame in frames {
      for _ in 0..<300 * Self.effort {
        var bytes = change.bytes(of: frame)
        // An empty packet looks like the end.
        if bytes.isEmpty { bytes = [0] }
        try pair.first.descriptor.send(bytes)
        let heard: (LaunchMessage, payload: [UInt8])?
        do throws(Errno) {
          heard = try pair.second.descriptor.receiveMessage()
        } catch {
          #expect(error == .badMessage)
          continue
        }
        #expect(heard?.0.rawValue == bytes[0])
        #expect(heard?.payload == Array(bytes.dropFirst().prefix(65535)))
      }
    }
  }
}
