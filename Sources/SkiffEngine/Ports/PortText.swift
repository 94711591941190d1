import SkiffNetworks
import SkiffSpec

/// The column of ports in a listing, in docker's form: `0.0.0.0:8080->80/tcp, 443/tcp`; neighbours are drawn together.
enum PortText {
  private struct Run {
    let transport: String
    let address: IPv4Address?
    let firstHost: UInt16
    let firstInside: UInt16
    var length: UInt16 = 1

    func text() -> String {
      func range(_ first: UInt16) -> String { length == 1 ? "\(first)" : "\(first)-\(first &+ (length - 1))" }
      guard let address else { return "\(range(firstInside))/\(transport)" }
      return "\(address):\(range(firstHost))->\(range(firstInside))/\(transport)"
    }
  }

  static func column(_ ports: [PublishedPort], exposed: [ExposedPort]) -> String {
    var runs: [Run] = []
    let sorted = ports.sorted {
      ($0.hostAddress.number, $0.transport.rawValue, $0.containerPort, $0.hostPort)
        < ($1.hostAddress.number, $1.transport.rawValue, $1.containerPort, $1.hostPort)
    }
    for port in sorted {
      add(
        Run(
          transport: port.transport.rawValue, address: port.hostAddress, firstHost: port.hostPort,
          firstInside: port.containerPort), to: &runs)
    }
    let published = Set(ports.map { "\($0.containerPort)/\($0.transport.rawValue)" })
    for port in exposed.sorted(by: { ($0.transport, $0.port) < ($1.transport, $1.port) })
    where !published.contains(port.text) {
      add(Run(transport: port.transport, address: nil, firstHost: port.port, firstInside: port.port), to: &runs)
    }
    return runs.map { $0.text() }.joined(separator: ", ")
  }

  private static func add(_ run: Run, to runs: inout [Run]) {
    if var last = runs.last, last.transport == run.transport, last.address == run.address,
      UInt32(last.firstHost) + UInt32(last.length) == UInt32(run.firstHost),
      UInt32(last.firstInside) + UInt32(last.length) == UInt32(run.firstInside)
    {
      last.length += 1
      runs[runs.count - 1] = last
    } else {
      runs.append(run)
    }
  }
}
