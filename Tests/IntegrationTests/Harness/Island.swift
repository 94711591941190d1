import Foundation
import SkiffKernel
import Testing

/// A machine within the machine for other engines' daemons: mounts, network, processes and `/run` of its own, no way out. When its
/// first process is killed the kernel ends all the others, and what they mounted and linked is gone with them.
///
/// Control groups are the machine's own: what engines made around their containers' is removed, what they left in it is told.
final class Island {
  let harbour: Harbour
  private let keeper: Session
  private let firstProcess: Int32
  private var groups: [(name: String, isOwn: (String) -> Bool)] = []

  /// An ordinary user who exists only here, with a home, a runtime directory and 65,536 further ids.
  static let user = (name: "sailor", id: 61234, firstFurtherID: 1_000_000)

  /// - Parameter rights: a line for the shell, run before anything else.
  init(_ harbour: Harbour, hasUser: Bool = false, _ preparation: String = "") throws {
    self.harbour = harbour
    let ready = harbour.path("island-ready")
    let home = harbour.path("home")
    let userLines = """
      for file in passwd group subuid subgid; do touch /etc/$file; cp /etc/$file \(harbour.directory)/$file; done
      echo '\(Self.user.name):x:\(Self.user.id):\(Self.user.id)::\(home):/bin/sh' >> \(harbour.directory)/passwd
      echo '\(Self.user.name):x:\(Self.user.id):' >> \(harbour.directory)/group
      for file in subuid subgid; do
        echo '\(Self.user.name):\(Self.user.firstFurtherID):65536' > \(harbour.directory)/$file
      done
      for file in passwd group subuid subgid; do mount --bind \(harbour.directory)/$file /etc/$file; done
      mknod -m 666 \(harbour.directory)/tun c 10 200
      mount --bind \(harbour.directory)/tun /dev/net/tun
      install -d -m 700 -o \(Self.user.id) -g \(Self.user.id) \(home) \(home)/run
      install -m 755 \(Programs.runtime) \(harbour.directory)/skiff-runtime
      """
    let script = """
      ip link set lo up
      # An address that is not the loopback's, or names of numbers are not resolved; and nobody who answers for other names.
      ip link add sea type bridge
      ip addr add 10.78.0.1/24 dev sea
      ip link set sea up
      echo 'nameserver 127.0.0.1' > \(harbour.path("resolv.conf"))
      mount --bind \(harbour.path("resolv.conf")) /etc/resolv.conf
      mount -t tmpfs -o mode=755 island /run
      mkdir -p /run/lock
      \(hasUser ? userLines : "")
      \(preparation)
      touch \(ready)
      exec \(Programs.initProgram) sleep 100000
      """
    keeper = try Session([
      "unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-euc", script,
    ])
    let deadline = ContinuousClock.now + .seconds(10)
    while !harbour.exists("island-ready") {
      guard ContinuousClock.now < deadline else { throw Trouble("the island does not come up: \(keeper.errorText)") }
      ClockTime.sleep(milliseconds: 10)
    }
    let children = "/proc/\(keeper.processID)/task/\(keeper.processID)/children"
    guard let text = FileManager.default.contents(atPath: children).map({ String(decoding: $0, as: UTF8.self) }),
      let child = Int32(text.trimmingCharacters(in: .whitespacesAndNewlines))
    else { throw Trouble("the island has no first process") }
    firstProcess = child
    harbour.atEnd { [self] in sink() }
  }

  /// Ends every process of the island, and removes the groups that its engines made for themselves.
  private func sink() {
    // It may be gone already: then there is nothing to end.
    try? keeper.signal(Signal.kill)
    _ = try? keeper.wait(seconds: 20)
    for hierarchy in [""] + ((try? FileManager.default.contentsOfDirectory(atPath: "/sys/fs/cgroup")) ?? []) {
      // The inner ones first.
      for group in groups.sorted(by: { $0.name > $1.name }) {
        Self.remove("/sys/fs/cgroup/\(hierarchy)/\(group.name)", group.isOwn)
      }
    }
  }

