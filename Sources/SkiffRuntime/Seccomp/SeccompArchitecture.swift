/// A way in which programs call the kernel: what the numbers of calls and the registers of arguments mean.
package enum SeccompArchitecture: CaseIterable, Equatable, Sendable {
  case x86_64, x86, x32, aarch64, arm, riscv64, loongarch64
  case mips, mipsel, mips64, mipsel64, mips64n32, mipsel64n32
  case ppc, ppc64, ppc64le, s390, s390x

  /// What this program itself is compiled for.
  package static var native: SeccompArchitecture {
    #if arch(x86_64)
      .x86_64
    #elseif arch(arm64)
      .aarch64
    #else
      #error("skiff knows no system call numbers for this architecture")
    #endif
  }

  /// The spec's name of it (`SCMP_ARCH_X86_64`); case and prefix may be missing, as crun takes them.
  package init?(name: String) {
    let prefix = "scmp_arch_".utf8
    // Byte by byte: text as people see it is another part of the library, and its pages cost more than all this.
    let hasPrefix = Self.equal(name.utf8.prefix(prefix.count), prefix)
    let short = name.utf8.dropFirst(hasPrefix ? prefix.count : 0)
    for architecture in SeccompArchitecture.allCases where Self.equal(short, architecture.name.utf8) {
      self = architecture
      return
    }
    return nil
  }

  /// Whether `text` is `lowercase` but for the case of its letters.
  private static func equal(_ text: Substring.UTF8View, _ lowercase: String.UTF8View) -> Bool {
    text.elementsEqual(lowercase) { left, right in
      left == right || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(left) && left | 0x20 == right
    }
  }

  /// libseccomp's short name, which the spec's name ends with.
  package var name: String {
    switch self {
    case .x86_64: "x86_64"
    case .x86: "x86"
    case .x32: "x32"
    case .aarch64: "aarch64"
    case .arm: "arm"
    case .riscv64: "riscv64"
    case .loongarch64: "loongarch64"
    case .mips: "mips"
    case .mipsel: "mipsel"
    case .mips64: "mips64"
    case .mipsel64: "mipsel64"
    case .mips64n32: "mips64n32"
    case .mipsel64n32: "mipsel64n32"
    case .ppc: "ppc"
    case .ppc64: "ppc64"
    case .ppc64le: "ppc64le"
    case .s390: "s390"
    case .s390x: "s390x"
    }
  }

  /// The spec's name.
  package var specName: String { "SCMP_ARCH_" + name.uppercased() }

  /// What the kernel tells a filter (AUDIT_ARCH_…, linux/audit.h): the ELF machine, bit 31 for 64 bits, bit 30 for little endian.
  package var auditToken: UInt32 {
    switch self {
    // x32 is x86_64 to the kernel; the number of the call tells.
    case .x86_64, .x32: 0xC000_003E
    case .x86: 0x4000_0003
    case .aarch64: 0xC000_00B7
    case .arm: 0x4000_0028
    case .riscv64: 0xC000_00F3
    case .loongarch64: 0xC000_0102
    case .mips: 0x0000_0008
    case .mipsel: 0x4000_0008
    case .mips64: 0x8000_0008
    case .mipsel64: 0xC000_0008
    case .mips64n32: 0xA000_0008
    case .mipsel64n32: 0xE000_0008
    case .ppc: 0x0000_0014
    case .ppc64: 0x8000_0015
    case .ppc64le: 0xC000_0015
    case .s390: 0x0000_0016
    case .s390x: 0x8000_0016
    }
  }

  package var isBigEndian: Bool { auditToken & 0x4000_0000 == 0 }

  /// Whether rules see 64 bits of an argument; of x32 and n32 they see 32, as with libseccomp.
  var has64BitArguments: Bool {
    switch self {
    case .x32, .mips64n32, .mipsel64n32: false
    default: auditToken & 0x8000_0000 != 0
    }
  }

  /// What the numbers of its calls start from.
  package var base: UInt32 {
    switch self {
    case .x32: SeccompArchitecture.x32Bit
    case .mips, .mipsel: 4000
    case .mips64, .mipsel64: 5000
    case .mips64n32, .mipsel64n32: 6000
    default: 0
    }
  }

  /// The bit that tells x32 calls from those of x86_64 (__X32_SYSCALL_BIT).
  package static let x32Bit: UInt32 = 0x4000_0000

  /// Where arm's private calls start (__ARM_NR_BASE).
  package static let armPrivateBase: UInt32 = 0x000F_0000

  /// Whether sockets and System V IPC are also reached through socketcall(2) and ipc(2).
  var hasMultiplexers: Bool {
    switch self {
    case .x86, .mips, .mipsel, .ppc, .ppc64, .ppc64le, .s390, .s390x: true
    default: false
    }
  }

  /// Whether the kernel is asked for numbers beyond the instruction's range through call 0, which is left when it knows them not.
  package var asksThroughCallZero: Bool { self == .s390 || self == .s390x }

  /// Its column of numbers in the table.
  var column: String {
    switch self {
    case .x86_64: SystemCallNumbers.x86_64
    case .x86: SystemCallNumbers.x86
    case .x32: SystemCallNumbers.x32
    case .aarch64: SystemCallNumbers.aarch64
    case .arm: SystemCallNumbers.arm
    case .riscv64: SystemCallNumbers.riscv64
    case .loongarch64: SystemCallNumbers.loongarch64
    case .mips, .mipsel: SystemCallNumbers.mips
    case .mips64, .mipsel64: SystemCallNumbers.mips64
    case .mips64n32, .mipsel64n32: SystemCallNumbers.mips64n32
    case .ppc: SystemCallNumbers.ppc
    case .ppc64, .ppc64le: SystemCallNumbers.ppc64
    case .s390: SystemCallNumbers.s390
    case .s390x: SystemCallNumbers.s390x
    }
  }
}
