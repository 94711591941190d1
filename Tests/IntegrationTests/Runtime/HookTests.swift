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
