import CSeccomp
import Glibc

/// Writes Sources/SkiffRuntime/Seccomp/SystemCallNumbers.swift from what libseccomp knows, and from a short list of calls newer
/// than the libseccomp of Debian 12.
///
/// To write it anew: `SKIFF_WRITE_SYSTEM_CALLS=Sources/SkiffRuntime/Seccomp/SystemCallNumbers.swift swift test --filter
/// SystemCallTable`.
struct SystemCallTableWriter {
  /// A column of the table: an architecture of libseccomp, and what its numbers are counted from.
  struct Column {
    var name: String
    /// Whose numbers libseccomp tells, where it is not the column's own.
    var source: String?
    var base: Int32 = 0
    /// Calls that the column takes from another architecture's all the same, but has not itself.
    var lacking: [String] = []

    var token: UInt32 { seccomp_arch_resolve_name(source ?? name) }
  }

  static let columns = [
    Column(name: "x86_64"),
    Column(name: "x86"),
    Column(name: "x32"),
    Column(name: "arm"),
    Column(name: "aarch64"),
    Column(name: "riscv64"),
    // Younger than Debian 12's libseccomp; its numbers are the kernel's generic ones, as aarch64's are.
    Column(
      name: "loongarch64", source: "aarch64",
      lacking: ["getrlimit", "setrlimit", "renameat", "memfd_secret"]),
    Column(name: "mips", base: 4000),
    Column(name: "mips64", base: 5000),
    Column(name: "mips64n32", base: 6000),
    Column(name: "ppc"),
    Column(name: "ppc64"),
    Column(name: "s390"),
    Column(name: "s390x"),
  ]

  /// Calls that Linux gained after 6.6, to which Debian 12 has brought its libseccomp; since 5.1 a call has one number, counted from the base, on every architecture.
  static let newer: [(name: String, number: Int32, only: Set<String>)] = [
    ("statmount", 457, []), ("listmount", 458, []), ("lsm_get_self_attr", 459, []), ("lsm_set_self_attr", 460, []),
    ("lsm_list_modules", 461, []), ("mseal", 462, []), ("setxattrat", 463, []), ("getxattrat", 464, []),
    ("listxattrat", 465, []), ("removexattrat", 466, []), ("open_tree_attr", 467, []), ("file_getattr", 468, []),
    ("file_setattr", 469, []),
    ("listns", 470, []), ("rseq_slice_yield", 471, []),
    ("uretprobe", 335, ["x86_64", "x32"]), ("uprobe", 336, ["x86_64", "x32"]), ("riscv_hwprobe", 258, ["riscv64"]),
    ("memfd_secret", 447, ["riscv64", "s390", "s390x"]),
  ]

  /// The calls of socketcall(2) and ipc(2); a number of ipc(2) has the bit 64 added.
  static let multiplexed: [String: Int] = [
    "socket": 1, "bind": 2, "connect": 3, "listen": 4, "accept": 5, "getsockname": 6, "getpeername": 7,
    "socketpair": 8, "send": 9, "recv": 10, "sendto": 11, "recvfrom": 12, "shutdown": 13, "setsockopt": 14,
    "getsockopt": 15, "sendmsg": 16, "recvmsg": 17, "accept4": 18, "recvmmsg": 19, "sendmmsg": 20,
    "semop": 64 + 1, "semget": 64 + 2, "semctl": 64 + 3, "semtimedop": 64 + 4, "msgsnd": 64 + 11,
    "msgrcv": 64 + 12, "msgget": 64 + 13, "msgctl": 64 + 14, "shmat": 64 + 21, "shmdt": 64 + 22,
    "shmget": 64 + 23, "shmctl": 64 + 24,
  ]

  /// Column name → call name → what the table holds: number less base, or 1024 + n for arm's private page.
  private(set) var codes: [String: [String: Int]] = [:]
  private(set) var names: [String] = []

