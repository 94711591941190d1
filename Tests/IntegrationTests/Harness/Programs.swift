import Foundation

/// The programs under test, and those that they are tested with.
enum Programs {
  /// The top of the repository.
  static let repository = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .path(percentEncoded: false)

  /// Where the release build puts programs.
  static let built = repository.hasSuffix("/") ? repository + ".build/release/" : repository + "/.build/release/"

  static let skiff = built + "skiff"
  static let transfer = built + "skiff-transfer"
  static let probe = built + "skiff-probe"
  static let initProgram = built + "skiff-init"
  static let faultInjector = built + "skiff-fault"

  /// The OCI runtime under test. Another one takes its place to see whether the tests themselves are right:
  /// `SKIFF_TEST_RUNTIME=/usr/sbin/runc`.
  static let runtime = ProcessInfo.processInfo.environment["SKIFF_TEST_RUNTIME"] ?? built + "skiff-runtime"
  static let isOurRuntime = runtime.hasSuffix("/skiff-runtime")

  /// The path of a program or file that the tests bring along.
  static func fixture(_ name: String) -> String {
    (repository.hasSuffix("/") ? repository : repository + "/") + "Tests/Fixtures/" + name
  }

  /// The path of a program of the system; the test that needs it fails with its name.
  static func find(_ name: String) throws -> String {
    if name.contains("/") { return name }
    for directory in ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"] {
      let path = directory + "/" + name
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw Trouble("\(name) is not installed (Scripts/need test)")
  }
}

/// Why a test could not go on.
struct Trouble: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}
