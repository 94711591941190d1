import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// What a service manager hears of containers (sd_notify(3)).
  @Suite struct Readiness {
    private func runtime(_ manager: ServiceManager?, _ bundle: Bundle, _ words: String...) throws -> Outcome {
      try bundle.writeConfiguration()
      var line = [Programs.runtime, "--root", bundle.harbour.path("state")] + words
      // What the container says must find a place when its creator has gone.
      if !words.contains("run") || words.contains("--detach") {
        line = ["sh", "-c", #"exec "$0" "$@" > /dev/null"#] + line
      }
      return try manager?.attempt(line) ?? IntegrationTests.run(line)
    }

    @Test func `the runtime passes its program's word on, and nothing else`() throws {
      try inHarbour { harbour in
        let manager = try ServiceManager(harbour)
        let bundle = try Bundle(harbour)
        try bundle.setArguments(
          ["probe"]
            + "notify STATUS=sailing MAINPID=1 , sleep 200 , notify STATUS=x READY=1 , notify READY=1 , see , exit 3"
            .split(separator: " ").map(String.init))

        // In the foreground the service's main process is the runtime.
        let run = try runtime(manager, bundle, "run", "--bundle", bundle.path, bundle.id)
        #expect(run.code == 3, "\(run.errors)")
        #expect(run.output.contains("NOTIFY_SOCKET=/run/notify/notify.sock"))
        let heard = try manager.heard(1)
        #expect(heard.count == 1 && heard[0].hasPrefix("READY=1\nMAINPID="))
        // Without a manager there is nothing of it.
        let plain = try runtime(nil, bundle, "run", "--bundle", bundle.path, bundle.id)
        #expect(plain.code == 3 && !plain.output.contains("NOTIFY_SOCKET"))
      }
    }

    @Test func `start, and run in the background, wait until the program is ready`() throws {
      try inHarbour { harbour in
        let manager = try ServiceManager(harbour)
        let bundle = try Bundle(harbour)
        try bundle.setArguments("probe sleep 400 , notify READY=1 , wait".split(separator: " ").map(String.init))

        let run = try runtime(manager, bundle, "run", "--detach", "--bundle", bundle.path, bundle.id)
        #expect(run.code == 0 && run.milliseconds >= 400 && run.milliseconds < 4000)
        #expect(try manager.heard(1) == ["READY=1\nMAINPID=\(bundle.state().pid.number)\n"])
        try bundle.delete(force: true)
        let create = try runtime(manager, bundle, "create", "--bundle", bundle.path, bundle.id)
        #expect(create.code == 0, "\(create.errors)")
        #expect(try manager.heard(0) == [])
        let start = try runtime(manager, bundle, "start", bundle.id)
        #expect(start.code == 0 && start.milliseconds >= 400 && start.milliseconds < 4000)
        #expect(try manager.heard(1) == ["READY=1\nMAINPID=\(bundle.state().pid.number)\n"])
        try bundle.delete(force: true)
        // One that ends without a word keeps nobody waiting.
        try bundle.setArguments(["probe", "sleep", "200"])
        let silent = try runtime(manager, bundle, "run", "--detach", "--bundle", bundle.path, bundle.id)
        #expect(silent.code == 0 && silent.milliseconds < 4000)
        #expect(try manager.heard(0) == [])
        try bundle.delete(force: true)
      }
    }

    @Test func `the engine's monitor tells as it was asked`() throws {
      try inHarbour { harbour in
        let manager = try ServiceManager(harbour)
        let store = try Store(harbour)
        func start(_ name: String, _ options: [String], _ line: String) throws {
          let words = ["run", "-d", "--name", name, "--network", "none"] + options + [Store.image, "sh", "-c", line]
          try manager.attempt(
            [Programs.skiff, "--root", store.root, "--run-root", harbour.path("run")] + words
          ).expecting(0)
        }
        func monitor(_ name: String) throws -> String {
          let process = try store.inspect(name).State.Pid.number
          return try shell("awk '/^PPid/ {print $2}' /proc/\(process)/status").lines[0]
        }

        try start("ignored", [], "env; sleep 1000")
        #expect(try manager.heard(0) == [])
        try start("conmon", ["--sdnotify", "conmon"], "env; sleep 1000")
        #expect(try manager.heard(1) == ["READY=1\nMAINPID=\(monitor("conmon"))\n"])
        try start(
          "container", ["--sdnotify", "container", "--user", "1000"],
          "until probe notify STATUS=no && test -e /tmp/go; do sleep 0.02; done; probe notify READY=1; sleep 1000")
        let own = try "MAINPID=\(monitor("container"))\n"
        #expect(try manager.heard(1) == [own])
        try store.skiff("exec", "container", "touch", "/tmp/go")
        #expect(try manager.heard(1) == ["READY=1\n" + own])
        try start(
          "healthy", ["--sdnotify", "healthy", "--health-cmd", "test -e /go", "--health-interval", "30ms"], "sleep 1000"
        )
        let healthy = try "MAINPID=\(monitor("healthy"))\n"
        #expect(try manager.heard(1) == [healthy])
        try store.skiff("exec", "healthy", "touch", "/go")
        #expect(try manager.heard(1) == ["READY=1\n" + healthy])
        for name in ["ignored", "conmon"] {
          #expect(try !store.skiff("logs", name).output.contains("NOTIFY_SOCKET"))
        }
        try store.skiff("rm", "--force", "ignored", "conmon", "container", "healthy")
        // After a restart there is another monitor to watch.
        try start(
          "again", ["--sdnotify", "container", "--restart", "on-failure:1"], "probe notify READY=1; sleep 0.2; exit 1")
        try store.skiff("wait", "again")
        let told = try manager.heard(4).joined().split(separator: "\n").map(String.init)
        #expect(told.filter { $0 == "READY=1" }.count == 2)
        #expect(Set(told.filter { $0.hasPrefix("MAINPID=") }).count == 2)
        try store.skiff("rm", "again")
        let refused = try store.attempt("create", "--sdnotify", "healthy", Store.image)
        #expect(refused.code == 125 && refused.errors.contains("--sdnotify healthy needs a health check"))
        #expect(try store.attempt("create", "--sdnotify", "loudly", Store.image).code == 125)
      }
    }
  }
}

