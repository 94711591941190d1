import Foundation
import SkiffKernel

/// An OCI bundle whose root file system holds the probe alone, and the runtime that runs it.
final class Bundle {
  let harbour: Harbour
  /// Of the container; also part of the traces that are looked for.
  let id: String
  let path: String
  var configuration: Document
  /// Options of the runtime before every verb.
  var globals: [String] = []

  var rootfs: String { path + "/rootfs" }
  private var stateRoot: String { harbour.path("state") }

  /// A minimal configuration: five namespaces, the mounts that every program expects, no cgroup limits, no filter.
  init(_ harbour: Harbour, id: String? = nil, _ patch: String = "{}") throws {
    self.harbour = harbour
    self.id = id ?? "\(harbour.mark)-\(UInt16.random(in: 0 ... .max))"
    path = try harbour.makeDirectory("bundle-\(self.id)")
    for directory in ["rootfs", "rootfs/proc", "rootfs/sys", "rootfs/dev", "rootfs/tmp", "rootfs/etc", "rootfs/bin"] {
      try FileManager.default.createDirectory(
        atPath: path + "/" + directory, withIntermediateDirectories: true)
    }
    try FileManager.default.copyItem(atPath: Programs.probe, toPath: path + "/rootfs/bin/probe")
    configuration = try Document(Self.minimal)
    try configuration.merge(#"{"linux":{"cgroupsPath":"/skiff-test/\#(self.id)"}}"#)
    try configuration.merge(patch)
    let (runtime, root, container) = (Programs.runtime, stateRoot, self.id)
    harbour.atEnd {
      // Whatever a failed test left running; what it leaves behind even so is told by the look at the traces.
      _ = try? IntegrationTests.run([runtime, "--root", root, "delete", "--force", container])
      Self.removeEmptyGroups("skiff-test")
    }
  }

  func writeConfiguration() throws {
    try configuration.data.write(to: URL(filePath: path + "/config.json"))
  }

  /// Runs the runtime with a verb and its arguments.
  func runtime(_ arguments: [String], input: String = "", seconds: Double = 60) throws -> Outcome {
    try IntegrationTests.run(
      [Programs.runtime, "--root", stateRoot] + globals + arguments, input: input, seconds: seconds)
  }

  /// Starts the runtime beside the test.
  func session(_ arguments: [String], terminal: WindowSize? = nil) throws -> Session {
    try Session([Programs.runtime, "--root", stateRoot] + globals + arguments, terminal: terminal)
  }

  /// Writes the configuration, with `arguments` to run unless none are given, and runs the container to its end.
  func run(_ arguments: [String] = [], options: [String] = [], input: String = "") throws -> Outcome {
    if !arguments.isEmpty { try setArguments(arguments) }
    try writeConfiguration()
    return try runtime(["run", "--bundle", path] + options + [id], input: input)
  }

  /// What the probe sees in a container made with `patch` on top of the configuration.
  func see(_ patch: String = "{}") throws -> JSON {
    try configuration.merge(patch)
    return try JSON(text: try run(["/bin/probe", "see"]).expecting(0).output)
  }

  /// What each of the probe's acts gave, parted by commas as it takes them.
  func perform(_ acts: String...) throws -> [JSON] {
    let words = acts.joined(separator: " , ").split(separator: " ").map(String.init)
    return try run(["/bin/probe"] + words).expecting(0).lines.map { try JSON(text: $0) }
  }

  /// Adds a user namespace whose ids are those from 100000 on, and gives it the root file system.
  func enterUserNamespace() throws {
    try configuration.append(#"{"type":"user"}"#, to: "linux", "namespaces")
    for ids in ["uidMappings", "gidMappings"] {
      try configuration.append(#"{"containerID":0,"hostID":100000,"size":65536}"#, to: "linux", ids)
    }
    try shell("chown -R 100000:100000 \(rootfs)")
  }

  func setArguments(_ arguments: [String]) throws {
    let list = try JSONSerialization.data(withJSONObject: arguments)
    try configuration.merge(#"{"process":{"args":\#(String(decoding: list, as: UTF8.self))}}"#)
  }

  func state() throws -> JSON {
    try JSON(text: try runtime(["state", id]).expecting(0).output)
  }

  /// Other runtimes leave the parent group that the tests name; ours is asked to as well.
  private static func removeEmptyGroups(_ name: String) {
    let root = "/sys/fs/cgroup"
    for hierarchy in [""] + ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []) {
      let group = "\(root)/\(hierarchy)/\(name)"
      // Not empty: a trace, and reported as such.
      rmdir(group)
    }
  }

  private static let minimal = """
    {
      "ociVersion": "1.0.2",
      "process": {
        "user": { "uid": 0, "gid": 0 },
        "args": ["/bin/probe", "see"],
        "env": ["PATH=/bin", "HOME=/"],
        "cwd": "/",
        "capabilities": { "bounding": [], "effective": [], "permitted": [] },
        "noNewPrivileges": true
      },
      "root": { "path": "rootfs" },
      "hostname": "voyage",
      "mounts": [
        { "destination": "/proc", "type": "proc", "source": "proc" },
        { "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
          "options": ["nosuid", "strictatime", "mode=755", "size=65536k"] },
        { "destination": "/dev/pts", "type": "devpts", "source": "devpts",
          "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
        { "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
          "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"] },
        { "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
          "options": ["nosuid", "noexec", "nodev"] },
        { "destination": "/sys", "type": "sysfs", "source": "sysfs",
          "options": ["nosuid", "noexec", "nodev", "ro"] }
      ],
      "linux": {
        "namespaces": [
          { "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" }
        ],
        "resources": { "devices": [{ "allow": false, "access": "rwm" }] }
      }
    }
    """
}

// The verbs of a container's life.
extension Bundle {
  /// Writes the configuration and creates the container.
  func create(_ options: [String] = []) throws {
    try writeConfiguration()
    try runtime(["create", "--bundle", path] + options + [id]).expecting(0)
  }

  func start() throws {
    try runtime(["start", id]).expecting(0)
  }

  func kill(_ signal: String = "KILL") throws {
    try runtime(["kill", id, signal]).expecting(0)
  }

  func delete(force: Bool = false) throws {
    try runtime(["delete"] + (force ? ["--force"] : []) + [id]).expecting(0)
  }

  /// Waits until the container's state is as wanted.
  func await(_ status: String, seconds: Double = 10) throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while try state().status.text != status {
      guard ContinuousClock.now < deadline else {
        throw Trouble("the container is \(try state().status.text), not \(status)")
      }
      ClockTime.sleep(milliseconds: 10)
    }
  }
}
