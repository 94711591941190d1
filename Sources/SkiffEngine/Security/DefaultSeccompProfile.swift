public import SkiffSpec

/// The system calls that a container may make unless its owner says otherwise.
///
/// An allow-list: what programs of ordinary images call, less what reaches beyond the container or has been a way out of it. What is
/// left out is refused with EPERM; calls that are newer than the list do not exist (ENOSYS, which the runtime adds), so that a C
/// library goes on to the call that it used before.
public enum DefaultSeccompProfile {
  /// The profile for a container with these capabilities (`CAP_…`), made of an image for `architecture`, as Go and OCI name it.
  ///
  /// A capability that lets a process do something also lets it make the calls for that: the kernel judges them by the capability.
  public static func profile(capabilities: Set<String>, architecture: String) -> RuntimeSpec.Seccomp {
    var profile = RuntimeSpec.Seccomp()
    profile.defaultAction = "SCMP_ACT_ERRNO"
    profile.defaultErrnoRet = operationNotPermitted
    profile.architectures = architectures(of: architecture)
    profile.rules.append(multiplexedSockets(for: architecture))
    for group in DefaultSeccompCalls.groups { profile.rules.append(allowing(group)) }
    for (capability, calls) in DefaultSeccompCalls.byCapability where capabilities.contains(capability) {
      profile.rules.append(allowing(calls))
    }
    if !capabilities.contains("CAP_SYS_ADMIN") { profile.rules += withoutNamespaces(of: architecture) }
    profile.rules += sockets + terminals + personalities
    return profile
  }

  // Error numbers, which are the same on every architecture that engines run on.
  private static let operationNotPermitted: UInt32 = 1
  private static let noSuchOperation: UInt32 = 25
  private static let noSuchCall: UInt32 = 38
  private static let noSuchAddressFamily: UInt32 = 97

  /// A machine of 64 bits also runs programs of its 32-bit predecessor. x32 is not among them: no image is made for it, and a second
  /// set of entries into the kernel that nobody tests has been a way in (CVE-2014-0038).
  private static func architectures(of architecture: String) -> [String] {
    switch architecture {
    case "amd64", "386": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]
    case "arm64", "arm": ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
    case "riscv64": ["SCMP_ARCH_RISCV64"]
    case "loong64": ["SCMP_ARCH_LOONGARCH64"]
    case "ppc64le": ["SCMP_ARCH_PPC64LE"]
    case "s390x": ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"]
    // The machine's own, which the runtime adds in any case.
    default: []
    }
  }

  // MARK: Rules that look at arguments

  /// socketcall(2) hides the address family behind a pointer, where no filter can look. 32-bit programs in a 64-bit image find it
  /// missing; new C libraries make the single calls then. An image of 32 bits may be old, and would have no network without it.
  ///
  /// This rule stands first: it decides about socketcall before rules on single calls can.
  private static func multiplexedSockets(for architecture: String) -> RuntimeSpec.SeccompRule {
    if architecture == "386" || architecture == "s390x" { return allowing(["socketcall"]) }
    return rule(["socketcall"], "SCMP_ACT_ERRNO", errno: noSuchCall)
  }

  /// Without CAP_SYS_ADMIN nobody makes namespaces: a user namespace would give back, inside itself, the rights to reach most of what
  /// the kernel keeps for root.
  private static func withoutNamespaces(of architecture: String) -> [RuntimeSpec.SeccompRule] {
    let namespaces: UInt64 = 0x7E02_0000
    let timeNamespace: UInt64 = 0x80
    // s390 takes the new stack first.
    let flagsOfClone: UInt32 = architecture == "s390x" ? 1 : 0
    return [
      allowing(["clone"], masked(flagsOfClone, bits: namespaces, are: 0)),
      // The low byte of clone's flags is a signal; of unshare's, one bit makes a time namespace.
      allowing(["unshare"], masked(0, bits: namespaces | timeNamespace, are: 0)),
      // Its flags are behind a pointer; told that there is no such call, a C library uses clone.
      rule(["clone3"], "SCMP_ACT_ERRNO", errno: noSuchCall),
    ]
  }

  /// Every family but the kernel's cryptography (38), which has been a source of holes that need nothing but a socket, and the line to the
  /// hypervisor (40), which no network namespace divides.
  ///
  /// The kernel reads 32 bits of the argument, so the filter must: a number with a bit above them would pass as another family.
  /// Equality is asked before the bound that every number keeps.
  private static var sockets: [RuntimeSpec.SeccompRule] {
    [
      rule(["socket"], "SCMP_ACT_ERRNO", errno: noSuchAddressFamily, masked(0, bits: 0xFFFF_FFFF, are: 38)),
      rule(["socket"], "SCMP_ACT_ERRNO", errno: noSuchAddressFamily, masked(0, bits: 0xFFFF_FFFF, are: 40)),
      allowing(["socket"], anything(0)),
    ]
  }

  /// Every ioctl but typing into a terminal as if its user did (TIOCSTI), the console's own way to do that (TIOCLINUX), and loading line
  /// disciplines, drivers that few use and many holes came from (TIOCSETD). A number of 32 bits here, too (CVE-2019-7303).
  private static var terminals: [RuntimeSpec.SeccompRule] {
    let refused: [UInt64] = [0x5412, 0x541C, 0x5423]
    return refused.map { request in
      rule(["ioctl"], "SCMP_ACT_ERRNO", errno: noSuchOperation, masked(1, bits: 0xFFFF_FFFF, are: request))
    } + [allowing(["ioctl"], anything(1))]
  }

  /// Linux, Linux of 32 bits, both with the version number of old kernels, and asking. Others change how programs are loaded, and
  /// with them what protects those that run setuid.
  private static var personalities: [RuntimeSpec.SeccompRule] {
    let allowed: [UInt64] = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF]
    return allowed.map { allowing(["personality"], comparison(0, "SCMP_CMP_EQ", $0)) }
  }

  // MARK: Making rules

  private static func allowing(
    _ names: [String], _ condition: RuntimeSpec.SeccompCondition? = nil
  ) -> RuntimeSpec.SeccompRule {
    rule(names, "SCMP_ACT_ALLOW", condition)
  }

  private static func rule(
    _ names: [String], _ action: String, errno: UInt32? = nil, _ condition: RuntimeSpec.SeccompCondition? = nil
  ) -> RuntimeSpec.SeccompRule {
    var rule = RuntimeSpec.SeccompRule()
    rule.names = names
    rule.action = action
    rule.errnoRet = errno
    if let condition { rule.conditions = [condition] }
    return rule
  }

  private static func masked(_ argument: UInt32, bits: UInt64, are value: UInt64) -> RuntimeSpec.SeccompCondition {
    comparison(argument, "SCMP_CMP_MASKED_EQ", bits, value)
  }

  /// A condition that always holds: a rule without conditions would leave no room for others on the call.
  private static func anything(_ argument: UInt32) -> RuntimeSpec.SeccompCondition {
    comparison(argument, "SCMP_CMP_GE", 0)
  }

  private static func comparison(
    _ argument: UInt32, _ op: String, _ value: UInt64, _ valueTwo: UInt64 = 0
  ) -> RuntimeSpec.SeccompCondition {
    var condition = RuntimeSpec.SeccompCondition()
    condition.index = argument
    condition.op = op
    condition.value = value
    condition.valueTwo = valueTwo
    return condition
  }
}
