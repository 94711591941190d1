import Foundation
import Testing

extension Integration {
  /// What is wrong is said once, with the words that callers match, and nothing is left over.
  @Suite struct Refusals {
    @Test func `a command that is not there`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)

        let byPath = try bundle.run(["/bin/absent"])
        #expect(byPath.code != 0)
        #expect(byPath.message.contains(#"exec: "/bin/absent": stat /bin/absent: no such file or directory"#))

        let byName = try bundle.run(["absent"])
        #expect(byName.code != 0)
        #expect(byName.message.contains(#"exec: "absent": executable file not found in $PATH"#))
      }
    }

    @Test func `a command that cannot be executed`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try harbour.write("not a program", to: "\(bundle.name)/rootfs/etc/plain")

        let plain = try bundle.run(["/etc/plain"])
        #expect(plain.code != 0)
        #expect(plain.message.contains(#"exec: "/etc/plain": permission denied"#))

        let directory = try bundle.run(["/etc"])
        #expect(directory.code != 0)
        #expect(
          directory.message.contains(#"exec: "/etc": permission denied"#) || directory.errors.contains("is a directory")
        )
      }
    }

    @Test func `a file of no known format`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try harbour.write("gibberish", to: "\(bundle.name)/rootfs/bin/gibberish", mode: 0o755)

        let outcome = try bundle.run(["/bin/gibberish"])

        #expect(outcome.code != 0)
        #expect(outcome.errors.lowercased().contains("exec format error"))
      }
    }

    @Test func `no bundle, no configuration, no root file system`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)

        let nowhere = try bundle.runtime(["create", "--bundle", harbour.path("absent"), bundle.id])
        #expect(nowhere.code == 1)
        #expect(nowhere.errors.contains("no such file or directory"))

        let empty = try bundle.runtime(["create", "--bundle", harbour.directory, bundle.id])
        #expect(empty.code == 1)
        #expect(empty.errors.contains("config.json"))

        try bundle.configuration.merge(#"{"root":{"path":"elsewhere"}}"#)
        let rootless = try bundle.run(["/bin/probe", "see"])
        #expect(rootless.code == 1)
        #expect(rootless.errors.contains("elsewhere"))
      }
    }

    @Test func `a configuration with several faults names each by its key path`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          """
          {"process":{"cwd":"relative","args":[],"rlimits":[{"type":"RLIMIT_WAVES","soft":1,"hard":1}],
                      "capabilities":{"bounding":["CAP_OF_SAILOR"]}},
           "linux":{"namespaces":[{"type":"pid"},{"type":"pid"},{"type":"mount"}]}}
          """)
        try bundle.writeConfiguration()

        let outcome = try bundle.runtime(["create", "--bundle", bundle.path, bundle.id])

        #expect(outcome.code == 1)
        for path in ["process.cwd", "process.args", "process.rlimits[0].type", "process.capabilities.bounding[0]"] {
          #expect(outcome.errors.contains(path), "\(path) in \(outcome.errors)")
        }
        #expect(outcome.errors.contains("linux.namespaces"))
      }
    }

    @Test func `a configuration that is no JSON`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        for text in ["", "{", "[]", "{\"ociVersion\": 1}", String(repeating: "[", count: 100_000)] {
          try harbour.write(text, to: "\(bundle.name)/config.json")

          let outcome = try bundle.runtime(["create", "--bundle", bundle.path, bundle.id])

          #expect(outcome.code == 1, "\(text.prefix(30))")
          #expect(!outcome.errors.isEmpty)
        }
      }
    }

    @Test func `an id that could be a path is refused`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.writeConfiguration()

        for id in ["", "..", "a/b", "../escape", "-x y", "a b"] {
          let outcome = try bundle.runtime(["create", "--bundle", bundle.path, id])
          #expect(outcome.code != 0, "\(id)")
        }
      }
    }

    @Test func `a log that cannot be written is an error before anything is done`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        bundle.globals = ["--log", harbour.path("no/such/directory/log")]
        try bundle.setArguments(["/bin/probe", "exit", "0"])
        try bundle.writeConfiguration()

        let outcome = try bundle.runtime(["create", "--bundle", bundle.path, bundle.id])
        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("no/such/directory/log"))
        #expect(outcome.errors.split(separator: "\n").count == 1)

        bundle.globals = []
        #expect(!harbour.exists("state/\(bundle.id)"))
      }
    }

    @Test func `a domain name that a sysctl contradicts is an error, the same one twice is none`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour, #"{"domainname":"sea.example","linux":{"sysctl":{"kernel.domainname":"land.example"}}}"#)
        #expect(try bundle.run(["/bin/probe", "see"]).errors.contains("kernel.domainname"))

        let seen = try bundle.see(#"{"linux":{"sysctl":{"kernel.domainname":"sea.example"}}}"#)
        #expect(seen.domainname.text == "sea.example")
      }
    }

    @Test func `unknown verbs and options are refused with the way to help`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)

        #expect(try bundle.runtime(["sail"]).code != 0)
        #expect(try bundle.runtime(["create", "--sail", "x"]).code != 0)
        #expect(try bundle.runtime(["--help"]).code == 0)
      }
    }

    @Test func `a protection that cannot be given is an error, not left out`() throws {
      try inHarbour { harbour in
        // No such system call and no such action: a filter that cannot be made.
        let action = try Bundle(
          harbour, #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_SING"}}}"#
        ).run(["/bin/probe", "see"])
        #expect(action.code == 1)
        #expect(action.output == "")

        guard Programs.isOurRuntime else { return }
        let capability = try Bundle(
          harbour, #"{"process":{"capabilities":{"bounding":["CAP_NOTHING"]}}}"#
        ).run(["/bin/probe", "see"])
        #expect(capability.code == 1)
        #expect(capability.errors.contains("CAP_NOTHING"))
        #expect(capability.output == "")
      }
    }
  }
}
