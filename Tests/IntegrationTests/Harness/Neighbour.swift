import Foundation

/// A machine on the host's network: a network namespace with a cable to the host and nothing else.
final class Neighbour {
  static let address = "198.51.100.2"
  /// The host's own, as the neighbour sees it.
  static let hostAddress = "198.51.100.1"

  private let session: Session

  init(_ harbour: Harbour) throws {
    session = try Session(["unshare", "--net", "sh", "-euc", "ip link set lo up; echo ready; exec cat"])
    try session.expect("ready")
    let process = session.processID
    harbour.atEnd { [session] in
      session.closeInput()
      _ = try? session.wait(seconds: 10)
      _ = try? shell("ip link delete neighbour0 2>/dev/null || true")
    }
    try shell(
      """
      ip link add neighbour0 type veth peer name host0 netns \(process)
      ip address add \(Self.hostAddress)/24 dev neighbour0; ip link set neighbour0 up
      nsenter --net=/proc/\(process)/ns/net sh -euc '
        ip address add \(Self.address)/24 dev host0; ip link set host0 up'
      """)
  }

  /// The words that start a program there.
  var entering: [String] { ["nsenter", "--net=/proc/\(session.processID)/ns/net"] }
}
