package import SkiffSpec

/// The devices that every container may use, as engines expect from a runtime.
package enum DeviceDefaults {
  /// Making any device node (using it is another matter), and null, zero, full, random, urandom, tty, ptmx, the
  /// pseudo-terminals, and tun, which images for private networks make for themselves: the kernel lets nobody use it without rights
  /// over the container's network. A container's /dev/console is one of those; the machine's own (5:1) is none of its business.
  package static let rules: [RuntimeSpec.DeviceRule] = [
    allow("c", nil, nil, "m"), allow("b", nil, nil, "m"),
    allow("c", 1, 3), allow("c", 1, 5), allow("c", 1, 7), allow("c", 1, 8), allow("c", 1, 9),
    allow("c", 5, 0), allow("c", 5, 2), allow("c", 136, nil), allow("c", 10, 200),
  ]

  /// Everything that holds for a container, the last matching rule deciding: nothing at all, then what the document says, then
  /// the defaults.
  ///
  /// The first rule stands whatever the document holds: an empty list must not mean "everything" (GHSA-g54h-m393-cpwq).
  package static func complete(_ rules: [RuntimeSpec.DeviceRule]) -> [RuntimeSpec.DeviceRule] {
    var everything = RuntimeSpec.DeviceRule()
    everything.allow = false
    everything.type = "a"
    everything.access = "rwm"
    return [everything] + rules + Self.rules
  }

  private static func allow(
    _ type: String, _ major: Int64?, _ minor: Int64?, _ access: String = "rwm"
  ) -> RuntimeSpec.DeviceRule {
    var rule = RuntimeSpec.DeviceRule()
    rule.allow = true
    rule.type = type
    rule.major = major
    rule.minor = minor
    rule.access = access
    return rule
  }
}

/// What a list of device rules comes to, in the only form that cgroup v1 has: a default and exceptions from it.
package struct DevicePolicy: Equatable, Sendable {
  /// Some of reading, writing and making a node.
  package struct Access: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
      self.rawValue = rawValue
    }

    package static let read = Access(rawValue: 1)
    package static let write = Access(rawValue: 2)
    package static let makeNode = Access(rawValue: 4)
    package static let all: Access = [.read, .write, .makeNode]

    var text: String {
      (contains(.read) ? "r" : "") + (contains(.write) ? "w" : "") + (contains(.makeNode) ? "m" : "")
    }
  }

  /// A kind of device; nil numbers mean every one.
  package struct Device: Equatable, Hashable, Sendable {
    package let isBlock: Bool
    package let major: UInt32?
    package let minor: UInt32?

    func covers(_ other: Device) -> Bool {
      isBlock == other.isBlock && (major == nil || major == other.major) && (minor == nil || minor == other.minor)
    }

    func overlaps(_ other: Device) -> Bool {
      isBlock == other.isBlock
        && (major == nil || other.major == nil || major == other.major)
        && (minor == nil || other.minor == nil || minor == other.minor)
    }
  }

  package struct Exception: Equatable, Hashable, Sendable {
    package let device: Device
    package var access: Access

    /// As the kernel's files have it: `c 136:* rwm`.
    package var text: String {
      let major = device.major.map(String.init) ?? "*"
      let minor = device.minor.map(String.init) ?? "*"
      return "\(device.isBlock ? "b" : "c") \(major):\(minor) \(access.text)"
    }
  }

  package private(set) var allowsByDefault = false
  package private(set) var exceptions: [Exception] = []

  /// Nothing is allowed.
  package init() {}

  /// What `rules` come to, one after the other; the last that matches a device decides.
  package init(_ rules: [RuntimeSpec.DeviceRule]) throws(CgroupError) {
    for rule in rules { try apply(rule) }
  }

  /// Refuses what no kernel would take in a rule, for the generation that has no lists.
  static func check(_ rules: [RuntimeSpec.DeviceRule]) throws(CgroupError) {
    for rule in rules { _ = try exceptions(of: rule) }
  }

  private mutating func apply(_ rule: RuntimeSpec.DeviceRule) throws(CgroupError) {
    guard let exceptions = try Self.exceptions(of: rule) else {
      allowsByDefault = rule.allow
      self.exceptions = []
      return
    }
    for exception in exceptions { try apply(exception, allow: rule.allow) }
  }

  /// The kinds of devices that a rule speaks of; nil for everything.
  private static func exceptions(of rule: RuntimeSpec.DeviceRule) throws(CgroupError) -> [Exception]? {
    let access = try access(of: rule)
    let major = try number(rule.major)
    let minor = try number(rule.minor)
    let both = [false, true].map { Exception(device: Device(isBlock: $0, major: major, minor: minor), access: access) }
    switch rule.type ?? "a" {
    case "c", "u": return [both[0]]
    case "b": return [both[1]]
    case "a":
      // To the kernel's files `a` is everything, whatever numbers follow. A denial may be that wide; who allows meant only these.
      return !rule.allow || (major == nil && minor == nil && access == .all) ? nil : both
    case let other: throw .badValue(setting: setting, reason: "\"\(other)\" is not a type of device (a, b, c)")
    }
  }

  private mutating func apply(_ exception: Exception, allow: Bool) throws(CgroupError) {
    if allow != allowsByDefault {
      if let index = exceptions.firstIndex(where: { $0.device == exception.device }) {
        exceptions[index].access.formUnion(exception.access)
      } else {
        exceptions.append(exception)
      }
      return
    }
    for index in exceptions.indices where !exceptions[index].access.isDisjoint(with: exception.access) {
      let other = exceptions[index].device
      if exception.device.covers(other) {
        exceptions[index].access.subtract(exception.access)
      } else if exception.device.overlaps(other) {
        // cgroup v1 cannot cut a hole into a wider exception: it would leave it as it is without a word.
        let words = allow ? "allow" : "deny"
        throw .unsupported(
          setting: Self.setting,
          reason: "cgroup v1 cannot \(words) \"\(exception.text)\" within \"\(exceptions[index].text)\"")
      }
    }
    exceptions.removeAll { $0.access.isEmpty }
  }

  static let setting = "linux.resources.devices"

  private static func number(_ value: Int64?) throws(CgroupError) -> UInt32? {
    // -1 is how older documents write "every one".
    guard let value, value != -1 else { return nil }
    guard let number = UInt32(exactly: value) else {
      throw .badValue(setting: setting, reason: "\(value) is not a device number")
    }
    return number
  }

  private static func access(of rule: RuntimeSpec.DeviceRule) throws(CgroupError) -> Access {
    guard let text = rule.access else { return .all }
    var access: Access = []
    for letter in text.utf8 {
      switch letter {
      case UInt8(ascii: "r"): access.insert(.read)
      case UInt8(ascii: "w"): access.insert(.write)
      case UInt8(ascii: "m"): access.insert(.makeNode)
      case UInt8(ascii: "a") where !rule.allow: access = .all
      default: throw .badValue(setting: setting, reason: "\"\(text)\" is not an access (some of r, w, m)")
      }
    }
    if access.isEmpty { throw .badValue(setting: setting, reason: "the access must not be empty") }
    return access
  }
}

