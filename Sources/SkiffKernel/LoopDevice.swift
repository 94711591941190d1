internal import CLinux

/// A file that the kernel shows as a block device (loop(4)); the kernel lets it go when its last user does (autoclear).
package struct LoopDevice: ~Copyable {
  /// The open device: keeps it bound until it is mounted.
  package let device: FileDescriptor
  /// `/dev/loopN`.
  package let path: String

  /// Binds a free loop device to `file`.
  ///
  /// Another program may take the device between "which is free" and "bind it": then the next free one is tried.
  package static func attach(file: Descriptor, readOnly: Bool) throws(Errno) -> LoopDevice {
    let control = try Descriptor.workingDirectory.open("/dev/loop-control", [.readWrite])
    var last = Errno.busy
    for _ in 0..<triesLimit {
      let freeNumber = try systemCall(__NR_ioctl, control.number.register, Request.getFree)
      let path = "/dev/loop\(freeNumber)"
      let device: FileDescriptor
      do throws(Errno) {
        device = try Descriptor.workingDirectory.open(
          try KernelPath(path), readOnly ? [.readOnly, .noFollow] : [.readWrite, .noFollow])
      } catch {
        // Taken and removed, or its node is not made yet.
        guard error == .notFound || error == .noSuchDevice || error.code == 6 else { throw error }
        last = error
        continue
      }
      guard try isLoop(device.descriptor) else { throw .noSuchDevice }
      do throws(Errno) {
        try configure(device.descriptor, file: file, readOnly: readOnly)
        return LoopDevice(device: device, path: path)
      } catch {
        guard error == .busy else { throw error }
        last = error
      }
    }
    throw last
  }

  /// Takes the file away from the device at once or, where it is mounted, when it is unmounted (LOOP_CLR_FD).
  package consuming func detach() throws(Errno) {
    try systemCall(__NR_ioctl, device.number.register, Request.clear)
  }

  private static let triesLimit = 64

  private enum Request {
    static let clear: UInt = 0x4C01
    static let configure: UInt = 0x4C0A
    static let getFree: UInt = 0x4C82
  }

  /// A node in /dev that is not a loop device is never given an ioctl of ours.
  private static func isLoop(_ device: Descriptor) throws(Errno) -> Bool {
    let status = try device.status()
    return status.type == .blockDevice && status.major == 7
  }

  private init(device: consuming FileDescriptor, path: String) {
    self.device = device
    self.path = path
  }

  /// struct loop_config: file (u32 at 0), block size (u32 at 4), struct loop_info64 (at 8; its flags at 52), reserved; 304 bytes.
  private static func configure(_ device: Descriptor, file: Descriptor, readOnly: Bool) throws(Errno) {
    let readOnlyFlag: UInt32 = 1
    let autoclearFlag: UInt32 = 4
    var config = [UInt32](repeating: 0, count: 76)
    config[0] = UInt32(bitPattern: file.number)
    config[(8 + 52) / 4] = autoclearFlag | (readOnly ? readOnlyFlag : 0)
    try checked(
      unsafe config.withUnsafeMutableBytes {
        rawSystemCall(__NR_ioctl, device.number.register, Request.configure, UInt(bitPattern: $0.baseAddress))
      })
  }
}
