internal import CLinux

/// What a Unix socket carries (unix(7)).
package enum UnixSocketType: UInt, Sendable {
  /// Bytes without borders.
  case stream = 1
  /// Packets to whoever listens, with no connection that could end.
  case datagram = 2
  /// Packets that arrive whole and in order.
  case packet = 5
}

/// Two sockets, connected to each other.
package struct SocketPair: ~Copyable {
  package var first: FileDescriptor
  package var second: FileDescriptor

  package init(first: consuming FileDescriptor, second: consuming FileDescriptor) {
    self.first = first
    self.second = second
  }

  /// Keeps one end; the other is closed.
  package consuming func takeFirst() -> FileDescriptor { first }

  /// Keeps one end; the other is closed.
  package consuming func takeSecond() -> FileDescriptor { second }
}

/// Sockets between processes of this machine (unix(7)).
package enum UnixSocket {
  private static let family: UInt = 1
  private static let closeOnExec: UInt = 0o2000000

  /// Two sockets that are connected to each other (socketpair(2)).
  package static func pair(_ type: UnixSocketType) throws(Errno) -> SocketPair {
    var numbers: (Int32, Int32) = (-1, -1)
    try checked(
      unsafe withUnsafeMutableBytes(of: &numbers) {
        rawSystemCall(
          __NR_socketpair, family, type.rawValue | closeOnExec, 0, UInt(bitPattern: $0.baseAddress))
      })
    return SocketPair(first: FileDescriptor(adopting: numbers.0), second: FileDescriptor(adopting: numbers.1))
  }

  /// A socket that listens at `name` beneath an open directory, whatever the length of that directory's own path.
  package static func listen(at name: String, in directory: Descriptor, type: UnixSocketType) throws(Errno)
    -> FileDescriptor
  {
    let socket = try make(type)
    let address = try address("\(directory.path)/\(name)")
    try checked(
      unsafe address.withUnsafeBytes {
        rawSystemCall(__NR_bind, socket.number.register, UInt(bitPattern: $0.baseAddress), UInt($0.count))
      })
    try systemCall(__NR_listen, socket.number.register, 16)
    return socket
  }

  /// A socket that takes datagrams at `name` beneath an open directory (bind(2)).
  package static func bind(at name: String, in directory: Descriptor) throws(Errno) -> FileDescriptor {
    let socket = try make(.datagram)
    let address = try address("\(directory.path)/\(name)")
    try checked(
      unsafe address.withUnsafeBytes {
        rawSystemCall(__NR_bind, socket.number.register, UInt(bitPattern: $0.baseAddress), UInt($0.count))
      })
    return socket
  }

  /// A socket whose datagrams go to the one at `path`; a path that begins with `@` is a name of the abstract kind (unix(7), sd_notify(3)).
  package static func connectDatagram(to path: String) throws(Errno) -> FileDescriptor {
    guard path.hasPrefix("@") else { return try connect(to: path, type: .datagram) }
    if path.utf8.contains(0) { throw .invalidArgument }
    if path.utf8.count > 108 { throw .nameTooLong }
    let socket = try make(.datagram)
    // Without a zero at its end: that would be part of the name.
    let address = [UInt8(family), 0, 0] + Array(path.utf8.dropFirst())
    try checked(
      unsafe address.withUnsafeBytes {
        rawSystemCall(__NR_connect, socket.number.register, UInt(bitPattern: $0.baseAddress), UInt($0.count))
      })
    return socket
  }

  /// Connects to the socket at `path`, of whatever length.
  package static func connect(to path: String, type: UnixSocketType) throws(Errno) -> FileDescriptor {
    if path.utf8.count > 107, let slash = path.lastIndex(of: "/") {
      let directory = try Descriptor.workingDirectory.open(
        try KernelPath(String(path[..<slash])), [.directory, .pathOnly])
      return try connect(to: "\(directory.descriptor.path)/\(path[path.index(after: slash)...])", type: type)
    }
    let socket = try make(type)
    let address = try address(path)
    try checked(
      unsafe address.withUnsafeBytes {
        rawSystemCall(__NR_connect, socket.number.register, UInt(bitPattern: $0.baseAddress), UInt($0.count))
      })
    return socket
  }

  private static func make(_ type: UnixSocketType) throws(Errno) -> FileDescriptor {
    FileDescriptor(adopting: Int32(try systemCall(__NR_socket, family, type.rawValue | closeOnExec, 0)))
  }

  /// struct sockaddr_un; a path of more than 107 bytes does not fit (ENAMETOOLONG).
  private static func address(_ path: String) throws(Errno) -> [UInt8] {
    if path.utf8.contains(0) { throw .invalidArgument }
    if path.utf8.count > 107 { throw .nameTooLong }
    return [UInt8(family), 0] + Array(path.utf8) + [0]
  }
}

