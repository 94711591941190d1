/// Collects what makes no sense in a configuration, or could not be done as it asks.
///
/// Key paths are only written where something is wrong: of a good configuration, writing them was nine tenths of the work.
/// Words are runc's where it has some, because engines and people know them.
struct SpecValidator {
  private(set) var problems: [SpecProblem] = []

  mutating func refuse(_ keyPath: @autoclosure () -> String, _ message: String) {
    problems.append(SpecProblem(keyPath(), message))
  }

  mutating func require(_ condition: Bool, _ keyPath: @autoclosure () -> String, _ message: @autoclosure () -> String) {
    if !condition { refuse(keyPath(), message()) }
  }

  mutating func requireAbsolute(_ path: String, _ keyPath: @autoclosure () -> String) {
    require(path.utf8.first == UInt8(ascii: "/"), keyPath(), "\(SpecKeyPath.quoted(path)) is not an absolute path")
  }

  /// Words that must be known and may stand only once, unless `repeats`.
  mutating func requireKnown(
    _ words: [String], among known: [String], _ keyPath: @autoclosure () -> String, _ message: (String) -> String
  ) {
    for (index, word) in words.enumerated() where !known.contains(word) {
      refuse("\(keyPath())[\(index)]", message(SpecKeyPath.quoted(word)))
    }
  }

  mutating func requireCPUList(_ list: String?, _ keyPath: @autoclosure () -> String) {
    guard let list, !list.isEmpty, !Self.isNumberList(list) else { return }
    refuse(keyPath(), "\(SpecKeyPath.quoted(list)) is not a list such as 0-3,7")
  }

  /// How many numbers such a list names; 0 for what is none.
  static func count(ofNumberList list: String) -> Int {
    guard isNumberList(list) else { return 0 }
    return list.split(separator: ",").reduce(0) { count, part in
      let ends = part.split(separator: "-").compactMap { Int($0) }
      return count + (ends.last ?? 0) - (ends.first ?? 0) + 1
    }
  }

  /// A list of numbers and ranges as the kernel writes them: `0-3,7`.
  static func isNumberList(_ list: String) -> Bool {
    list.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).allSatisfy { part in
      let ends = part.split(separator: UInt8(ascii: "-"), maxSplits: 1, omittingEmptySubsequences: false)
      let numbers = ends.map { $0.allSatisfy(\.isDigit) && $0.count <= 5 ? Int(String($0) ?? "") : nil }
      switch numbers.count {
      case 1: return numbers[0] != nil
      case 2:
        guard let low = numbers[0], let high = numbers[1] else { return false }
        return low <= high
      default: return false
      }
    }
  }
}

extension RuntimeSpec {
  /// Everything that makes no sense or cannot be done in this configuration; empty when it is good.
  /// `requiringProcess`: whether it must say what to run, as it must for all but a container that is only created to be configured.
  public func validate(requiringProcess: Bool = true) -> [SpecProblem] {
    validate(requiringProcess: requiringProcess, namespacesAreKnown: true)
  }

  /// `namespacesAreKnown` is false where the list could not be read: what depends on it is not judged then.
  func validate(requiringProcess: Bool, namespacesAreKnown: Bool) -> [SpecProblem] {
    var validator = SpecValidator()
    validator.checkVersion(version)
    validator.checkRoot(root)
    if let process {
      validator.check(process, at: "process")
    } else if requiringProcess {
      validator.refuse("process", "must be set: there is nothing to run")
    }
    validator.checkMounts(mounts, of: self)
    validator.checkHooks(hooks)
    validator.checkNames(of: self)
    validator.checkLinux(linux)
    if namespacesAreKnown {
      validator.checkNamespaceNeeds(of: self)
    }
    return validator.problems
  }
}

extension RuntimeSpec.Process {
  /// Everything that makes no sense in a `process.json`.
  public func validate() -> [SpecProblem] {
    var validator = SpecValidator()
    validator.check(self, at: "")
    return validator.problems
  }
}

extension RuntimeSpec.Resources {
  /// Everything that makes no sense in the document of `update`.
  public func validate() -> [SpecProblem] {
    var validator = SpecValidator()
    validator.check(self, at: "")
    return validator.problems
  }
}

