import Glibc
import SkiffKernel
import SkiffNetworks

/// Runs a program of the system and gives its output.
enum Command {
  static func run(_ words: [String], input: String? = nil) throws -> String {
    let outcome = try attempt(words, input: input)
    guard outcome.status == 0 else {
      throw Trouble("\(words.joined(separator: " ")) ended with \(outcome.status): \(outcome.output)")
    }
    return outcome.output
  }

  static func attempt(_ words: [String], input: String? = nil) throws -> (status: Int32, output: String) {
    var output: [Int32] = [0, 0]
    guard pipeCloseOnExec(&output) else { throw Trouble("pipe: \(errno)") }
    var feed: [Int32] = [0, 0]
    guard pipeCloseOnExec(&feed) else { throw Trouble("pipe: \(errno)") }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_adddup2(&actions, feed[0], 0)
    posix_spawn_file_actions_adddup2(&actions, output[1], 1)
    posix_spawn_file_actions_adddup2(&actions, output[1], 2)
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    let settings = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"]
    var environment: [UnsafeMutablePointer<CChar>?] = settings.map { strdup($0) } + [nil]
    defer {
      for pointer in arguments + environment { free(pointer) }
      posix_spawn_file_actions_destroy(&actions)
    }
    var id: pid_t = 0
    // The child is in the calling thread's namespaces.
    let refused = posix_spawnp(&id, words[0], &actions, nil, &arguments, &environment)
    close(output[1])
    close(feed[0])
    if let input { _ = Array(input.utf8).withUnsafeBytes { write(feed[1], $0.baseAddress, $0.count) } }
    close(feed[1])
    guard refused == 0 else {
      close(output[0])
      throw Trouble("\(words[0]): \(String(cString: strerror(refused)))")
    }
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      let count = read(output[0], &buffer, buffer.count)
      if count <= 0 { break }
      content += buffer.prefix(count)
    }
    close(output[0])
    var status: Int32 = 0
    waitpid(id, &status, 0)
    return (status, String(decoding: content, as: UTF8.self))
  }

  private static func pipeCloseOnExec(_ ends: inout [Int32]) -> Bool {
    pipe(&ends) == 0 && ends.allSatisfy { fcntl($0, F_SETFD, FD_CLOEXEC) == 0 }
  }

  static func exists(_ name: String) -> Bool {
    ["/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/"].contains { access($0 + name, X_OK) == 0 }
  }
}

/// A UDP socket of the calling thread's network namespace.
final class Datagrams {
  let socket: Int32

  init(address: IPv4Address = IPv4Address(0, 0, 0, 0), port: UInt16 = 0) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var name = Self.name(address, port)
    let bound = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, 16) }
    }
    guard bound == 0 else { throw Trouble("bind \(address):\(port): \(errno)") }
  }

  deinit { close(socket) }

  func send(_ text: String, to address: IPv4Address, port: UInt16) throws {
    var name = Self.name(address, port)
    let bytes = Array(text.utf8)
    let sent = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { sendto(socket, bytes, bytes.count, 0, $0, 16) }
    }
    guard sent == bytes.count else { throw Trouble("sendto \(address):\(port): \(errno)") }
  }

  /// What comes within the time, and from whom; nil if nothing does.
  func receive(milliseconds: Int32) throws -> (text: String, address: IPv4Address, port: UInt16)? {
    var poller = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    guard poll(&poller, 1, milliseconds) == 1 else { return nil }
    var name = sockaddr_in()
    var size: socklen_t = 16
    var buffer = [UInt8](repeating: 0, count: 2048)
    let count = withUnsafeMutablePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { recvfrom(socket, &buffer, buffer.count, 0, $0, &size) }
    }
    guard count >= 0 else { throw Trouble("recvfrom: \(errno)") }
    return (
      String(decoding: buffer.prefix(count), as: UTF8.self),
      IPv4Address(number: UInt32(bigEndian: name.sin_addr.s_addr)),
      UInt16(bigEndian: name.sin_port)
    )
  }

  private static func name(_ address: IPv4Address, _ port: UInt16) -> sockaddr_in {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    name.sin_addr.s_addr = address.number.bigEndian
    return name
  }
}

