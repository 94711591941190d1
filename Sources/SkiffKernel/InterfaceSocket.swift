internal import CLinux

/// Settings of network links by name, through a socket of the calling thread's network namespace (netdevice(7)).
///
/// The old way beside netlink, and inside a container the better one: the kernel frees this socket at once, where a netlink
/// socket keeps its network namespace alive for a while after it is closed, and with it the container's cable.
package struct InterfaceSocket: ~Copyable, Sendable {
  private let socket: FileDescriptor

  /// Opens a socket (socket(2), AF_INET). A stream, because the kernel frees others later.
  package init() throws(Errno) {
    let internet: UInt = 2
    let streamCloseOnExec: UInt = 1 | 0o2000000
    socket = FileDescriptor(adopting: Int32(try systemCall(__NR_socket, internet, streamCloseOnExec, 0)))
  }

  /// Switches a link on (SIOCSIFFLAGS, IFF_UP); its other flags stay.
  package func switchOn(_ link: String) throws(Errno) {
    let getFlags: UInt = 0x8913
    let setFlags: UInt = 0x8914
    var request = try Self.request(for: link, [])
    try perform(getFlags, &request)
    let isUp: UInt8 = 1
    request[Self.nameBytes] |= isUp
    try perform(setFlags, &request)
  }

  /// Gives a link an IPv4 address, four bytes in network order, and the mask of its network (SIOCSIFADDR, SIOCSIFNETMASK).
  package func setAddress(_ address: [UInt8], mask: [UInt8], of link: String) throws(Errno) {
    let setAddress: UInt = 0x8916
    let setMask: UInt = 0x891C
    var request = try Self.request(for: link, Self.socketAddress(address))
    try perform(setAddress, &request)
    request = try Self.request(for: link, Self.socketAddress(mask))
    try perform(setMask, &request)
  }

  /// Sends everything that has no closer route to a gateway (SIOCADDRT).
  package func addDefaultRoute(via gateway: [UInt8]) throws(Errno) {
    let addRoute: UInt = 0x890B
    let upThroughGateway: UInt8 = 0x1 | 0x2
    let anywhere = Self.socketAddress([0, 0, 0, 0])
    // struct rtentry of 64-bit kernels: padding, destination, gateway, mask, flags, and what may stay zero.
    var request: [UInt8] = Self.zeros(8) + anywhere + Self.socketAddress(gateway) + anywhere
    request += [upThroughGateway] + Self.zeros(63)
    try perform(addRoute, &request)
  }

  private static let nameBytes = 16

  /// struct ifreq: the link's name in sixteen bytes, then what is asked or told, 24 bytes.
  private static func request(for link: String, _ value: [UInt8]) throws(Errno) -> [UInt8] {
    let name = Array(link.utf8)
    guard !name.isEmpty, name.count < nameBytes, !name.contains(0) else { throw .invalidArgument }
    return name + zeros(nameBytes - name.count) + value + zeros(24 - value.count)
  }

  /// struct sockaddr_in without a port.
  private static func socketAddress(_ address: [UInt8]) -> [UInt8] {
    precondition(address.count == 4, "an IPv4 address has four bytes")
    return [2, 0, 0, 0] + address + zeros(8)
  }

  private static func zeros(_ count: Int) -> [UInt8] {
    [UInt8](repeating: 0, count: count)
  }

  private func perform(_ operation: UInt, _ request: inout [UInt8]) throws(Errno) {
    let number = socket.number
    try checked(
      unsafe request.withUnsafeMutableBytes {
        rawSystemCall(__NR_ioctl, number.register, operation, UInt(bitPattern: $0.baseAddress))
      })
  }
}
