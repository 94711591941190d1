internal import CLinux

/// A program of eBPF that the kernel has verified and loaded (bpf(2)).
package struct BPFProgram: ~Copyable, Sendable {
  package let file: FileDescriptor

  /// The bytes of "skiff_devices", as bpftool(8) shows it.
  private static let deviceFilterName: (UInt64, UInt64) = (0x6564_5F66_6669_6B73, 0x0073_6563_6976)

  /// Loads a program that judges the use of device files by a cgroup (BPF_PROG_TYPE_CGROUP_DEVICE).
  ///
  /// Each instruction is a packed bpf_insn. EINVAL or EACCES: the verifier refuses the program; EPERM: CAP_BPF and
  /// CAP_NET_ADMIN, or CAP_SYS_ADMIN, are missing.
  package init(loadingDeviceFilter instructions: [UInt64]) throws(Errno) {
    guard let count = UInt32(exactly: instructions.count), count > 0 else { throw .invalidArgument }
    // Calls no function of the kernel, so any licence will do.
    let license: KernelPath = "Apache-2.0"
    let answer = unsafe instructions.withUnsafeBufferPointer { buffer in
      license.withAddress { license in
        var attributes = (
          type: UInt32(15), count: count, instructions: UInt64(UInt(bitPattern: buffer.baseAddress)),
          license: UInt64(license), logLevel: UInt32(0), logSize: UInt32(0), log: UInt64(0), kernelVersion: UInt32(0),
          flags: UInt32(0), name: Self.deviceFilterName
        )
        return unsafe withUnsafeBytes(of: &attributes) { unsafe bpf(.load, $0) }
      }
    }
    file = FileDescriptor(adopting: Int32(try checked(answer)))
  }

  /// Takes a loaded program by its number in the kernel; ENOENT if it is gone (BPF_PROG_GET_FD_BY_ID).
  package init(identifier: UInt32) throws(Errno) {
    var attributes = (identifier: identifier, next: UInt32(0), flags: UInt32(0))
    let answer = unsafe withUnsafeBytes(of: &attributes) { unsafe bpf(.openByIdentifier, $0) }
    file = FileDescriptor(adopting: Int32(try checked(answer)))
  }
}

/// The programs that judge the use of device files by the processes of a cgroup of version 2 (BPF_CGROUP_DEVICE).
///
/// A device is usable if every program on the cgroup and above it agrees.
package enum CgroupDeviceFilter {
  /// More programs than this on one cgroup are none of ours.
  private static let programLimit = 64
  private static let attachType: UInt32 = 6
  private static let allowMultiple: UInt32 = 2
  private static let replace: UInt32 = 4

  /// Puts `program` on the cgroup in place of all programs that are there, without a moment in which none is.
  package static func install(_ program: borrowing BPFProgram, on cgroup: Descriptor) throws(Errno) {
    let present = try identifiers(on: cgroup)
    if present.count == 1 {
      do throws(Errno) {
        let old = try BPFProgram(identifier: present[0])
        try attach(program, to: cgroup, replacing: old.file.descriptor)
        return
      } catch {
        // Gone meanwhile, or a kernel before 5.6: both are well served by the long way. What else it may be, that way tells.
        guard error == .notFound || error == .invalidArgument else { throw error }
      }
    }
    try attach(program, to: cgroup, replacing: nil)
    for identifier in present { try detach(identifier, from: cgroup) }
  }

  /// Takes all programs off the cgroup.
  package static func remove(from cgroup: Descriptor) throws(Errno) {
    for identifier in try identifiers(on: cgroup) { try detach(identifier, from: cgroup) }
  }

  /// The numbers of the programs on the cgroup itself (BPF_PROG_QUERY).
  package static func identifiers(on cgroup: Descriptor) throws(Errno) -> [UInt32] {
    var found = [UInt32](repeating: 0, count: programLimit)
    var count = 0
    let number = UInt32(bitPattern: cgroup.number)
    let answer = unsafe found.withUnsafeMutableBufferPointer { buffer in
      var attributes = (
        target: number, type: attachType, queryFlags: UInt32(0), attachFlags: UInt32(0),
        identifiers: UInt64(UInt(bitPattern: buffer.baseAddress)), count: UInt32(buffer.count), padding: UInt32(0)
      )
      let answer = unsafe withUnsafeMutableBytes(of: &attributes) { unsafe bpf(.query, UnsafeRawBufferPointer($0)) }
      count = min(Int(attributes.count), buffer.count)
      return answer
    }
    try checked(answer)
    return Array(found.prefix(count))
  }

  private static func attach(
    _ program: borrowing BPFProgram, to cgroup: Descriptor, replacing old: Descriptor?
  ) throws(Errno) {
    var attributes = (
      target: cgroup.number, program: program.file.number, type: attachType,
      flags: old == nil ? allowMultiple : allowMultiple | replace, replaced: old?.number ?? 0
    )
    try checked(unsafe withUnsafeBytes(of: &attributes) { unsafe bpf(.attach, $0) })
  }

  private static func detach(_ identifier: UInt32, from cgroup: Descriptor) throws(Errno) {
    do throws(Errno) {
      let program = try BPFProgram(identifier: identifier)
      var attributes = (target: cgroup.number, program: program.file.number, type: attachType)
      try checked(unsafe withUnsafeBytes(of: &attributes) { unsafe bpf(.detach, $0) })
    } catch {
      // Someone else took it off meanwhile: what was wanted.
      guard error == .notFound else { throw error }
    }
  }
}

/// Commands of bpf(2).
private enum BPFCommand: UInt {
  case load = 5
  case attach = 8
  case detach = 9
  case openByIdentifier = 13
  case query = 16
}

private func bpf(_ command: BPFCommand, _ attributes: UnsafeRawBufferPointer) -> Int {
  rawSystemCall(
    __NR_bpf, command.rawValue, UInt(bitPattern: attributes.baseAddress), UInt(attributes.count))
}
