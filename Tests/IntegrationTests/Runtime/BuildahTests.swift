import Foundation
import Testing

extension Integration {
  /// buildah with our runtime beneath: quick enough for every run of the tests.
  struct Buildah {
    @Test(arguments: [false, true]) func `buildah runs commands and builds`(asUser: Bool) throws {
      try inHarbour { harbour in
        let island = try Island(harbour, hasUser: asUser)
        let place = asUser ? harbour.path("home") : harbour.directory
        let runtime = asUser ? harbour.path("skiff-runtime") : Programs.runtime
        let globals = [
          "buildah", "--storage-driver", "vfs", "--root", "\(place)/store", "--runroot", "\(place)/store-run",
        ]
        func buildah(_ arguments: String...) throws -> Outcome {
          try island.attempt(globals + arguments, asUser: asUser)
        }
        func run(_ command: String...) throws -> Outcome {
          try island.attempt(
            globals + ["run", "--isolation", "oci", "--runtime", runtime, "--network", "none", "work", "--"] + command,
            asUser: asUser)
        }
        try buildah("from", "--name", "work", "scratch").expecting(0)
        try buildah("add", "--quiet", "work", Store.archive(), "/").expecting(0)

        #expect(try run("echo", "aye").expecting(0).output == "aye\n")
        #expect(try run("sh", "-c", "exit 5").code == 5)
        let refusal = try run("no-such-command")
        #expect(refusal.code == 1)
        #expect(refusal.message.contains(#"exec: "no-such-command": executable file not found in $PATH"#))
        let map = try run("cat", "/proc/self/uid_map").output
        #expect(map.contains(asUser ? "\(Island.user.id)" : "4294967295"))

        try buildah("commit", "--quiet", "work", "base").expecting(0)
        try island.shell(
          "printf 'FROM localhost/base\\nRUN echo built > /built\\nUSER 33\\nRUN test $(id -u) = 33\\n' > \(place)/Containerfile",
          asUser: asUser)
        try buildah(
          "bud", "--isolation", "oci", "--runtime", runtime, "--network", "none", "--tag", "made", "--file",
          "\(place)/Containerfile", place
        ).expecting(0)
        try buildah("rm", "--all").expecting(0)
      }
    }
  }
}
