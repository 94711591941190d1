internal import CLinux

/// An IPv4 address, the first byte in the highest bits, and a port (ip(7)).
package struct InternetEnd: Equatable, Hashable, Sendable {
  package var address: UInt32
  package var port: UInt16

  package init(address: UInt32, port: UInt16) {
    self.address = address
    self.port = port
  }

  /// struct sockaddr_in: the family, then port and address in network order, then what stays zero.
  fileprivate init(_ bytes: (UInt64, UInt64)) {
    // The first eight bytes as the machine's little-endian number: family, port, address.
    port = UInt16(truncatingIfNeeded: bytes.0 >> 16).byteSwapped
    address = UInt32(truncatingIfNeeded: bytes.0 >> 32).byteSwapped
  }

  fileprivate var bytes: (UInt64, UInt64) {
    let family: UInt64 = 2
    return (family | UInt64(port.byteSwapped) << 16 | UInt64(address.byteSwapped) << 32, 0)
  }
}

/// Sockets of IPv4 in the calling thread's network namespace; all are non-blocking.
package enum InternetSocket {
  package enum Kind: UInt, Sendable {
    /// TCP.
    case stream = 1
    /// UDP.
    case datagram = 2
  }

  private static let family: UInt = 2
  private static let closeOnExec: UInt = 0o2000000
  private static let nonBlocking: UInt = 0o4000

  /// A socket at an address and port, port 0 for one that the kernel chooses; one of TCP listens (bind(2), listen(2)).
  ///
  /// EADDRINUSE: another socket has the port. EADDRNOTAVAIL: the machine does not have the address.
  package static func open(_ kind: Kind, at end: InternetEnd) throws(Errno) -> FileDescriptor {
    let socket = try make(kind)
    if kind == .stream {
      // A port whose last connections are still being forgotten can be taken anew.
      try socket.descriptor.setSocketOption(level: 1, option: 2, to: 1)
    }
    try withAddress(end) { rawSystemCall(__NR_bind, socket.number.register, $0, $1) }
    let backlog: UInt = 4096
    if kind == .stream { try systemCall(__NR_listen, socket.number.register, backlog) }
    return socket
  }

  /// A socket on its way to an address and port; one of TCP can be written to when it is connected (connect(2)).
  package static func connect(_ kind: Kind, to end: InternetEnd) throws(Errno) -> FileDescriptor {
    let socket = try make(kind)
    do throws(Errno) {
      try withAddress(end) { rawSystemCall(__NR_connect, socket.number.register, $0, $1) }
    } catch {
      guard error == .inProgress else { throw error }
    }
    return socket
  }

  private static func make(_ kind: Kind) throws(Errno) -> FileDescriptor {
    FileDescriptor(
      adopting: Int32(try systemCall(__NR_socket, family, kind.rawValue | closeOnExec | nonBlocking, 0)))
  }

  fileprivate static func withAddress(_ end: InternetEnd, _ body: (UInt, UInt) -> Int) throws(Errno) {
    var bytes = end.bytes
    try checked(unsafe withUnsafeBytes(of: &bytes) { body(UInt(bitPattern: $0.baseAddress), 16) })
  }
}

extension Descriptor {
  fileprivate func setSocketOption(level: UInt, option: UInt, to value: Int32) throws(Errno) {
    let number = number
    var value = value
    try checked(
      unsafe withUnsafeBytes(of: &value) {
        rawSystemCall(__NR_setsockopt, number.register, level, option, UInt(bitPattern: $0.baseAddress), 4)
      })
  }

  /// Has the kernel find out whether the other end of a silent connection of TCP is still there, and end it where it is not; a
  /// listening socket hands this on to its connections (tcp(7), SO_KEEPALIVE).
  package func keepAlive(afterSeconds seconds: Int32) throws(Errno) {
    let socketLevel: UInt = 1
    let keepAliveOption: UInt = 9
    let tcpLevel: UInt = 6
    let idleOption: UInt = 4
    let intervalOption: UInt = 5
    try setSocketOption(level: socketLevel, option: keepAliveOption, to: 1)
    try setSocketOption(level: tcpLevel, option: idleOption, to: seconds)
    try setSocketOption(level: tcpLevel, option: intervalOption, to: seconds)
  }

  /// Has the kernel say with each datagram from here on which address of this machine it was sent to (ip(7), IP_PKTINFO).
  package func tellDestinations() throws(Errno) {
    try setSocketOption(level: UInt(PacketInformation.internetLevel), option: UInt(PacketInformation.option), to: 1)
  }

  /// Where the socket is bound (getsockname(2)).
  package func localEnd() throws(Errno) -> InternetEnd {
    var bytes: (UInt64, UInt64) = (0, 0)
    var size: UInt32 = 16
    let number = number
    try checked(
      unsafe withUnsafeMutableBytes(of: &bytes) { bytes in
        unsafe withUnsafeMutableBytes(of: &size) {
          rawSystemCall(
            __NR_getsockname, number.register, UInt(bitPattern: bytes.baseAddress), UInt(bitPattern: $0.baseAddress))
        }
      })
    return InternetEnd(bytes)
  }

