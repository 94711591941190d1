import SkiffKernel

// Images come and go by a program of their own: the HTTP and TLS code is not in every command, and can run with fewer rights.
extension Engine {
  /// Fetches an image from its registry. Progress goes to standard error; the result, too, with `outputIsError`.
  public func pull(
    _ name: String, platform: String?, isQuiet: Bool, options: [String] = [], outputIsError: Bool = false
  ) throws(EngineError) {
    var arguments = ["pull"] + storeOptions + options
    if let platform { arguments += ["--platform", platform] }
    if isQuiet { arguments.append("--quiet") }
    try transfer(arguments + ["--", name], outputIsError: outputIsError)
    announce("image", "pull", name, ["name": name])
  }

  /// Runs the transfer program with these words behind its options for the store; it shares this program's streams.
  public func transfer(verb: String, _ words: [String]) throws(EngineError) {
    let known = imageNames()
    try transfer([verb] + storeOptions + words, outputIsError: false)
    tellNewImages(verb, known)
  }

  /// Runs the transfer program on open files that it gets by these numbers.
  func transfer(
    _ verb: String, _ words: [String], files: [(source: Descriptor, target: Int32)]
  ) throws(EngineError) {
    try transfer([verb] + storeOptions + words, outputIsError: false, files: files)
  }

  /// The images of the store with what each is called; nil where they cannot be told, which the transfer program will say better.
  private func imageNames() -> [String: String]? {
    do throws(EngineError) {
      var names: [String: String] = [:]
      for image in try images() {
        names[image.id] = image.repository.map { "\($0):\(image.tag ?? "latest")" } ?? image.id
      }
      return names
    } catch {
      return nil
    }
  }

  /// Tells of the images that came by what the transfer program did.
  private func tellNewImages(_ act: String, _ known: [String: String]?) {
    guard let known, let now = imageNames() else { return }
    for (id, name) in now where known[id] == nil { announce("image", act, id, ["name": name]) }
  }

  private var storeOptions: [String] {
    var options = ["--root", configuration.root]
    if let driver = configuration.storageDriver { options += ["--storage-driver", driver] }
    return options
  }

  private func transfer(
    _ arguments: [String], outputIsError: Bool, files: [(source: Descriptor, target: Int32)] = []
  ) throws(EngineError) {
    let path = configuration.transferProgram
    let status = try naming("run", path) { () throws(Errno) in
      let program = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly])
      var request = SpawnRequest(arguments: ["skiff-transfer"] + arguments, environment: ProcessEnvironment.all())
      request.files = files
      if outputIsError { request.files.append((.standardError, 1)) }
      // The terminal's interrupt reaches both: this program lives on to tell how the other ended.
      let interrupts: SignalSet = [SignalSet(signal: Signal.interrupt), SignalSet(signal: Signal.quit)]
      let mask = try Signal.setMask(interrupts)
      defer { do throws(Errno) { try Signal.setMask(mask) } catch {} }
      let process = try spawn(program.descriptor, request)
      try process.confirmStarted()
      return try process.wait()
    }
    guard status.shellCode == 0 else { throw .helperFailed(exitCode: status.shellCode) }
  }
}
