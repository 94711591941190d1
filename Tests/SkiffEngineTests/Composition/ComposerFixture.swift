import SkiffEngine
import SkiffSpec

/// A container as plain as possible, to be changed by each test.
struct ComposerFixture {
  var composition: Composition

  init(_ change: (inout RunRequest) -> Void = { _ in }) {
    var request = RunRequest()
    request.image = "busybox"
    request.command = ["true"]
    change(&request)
    composition = Composition(
      containerID: String(repeating: "ab", count: 32), rootPath: "/c/rootfs", request: request,
      user: ResolvedUser(userID: 0, groupID: 0, additionalGroupIDs: [0], home: "/root"))
    composition.imageRaisesRights = false
    composition.seccomp = RuntimeSpec.Seccomp()
  }

  func spec() throws -> RuntimeSpec {
    try SpecComposer(composition).compose()
  }

  func process() throws -> RuntimeSpec.Process {
    guard let process = try spec().process else { throw EngineError.report("no process") }
    return process
  }

  func mount(_ destination: String) throws -> RuntimeSpec.Mount? {
    try spec().mounts.first { $0.destination == destination }
  }

  /// The sentence that composing is refused with.
  func refusal() -> String? {
    do throws(EngineError) {
      _ = try SpecComposer(composition).compose()
      return nil
    } catch {
      return "\(error)"
    }
  }
}

func changed(_ change: (inout RunRequest) -> Void) throws -> RuntimeSpec {
  try ComposerFixture(change).spec()
}
