import Foundation
import Testing

extension Integration {
  /// What `make run` does, on a store that is thrown away.
  @Suite struct FirstVoyage {
    @Test func `the first voyage prints what the container sees, twice`() throws {
      try inHarbour { harbour in
        // Only for its clean-up.
        _ = try Store(harbour, hasImage: false)
        let environment = [
          "SKIFF_ROOT": harbour.path("store"), "SKIFF_RUN_ROOT": harbour.path("run"),
          "PATH": Programs.built + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ]
        func voyage() throws -> Outcome {
          try run(
            ["env", "-C", Programs.repository, "bash", "Scripts/first-voyage"], environment: environment
          ).expecting(0)
        }

        let first = try voyage()
        #expect(first.output.contains("making localhost/busybox:latest"))
        for text in [
          "voyage", "uid=0(root)", "/proc", "eth0", "127.0.0.1/8", "67108864", "CapEff:\t00000000800405fb",
          "Seccomp:\t2",
        ] {
          #expect(first.output.contains(text), "\(text)")
        }
        #expect(first.output.contains(/\n +1 root +sh/))

        let second = try voyage()
        #expect(!second.output.contains("making"))
        #expect(second.milliseconds < 5000)
      }
    }
  }
}