// MARK: General

extension SpecValidator {
  mutating func checkVersion(_ version: String) {
    guard !version.isEmpty else {
      refuse("ociVersion", "must be set")
      return
    }
    let core = version.utf8.prefix { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "+") }
    let numbers = core.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let isVersion =
      numbers.count == 3 && numbers.allSatisfy { (1...9).contains($0.count) && $0.allSatisfy(\.isDigit) }
    require(isVersion, "ociVersion", "\(SpecKeyPath.quoted(version)) is not a version")
    if isVersion {
      require(
        numbers[0].elementsEqual("1".utf8), "ociVersion",
        "unsupported spec version \(SpecKeyPath.quoted(version)): skiff knows 1.x")
    }
  }

  mutating func checkRoot(_ root: RuntimeSpec.Root?) {
    guard let root else {
      refuse("root", "must be set")
      return
    }
    require(!root.path.isEmpty, "root.path", "must be set")
  }

  mutating func checkNames(of spec: RuntimeSpec) {
    // HOST_NAME_MAX of Linux.
    for (name, keyPath) in [(spec.hostname, "hostname"), (spec.domainname, "domainname")] {
      require((name ?? "").utf8.count <= 64, keyPath, "is longer than 64 bytes")
    }
    if spec.annotations[""] != nil { refuse("annotations", "the name of an annotation must not be empty") }
  }

  mutating func checkHooks(_ hooks: RuntimeSpec.Hooks) {
    check(hooks.prestart, at: "hooks.prestart")
    check(hooks.createRuntime, at: "hooks.createRuntime")
    check(hooks.createContainer, at: "hooks.createContainer")
    check(hooks.startContainer, at: "hooks.startContainer")
    check(hooks.poststart, at: "hooks.poststart")
    check(hooks.poststop, at: "hooks.poststop")
  }

  private mutating func check(_ hooks: [RuntimeSpec.Hook], at keyPath: @autoclosure () -> String) {
    for (index, hook) in hooks.enumerated() {
      func here() -> String { "\(keyPath())[\(index)]" }
      requireAbsolute(hook.path, "\(here()).path")
      checkEnvironment(hook.environment, at: "\(here()).env")
      if let timeout = hook.timeoutSeconds {
        require(timeout > 0, "\(here()).timeout", "must be more than 0 seconds")
      }
    }
  }

  mutating func checkEnvironment(_ environment: [String], at keyPath: @autoclosure () -> String) {
    for (index, entry) in environment.enumerated() {
      let name = entry.utf8.prefix { $0 != UInt8(ascii: "=") }
      require(
        name.count < entry.utf8.count, "\(keyPath())[\(index)]", "invalid environment variable: missing '='")
      require(
        name.count > 0 || entry.isEmpty, "\(keyPath())[\(index)]",
        "invalid environment variable: name cannot be empty")
    }
  }

  mutating func checkMounts(_ mounts: [RuntimeSpec.Mount], of spec: RuntimeSpec) {
    for (index, mount) in mounts.enumerated() {
      func here() -> String { "mounts[\(index)]" }
      require(!mount.destination.isEmpty, "\(here()).destination", "must be set")
      checkMappings(mount.uidMappings, at: "\(here()).uidMappings")
      checkMappings(mount.gidMappings, at: "\(here()).gidMappings")
      let maps = !mount.uidMappings.isEmpty || !mount.gidMappings.isEmpty
      require(
        mount.uidMappings.isEmpty == mount.gidMappings.isEmpty, here(),
        "an id-mapped mount needs both uidMappings and gidMappings")
      let isBind = mount.type == "bind" || mount.options.contains("bind") || mount.options.contains("rbind")
      let wantsMap = maps || mount.options.contains("idmap") || mount.options.contains("ridmap")
      require(!wantsMap || isBind, here(), "only a bind mount can be id-mapped")
      let hasUserMap = spec.linux.namespaces.contains { $0.type == .user }
      require(
        !wantsMap || maps || hasUserMap, here(),
        "an id-mapped mount without mappings of its own needs a user namespace")
    }
  }
}
