internal import SkiffKernel

/// Sockets that a service manager opened, from the number 3 on, for the program that it starts (sd_listen_fds(3)): here for the
/// container's.
package struct SocketActivation: Equatable, Sendable {
  /// How many.
  package let count: UInt32
  /// What each is called, parted by colons; nil where the manager did not say.
  package let names: String?

  /// As in systemd, whose units cannot have more.
  private static let limit: UInt32 = 4096

  /// What the environment tells of. Nil where nothing was opened, or where it was for another process: then it only stands
  /// in an environment that was handed on.
  package static func ofCaller() -> SocketActivation? {
    guard let text = ProcessEnvironment.value(named: "LISTEN_FDS"), let count = UInt32(text), count > 0, count <= limit
    else { return nil }
    if let owner = ProcessEnvironment.value(named: "LISTEN_PID"), owner != String(ProcessControl.processID) {
      return nil
    }
    return SocketActivation(count: count, names: ProcessEnvironment.value(named: "LISTEN_FDNAMES"))
  }

  /// Has the program told; LISTEN_PID is added by the process itself, which alone knows its number in there.
  func announce(in plan: inout LaunchPlan) {
    plan.environment.removeAll { entry in
      ["LISTEN_FDS=", "LISTEN_PID=", "LISTEN_FDNAMES="].contains { entry.hasPrefix($0) }
    }
    plan.environment.append("LISTEN_FDS=\(count)")
    if let names { plan.environment.append("LISTEN_FDNAMES=\(names)") }
    plan.tellsOwnNumber = true
  }
}

extension CreateRequest {
  /// Files from the number 3 on that the container's process inherits: the sockets come first.
  package var inheritedDescriptors: UInt32 {
    let (sum, overflow) = preservedDescriptors.addingReportingOverflow(activation?.count ?? 0)
    return overflow ? .max : sum
  }
}
