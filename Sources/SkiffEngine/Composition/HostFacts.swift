import SkiffKernel
import SkiffRuntime

/// What the machine and the caller are, as far as a container's make-up depends on it.
public struct HostFacts: Equatable, Sendable {
  /// The caller's hard limit of open files.
  public var openFilesHardLimit: UInt64 = .max
  /// Whether the caller may raise hard limits (CAP_SYS_RESOURCE).
  public var mayRaiseLimits = true
  /// Names of the capabilities that can be given at all.
  public var capabilities: [String] = CapabilityNames.all
  public var hasAppArmor = false
  public var hasSELinux = false
  public var hostname = "localhost"
  /// How many CPUs have a `thermal_throttle` directory that tells of the machine's load.
  public var thermalThrottleCPUs = 0

  public init() {}
}

extension HostFacts {
  /// Reads the facts of this machine.
  package static func read() throws(EngineError) -> HostFacts {
    var facts = HostFacts()
    let openFiles: Int32 = 7
    facts.openFilesHardLimit = try naming("read", "the limit of open files") { () throws(Errno) in
      try ProcessControl.resourceLimit(openFiles).hard
    }
    let held = try naming("read", "the caller's capabilities") { () throws(Errno) in
      try ThreadCapabilities.current()
    }
    facts.capabilities = CapabilityNames.all.enumerated().filter { held.permitted.contains(number: $0.offset) }
      .map(\.element)
    facts.mayRaiseLimits =
      CapabilityNames.number("CAP_SYS_RESOURCE").map { held.effective.contains(number: $0) } ?? false
    facts.hasAppArmor = exists("/sys/kernel/security/apparmor/profiles")
    facts.hasSELinux = exists("/sys/fs/selinux/enforce")
    facts.hostname = hostname()
    if exists("/sys/devices/system/cpu/cpu0/thermal_throttle") { facts.thermalThrottleCPUs = cpuCount() }
    return facts
  }

  private static func exists(_ path: KernelPath) -> Bool {
    do throws(Errno) {
      _ = try Descriptor.workingDirectory.status(path, follow: true)
      return true
    } catch {
      // Not there, or not to be seen: then the container sees it no better.
      return false
    }
  }

  private static func hostname() -> String {
    do throws(Errno) {
      let name = try Descriptor.workingDirectory.readFile("/proc/sys/kernel/hostname", limitBytes: 256)
      return String(decoding: name.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    } catch {
      return "localhost"
    }
  }

  /// The highest CPU number and one; `present` reads as `0-7`.
  private static func cpuCount() -> Int {
    do throws(Errno) {
      let list = try Descriptor.workingDirectory.readFile("/sys/devices/system/cpu/present", limitBytes: 4096)
      let digits = list.reversed().drop { !isDigit($0) }.prefix { isDigit($0) }.reversed()
      return min((Int(String(decoding: digits, as: UTF8.self)) ?? 0) + 1, 4096)
    } catch {
      return 0
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}
