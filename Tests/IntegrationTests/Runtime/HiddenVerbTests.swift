import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Verbs and options that are the engine's, not a person's: what they are given wrongly they refuse as well, and they stay small.
  @Suite(.enabled(if: Programs.isOurRuntime, "these verbs are skiff-runtime's")) struct HiddenVerbs {
    @Test(arguments: [
      (["monitor", "--sync-fd", "3", "--attach-fd", "-1"], "--attach-fd"),
      (["monitor", "--sync-fd", "3", "--attach-fd", "2"], "--attach-fd"),
      (["monitor", "--sync-fd", "-1"], "--sync-fd"),
      (["monitor", "--sync-fd", "3", "--preserve-fds", "4294967295"], "--preserve-fds"),
      (["create", "--preserve-fds", "4294967295", "one"], "--preserve-fds"),
      (["exec", "--preserve-fds", "1025", "one", "true"], "--preserve-fds"),
    ]) func `numbers of open files that cannot be are refused`(_ words: [String], _ option: String) throws {
      try inHarbour { harbour in
        let outcome = try run([Programs.runtime, "--root", harbour.path("state")] + words, seconds: 20)

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains(option), "\(outcome)")
      }
    }

    @Test func `a view of its resources is for a container that is not started yet`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        let refused = try bundle.runtime(["mounts", "resources", bundle.id])

        #expect(refused.code == 1)
        #expect(refused.errors.contains("it is running"), "\(refused)")
        try bundle.delete(force: true)
      }
    }

    @Test func `a restart that cannot be is told of`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.start(
          ["--name", "one", "--network", "none", "--restart", "always"],
          "until test -e /go; do sleep 0.02; done; exit 3")
        // In the way of the note that the monitor leaves of a restart.
        try FileManager.default.createDirectory(
          atPath: "\(store.root)/containers/\(id)/restart.json.new", withIntermediateDirectories: false)
        _ = try store.attempt("exec", "one", "touch", "/go")

        #expect(try store.skiff("wait", "one").lines == ["3"])
        let state = try store.inspect("one").State
        #expect(state.Status.text == "exited")
        #expect(state.Error.text.contains("cannot start the container again"), "\(state)")
        try store.skiff("rm", "--force", "one")
      }
    }

    /// A forwarder that may have few files open, more callers than it can serve, and one that comes when they have gone.
    private static let callers = """
      import fcntl, os, resource, socket, sys, threading, time
      inside, door = socket.socket(), socket.socket()
      for listener in (inside, door):
          listener.bind(("127.0.0.1", 0))
          listener.listen(256)
      door.setblocking(False)
      reading, writing = os.pipe()
      target = "tcp/127.0.0.1:%d" % inside.getsockname()[1]
      forwarder = os.fork()
      if forwarder == 0:
          life, entrance = [fcntl.fcntl(file, fcntl.F_DUPFD, 100) for file in (reading, door.fileno())]
          os.dup2(life, 3)
          os.dup2(entrance, 4)
          os.closerange(5, 256)
          resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
          os.execv(sys.argv[1], ["skiff-runtime", "forward", target])
      def answer(line):
          while True:
              said = line.recv(100)
              if not said: break
              line.sendall(said)
          line.close()
      def serve():
          while True:
              threading.Thread(target=answer, args=(inside.accept()[0],), daemon=True).start()
      threading.Thread(target=serve, daemon=True).start()
      def call():
          line = socket.create_connection(door.getsockname(), 10)
          line.sendall(b"x")
          return line
      def hears(line, seconds):
          line.settimeout(seconds)
          try: return line.recv(1) == b"x"
          except OSError: return False
      def ticks():
          return sum(int(word) for word in open("/proc/%d/stat" % forwarder).read().rsplit(")")[1].split()[11:13])
      first = call()
      served = hears(first, 10)
      lines = [call() for _ in range(60)]
      time.sleep(0.5)
      before = ticks()
      time.sleep(1)
      spent = ticks() - before
      answered = sum(hears(line, 0.01) for line in lines)
      for line in lines + [first]: line.close()
      again = hears(call(), 10)
      os.close(writing)
      print(int(served), answered, spent, int(again), os.waitpid(forwarder, 0)[1])
      """

    @Test func `a forwarder without files to spare waits, and goes on when it has some`() throws {
      let told = try run(["python3", "-c", Self.callers, Programs.runtime], seconds: 60).expecting(0)

      let numbers = told.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
      try #require(numbers.count == 5, "\(told)")
      #expect(numbers[0] == 1 && numbers[3] == 1, "\(told)")
      #expect((1..<20).contains(numbers[1]), "as many as it has files for, two each: \(told)")
      #expect(numbers[2] < 25, "hundredths of a second that it ran within one: \(told)")
      #expect(numbers[4] == 0, "it ends with the container: \(told)")
    }
  }
}
