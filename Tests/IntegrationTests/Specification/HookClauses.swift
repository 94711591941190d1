import Foundation
import Testing

extension Integration.Specification {
  /// config.md "POSIX-platform Hooks".
  @Suite struct HookClauses {
    static let kinds = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]

    /// Writes a line to a file of the host, for a hook that runs with a shell of the host.
    private func note(_ word: String, in record: String) -> String {
      #"{"path":"/bin/sh","args":["sh","-c","cat > /dev/null; echo \#(word) >> \#(record)"]}"#
    }

    @Test(arguments: kinds)
    func `config.md Hooks: a path must be absolute and a time more than nothing`(kind: String) throws {
      try inHarbour { harbour in
        try expectRefusal(harbour, #"{"hooks":{"\#(kind)":[{"path":"bin/true"}]}}"#)
        for timeout in [0, -1] {
          try expectRefusal(harbour, #"{"hooks":{"\#(kind)":[{"path":"/bin/true","timeout":\#(timeout)}]}}"#)
        }
      }
    }

    @Test func `config.md Hooks: each list runs in its order, prestart before createRuntime before createContainer`()
      throws
    {
      try inHarbour { harbour in
        let record = harbour.path("record")
        let bundle = try Bundle(harbour)
        for kind in ["poststop", "poststart", "createContainer", "createRuntime", "prestart"] {
          for number in 1...3 {
            try bundle.configuration.append(note("\(kind)\(number)", in: record), to: "hooks", kind)
          }
        }
        try bundle.setArguments(["/bin/probe", "wait"])
        func expected(_ kinds: String...) -> [String] { kinds.flatMap { kind in (1...3).map { "\(kind)\($0)" } } }

        try bundle.create()
        #expect(try shell("cat \(record)").lines == expected("prestart", "createRuntime", "createContainer"))
        // poststart has run when start comes back.
        try bundle.start()
        #expect(
          try shell("cat \(record)").lines == expected("prestart", "createRuntime", "createContainer", "poststart"))
        try bundle.kill()
        try bundle.await("stopped")
        // poststop has run when delete comes back, and not before.
        #expect(try shell("cat \(record)").lines.count == 12)
        try bundle.delete()
        #expect(
          try shell("cat \(record)").lines
            == expected("prestart", "createRuntime", "createContainer", "poststart", "poststop"))
      }
    }

    @Test(arguments: ["prestart", "createRuntime", "poststart", "poststop"])
    func `config.md Hooks: a hook of the runtime's runs in the runtime's namespaces`(kind: String) throws {
      try inHarbour { harbour in
        let record = harbour.path("record")
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(
          #"{"path":"/bin/sh","args":["sh","-c","cat > /dev/null; for n in pid net ipc uts; do readlink /proc/self/ns/$n; done > \#(record)"]}"#,
          to: "hooks", kind)
        try bundle.run(["/bin/probe", "exit", "0"]).expecting(0)

        #expect(
          try harbour.read("record").split(separator: "\n").map(String.init)
            == ["pid", "net", "ipc", "uts"].map(hostNamespace))
      }
    }

    @Test func `config.md Hooks: createContainer runs in the container's namespaces, before the root is changed`()
      throws
    {
      try inHarbour { harbour in
        let record = harbour.path("record")
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(
          #"{"path":"/bin/sh","args":["sh","-c","cat > /dev/null; for n in mnt net ipc uts; do readlink /proc/self/ns/$n; done > \#(record)"]}"#,
          to: "hooks", "createContainer")
        let seen = try bundle.see()

        // It found a shell of the host and wrote on the host.
        let told = try harbour.read("record").split(separator: "\n").map(String.init)
        #expect(told == ["mnt", "net", "ipc", "uts"].map { seen.namespaces[$0].text })
      }
    }

    @Test func `config.md Hooks: startContainer is found and run in the container, before the program`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(
          #"{"path":"/bin/probe","args":["probe","create","/tmp/hook","before"]}"#, to: "hooks", "startContainer")
        try bundle.setArguments(["/bin/probe", "read", "/tmp/hook"])
        try bundle.writeConfiguration()

        #expect(try JSON(text: bundle.run().expecting(0).output).text == "before")
      }
    }

    @Test(arguments: ["prestart", "createRuntime", "createContainer", "startContainer", "poststart"])
    func `runtime.md Lifecycle: a hook that fails is an error, stops the container, and poststop hooks run`(
      kind: String
    ) throws {
      try inHarbour { harbour in
        let record = harbour.path("record")
        let bundle = try Bundle(harbour)
        let failing =
          kind == "startContainer" ? #"{"path":"/bin/probe","args":["probe","exit","1"]}"# : #"{"path":"/bin/false"}"#
        try bundle.configuration.append(failing, to: "hooks", kind)
        try bundle.configuration.append(note("poststop", in: record), to: "hooks", "poststop")
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.writeConfiguration()

        var outcome = try bundle.runtime(["create", "--bundle", bundle.path, bundle.id])
        let isOfCreate = !["startContainer", "poststart"].contains(kind)
        #expect((outcome.code != 0) == isOfCreate, "\(outcome)")
        if !isOfCreate {
          outcome = try bundle.runtime(["start", bundle.id])
          #expect(outcome.code != 0)
        }
        #expect(!outcome.errors.isEmpty)
        let state = try bundle.runtime(["state", bundle.id])
        #expect(try state.code != 0 || JSON(text: state.output).status.text == "stopped")
        if state.code == 0 { try bundle.delete(force: true) }
        #expect(harbour.exists("record"), "poststop hooks did not run")
      }
    }

    @Test func `runtime.md Lifecycle: a poststop hook that fails is warned of, and the others run`() throws {
      try inHarbour { harbour in
        let record = harbour.path("record")
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(#"{"path":"/bin/false"}"#, to: "hooks", "poststop")
        try bundle.configuration.append(note("second", in: record), to: "hooks", "poststop")
        try bundle.setArguments(["/bin/probe", "exit", "0"])
        try bundle.create()
        try bundle.start()
        try bundle.await("stopped")

        let outcome = try bundle.runtime(["delete", bundle.id])

        #expect(outcome.code == 0, "\(outcome)")
        #expect(!outcome.errors.isEmpty)
        #expect(try harbour.read("record") == "second\n")
      }
    }
  }
}
