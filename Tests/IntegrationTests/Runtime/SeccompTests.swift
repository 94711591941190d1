import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Filters of system calls as a configuration asks for them (config-linux.md "Seccomp"), felt from inside.
  @Suite struct Seccomp {
    // MARK: Flags

    @Test(arguments: [
      (#"{"defaultAction":"SCMP_ACT_ALLOW"}"#, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"),
      (#"{"defaultAction":"SCMP_ACT_ALLOW","flags":null}"#, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"),
      (#"{"defaultAction":"SCMP_ACT_ALLOW","flags":[]}"#, "0"),
      (#"{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOG"]}"#, "SECCOMP_FILTER_FLAG_LOG"),
      (
        #"{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOG","SECCOMP_FILTER_FLAG_SPEC_ALLOW"]}"#,
        "SECCOMP_FILTER_FLAG_LOG|SECCOMP_FILTER_FLAG_SPEC_ALLOW"
      ),
      // A word about the listener means nothing where there is none.
      (#"{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]}"#, "0"),
    ])
    func `flags reach the kernel; none given is not the same as an empty list`(profile: String, flags: String) throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"seccomp":\#(profile)}}"#)
        try bundle.setArguments(["/bin/probe", "exit", "0"])
        try bundle.writeConfiguration()
        let trace = harbour.path("trace")

        try run(
          [
            "strace", "-f", "-e", "trace=seccomp", "-o", trace, Programs.runtime, "--root", harbour.path("state"),
            "run", "--bundle", bundle.path, bundle.id,
          ]
        ).expecting(0)

        let calls = try harbour.read("trace").split(separator: "\n").filter { $0.contains("seccomp(") }
        #expect(calls.count == 1)
        #expect(calls.first?.contains("SECCOMP_SET_MODE_FILTER, \(flags), ") == true, "\(calls)")
      }
    }

    @Test(arguments: [true, false])
    func `a filter need not know what the runtime does before the program`(isSealed: Bool) throws {
      try inHarbour { harbour in
        // close_range(2) came in 2020, and profiles older than that refuse it; prctl(2) only has to pass where the filter comes
        // before the rights go.
        let refused =
          isSealed ? #""close_range","prctl","fchown","fchownat","clone3""# : #""close_range","fchown","fchownat""#
        let bundle = try Bundle(
          harbour,
          """
          {"process":{"noNewPrivileges":\(isSealed),"user":{"uid":1000,"gid":1000}},
           "linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
             {"names":[\(refused)],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}}}
          """)
        try bundle.writeConfiguration()

        let seen = try JSON(
          text: try shell("exec 3</etc/passwd; exec \(bundle.command("run"))").expecting(0).output)

        #expect(seen.status.Seccomp.number == 2)
        #expect(seen.descriptors.keys == ["0", "1", "2"])
      }
    }

    @Test func `a call that no kernel has is left out, or refused where an annotation of crun's says so`() throws {
      try inHarbour { harbour in
        let profile =
          #""linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["sing","mkdirat"],"action":"SCMP_ACT_ERRNO"}]}}"#
        for annotations in ["", #","annotations":{"run.oci.seccomp_fail_unknown_syscall":"0"}"#] {
          let bundle = try Bundle(harbour, "{\(profile)\(annotations)}")
          #expect(try bundle.run(["/bin/probe", "exit", "7"]).code == 7)
        }

        let bundle = try Bundle(
          harbour, "{\(profile)" + #","annotations":{"run.oci.seccomp_fail_unknown_syscall":"1"}}"#)
        let refused = try bundle.run(["/bin/probe", "exit", "7"])
        guard !Programs.runtime.hasSuffix("/runc") else { return }
        #expect(refused.code != 0 && refused.code != 7, "\(refused)")
        #expect(refused.errors.contains("invalid seccomp syscall `sing`"), "\(refused)")
      }
    }

    @Test func `a profile with neither default nor rule is none`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(
          #"{"linux":{"seccomp":{"defaultAction":"","architectures":["SCMP_ARCH_X86_64"]}}}"#)

        #expect(seen.status.Seccomp.number == 0)
      }
    }

    // MARK: Actions

    @Test func `each action does its own`() throws {
      try inHarbour { harbour in
        func outcome(_ action: String, _ more: String = "") throws -> Outcome {
          let bundle = try Bundle(
            harbour,
            #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"\#(action)"\#(more)}]}}}"#
          )
          return try bundle.run(["/bin/probe", "make-directory", "/tmp/x"])
        }
        let refused = try outcome("SCMP_ACT_ERRNO").expecting(0)
        #expect(try JSON(text: refused.output).errno.number == 1)
        let numbered = try outcome("SCMP_ACT_ERRNO", #","errnoRet":95"#).expecting(0)
        #expect(try JSON(text: numbered.output).errno.number == 95)
        // Nobody traces: the kernel says that there is no such call.
        let untraced = try outcome("SCMP_ACT_TRACE").expecting(0)
        #expect(try JSON(text: untraced.output).errno.number == 38)
        let logged = try outcome("SCMP_ACT_LOG").expecting(0)
        #expect(logged.output == "true\n")
        for action in ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"] {
          let killed = try outcome(action)
          #expect(killed.code == 128 + 31, "\(action)")
        }
      }
    }

    @Test func `defaultErrnoRet is what every other call fails with`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          #"""
          {"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":77,"syscalls":[
            {"names":["execve","execveat","brk","arch_prctl","write","exit_group","mmap","munmap","mprotect","prctl",
              "openat","openat2","close","close_range","fstat","newfstatat","read","pread64","readlink","readlinkat","getrandom","futex",
              "set_tid_address","set_robust_list","rseq","prlimit64","rt_sigaction","rt_sigprocmask","sigaltstack","getpid",
              "gettid","sched_getaffinity","sched_setaffinity","fcntl","capset","capget","setuid","setgid","setgroups","setresuid","setresgid",
              "madvise","getcwd","chdir","dup3","epoll_pwait","epoll_ctl","nanosleep","tgkill","rt_sigreturn","clone","clone3","getppid","epoll_create1",
              "pipe2","getdents64","fstatfs","statfs","faccessat2","umask","eventfd2","uname","getuid","geteuid","getgid","getegid"],"action":"SCMP_ACT_ALLOW"}]}}}
          """#)

        #expect(try bundle.perform("make-directory /tmp/x")[0].errno.number == 77)
      }
    }

    @Test func `an error number beside an action that has none is refused`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour,
          #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":3,"syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_KILL","errnoRet":5}]}}}"#
        )

        let outcome = try bundle.run(["/bin/probe", "see"])

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("linux.seccomp.defaultErrnoRet"))
        #expect(outcome.errors.contains("linux.seccomp.syscalls[0].errnoRet"))
      }
    }

    @Test func `calls of an architecture that is not listed end the caller`() throws {
      try inHarbour { harbour in
        for (architectures, code) in [(#"[]"#, 128 + 31), (#"["SCMP_ARCH_X86_64","SCMP_ARCH_X86"]"#, 7)] {
          let bundle = try Bundle(
            harbour, #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","architectures":\#(architectures)}}}"#)
          try Self.oldProgram(exitCode: 7).write(to: URL(filePath: bundle.rootfs + "/bin/old"))
          try shell("chmod 755 \(bundle.rootfs)/bin/old")

          let outcome = try bundle.run(["/bin/old"])

          #expect(Int(outcome.code) == code, "\(architectures): \(outcome)")
        }
      }
    }

    /// A program for 32-bit x86 that ends at once: exit(2) through the interrupt.
    private static func oldProgram(exitCode: UInt8) -> Data {
      func word(_ value: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
      func half(_ value: UInt16) -> [UInt8] { [UInt8(truncatingIfNeeded: value), UInt8(value >> 8)] }
      let base: UInt32 = 0x0804_8000
      let code: [UInt8] = [0xB8] + word(1) + [0xBB] + word(UInt32(exitCode)) + [0xCD, 0x80]
      let size = UInt32(84 + code.count)
      var file: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 1, 1, 1] + [UInt8](repeating: 0, count: 9)
      file += half(2) + half(3) + word(1) + word(base + 84) + word(52) + word(0) + word(0)
      file += half(52) + half(32) + half(1) + half(0) + half(0) + half(0)
      file += word(1) + word(0) + word(base) + word(base) + word(size) + word(size) + word(5) + word(0x1000)
      return Data(file + code)
    }

    // MARK: SCMP_ACT_NOTIFY

    @Test func `a supervisor gets the container process state and answers calls`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, annotations: #"{"ship":"skiff"}"#)
        try bundle.notify(on: ["mkdir", "mkdirat"], metadata: "the metadata")
        let agent = try bundle.startAgent()

        let told = try bundle.perform("make-directory /tmp/x", "create /tmp/y z")

        #expect(told[0].errno.number == 99)
        #expect(told[1].number == 1)
        let state = try agent.state()
        #expect(state.ociVersion.text.hasPrefix("1."))
        #expect(state.fds.texts == ["seccompFd"])
        #expect(state.metadata.text == "the metadata")
        #expect(state.pid.number > 1)
        #expect(state.state.id.text == bundle.id)
        #expect(state.state.pid.number == state.pid.number)
        #expect(state.state.bundle.text == bundle.path)
        #expect(state.state.annotations.ship.text == "skiff")
        #expect(["creating", "created"].contains(state.state.status.text))
        #expect(try agent.calls() == 1)
      }
    }

    @Test func `a supervisor serves a container that was created first, and each exec`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.notify(on: ["mkdir", "mkdirat"])
        try bundle.setArguments(["/bin/probe", "wait"])
        let agent = try bundle.startAgent()

        try bundle.create()
        try bundle.start()
        let told = try JSON(
          text: try bundle.runtime(["exec", bundle.id, "/bin/probe", "make-directory", "/tmp/y"]).expecting(0).output)

        #expect(told.errno.number == 99)
        #expect(try agent.states().map(\.state.id.text) == [bundle.id, bundle.id])
        let processes = try agent.states().map(\.pid.number)
        #expect(Set(processes).count == 2)
        try bundle.delete(force: true)
      }
    }

    @Test func `a supervisor that asks for killable waits gets them`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.notify(on: ["mkdir", "mkdirat"], flags: #"["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]"#)
        _ = try bundle.startAgent()

        #expect(try bundle.perform("make-directory /tmp/x")[0].errno.number == 99)
      }
    }

    @Test func `without its supervisor nothing runs`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.notify(on: ["mkdir"])

        let outcome = try bundle.run(["/bin/probe", "see"])

        #expect(outcome.code == 1)
        #expect(outcome.output == "")
        #expect(outcome.errors.contains("agent"), "\(outcome)")

        guard Programs.isOurRuntime else { return }
        try bundle.create()
        let start = try bundle.runtime(["start", bundle.id])
        #expect(start.code == 1)
        #expect(start.errors.contains("agent.sock"), "\(start)")
        try bundle.delete(force: true)
      }
    }

    @Test func `a listener's path means nothing without the action`() throws {
      try inHarbour { harbour in
        let seen = try Bundle(harbour).see(
          #"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"\#(harbour.path("agent.sock"))"}}}"#)

        #expect(seen.status.Seccomp.number == 2)
      }
    }

    @Test(arguments: [
      #"{"defaultAction":"SCMP_ACT_NOTIFY","listenerPath":"/run/x"}"#,
      #"{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/x","syscalls":[{"names":["write"],"action":"SCMP_ACT_NOTIFY"}]}"#,
      #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}"#,
      #"{"defaultAction":"SCMP_ACT_ALLOW","listenerMetadata":"x"}"#,
    ])
    func `what cannot be supervised is refused`(profile: String) throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let outcome = try Bundle(harbour, #"{"linux":{"seccomp":\#(profile)}}"#).run(["/bin/probe", "see"])

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("linux.seccomp."), "\(outcome)")
      }
    }
  }
}

extension Bundle {
  convenience init(_ harbour: Harbour, annotations: String) throws {
    try self.init(harbour, #"{"annotations":\#(annotations)}"#)
  }

  /// A profile that asks the agent about some calls.
  fileprivate func notify(on names: [String], metadata: String? = nil, flags: String = "[]") throws {
    let list = names.map { "\"\($0)\"" }.joined(separator: ",")
    let extra = metadata.map { #","listenerMetadata":"\#($0)""# } ?? ""
    try configuration.merge(
      #"""
      {"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"\#(harbour.path("agent.sock"))"\#(extra),
        "flags":\#(flags),"syscalls":[{"names":[\#(list)],"action":"SCMP_ACT_NOTIFY"}]}}}
      """#)
  }

  fileprivate func startAgent() throws -> Agent { try Agent(harbour) }
}

/// A supervisor in Python: takes one state a connection, and answers every call that it hears of with EADDRNOTAVAIL.
private final class Agent {
  private let harbour: Harbour

  init(_ harbour: Harbour) throws {
    self.harbour = harbour
    let script = try harbour.write(Self.script, to: "agent.py")
    let session = try Session(["python3", script, harbour.path("agent.sock"), harbour.path("agent.log")])
    harbour.atEnd {
      try? session.signal(9)
      _ = try? session.wait()
    }
    let deadline = ContinuousClock.now + .seconds(10)
    while !harbour.exists("agent.sock") {
      guard ContinuousClock.now < deadline else { throw Trouble("the agent does not listen") }
      ClockTime.sleep(milliseconds: 10)
    }
  }

  private func lines(_ kind: String) throws -> [String] {
    try harbour.read("agent.log").split(separator: "\n").filter { $0.hasPrefix(kind + " ") }
      .map { String($0.dropFirst(kind.count + 1)) }
  }

  func states() throws -> [JSON] { try lines("state").map { try JSON(text: $0) } }

  func state() throws -> JSON {
    let states = try states()
    guard states.count == 1 else { throw Trouble("\(states.count) states: \(states)") }
    return states[0]
  }

  func calls() throws -> Int { try lines("call").count }

  private static let script = """
    import array, fcntl, os, socket, struct, sys, threading
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(sys.argv[1])
    server.listen(8)
    log = open(sys.argv[2], "a", buffering=1)

    def supervise(listener):
        while True:
            request = bytearray(80)
            try:
                fcntl.ioctl(listener, 0xC0502100, request)
            except OSError:
                os.close(listener)
                return
            (number,) = struct.unpack_from("=Q", request)
            log.write("call %d\\n" % number)
            fcntl.ioctl(listener, 0xC0182101, bytearray(struct.pack("=QqiI", number, 0, -99, 0)))

    while True:
        connection, _ = server.accept()
        text, files, _, _ = socket.recv_fds(connection, 65536, 4)
        while True:
            more = connection.recv(65536)
            if not more:
                break
            text += more
        connection.close()
        log.write("state %s\\n" % text.decode().replace("\\n", " "))
        for file in files:
            threading.Thread(target=supervise, args=(file,), daemon=True).start()
    """
}
