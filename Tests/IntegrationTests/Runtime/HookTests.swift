import Foundation
import Testing

extension Integration {
  /// Programs that run at the moments of a container's life.
  @Suite struct Hooks {
    @Test func `six kinds run in their order, each told the state`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let record = harbour.path("record")
        // On the host: says its name and what it was told.
        let script = try harbour.write(
          "#!/bin/sh\nread -r line <<X\n$(cat | tr -d '\\n')\nX\necho \"$1 $line\" >> \(record)\n", to: "hook",
          mode: 0o755)
        for kind in ["prestart", "createRuntime", "createContainer", "poststart", "poststop"] {
          try bundle.configuration.append(
            #"{"path":"\#(script)","args":["hook","\#(kind)"],"env":["PATH=/usr/bin:/bin"]}"#, to: "hooks", kind)
        }
        // In the container: there is only the probe.
        try bundle.configuration.append(
          #"{"path":"/bin/probe","args":["probe","create","/tmp/startContainer","ran"]}"#, to: "hooks", "startContainer"
        )
        try bundle.setArguments(["/bin/probe", "sleep", "100"])

        try bundle.create()
        if Programs.isOurRuntime { #expect(try kinds(record) == ["prestart", "createRuntime", "createContainer"]) }
        #expect(!FileManager.default.fileExists(atPath: bundle.rootfs + "/tmp/startContainer"))
        try bundle.start()
        #expect(try kinds(record) == ["prestart", "createRuntime", "createContainer", "poststart"])
        #expect(FileManager.default.fileExists(atPath: bundle.rootfs + "/tmp/startContainer"))
        try bundle.await("stopped")
        try bundle.delete()
        #expect(try kinds(record) == ["prestart", "createRuntime", "createContainer", "poststart", "poststop"])

        for line in try shell("cat \(record)").lines {
          let parts = line.split(separator: " ", maxSplits: 1)
          let state = try JSON(text: String(parts[1]))
          #expect(state.id.text == bundle.id, "\(line)")
          #expect(state.bundle.text == bundle.path, "\(line)")
          let status = [
            "prestart": "creating", "createRuntime": "creating", "createContainer": "creating", "poststart": "running",
            "poststop": "stopped",
          ]
          #expect(state.status.text == status[String(parts[0])], "\(line)")
          if parts[0] != "poststop" { #expect(state.pid.number > 0, "\(line)") }
        }
      }
    }

    @Test func `a hook that fails ends the creation and leaves nothing`() throws {
      try inHarbour { harbour in
        for kind in ["prestart", "createRuntime", "createContainer"] {
          let bundle = try Bundle(harbour)
          try bundle.configuration.append(#"{"path":"/bin/false","args":["false"]}"#, to: "hooks", kind)

          let outcome = try bundle.run(["/bin/probe", "see"])

          #expect(outcome.code == 1, "\(kind)")
          #expect(outcome.errors.contains("hook"), "\(outcome)")
          #expect(outcome.output == "")
          #expect(try bundle.runtime(["list", "-q"]).lines == [], "\(kind)")
        }
      }
    }

    @Test func `hooks on the host run in the bundle, createContainer's in the container's namespaces`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let record = harbour.path("record")
        for kind in ["prestart", "createRuntime", "createContainer", "poststart", "poststop"] {
          let line =
            "echo \(kind) $(pwd) $(readlink /proc/self/ns/mnt) $(readlink /proc/self/ns/uts) ${WAY:-none} >> \(record)"
          try bundle.configuration.append(
            #"{"path":"/bin/sh","args":["sh","-c","\#(line)"],"env":["PATH=/usr/bin:/bin","WAY=out"]}"#, to: "hooks",
            kind)
        }
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let process = try bundle.state().pid.number
        func namespace(_ name: String) throws -> String { try shell("readlink /proc/\(process)/ns/\(name)").lines[0] }
        let (mounts, names) = (try namespace("mnt"), try namespace("uts"))
        try bundle.delete(force: true)

        let lines = try shell("cat \(record)").lines.map { $0.split(separator: " ").map(String.init) }
        #expect(lines.map { $0[0] } == ["prestart", "createRuntime", "createContainer", "poststart", "poststop"])
        for line in lines {
          #expect(line[4] == "out")
          if line[0] == "createContainer" {
            #expect(line[2] == mounts && line[3] == names, "\(line)")
            #expect(line[1].hasSuffix("/rootfs") || line[1] == "/", "\(line)")
          } else {
            #expect(line[2] == hostNamespace("mnt") && line[3] == hostNamespace("uts"), "\(line)")
            if Programs.isOurRuntime { #expect(line[1] == bundle.path, "\(line)") }
          }
        }
      }
    }

    @Test func `a hook without an environment has the runtime's, startContainer's the program's`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let record = harbour.path("record")
        try bundle.configuration.append(
          #"{"path":"/bin/sh","args":["sh","-c","echo $HARBOUR >> \#(record)"]}"#, to: "hooks", "createRuntime")
        try bundle.configuration.append(
          #"{"path":"/bin/probe","args":["probe","see"]}"#, to: "hooks", "startContainer")
        try bundle.configuration.append(
          #"{"path":"/bin/probe","args":["probe","copy-environment","/tmp/environment"]}"#, to: "hooks",
          "startContainer")
        try bundle.configuration.merge(#"{"process":{"env":["PATH=/bin","HOME=/","DECK=upper"]}}"#)
        try bundle.setArguments(["/bin/probe", "exit", "0"])
        try bundle.writeConfiguration()

        try run(
          [
            "env", "HARBOUR=north", Programs.runtime, "--root", harbour.path("state"), "run", "--bundle", bundle.path,
            bundle.id,
          ]
        ).expecting(0)

        #expect(try shell("cat \(record)").lines == ["north"])
        #expect(try harbour.read("\(bundle.name)/rootfs/tmp/environment").contains("DECK=upper"))
        #expect(try !harbour.read("\(bundle.name)/rootfs/tmp/environment").contains("HARBOUR"))
      }
    }

    @Test(arguments: ["prestart", "createRuntime", "createContainer", "startContainer", "poststart"])
    func `a hook that fails ends the container, undoes it, and runs the poststop hooks`(kind: String) throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let program =
          kind == "startContainer" ? #"{"path":"/bin/probe","args":["probe","exit","3"]}"# : #"{"path":"/bin/false"}"#
        try bundle.configuration.append(program, to: "hooks", kind)
        for _ in 0..<2 {
          try bundle.configuration.append(
            #"{"path":"/bin/sh","args":["sh","-c","cat >> \#(harbour.path("stopped")); echo >> \#(harbour.path("stopped"))"]}"#,
            to: "hooks", "poststop")
        }
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.writeConfiguration()

        let created = try bundle.runtime(["create", "--bundle", bundle.path, bundle.id])
        let failing = created.code == 0 ? try bundle.runtime(["start", bundle.id]) : created

        #expect(failing.code == 1)
        #expect(failing.errors.contains("\(kind) hook #0"), "\(failing)")
        #expect((created.code == 0) == (kind == "startContainer" || kind == "poststart"))
        #expect(try bundle.runtime(["list", "-q"]).lines == [])
        let states = try harbour.read("stopped").split(separator: "\n").map { try JSON(text: String($0)) }
        #expect(states.map(\.status.text) == ["stopped", "stopped"])
      }
    }

