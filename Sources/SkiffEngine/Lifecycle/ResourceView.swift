import SkiffKernel
import SkiffRuntime

extension Engine {
  /// Gives a container that is created and not started yet files of /proc and /sys that tell of its own resources.
  func showResources(_ id: String) throws(EngineError) {
    let path = configuration.runtimeProgram
    let outcome: (status: ExitStatus, words: [UInt8])
    do throws(Errno) {
      let program = try Descriptor.workingDirectory.open(try KernelPath(path), .pathOnly)
      outcome = try HostProgram.run(
        program.descriptor, ["skiff-runtime", "--root", configuration.runtimeRoot, "mounts", "resources", id],
        limitBytes: 1 << 16)
    } catch {
      throw .kernel(act: "execute", thing: path, cause: error)
    }
    guard outcome.status == .exited(0) else {
      let words = String(decoding: outcome.words, as: UTF8.self).split(separator: "\n").joined(separator: "; ")
      throw .runtime(message: "\(words) (leave out --resource-view)", exitCode: 125)
    }
  }
}
