import SkiffKernel
import SkiffRuntime

/// What a machine has and lacks for containers.
///
/// The kernel is asked, by trying, and never guessed at from its version; what is tried is tried in namespaces of a child process, or
/// removed at once, so that nothing is left. An ordinary user may ask, too.
public struct Doctor {
  private let configuration: EngineConfiguration

  public init(_ configuration: EngineConfiguration) {
    self.configuration = configuration
  }

  /// All that was found, in the order in which a person would want to know it.
  public func examine() -> [Finding] {
    let trial = Trial()
    var root = configuration.root
    var runRoot = configuration.runRoot
    if Credentials.effectiveUserID != 0 {
      // Where an ordinary user's things belong (XDG Base Directory Specification).
      let standard = EngineConfiguration()
      let home = ProcessEnvironment.value(named: "HOME") ?? "/"
      let data = ProcessEnvironment.value(named: "XDG_DATA_HOME") ?? "\(home)/.local/share"
      if root == standard.root { root = "\(data)/skiff" }
      if runRoot == standard.runRoot, let own = ProcessEnvironment.value(named: "XDG_RUNTIME_DIR") {
        runRoot = "\(own)/skiff"
      }
    }
    return UserExamination().findings() + KernelExamination(trial: trial).findings()
      + CgroupExamination().findings() + StoreExamination(root: root, runRoot: runRoot, trial: trial).findings()
      + NetworkExamination(trial: trial).findings() + programs()
  }

  // MARK: Programs

  private static let topic = "Programs"

  private func programs() -> [Finding] {
    [
      own("skiff-runtime", configuration.runtimeProgram, "--version", why: "starts and minds containers"),
      own("skiff-transfer", configuration.transferProgram, "--version", why: "fetches, loads and saves images"),
      own("skiff-init", configuration.initProgram, "true", why: "the first process of containers with --init"),
      helper("criu", why: "skiff-runtime checkpoint and restore", package: "criu"),
      helper("ps", why: "skiff top", package: "procps"),
    ]
  }

  /// A program of skiff's own is run once: a library that it lacks shows only then.
  private func own(_ name: String, _ path: String, _ argument: String, why: String) -> Finding {
    let fix = "install all of skiff's programs in one directory (or set SKIFF_\(name.dropFirst(6).uppercased()))"
    do throws(Errno) {
      let program = try Descriptor.workingDirectory.open(try KernelPath(path), .readOnly)
      let outcome = try HostProgram.run(program.descriptor, [name, argument], limitBytes: 65536)
      guard outcome.status == .exited(0) else {
        let words = String(decoding: outcome.words, as: UTF8.self).split(separator: "\n").first ?? "it fails"
        return Finding(Self.topic, name, .missing, "\(path): \(words)", why: why, fix: fix)
      }
      return Finding(Self.topic, name, .ok, path, why: why)
    } catch {
      return Finding(Self.topic, name, .missing, "\(path): \(error)", why: why, fix: fix)
    }
  }

  private func helper(_ name: String, why: String, package: String) -> Finding {
    let isThere = HostProgram.find(name) != nil
    return Finding(
      Self.topic, name, isThere ? .ok : .warning, isThere ? "" : "not found on PATH", why: why,
      fix: "apt install \(package)")
  }
}