    @Test func `a poststop hook that fails is warned of, and the others run`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(#"{"path":"/bin/false"}"#, to: "hooks", "poststop")
        try bundle.configuration.append(
          #"{"path":"/bin/sh","args":["sh","-c","echo ran > \#(harbour.path("ran"))"]}"#, to: "hooks", "poststop")
        try bundle.create()

        let outcome = try bundle.runtime(["delete", "--force", bundle.id]).expecting(0)

        #expect(outcome.errors.contains("warning") && outcome.errors.contains("poststop hook #0"), "\(outcome)")
        #expect(try harbour.read("ran") == "ran\n")
      }
    }

    @Test func `a hook that hangs is ended after its time`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(
          #"{"path":"/bin/sleep","args":["sleep","300"],"timeout":1}"#, to: "hooks", "createRuntime")

        let outcome = try bundle.run(["/bin/probe", "see"])

        #expect(outcome.code == 1)
        #expect(outcome.milliseconds < 20_000)
      }
    }

    @Test func `a poststop hook that fails does not keep the container`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(#"{"path":"/bin/false"}"#, to: "hooks", "poststop")
        try bundle.create()

        try bundle.delete(force: true)

        #expect(try bundle.runtime(["list", "-q"]).lines == [])
      }
    }

    private func kinds(_ record: String) throws -> [String] {
      try shell("cat \(record)").lines.map { String($0.split(separator: " ")[0]) }
    }
  }
}