/// Asks an address for an echo (ICMP), as ping(8) does; gives whether the answer came within two seconds.
func ping(_ address: IPv4Address) throws -> Bool {
  let socket = Glibc.socket(AF_INET, Int32(SOCK_RAW.rawValue) | Int32(SOCK_CLOEXEC.rawValue), Int32(IPPROTO_ICMP))
  guard socket >= 0 else { throw Trouble("socket: \(errno)") }
  defer { close(socket) }
  let identifier = UInt16.random(in: 1...0xFFFF)
  var request: [UInt8] = [8, 0, 0, 0, UInt8(identifier >> 8), UInt8(identifier & 0xFF), 0, 1]
  let sum = internetChecksum(request)
  request[2] = UInt8(sum >> 8)
  request[3] = UInt8(sum & 0xFF)
  var name = sockaddr_in()
  name.sin_family = sa_family_t(AF_INET)
  name.sin_addr.s_addr = address.number.bigEndian
  let sent = withUnsafePointer(to: &name) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { sendto(socket, request, request.count, 0, $0, 16) }
  }
  guard sent == request.count else { throw Trouble("ping \(address): \(errno)") }
  for _ in 0..<20 {
    var poller = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    guard poll(&poller, 1, 2000) == 1 else { return false }
    var answer = [UInt8](repeating: 0, count: 128)
    let count = recv(socket, &answer, answer.count, 0)
    // Twenty bytes of IP header, then type 0 and our identifier.
    if count >= 28, answer[20] == 0, Array(answer[24..<26]) == Array(request[4..<6]) { return true }
  }
  return false
}

func internetChecksum(_ bytes: [UInt8]) -> UInt16 {
  var sum: UInt32 = 0
  for index in stride(from: 0, to: bytes.count, by: 2) {
    sum += UInt32(bytes[index]) << 8 | UInt32(index + 1 < bytes.count ? bytes[index + 1] : 0)
  }
  while sum > 0xFFFF { sum = (sum & 0xFFFF) + sum >> 16 }
  return ~UInt16(sum)
}

/// Sends a UDP packet with any addresses in it, as a frame on the link `eth0` of the calling thread's network namespace.
func sendFrame(
  to card: HardwareAddress, from source: IPv4Address, to destination: IPv4Address, port: UInt16, _ text: String
) throws {
  let ip: UInt16 = 0x0800
  let socket = Glibc.socket(AF_PACKET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), Int32(ip.bigEndian))
  guard socket >= 0 else { throw Trouble("socket: \(errno)") }
  defer { close(socket) }
  let payload = Array(text.utf8)
  let udp: [UInt8] =
    [0x30, 0x39, UInt8(port >> 8), UInt8(port & 0xFF), 0, UInt8(8 + payload.count), 0, 0] + payload
  var header: [UInt8] =
    [0x45, 0, 0, UInt8(20 + udp.count), 0, 1, 0, 0, 64, 17, 0, 0] + source.bytes + destination.bytes
  let sum = internetChecksum(header)
  header[10] = UInt8(sum >> 8)
  header[11] = UInt8(sum & 0xFF)
  var routes = try RouteSocket()
  guard let link = try routes.link(.container) else { throw Trouble("no eth0") }
  // struct sockaddr_ll: family, protocol, link, card type, packet type, address length, address in eight bytes.
  let index = link.index
  let name: [UInt8] =
    [UInt8(AF_PACKET), 0, 0x08, 0x00] + (0..<4).map { UInt8(truncatingIfNeeded: index >> (8 * $0)) }
    + [0, 0, 0, 6] + card.bytes + [0, 0]
  let packet = header + udp
  let sent = name.withUnsafeBytes {
    sendto(socket, packet, packet.count, 0, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), 20)
  }
  guard sent == packet.count else { throw Trouble("sendto: \(errno)") }
}
