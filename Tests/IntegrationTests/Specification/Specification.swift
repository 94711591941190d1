import Foundation
import Testing

extension Integration {
  /// OCI runtime-spec 1.3 clause by clause, each test named after the section that it holds a runtime to. What other suites prove is not
  /// written twice: docs/conformance.md says for every clause which test it is.
  ///
  /// `SKIFF_TEST_RUNTIME=/usr/sbin/runc` shows the tests on another runtime.
  @Suite enum Specification {}
}

/// No container comes of the configuration with `patch` on top of it, and there are words why.
func expectRefusal(
  _ harbour: Harbour, _ patch: String, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let isRefused = try Bundle(harbour).refusesToCreate(patch)
  #expect(isRefused, comment ?? "\(patch)", sourceLocation: sourceLocation)
}

extension Bundle {
  /// Tries to create the container; true if that is refused with words and nothing of the container is there afterwards.
  func refusesToCreate(_ patch: String = "{}") throws -> Bool {
    try configuration.merge(patch)
    try writeConfiguration()
    let outcome = try runtime(["create", "--bundle", path, id])
    guard outcome.code != 0 else {
      try delete(force: true)
      return false
    }
    return try !outcome.errors.isEmpty && runtime(["state", id]).code != 0
  }

  /// Creates and starts a container whose program waits.
  func startWaiting() throws {
    try setArguments(["/bin/probe", "wait"])
    try create()
    try start()
  }
}
