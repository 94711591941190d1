import Foundation
import Testing

// What callers have come to expect of a runtime, found by running the tests that others publish for theirs.

extension Integration {
  /// A container that was created and waits for its start.
  @Suite struct Waiting {
    @Test func `it holds nothing of the host's open`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"resources":{"pids":{"limit":20}}}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()

        let directory = "/proc/\(try bundle.state().pid.number)/fd"
        for number in try FileManager.default.contentsOfDirectory(atPath: directory) {
          // The standard streams are the caller's.
          guard let number = Int(number), number > 2 else { continue }
          let target = try FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\(number)")
          let isHarmless = target.hasPrefix("socket:") || target.hasPrefix("anon_inode:") || target == "/"
          #expect(isHarmless || target == "/proc", "\(number) is \(target)")
        }
        try bundle.start()
        try bundle.await("running")
        try bundle.delete(force: true)
      }
    }

    @Test(arguments: ["TERM", "INT", "HUP", "QUIT"])
    func `it ends when it is asked to`(signal: String) throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()

        try bundle.kill(signal)

        try bundle.await("stopped")
        try bundle.delete()
      }
    }

    @Test func `files that are passed on stay open through the wait`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try harbour.write("passed on", to: "file")
        try bundle.setArguments(["/bin/probe", "read", "/proc/self/fd/4"])
        try bundle.writeConfiguration()
        let runtime = "\(Programs.runtime) --root \(harbour.path("state"))"

        try shell(
          """
          \(runtime) create --preserve-fds 2 --bundle \(bundle.path) \(bundle.id) \
            3</dev/null 4<\(harbour.path("file")) >\(harbour.path("out")) 2>&1
          \(runtime) start \(bundle.id)
          """)
        try bundle.await("stopped")

        #expect(try JSON(text: try harbour.read("out")).text == "passed on")
        try bundle.delete()
      }
    }
  }

  /// Signals and lists.
  @Suite struct Asking {
    @Test func `no signal tells whether there is somebody to send one to`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        #expect(try bundle.runtime(["kill", bundle.id, "0"]).code == 0)
        try bundle.kill()
        try bundle.await("stopped")
        let refused = try bundle.runtime(["kill", bundle.id, "0"])

        #expect(refused.code == 1 && refused.errors.contains("container not running"))
        #expect(try bundle.runtime(["kill", "--all", bundle.id, "0"]).code == 0)
        try bundle.delete()
      }
    }

    @Test(arguments: [true, false])
    func `a container without process numbers of its own is killed whole`(firstHasEnded: Bool) throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.merge(
          #"{"linux":{"namespaces":[{"type":"network"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}]}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let first = Int32(try bundle.state().pid.number)
        try bundle.runtime(["exec", "--detach", "--pid-file", harbour.path("pid"), bundle.id, "/bin/probe", "wait"])
          .expecting(0)
        let second = try #require(Int32(try harbour.read("pid")))
        if firstHasEnded {
          _ = kill(first, SIGKILL)
          try bundle.await("stopped")
        }

        try bundle.kill()

        try eventually("both have ended") { !isAlive(first) && !isAlive(second) }
        let refused = try bundle.runtime(["kill", bundle.id, "KILL"])
        #expect(refused.code == 1 && refused.errors.contains("container not running"))
        try bundle.delete()
      }
    }

    @Test func `a root that was named and is not there is an error`() throws {
      try inHarbour { harbour in
        let outcome = try run([Programs.runtime, "--root", harbour.path("absent"), "list"])

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains(harbour.path("absent")))
      }
    }

    @Test func `a stopped container has no processes to list`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "exit", "0"])
        try bundle.create()
        try bundle.start()
        try bundle.await("stopped")

        #expect(try bundle.runtime(["ps", bundle.id]).expecting(0).lines.count == 1)
        if Programs.isOurRuntime {
          #expect(try bundle.runtime(["ps", "--format", "json", bundle.id]).expecting(0).output == "[]\n")
        }
        try bundle.delete()
      }
    }

    @Test func `every command says what it is for`() throws {
      for verb in ["create", "exec", "kill", "state", "update", "features"] {
        let told = try run([Programs.runtime, verb, "--help"]).expecting(0)
        #expect(told.lines.first == "NAME:")
        #expect(told.lines.dropFirst().first?.contains(" \(verb) - ") == true)
      }
      let unknown = try run([Programs.runtime, "dance", "--help"])
      #expect(unknown.code != 0 && (unknown.output + unknown.errors).contains("No help topic for 'dance'"))
    }

    @Test func `each step of a launch is told to whoever looks for a fault`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOG"]}}}"#)
        try bundle.configuration.merge(
          #"{"linux":{"seccomp":{"syscalls":[{"names":["acct"],"action":"SCMP_ACT_ERRNO"}]}}}"#)
        bundle.globals = ["--debug"]

        let told = try bundle.run(["/bin/probe", "exit", "0"]).expecting(0).message

        #expect(told.contains(#"level=debug msg="seccomp filter flags: 2""#), "\(told)")
        #expect(told.contains(#"msg="step 1 of "#) && told.contains(": become the program"))

        bundle.globals = ["--debug", "--log", harbour.path("log")]
        #expect(try bundle.run(["/bin/probe", "exit", "0"]).expecting(0).errors == "")
        #expect(try harbour.read("log").contains(": become the program"))
      }
    }
  }

  /// How a program is run.
  @Suite struct Programmes {
    @Test func `lines that go from a terminal to a pipe end as they were written`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"process":{"terminal":true}}"#)
        let outcome = try bundle.run(["/bin/probe", "stat", "/"]).expecting(0)
        #expect(outcome.output.hasSuffix("}\n") && !outcome.output.contains("\r"))

        try bundle.configuration.merge(#"{"process":{"terminal":false}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let further = try bundle.runtime(["exec", "--tty", bundle.id, "/bin/probe", "stat", "/"]).expecting(0)
        #expect(further.output.hasSuffix("}\n") && !further.output.contains("\r"))
        try bundle.delete(force: true)
      }
    }

    @Test func `what follows the id is the program's, whatever it looks like`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        for words in [["-p", "1"], ["--process", "x"], ["--detach", "y"]] {
          let outcome = try bundle.runtime(["exec", bundle.id, "/bin/probe", "see"] + words).expecting(0)
          #expect(try JSON(text: outcome.output).arguments.texts == ["/bin/probe", "see"] + words)
        }
        if Programs.isOurRuntime {
          try harbour.write(#"{"args":["/bin/probe","stat","/"],"cwd":"/"}"#, to: "process.json")
          for words in [
            ["--process", harbour.path("process.json"), bundle.id],
            [bundle.id, "--process", harbour.path("process.json")],
          ] {
            let outcome = try bundle.runtime(["exec"] + words).expecting(0)
            #expect(try JSON(text: outcome.output).type.text == "directory")
          }
        }
        try bundle.delete(force: true)
      }
    }

    @Test func `a script whose interpreter is missing is told from a missing script`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try harbour.write("#!/absent\n", to: "\(bundle.name)/rootfs/bin/script", mode: 0o755)

        let outcome = try bundle.run(["/bin/script"])

        #expect(outcome.code == 1 && outcome.errors == "exec /bin/script: no such file or directory\n")
        #expect(outcome.output == "")
      }
    }

    @Test func `of a variable that is given twice the last counts`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(
          #"{"process":{"env":["ONE=a","HOME=/tmp","TWO=b","ONE=c","PATH=/bin","HOME="]}}"#)

        #expect(seen.environment.texts.sorted() == ["HOME=/", "ONE=c", "PATH=/bin", "TWO=b"])
      }
    }

    @Test func `a filter may forbid everything that a runtime calls last`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        for gainsNone in [true, false] {
          let bundle = try Bundle(
            harbour,
            """
            {"process":{"noNewPrivileges":\(gainsNone)},
             "linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
              {"names":["close_range","fsopen","fsconfig","fspick","openat2","open_tree","move_mount","mount_setattr"],
               "action":"SCMP_ACT_ERRNO","errnoRet":38}]}}}
            """)

          #expect(try bundle.run(["/bin/probe", "exit", "7"]).code == 7, "\(gainsNone)")
        }
      }
    }

    @Test func `a capability that is added to a further process is ambient where it can be`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          """
          {"process":{"user":{"uid":1000,"gid":1000},"capabilities":{
            "bounding":["CAP_KILL","CAP_CHOWN"],"permitted":["CAP_KILL"],"effective":["CAP_KILL"],
            "inheritable":["CAP_KILL","CAP_CHOWN"],"ambient":["CAP_KILL"]}}}
          """)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        let plain = try bundle.runtime(["exec", bundle.id, "/bin/probe", "see"]).expecting(0)
        let more = try bundle.runtime(["exec", "--cap", "CAP_CHOWN", bundle.id, "/bin/probe", "see"]).expecting(0)

        #expect(try JSON(text: plain.output).status.CapAmb.text == "0000000000000020")
        #expect(try JSON(text: more.output).status.CapAmb.text == "0000000000000021")
        try bundle.delete(force: true)
      }
    }
  }

  /// Hooks that run the container's own programs.
  @Suite struct InnerHooks {
    @Test func `they may do no more than the program`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          """
          {"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
            {"names":["mkdir","mkdirat"],"action":"SCMP_ACT_KILL_PROCESS"}]}},
           "process":{"rlimits":[{"type":"RLIMIT_CORE","soft":0,"hard":0}],"env":["PATH=/bin"]}}
          """)
        try bundle.configuration.append(
          #"{"path":"/bin/probe","args":["probe","make-directory","/tmp/x"]}"#, to: "hooks", "startContainer")

        let outcome = try bundle.run(["/bin/probe", "exit", "0"])

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("error running startContainer hook #0: /bin/probe: "), "\(outcome)")
        #expect(outcome.errors.contains("bad system call"), "\(outcome)")
      }
    }

    @Test func `they find the home directory that the program finds`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try harbour.write("root:x:0:0:root:/harbour:/bin/sh\n", to: "\(bundle.name)/rootfs/etc/passwd")
        try bundle.configuration.merge(#"{"process":{"env":["PATH=/bin"]}}"#)
        try bundle.configuration.append(
          #"{"path":"/bin/probe","args":["probe","copy-environment","/tmp/environment"]}"#, to: "hooks",
          "startContainer")

        try bundle.run(["/bin/probe", "exit", "0"]).expecting(0)

        let variables = try harbour.read("\(bundle.name)/rootfs/tmp/environment").split(separator: "\0")
        #expect(variables.contains("HOME=/harbour"))
      }
    }
  }
}

private func isAlive(_ processID: Int32) -> Bool {
  guard let text = FileManager.default.contents(atPath: "/proc/\(processID)/stat") else { return false }
  // A zombie has ended.
  return !String(decoding: text, as: UTF8.self).contains(") Z ")
}