extension Descriptor {
  /// Takes the next connection of a listening socket (accept4(2)).
  package func accept() throws(Errno) -> FileDescriptor {
    FileDescriptor(
      adopting: Int32(try restartingSystemCall(__NR_accept4, number.register, 0, 0, 0o2000000)))
  }

  /// The user id of the process at the other end when it connected (SO_PEERCRED).
  package func peerUserID() throws(Errno) -> UInt32 {
    var credentials: (processID: Int32, userID: UInt32, groupID: UInt32) = (0, 0, 0)
    var size: UInt32 = 12
    let number = number
    let socketLevel: UInt = 1
    let peerCredentials: UInt = 17
    try checked(
      unsafe withUnsafeMutableBytes(of: &credentials) { credentials in
        unsafe withUnsafeMutableBytes(of: &size) {
          rawSystemCall(
            __NR_getsockopt, number.register, socketLevel, peerCredentials, UInt(bitPattern: credentials.baseAddress),
            UInt(bitPattern: $0.baseAddress))
        }
      })
    return credentials.userID
  }

  /// Sends bytes, and an open file with them if given (sendmsg(2), SCM_RIGHTS); never raises SIGPIPE. Gives how many bytes went.
  @discardableResult
  package func send(_ bytes: [UInt8], file: Descriptor? = nil, wait: Bool = true) throws(Errno) -> Int {
    let number = number
    let noSignal: UInt = 0x4000
    let dontWait: UInt = 0x40
    let flags = noSignal | (wait ? 0 : dontWait)
    var control = ControlMessage()
    if let file { control.file = file.number }
    let controlSize: UInt = file == nil ? 0 : 24
    while true {
      let answer = unsafe bytes.withUnsafeBytes { bytes in
        var vector = (UInt(bitPattern: bytes.baseAddress), UInt(bytes.count))
        return unsafe withUnsafeMutableBytes(of: &vector) { vector in
          unsafe withUnsafeMutableBytes(of: &control) { control in
            var message = MessageHeader()
            message.vector = UInt(bitPattern: vector.baseAddress)
            message.vectorCount = 1
            message.control = controlSize == 0 ? 0 : UInt(bitPattern: control.baseAddress)
            message.controlSize = controlSize
            return unsafe withUnsafeMutableBytes(of: &message) {
              rawSystemCall(__NR_sendmsg, number.register, UInt(bitPattern: $0.baseAddress), flags)
            }
          }
        }
      }
      if answer == -Int(Errno.interrupted.code) { continue }
      return try checked(answer)
    }
  }

  /// Receives bytes, and the open file that came with them if any (recvmsg(2)); 0 bytes is the end.
  package func receive(into buffer: inout [UInt8], wait: Bool = true) throws(Errno) -> (
    count: Int, file: Int32?
  ) {
    let number = number
    let closeOnExecFile: UInt = 0x4000_0000
    let dontWait: UInt = 0x40
    let flags = closeOnExecFile | (wait ? 0 : dontWait)
    while true {
      var control = ControlMessage()
      control.file = -1
      var received: UInt = 0
      let answer = unsafe buffer.withUnsafeMutableBytes { bytes in
        var vector = (UInt(bitPattern: bytes.baseAddress), UInt(bytes.count))
        return unsafe withUnsafeMutableBytes(of: &vector) { vector in
          unsafe withUnsafeMutableBytes(of: &control) { control in
            var message = MessageHeader()
            message.vector = UInt(bitPattern: vector.baseAddress)
            message.vectorCount = 1
            message.control = UInt(bitPattern: control.baseAddress)
            message.controlSize = 24
            let answer = unsafe withUnsafeMutableBytes(of: &message) {
              rawSystemCall(__NR_recvmsg, number.register, UInt(bitPattern: $0.baseAddress), flags)
            }
            received = message.controlSize
            return answer
          }
        }
      }
      if answer == -Int(Errno.interrupted.code) { continue }
      let count = try checked(answer)
      let hasFile = received >= 20 && control.level == 1 && control.type == 1 && control.file >= 0
      return (count, hasFile ? control.file : nil)
    }
  }

  /// Says that nothing more will be sent (shutdown(2), SHUT_WR).
  package func shutdownSending() throws(Errno) {
    try systemCall(__NR_shutdown, number.register, 1)
  }
}

/// struct msghdr of 64-bit kernels.
struct MessageHeader {
  var name: UInt = 0
  var nameSize: UInt = 0
  var vector: UInt = 0
  var vectorCount: UInt = 0
  var control: UInt = 0
  var controlSize: UInt = 0
  var flags: UInt = 0
}

/// struct cmsghdr with room for one SCM_RIGHTS descriptor.
private struct ControlMessage {
  var size: UInt = 20
  var level: Int32 = 1
  var type: Int32 = 1
  var file: Int32 = -1
  var padding: Int32 = 0
}
