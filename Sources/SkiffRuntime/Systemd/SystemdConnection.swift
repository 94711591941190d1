internal import SkiffKernel

/// A service manager: the machine's systemd, or that of one user.
package final class SystemdManager {
  private static let destination = "org.freedesktop.systemd1"
  private static let path = "/org/freedesktop/systemd1"
  private static let interface = "org.freedesktop.systemd1.Manager"

  package let isUser: Bool
  private let bus: BusConnection

  /// - Parameter isDirect: the manager's own socket; otherwise a bus, on which one has to introduce oneself.
  package init(_ bus: BusConnection, isUser: Bool, isDirect: Bool) throws(BusError) {
    self.bus = bus
    self.isUser = isUser
    if isDirect { return }
    let daemon = "org.freedesktop.DBus"
    try bus.call("Hello", of: daemon, on: "/org/freedesktop/DBus", at: daemon)
    let wanted = "type='signal',sender='\(Self.destination)',interface='\(Self.interface)',member='JobRemoved'"
    try bus.call("AddMatch", of: daemon, on: "/org/freedesktop/DBus", at: daemon, [.string(wanted)])
    try call("Subscribe")
  }

  /// The manager that the caller's containers belong to: a user's own for whoever is not the machine's root.
  package static func connect(isUser: Bool) throws(BusError) -> SystemdManager {
    var failure: BusError?
    for (path, isDirect) in sockets(isUser: isUser) {
      do throws(BusError) {
        return try SystemdManager(try BusConnection(path: path), isUser: isUser, isDirect: isDirect)
      } catch {
        // The next may be there; the first failure is the one to report.
        if failure == nil { failure = error }
      }
    }
    throw failure ?? .lost("there is no D-Bus socket (XDG_RUNTIME_DIR is not set)")
  }

  private static func sockets(isUser: Bool) -> [(path: String, isDirect: Bool)] {
    if !isUser {
      let bus = address(ProcessEnvironment.value(named: "DBUS_SYSTEM_BUS_ADDRESS")) ?? "/run/dbus/system_bus_socket"
      return [("/run/systemd/private", true), (bus, false)]
    }
    var sockets: [(String, Bool)] = []
    let directory = ProcessEnvironment.value(named: "XDG_RUNTIME_DIR").flatMap { $0.hasPrefix("/") ? $0 : nil }
    if let directory { sockets.append(("\(directory)/systemd/private", true)) }
    if let bus = address(ProcessEnvironment.value(named: "DBUS_SESSION_BUS_ADDRESS")) { sockets.append((bus, false)) }
    if let directory { sockets.append(("\(directory)/bus", false)) }
    return sockets
  }

  /// The path of `unix:path=…`; nil for every other kind of address.
  static func address(_ text: String?) -> String? {
    for address in (text ?? "").split(separator: ";") where address.hasPrefix("unix:") {
      for pair in address.dropFirst(5).split(separator: ",") where pair.hasPrefix("path=/") && !pair.contains("%") {
        return String(pair.dropFirst(5))
      }
    }
    return nil
  }

  @discardableResult
  private func call(_ member: String, _ arguments: [BusValue] = []) throws(BusError) -> [BusValue] {
    try bus.call(member, of: Self.interface, on: Self.path, at: Self.destination, arguments)
  }

  private func property(_ name: String) throws(BusError) -> String {
    let answer = try bus.call(
      "Get", of: "org.freedesktop.DBus.Properties", on: Self.path, at: Self.destination,
      [.string(Self.interface), .string(name)])
    guard let text = answer.first?.text else { throw .malformed }
    return text
  }

  /// The number of the release; 0 where it is not told.
  package func version() throws(BusError) -> Int {
    // "252.38-1~deb12u1", "v254", "systemd 249".
    let text = try property("Version")
    let digits = text.drop { !$0.isNumber }.prefix { $0.isNumber }
    return Int(digits) ?? 0
  }

  /// The group that the manager controls: "" for the machine's, `/user.slice/user-1000.slice/user@1000.service` for a user's.
  package func controlGroup() throws(BusError) -> String {
    let path = try property("ControlGroup")
    return path == "/" ? "" : path
  }

  // MARK: Units

  /// Starts a unit that exists only as long as its processes; comes back when it is active.
  package func start(_ unit: String, _ properties: [SystemdProperty]) throws(BusError) {
    let arguments: [BusValue] = [
      .string(unit), .string("replace"), .array(of: "(sv)", properties.map(\.argument)), .array(of: "(sa(sv))", []),
    ]
    do throws(BusError) {
      try finish(try call("StartTransientUnit", arguments), of: unit)
    } catch {
      guard case .refused("org.freedesktop.systemd1.UnitExists", _) = error else { throw error }
      // One that has failed is kept for people to look at; one that runs is refused again.
      try reset(unit)
      try finish(try call("StartTransientUnit", arguments), of: unit)
    }
  }

  /// Changes a unit's limits until the next start of the machine.
  package func set(_ unit: String, _ properties: [SystemdProperty]) throws(BusError) {
    if properties.isEmpty { return }
    try call(
      "SetUnitProperties", [.string(unit), .bool(true), .array(of: "(sv)", properties.map(\.argument))])
  }

  /// Ends a unit with all its processes, and takes it off the list of those that failed; nothing happens to one that is gone.
  package func stop(_ unit: String) throws(BusError) {
    do throws(BusError) {
      try finish(try call("StopUnit", [.string(unit), .string("replace")]), of: unit)
    } catch {
      guard case .refused(let name, _) = error, name.hasSuffix(".NoSuchUnit") else { throw error }
    }
    try reset(unit)
  }

  private func reset(_ unit: String) throws(BusError) {
    do throws(BusError) {
      try call("ResetFailedUnit", [.string(unit)])
    } catch {
      guard case .refused = error else { throw error }
    }
  }

  /// Waits for the end of the job that a method has begun.
  private func finish(_ answer: [BusValue], of unit: String) throws(BusError) {
    guard case .objectPath(let job)? = answer.first else { throw .malformed }
    let signal = try bus.signal { signal in
      signal.member == "JobRemoved" && signal.body.count >= 4 && signal.body[1].text == job
    }
    let result = signal.body[3].text ?? ""
    guard result == "done" || result == "skipped" else {
      throw .refused(name: "", words: "the job of \(unit) ended with \"\(result)\"")
    }
  }
}