  init() {
    var all: Set<String> = []
    for column in Self.columns {
      var numbers: [String: Int] = [:]
      for code in Int32(0)..<1024 {
        guard let name = Self.name(column.token, column.base + code) else { continue }
        numbers[name] = Int(code)
      }
      if column.name == "arm" {
        for code in Int32(0)..<16 {
          guard let name = Self.name(column.token, 0x0F_0000 + code) else { continue }
          numbers[name] = 1024 + Int(code)
        }
      }
      // Names of other architectures, which have numbers below zero here.
      for pseudo in Int32(100)..<11000 {
        if let name = Self.name(column.token, -pseudo) { all.insert(name) }
      }
      for call in Self.newer where call.only.isEmpty || call.only.contains(column.name) {
        numbers[call.name] = Int(call.number)
      }
      for name in column.lacking { numbers[name] = nil }
      codes[column.name] = numbers
      all.formUnion(numbers.keys)
    }
    names = all.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }
  }

  /// libseccomp's name of a number.
  static func name(_ token: UInt32, _ number: Int32) -> String? {
    guard let text = seccomp_syscall_resolve_num_arch(token, number) else { return nil }
    defer { free(text) }
    return String(cString: text)
  }

  /// FNV-1a, as SystemCallTable computes it.
  static func hash(_ name: String) -> UInt32 {
    var hash: UInt32 = 2_166_136_261
    for byte in name.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    return hash
  }

  /// The source file.
  var source: String {
    let slotCount = 1024
    var slots = [Int](repeating: 4095, count: slotCount)
    for (index, name) in names.enumerated() {
      var slot = Int(Self.hash(name) % UInt32(slotCount))
      while slots[slot] != 4095 { slot = (slot + 1) % slotCount }
      slots[slot] = index
    }
    var starts = [0]
    for name in names { starts.append((starts.last ?? 0) + name.utf8.count) }

    var text = """
      // Written by SystemCallTableWriter of the tests; not to be edited by hand.
      //
      // Text holds the numbers, because a literal of text needs no work when the program starts: two characters are one
      // number, each six bits of it, counted from "0". 4095 ("oo") stands for none.

      /// The numbers that Linux gives to system calls, architecture by architecture, as static text.
      enum SystemCallNumbers {
        /// How many names there are.
        static let count = \(names.count)
        /// How many slots the hash table has.
        static let slotCount = \(slotCount)

      """
    text += Self.literal("names", "Every name, in order, with nothing between.", names.joined())
    text += Self.literal(
      "starts", "Where each name starts in `names`: one more than there are names, high twelve bits first.",
      starts.map { Self.pair($0 >> 12) + Self.pair($0 & 4095) }.joined())
    text += Self.literal("slots", "Name by hash (FNV-1a, linear probing).", slots.map(Self.pair).joined())
    text += Self.literal(
      "multiplexed", "The call's number inside socketcall(2), or 64 more than that inside ipc(2).",
      names.map { Self.pair(Self.multiplexed[$0] ?? 4095) }.joined())
    for column in Self.columns {
      let numbers = codes[column.name] ?? [:]
      text += Self.literal(column.name, nil, names.map { Self.pair(numbers[$0] ?? 4095) }.joined())
    }
    return text + "}\n"
  }

  private static func pair(_ number: Int) -> String {
    let characters = [UInt8(48 + number >> 6), UInt8(48 + number & 63)]
    return String(decoding: characters, as: UTF8.self)
  }

  private static func literal(_ name: String, _ documentation: String?, _ content: String) -> String {
    var text = documentation.map { "\n  /// \($0)\n" } ?? "\n"
    text += "  static let \(name) = #\"\"\"\n"
    var rest = Array(content.utf8)[...]
    while !rest.isEmpty {
      text += "    " + String(decoding: rest.prefix(112), as: UTF8.self)
      rest = rest.dropFirst(112)
      text += rest.isEmpty ? "\n" : "\\#\n"
    }
    return text + "    \"\"\"#\n"
  }
}
