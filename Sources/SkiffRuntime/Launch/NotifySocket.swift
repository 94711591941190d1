package import SkiffKernel
internal import SkiffSpec

/// How a container's program tells the service manager that it is ready (sd_notify(3)): it writes to a socket of ours, and we pass the word
/// on, for the manager hears only processes of the unit, which the container's are not.
///
/// ```
/// program ──(READY=1)──▶ /run/notify/notify.sock = STATE/notify/notify.sock ──▶ we ──(READY=1, MAINPID=N)──▶ NOTIFY_SOCKET
/// ```
///
/// As in runc, nothing but readiness passes: what else a container might say would be said in the unit's name.
package final class NotifySocket {
  private static let directoryName: KernelPath = "notify"
  private static let name = "notify.sock"
  private static let destination = "/run/notify"
  private static let messageLimitBytes = 4096
  /// How long the manager may take to have read what was said.
  private static let barrierMilliseconds: Int64 = 5000
  /// How long a manager that is behind is waited for.
  private static let patienceMilliseconds: Int64 = 1000
  /// So many messages are read at once: a container that talks without end keeps nobody from what else there is to do.
  private static let roundLimit = 16
  /// So often the word is passed on to a manager that does not take it: each time may cost a second.
  private static let attemptLimit = 3

  private let socket: FileDescriptor
  private let target: String
  /// The program has said so.
  package private(set) var isReady = false
  /// The manager has got the word.
  private var isTold = false
  private var attempts = 0

  /// Makes the socket's directory in the container's state directory, and has the configuration show it to the program.
  ///
  /// - Parameter path: of the state directory.
  static func prepare(
    in directory: Descriptor, path: String, _ spec: RuntimeSpec
  ) throws(Errno) -> RuntimeSpec {
    try directory.makeDirectory(directoryName, mode: 0o755)
    let place = try directory.open(directoryName, [.readOnly, .directory, .noFollow])
    // Whatever the caller's mask: the program may be anybody.
    try place.descriptor.changeMode(0o755)
    var spec = spec
    spec.mounts.append(
      RuntimeSpec.Mount(
        destination: destination, type: "bind", source: path + "/notify",
        options: ["bind", "nosuid", "noexec", "nodev", "ro"]))
    spec.process?.environment.removeAll { $0.hasPrefix("NOTIFY_SOCKET=") }
    spec.process?.environment.append("NOTIFY_SOCKET=\(destination)/\(name)")
    return spec
  }

  /// Listens; nil where the container was made without it.
  ///
  /// - Parameter target: the service manager's socket.
  package init?(in directory: Descriptor, target: String) throws(Errno) {
    let place: FileDescriptor
    do throws(Errno) {
      place = try directory.open(Self.directoryName, [.readOnly, .directory, .noFollow])
    } catch {
      guard error == .notFound else { throw error }
      return nil
    }
    // Of a start that was cut short.
    do throws(Errno) { try place.descriptor.unlink(try KernelPath(Self.name)) } catch {}
    let mask = ProcessControl.setUmask(0)
    defer { _ = ProcessControl.setUmask(mask) }
    socket = try UnixSocket.bind(at: Self.name, in: place.descriptor)
    self.target = target
  }

  package var descriptor: Descriptor { socket.descriptor }

  /// Takes what was said, as far as it is there; passes readiness on, once.
  ///
  /// Open files that come with it are closed by the kernel, for nobody takes them (unix(7), SCM_RIGHTS): whoever waits for that, as
  /// `systemd-notify` does with its barrier, goes on.
  ///
  /// - Parameters:
  ///   - mainProcessID: whom the manager is to watch.
  ///   - waits: see `tell`.
  package func take(mainProcessID: Int32, waits: Bool = false) {
    var buffer = [UInt8](repeating: 0, count: Self.messageLimitBytes)
    for _ in 0..<Self.roundLimit {
      var entries = [PollEntry(socket.descriptor, .readable)]
      guard (try? poll(&entries, timeoutMilliseconds: 0)) ?? 0 > 0,
        let count = try? socket.descriptor.read(into: &buffer)
      else { return }
      let lines = buffer[..<count].split(separator: UInt8(ascii: "\n"))
      guard lines.contains(where: { $0.elementsEqual("READY=1".utf8) }) else { continue }
      isReady = true
      guard !isTold, attempts < Self.attemptLimit else { continue }
      attempts += 1
      isTold = Self.tell("READY=1\nMAINPID=\(mainProcessID)\n", to: target, waits: waits)
      // What else was said may wait for the next round.
      return
    }
  }

  /// Waits until the program is ready or has ended, then says so.
  func wait(for process: Descriptor, processID: Int32) {
    while !isReady {
      var entries = [PollEntry(socket.descriptor, .readable), PollEntry(process, .readable)]
      guard (try? poll(&entries)) != nil else { return }
      if !entries[0].events.isEmpty { take(mainProcessID: processID, waits: true) }
      if !entries[1].events.isEmpty { return }
    }
  }

  /// Says something to a service manager, and waits until it has read it: it asks who the sender is, which must not have gone by then.
  ///
  /// Gives whether the manager has got it: one that does not listen learns nothing, and the container runs all the same.
  ///
  /// - Parameter waits: false for who stays anyway.
  @discardableResult
  package static func tell(_ message: String, to target: String, waits: Bool) -> Bool {
    do throws(Errno) {
      let line = try UnixSocket.connectDatagram(to: target)
      try send(Array(message.utf8), file: nil, by: line.descriptor)
      if waits { waitUntilRead(by: line.descriptor) }
      return true
    } catch {
      return false
    }
  }

  private static func waitUntilRead(by line: Descriptor) {
    do throws(Errno) {
      let barrier = try UnixSocket.pair(.stream)
      try send(Array("BARRIER=1".utf8), file: barrier.second.descriptor, by: line)
      let reading = barrier.takeFirst()
      var entries = [PollEntry(reading.descriptor, .readable)]
      try poll(&entries, timeoutMilliseconds: barrierMilliseconds)
    } catch {
      // The word itself has gone.
    }
  }

  /// Sends to a manager that may be behind for a moment: its queue holds few messages (unix(7), max_dgram_qlen).
  private static func send(_ bytes: [UInt8], file: Descriptor?, by line: Descriptor) throws(Errno) {
    let deadline = ClockTime.monotonic().totalNanoseconds &+ patienceMilliseconds &* 1_000_000
    while true {
      do throws(Errno) {
        try line.send(bytes, file: file, wait: false)
        return
      } catch {
        let left = (deadline &- ClockTime.monotonic().totalNanoseconds) / 1_000_000
        guard error == .wouldBlock, left > 0 else { throw error }
        var entries = [PollEntry(line, .writable)]
        try poll(&entries, timeoutMilliseconds: left)
      }
    }
  }
}

/// Who has started the caller, and may want to hear of it.
package enum ServiceManager {
  /// Its socket for that (sd_notify(3)): a path, or an abstract name behind `@`.
  package static func notifySocketOfCaller() -> String? {
    guard let path = ProcessEnvironment.value(named: "NOTIFY_SOCKET"), path.hasPrefix("/") || path.hasPrefix("@") else {
      return nil
    }
    return path
  }
}