extension DevicePolicy {
  /// One line to write to a group's `devices.allow` or `devices.deny`.
  package struct Command: Equatable, Sendable {
    package let allow: Bool
    package let text: String

    var file: String { allow ? "devices.allow" : "devices.deny" }
  }

  /// What makes this the policy of a group, whatever it was before.
  package var commands: [Command] {
    [Command(allow: allowsByDefault, text: "a")]
      + exceptions.map { Command(allow: !allowsByDefault, text: $0.text) }
  }

  /// What leads from `devices.list`, as the kernel shows it, to this policy without a moment in between that denies what both allow.
  package func commands(from list: String) -> [Command] {
    // "a *:* rwm" stands for a default of allowing, whose exceptions the kernel does not show.
    let lines = list.split(separator: "\n").map(String.init)
    guard !allowsByDefault, !lines.contains(where: { $0.hasPrefix("a ") }) else { return commands }
    let wanted = exceptions.map(\.text)
    // The kernel merges lines of one device, so a device is compared with its accesses; what stays is left alone.
    let added = wanted.filter { !lines.contains($0) }
    let wantedDevices = Dictionary(grouping: exceptions, by: \.device)
    var commands = added.map { Command(allow: true, text: $0) }
    for line in lines where !wanted.contains(line) {
      guard let present = Self.exception(line) else { return self.commands }
      let kept = wantedDevices[present.device]?.reduce(into: Access()) { $0.formUnion($1.access) } ?? []
      let gone = present.access.subtracting(kept)
      if !gone.isEmpty {
        commands.append(Command(allow: false, text: Exception(device: present.device, access: gone).text))
      }
    }
    return commands
  }

  /// Reads a line such as `c 136:* rwm`.
  private static func exception(_ line: String) -> Exception? {
    let words = line.split(separator: " ")
    guard words.count == 3, words[0] == "c" || words[0] == "b" else { return nil }
    let numbers = words[1].split(separator: ":")
    guard numbers.count == 2 else { return nil }
    var parsed: [UInt32?] = []
    for number in numbers {
      if number == "*" {
        parsed.append(nil)
      } else if let value = UInt32(number) {
        parsed.append(value)
      } else {
        return nil
      }
    }
    var access: Access = []
    if words[2].contains("r") { access.insert(.read) }
    if words[2].contains("w") { access.insert(.write) }
    if words[2].contains("m") { access.insert(.makeNode) }
    return Exception(device: Device(isBlock: words[0] == "b", major: parsed[0], minor: parsed[1]), access: access)
  }
}
