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

  /// Receives a datagram and who sent it; nil where there is none (recvfrom(2)).
  package func receiveDatagram(into buffer: inout [UInt8]) throws(Errno) -> (count: Int, sender: InternetEnd)? {
    var sender: (UInt64, UInt64) = (0, 0)
    var size: UInt32 = 16
    let number = number
    let answer = unsafe buffer.withUnsafeMutableBytes { buffer in
      unsafe withUnsafeMutableBytes(of: &sender) { sender in
        unsafe withUnsafeMutableBytes(of: &size) {
          rawSystemCall(
            __NR_recvfrom, number.register, UInt(bitPattern: buffer.baseAddress), UInt(buffer.count), 0,
            UInt(bitPattern: sender.baseAddress), UInt(bitPattern: $0.baseAddress))
        }
      }
    }
    if answer == -Int(Errno.wouldBlock.code) || answer == -Int(Errno.interrupted.code) { return nil }
    return (try checked(answer), InternetEnd(sender))
  }

  /// Sends a datagram to an address and port (sendto(2)).
  package func sendDatagram(_ bytes: ArraySlice<UInt8>, to end: InternetEnd) throws(Errno) {
    let number = number
    let noSignal: UInt = 0x4000
    try checked(
      unsafe bytes.withUnsafeBytes { bytes in
        var address = end.bytes
        return unsafe withUnsafeBytes(of: &address) {
          rawSystemCall(
            __NR_sendto, number.register, UInt(bitPattern: bytes.baseAddress), UInt(bytes.count), noSignal,
            UInt(bitPattern: $0.baseAddress), 16)
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