  /// Removes a group and tells of every container that was left in it; a group of a killed process takes a moment.
  private static func remove(_ group: String, _ isOwn: (String) -> Bool) {
    let kin = (try? FileManager.default.subpathsOfDirectory(atPath: group)) ?? []
    let inner = kin.filter { FileManager.default.fileExists(atPath: "\(group)/\($0)/cgroup.procs") }
    for path in inner.sorted(by: >) {
      if !isOwn((path as NSString).lastPathComponent) { Issue.record("left behind: cgroup \(group)/\(path)") }
      removeWhenIdle("\(group)/\(path)")
    }
    removeWhenIdle(group)
  }

  private static func removeWhenIdle(_ group: String) {
    for _ in 0..<100 where rmdir(group) != 0 && errno == EBUSY { ClockTime.sleep(milliseconds: 20) }
  }

  /// Says that an engine makes a group of this name, beneath the root of each hierarchy, for its containers to be in, and in it
  /// further ones of its own that are known by their names.
  func expectGroup(_ name: String, own: @escaping (String) -> Bool = { _ in false }) { groups.append((name, own)) }

  // MARK: On the island

  private func words(_ arguments: [String], asUser: Bool) -> [String] {
    let enter = ["nsenter", "--target", String(firstProcess), "--mount", "--net", "--pid", "--"]
    guard asUser else { return enter + arguments }
    let identity = ["setpriv", "--reuid", String(Self.user.id), "--regid", String(Self.user.id), "--init-groups"]
    let home = harbour.path("home")
    let environment = [
      "env", "-i", "HOME=\(home)", "XDG_RUNTIME_DIR=\(home)/run", "USER=\(Self.user.name)", "TMPDIR=\(home)",
      "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "TERM=xterm", "LC_ALL=C.UTF-8",
    ]
    return enter + identity + environment + ["sh", "-c", "cd && exec \"$@\"", "sh"] + arguments
  }

  /// Runs a program to its end, whatever comes of it.
  func attempt(
    _ arguments: [String], asUser: Bool = false, input: String = "", environment: [String: String] = [:],
    seconds: Double = 120
  ) throws -> Outcome {
    try IntegrationTests.run(
      words(arguments, asUser: asUser), input: input,
      environment: environment.merging(["TMPDIR": harbour.directory]) { own, _ in own }, seconds: seconds)
  }

  @discardableResult
  func run(_ arguments: String..., asUser: Bool = false) throws -> Outcome {
    try attempt(arguments, asUser: asUser).expecting(0)
  }

  @discardableResult
  func shell(_ line: String, asUser: Bool = false) throws -> Outcome {
    try attempt(["sh", "-euc", line], asUser: asUser).expecting(0)
  }

  /// Starts a program beside the test.
  func session(
    _ arguments: [String], asUser: Bool = false, terminal: WindowSize? = nil, environment: [String: String] = [:]
  ) throws -> Session {
    try Session(words(arguments, asUser: asUser), terminal: terminal, environment: environment)
  }

  /// Starts a daemon, and waits until `probe` succeeds; what it says goes to a file that is shown if it does not.
  func daemon(
    _ name: String, _ arguments: [String], environment: [String: String] = [:], until probe: () throws -> Bool
  ) throws {
    let log = harbour.path("\(name).log")
    let daemon = try session(
      ["sh", "-c", "exec \"$@\" > \(log) 2>&1", "sh"] + arguments, environment: environment)
    // Lives as long as the island.
    harbour.atEnd { _ = daemon.processID }
    let deadline = ContinuousClock.now + .seconds(30)
    while try !probe() {
      guard ContinuousClock.now < deadline else {
        throw Trouble("\(name) does not come up:\n\((try? harbour.read("\(name).log"))?.suffix(4000) ?? "")")
      }
      ClockTime.sleep(milliseconds: 50)
    }
  }
}

/// Waits until something holds.
func eventually(_ what: String, seconds: Double = 20, _ holds: () throws -> Bool) throws {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while try !holds() {
    guard ContinuousClock.now < deadline else { throw Trouble("not within \(seconds) s: \(what)") }
    ClockTime.sleep(milliseconds: 50)
  }
}