/// A service manager, as far as it listens.
private final class ServiceManager {
  private let socket: String
  private let file: String
  private var known = 0

  init(_ harbour: Harbour) throws {
    socket = harbour.path("manager.sock")
    file = harbour.path("manager.log")
    // What it hears, a JSON string a line; barriers are let go of by being read.
    let script = """
      import json, socket, sys
      line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
      line.bind(sys.argv[1])
      while True:
          said = line.recv(4096)
          if said != b'BARRIER=1':
              with open(sys.argv[2], 'a') as log:
                  log.write(json.dumps(said.decode()) + '\\n')
      """
    let process = try Bystander(["/usr/bin/env", "python3", "-c", script, socket, file])
    harbour.atEnd { process.end() }
    let path = socket
    try until("the manager") { FileManager.default.fileExists(atPath: path) }
  }

  /// Runs a program that the manager has started.
  @discardableResult
  func attempt(_ words: [String]) throws -> Outcome {
    try IntegrationTests.run(words, environment: ["NOTIFY_SOCKET": socket])
  }

  /// What was said since it was asked last: so many messages, which are waited for, or more. 0 waits a moment for what should not come.
  func heard(_ count: Int) throws -> [String] {
    var messages: [String] = []
    func read() throws {
      let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
      messages = try text.split(separator: "\n").dropFirst(known).map { try JSON(text: String($0)).text }
    }
    if count == 0 { ClockTime.sleep(milliseconds: 100) }
    try until("\(count) messages") {
      try read()
      return messages.count >= count
    }
    known += messages.count
    return messages
  }
}
