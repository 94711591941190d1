import SkiffKernel

/// Where an engine keeps its things and finds its helpers.
public struct EngineConfiguration: Equatable, Sendable {
  /// What outlives a reboot: images, layers, containers, volumes, networks.
  public var root = "/var/lib/skiff"
  /// What a reboot may forget: the runtime's state, sockets, leases.
  public var runRoot = "/run/skiff"
  /// `overlay`, `btrfs` or `copy`; nil takes the store's own, or the best for a new store.
  public var storageDriver: String?
  public var runtimeProgram = ""
  public var transferProgram = ""
  public var initProgram = ""
  /// The program that a monitor becomes when its container has ended: this one.
  public var ownProgram = ""

  public init() {}

  /// Where the runtime keeps the state of the engine's containers.
  public var runtimeRoot: String { runRoot + "/containers" }

  /// Where monitors listen for clients.
  public var attachDirectory: String { runRoot + "/attach" }
}

extension EngineConfiguration {
  /// The configuration that the environment asks for; what is given overrides it.
  ///
  /// `SKIFF_ROOT`, `SKIFF_RUN_ROOT`, `SKIFF_STORAGE_DRIVER`, `SKIFF_RUNTIME`, `SKIFF_TRANSFER` and `SKIFF_INIT` stand in the
  /// environment. Helpers that it does not name are looked for beside this program, then in `../libexec`.
  public static func fromEnvironment(
    root: String? = nil, runRoot: String? = nil, storageDriver: String? = nil
  ) throws(EngineError) -> EngineConfiguration {
    var configuration = EngineConfiguration()
    if let root = try absolute(root ?? variable("SKIFF_ROOT"), "--root") { configuration.root = root }
    if let runRoot = try absolute(runRoot ?? variable("SKIFF_RUN_ROOT"), "--run-root") {
      configuration.runRoot = runRoot
    }
    configuration.storageDriver = storageDriver ?? variable("SKIFF_STORAGE_DRIVER")
    let own = try naming("find", "this program") { () throws(Errno) in
      try Descriptor.workingDirectory.readLink("/proc/self/exe").text
    }
    configuration.ownProgram = own
    let directory = parent(of: own)
    configuration.runtimeProgram = variable("SKIFF_RUNTIME") ?? helper("skiff-runtime", beside: directory)
    configuration.transferProgram = variable("SKIFF_TRANSFER") ?? helper("skiff-transfer", beside: directory)
    configuration.initProgram = variable("SKIFF_INIT") ?? helper("skiff-init", beside: directory)
    return configuration
  }

  private static func variable(_ name: String) -> String? {
    guard let value = ProcessEnvironment.value(named: name), !value.isEmpty else { return nil }
    return value
  }

  /// The path from the root on, without a slash at its end.
  private static func absolute(_ path: String?, _ option: String) throws(EngineError) -> String? {
    guard let path else { return nil }
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw .invalidOption(name: option, value: path, reason: "it is no path")
    }
    let full = path.hasPrefix("/") ? path : try workingDirectoryPath() + "/" + path
    let cleaned = SpecComposer.cleaned(full)
    guard cleaned != "/" else {
      throw .invalidOption(
        name: option, value: path, reason: "the root directory itself cannot hold the engine's state")
    }
    return cleaned
  }

  /// The caller's working directory as text.
  public static func workingDirectoryPath() throws(EngineError) -> String {
    try naming("find", "the working directory") { () throws(Errno) in try workingDirectory().text }
  }

  private static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }

  private static func helper(_ name: String, beside directory: String) -> String {
    let candidates = ["\(directory)/\(name)", "\(parent(of: directory))/libexec/\(name)"]
    for candidate in candidates where exists(candidate) { return candidate }
    // Named in the error when it is needed.
    return candidates[0]
  }

  private static func exists(_ path: String) -> Bool {
    do throws(Errno) {
      _ = try Descriptor.workingDirectory.status(try KernelPath(path), follow: true)
      return true
    } catch {
      return false
    }
  }
}