  /// What became of a connection that was begun; nil where it stands (SO_ERROR).
  package func connectionFailure() throws(Errno) -> Errno? {
    var code: Int32 = 0
    var size: UInt32 = 4
    let number = number
    let socketLevel: UInt = 1
    let lastError: UInt = 4
    try checked(
      unsafe withUnsafeMutableBytes(of: &code) { code in
        unsafe withUnsafeMutableBytes(of: &size) {
          rawSystemCall(
            __NR_getsockopt, number.register, socketLevel, lastError, UInt(bitPattern: code.baseAddress),
            UInt(bitPattern: $0.baseAddress))
        }
      })
    return code == 0 ? nil : Errno(code)
  }

  /// Takes the next connection of a listening socket, non-blocking; nil where there is none (accept4(2)).
  package func acceptWaiting() throws(Errno) -> FileDescriptor? {
    do throws(Errno) {
      return FileDescriptor(
        adopting: Int32(try restartingSystemCall(__NR_accept4, number.register, 0, 0, 0o2000000 | 0o4000)))
    } catch {
      guard error == .wouldBlock else { throw error }
      return nil
    }
  }

  /// Receives a datagram, who sent it, and to which address of this machine, as far as that is told (`tellDestinations`); nil where
  /// there is none (recvmsg(2)).
  package func receiveDatagram(into buffer: inout [UInt8]) throws(Errno) -> (
    count: Int, sender: InternetEnd, destination: UInt32?
  )? {
    var sender: (UInt64, UInt64) = (0, 0)
    var control = PacketInformation()
    var controlSize: UInt = 0
    let number = number
    let answer = unsafe buffer.withUnsafeMutableBytes { buffer in
      var vector = (UInt(bitPattern: buffer.baseAddress), UInt(buffer.count))
      return unsafe withUnsafeMutableBytes(of: &vector) { vector in
        unsafe withUnsafeMutableBytes(of: &sender) { sender in
          unsafe withUnsafeMutableBytes(of: &control) { control in
            var message = MessageHeader()
            message.name = UInt(bitPattern: sender.baseAddress)
            message.nameSize = 16
            message.vector = UInt(bitPattern: vector.baseAddress)
            message.vectorCount = 1
            message.control = UInt(bitPattern: control.baseAddress)
            message.controlSize = UInt(control.count)
            let answer = unsafe withUnsafeMutableBytes(of: &message) {
              rawSystemCall(__NR_recvmsg, number.register, UInt(bitPattern: $0.baseAddress), 0)
            }
            controlSize = message.controlSize
            return answer
          }
        }
      }
    }
    if answer == -Int(Errno.wouldBlock.code) || answer == -Int(Errno.interrupted.code) { return nil }
    let count = try checked(answer)
    return (count, InternetEnd(sender), controlSize >= PacketInformation.usedBytes ? control.told : nil)
  }

  /// Sends a datagram to an address and port, from an address of this machine, nil for the one that the route there gives (sendmsg(2)).
  package func sendDatagram(_ bytes: ArraySlice<UInt8>, to end: InternetEnd, from source: UInt32?) throws(Errno) {
    let number = number
    let noSignal: UInt = 0x4000
    var address = end.bytes
    var control = PacketInformation()
    control.local = (source ?? 0).byteSwapped
    try checked(
      unsafe bytes.withUnsafeBytes { bytes in
        var vector = (UInt(bitPattern: bytes.baseAddress), UInt(bytes.count))
        return unsafe withUnsafeMutableBytes(of: &vector) { vector in
          unsafe withUnsafeMutableBytes(of: &address) { address in
            unsafe withUnsafeMutableBytes(of: &control) { control in
              var message = MessageHeader()
              message.name = UInt(bitPattern: address.baseAddress)
              message.nameSize = 16
              message.vector = UInt(bitPattern: vector.baseAddress)
              message.vectorCount = 1
              message.control = source == nil ? 0 : UInt(bitPattern: control.baseAddress)
              message.controlSize = source == nil ? 0 : UInt(control.count)
              return unsafe withUnsafeMutableBytes(of: &message) {
                rawSystemCall(__NR_sendmsg, number.register, UInt(bitPattern: $0.baseAddress), noSignal)
              }
            }
          }
        }
      })
  }

  /// Sends what a stream, or a connected socket of datagrams, takes at once; gives how many bytes went, 0 where it takes none now.
  package func sendSome(_ bytes: ArraySlice<UInt8>) throws(Errno) -> Int {
    let number = number
    let flags: UInt = 0x4000 | 0x40
    let answer = unsafe bytes.withUnsafeBytes {
      rawSystemCall(
        __NR_sendto, number.register, UInt(bitPattern: $0.baseAddress), UInt($0.count), flags, 0, 0)
    }
    if answer == -Int(Errno.wouldBlock.code) || answer == -Int(Errno.interrupted.code) { return 0 }
    return try checked(answer)
  }
}

/// struct cmsghdr with struct in_pktinfo (ip(7), IP_PKTINFO); addresses are in network order.
private struct PacketInformation {
  static let internetLevel: Int32 = 0
  static let option: Int32 = 8
  /// Without the padding.
  static let usedBytes: UInt = 28

  var size: UInt = usedBytes
  var level: Int32 = internetLevel
  var type: Int32 = option
  /// Of a datagram that is sent: 0 leaves it to the route.
  var interface: Int32 = 0
  /// The address of this machine: where an answer comes from.
  var local: UInt32 = 0
  /// What the datagram itself says; a broadcast address for one to all.
  var destination: UInt32 = 0
  var padding: UInt32 = 0

  /// The address, the first byte in the highest bits; nil where the kernel did not say.
  var told: UInt32? {
    level == Self.internetLevel && type == Self.option && local != 0 ? local.byteSwapped : nil
  }
}
