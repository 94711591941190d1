extension SpecValidator {
  private static let ipcNames: Set<String> = [
    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
    "kernel.shmmni", "kernel.shm_rmid_forced", "kernel.msg_next_id", "kernel.sem_next_id", "kernel.shm_next_id",
    "kernel.auto_msgmni",
  ]

  /// A setting must belong to a namespace that the container does not share, or it would change the host.
  mutating func checkSysctls(
    _ settings: [String: String], domainname: String?, has: (RuntimeSpec.NamespaceType) -> Bool
  ) {
    for (written, value) in settings.sorted(by: { $0.key < $1.key }) {
      func here() -> String { SpecKeyPath.joined("linux.sysctl", written) }
      func quoted() -> String { SpecKeyPath.quoted(written) }
      // CVE-2022-0811: a value that carried another setting behind a separator.
      let isClean = value.utf8.allSatisfy { ($0 >= 0x20 || $0 == 0x09) && $0 != 0x7F }
      require(isClean, here(), "the value must be one line without control characters")
      guard let name = Self.dottedName(written) else {
        refuse(here(), "invalid sysctl name \(quoted())")
        continue
      }
      if Self.ipcNames.contains(name) || name.hasPrefix("fs.mqueue.") {
        require(has(.ipc), here(), "sysctl \(quoted()) is not allowed in the hosts ipc namespace")
      } else if name.hasPrefix("net.") {
        require(has(.network), here(), "sysctl \(quoted()) not allowed in host network namespace")
      } else if name == "kernel.domainname" {
        require(has(.uts), here(), "sysctl \(quoted()) is not allowed in the hosts uts namespace")
        require(
          (domainname ?? "").isEmpty || domainname == value, here(),
          "sysctl \(quoted()) conflicts with the OCI \"domainname\" field")
      } else if name == "kernel.hostname" {
        // There is a field for it, and engines look for a container's name there.
        refuse(here(), "sysctl \(quoted()) is not allowed as it conflicts with the OCI \"hostname\" field")
      } else if name.hasPrefix("user.") {
        require(has(.user), here(), "sysctl \(quoted()) is not allowed in the hosts user namespace")
      } else {
        refuse(here(), "sysctl \(quoted()) is not in a separate kernel namespace")
      }
    }
  }

  /// The name with dots between its parts, whichever of the two ways it was written (sysctl(8)); nil when it is not a name.
  ///
  /// Where the first separator is a slash, dots belong to the parts (`net/ipv4/conf/eth0.100/forwarding`); dots and slashes change places.
  static func dottedName(_ name: String) -> String? {
    guard let path = RuntimeSpec.Linux.sysctlPath(of: name) else { return nil }
    return String(path.map { $0 == "/" ? "." : $0 == "." ? "/" : $0 })
  }
}

extension RuntimeSpec.Linux {
  /// Where the setting stands below `/proc/sys`: `net/ipv4/ip_forward` for `net.ipv4.ip_forward` and for itself (sysctl(8)).
  /// Nil when the name could lead anywhere else.
  public static func sysctlPath(of name: String) -> String? {
    let isSlashed = name.utf8.first { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/") } == UInt8(ascii: "/")
    let path = isSlashed ? name : String(name.map { $0 == "." ? "/" : $0 == "/" ? "." : $0 })
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    let extra = Set("_-.:@".utf8)
    let isClean = parts.allSatisfy { part in
      !part.isEmpty && part != "." && part != ".."
        && part.utf8.allSatisfy { $0.isLetterOrDigit || extra.contains($0) }
    }
    return isClean && parts.count >= 2 && path.utf8.count <= 255 ? path : nil
  }
}
