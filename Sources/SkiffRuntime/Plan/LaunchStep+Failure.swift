internal import SkiffKernel
internal import SkiffSpec

extension LaunchStep {
  /// What a person reads when the kernel refused this step: act, thing, cause.
  func failure(_ error: Errno) -> LaunchError {
    switch self {
    case .findExecutable(let search):
      return Self.programFailure(search.name, error)
    case .execute(let name):
      // The file was found before: what the kernel misses now is what the file names, an interpreter or a library loader.
      var failure = LaunchError(
        "exec \(name): \(error == .notExecutable ? "exec format error" : error.description)",
        kind: error == .notFound ? .notFound : .notExecutable)
      failure.isOfProgram = true
      return failure
    case .mount(let mount):
      let hint =
        mount.refusesLinks && error == .tooManyLinks
        ? " (it must be mounted on ordinary directory, the image has a symbolic link there)" : mountHint(error)
      return LaunchError("cannot mount \(mount.type) on \(mount.target): \(error)\(hint)")
    case .bind(let mount):
      return LaunchError("cannot mount \(mount.sourcePath) on \(mount.target): \(error)\(mountHint(error))")
    case .changeMount(let path, _):
      return LaunchError("cannot change the mount \(path): \(error)\(mountHint(error))")
    case .enterWorkingDirectory(let path):
      return LaunchError("cannot enter the working directory: chdir to cwd (\"\(path)\") failed: \(error)")
    case .setResourceLimit(let limit, _):
      let hint = error == .notPermitted ? " (raising a limit needs CAP_SYS_RESOURCE)" : ""
      return LaunchError("cannot set \(limit.type) to \(limit.soft):\(limit.hard): \(error)\(hint)")
    case .setOOMScore(let score):
      let hint = error == .accessDenied ? " (lowering it needs CAP_SYS_RESOURCE)" : ""
      return LaunchError("cannot set the out-of-memory score to \(score): \(error)\(hint)")
    case .setSystemParameter(let name, let value):
      return LaunchError("cannot set sysctl \(name) to \(value): \(error)")
    case .setScheduling:
      let hint =
        error == .notPermitted
        ? " (is there time for it in the control group, and CAP_SYS_NICE?"
          + " with deadlines process scheduler can't be used together with AllowedCPUs)" : ""
      return LaunchError("process.scheduler: cannot set the scheduler: \(error)\(hint)")
    case .setDiskPriority:
      return LaunchError("process.ioPriority: cannot set the priority of disk access: \(error)")
    case .setMemoryPolicy(let policy):
      let hint = error == .invalidArgument ? " (does the machine have those nodes?)" : ""
      return LaunchError("linux.memoryPolicy: cannot take memory by \(policy.text): \(error)\(hint)")
    case .setAffinity(_, let text):
      return LaunchError("process.execCPUAffinity: cannot run on the CPUs \(text): \(error)")
    case .setSecurityAttribute(let attribute):
      return LaunchError("cannot take the label \(attribute.text): \(error) (is it loaded in the kernel?)")
    case .makeLandlockRuleset where error == .noSystemCall:
      return LaunchError(
        "cannot restrict the container by Landlock: this kernel has none, or one too old for these rules")
    case .allowByLandlock(let place):
      return LaunchError("cannot let the container reach \(place.path) (landlock): \(error)")
    case .restrictByLandlock:
      return LaunchError("cannot restrict the container by Landlock: \(error)")
    case .installFilter:
      let hint = error == .accessDenied ? " (without no_new_privs it needs CAP_SYS_ADMIN)" : ""
      return LaunchError("cannot load the seccomp filter: \(error)\(hint)")
    default:
      return LaunchError("cannot \(explanation.what): \(error)")
    }
  }

  /// The words that engines look for in a runtime's error.
  private static func programFailure(_ name: String, _ error: Errno) -> LaunchError {
    if error == .notFound, !name.contains("/") {
      return LaunchError("exec: \"\(name)\": executable file not found in $PATH", kind: .notFound)
    }
    if error == .accessDenied || error == .notPermitted {
      return LaunchError("exec: \"\(name)\": permission denied", kind: .notExecutable)
    }
    return LaunchError(
      "exec: \"\(name)\": stat \(name): \(error)", kind: error == .notFound ? .notFound : .notExecutable)
  }

  private func mountHint(_ error: Errno) -> String {
    switch error {
    case .tooManyLinks: " (the image has a symbolic link in its place)"
    case .noSuchDevice: " (this kernel does not have that file system)"
    case .notDirectory: " (one is a directory, the other is not)"
    case .notPermitted: " (is the source inside the user namespace's mapping?)"
    default: ""
    }
  }
}
