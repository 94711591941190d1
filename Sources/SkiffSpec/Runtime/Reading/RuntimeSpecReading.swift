// The general part of config.json (config.md).

extension RuntimeSpec {
  /// A longer configuration is refused.
  public static let sizeLimit = 16 << 20

  /// Reads a `config.json`. Throws every problem of form at once: syntax, wrong types, numbers out of range.
  /// Members that are not known are passed over. What was read may still ask for things that make no sense: see `validate()`.
  public static func parse(_ bytes: [UInt8]) throws(SpecProblems) -> RuntimeSpec {
    try SpecReader.read(bytes, sizeLimit: sizeLimit)
  }

  /// Reads a `config.json` and throws everything that is wrong with it, in form and in sense.
  public static func parseAndValidate(
    _ bytes: [UInt8], requiringProcess: Bool = true
  ) throws(SpecProblems) -> RuntimeSpec {
    let (spec, problems): (RuntimeSpec?, [SpecProblem]) = SpecReader.readWhatIsReadable(bytes, sizeLimit: sizeLimit)
    guard let spec else { throw SpecProblems(problems) }
    let namespacesAreKnown = !problems.contains { $0.keyPath.hasPrefix("linux.namespaces") || $0.keyPath == "linux" }
    let senseless = spec.validate(requiringProcess: requiringProcess, namespacesAreKnown: namespacesAreKnown)
    // What could not be read is missing now; nobody wants to hear that twice.
    let news = senseless.filter { problem in
      !problems.contains { problem.keyPath.hasPrefix($0.keyPath) || $0.keyPath.hasPrefix(problem.keyPath) }
    }
    guard problems.isEmpty, news.isEmpty else { throw SpecProblems(problems + news) }
    return spec
  }
}

extension RuntimeSpec.Process {
  /// Reads the `process.json` of exec.
  public static func parse(_ bytes: [UInt8]) throws(SpecProblems) -> RuntimeSpec.Process {
    try SpecReader.read(bytes, sizeLimit: RuntimeSpec.sizeLimit)
  }
}

extension RuntimeSpec: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    version = ""
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "ociVersion": try reader.read(&version)
      case "process": try reader.read(&process)
      case "root": try reader.read(&root)
      case "hostname": try reader.read(&hostname)
      case "domainname": try reader.read(&domainname)
      case "mounts": try reader.read(&mounts)
      case "hooks": try reader.read(&hooks)
      case "annotations": try reader.read(&annotations)
      case "linux": try reader.read(&linux)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.Root: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init(path: "")
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "path": try reader.read(&path)
      case "readonly": try reader.read(&isReadOnly)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.Mount: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init(destination: "")
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "destination": try reader.read(&destination)
      case "type": try reader.read(&type)
      case "source": try reader.read(&source)
      case "options": try reader.read(&options)
      case "uidMappings": try reader.read(&uidMappings)
      case "gidMappings": try reader.read(&gidMappings)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.IDMapping: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init(containerID: 0, hostID: 0, size: 0)
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "containerID": try reader.read(&containerID)
      case "hostID": try reader.read(&hostID)
      case "size": try reader.read(&size)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.Hooks: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "prestart": try reader.read(&prestart)
      case "createRuntime": try reader.read(&createRuntime)
      case "createContainer": try reader.read(&createContainer)
      case "startContainer": try reader.read(&startContainer)
      case "poststart": try reader.read(&poststart)
      case "poststop": try reader.read(&poststop)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.Hook: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "path": try reader.read(&path)
      case "args": try reader.read(&arguments)
      case "env": try reader.read(&environment)
      case "timeout": try reader.read(&timeoutSeconds)
      default: try reader.skip()
      }
    }
  }
}
