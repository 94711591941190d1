import Glibc
import SkiffKernel
import SkiffNetworks
import SkiffSpec

/// Why a test could not go on.
struct Trouble: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}

private final class Results<Value> {
  var values: [Result<Value, any Error>?]

  init(count: Int) {
    values = Array(repeating: nil, count: count)
  }
}

/// Threads that play hosts: each in a network namespace of its own, which is gone with the thread.
enum Laboratory {
  private final class Work {
    let body: () -> Void

    init(_ body: @escaping () -> Void) {
      self.body = body
    }
  }

  /// Runs `body` on a thread in a new network namespace whose loopback is on, with a directory of its own.
  static func host<Value>(_ body: @escaping (Host) throws -> Value) throws -> Value {
    try Scratch.use { scratch in
      try threads(1) { _ in
        try unshare(.network)
        try InterfaceSocket().switchOn("lo")
        // A new namespace takes after the first one, which may be a router.
        _ = try Command.run(["sh", "-c", "echo 0 > /proc/sys/net/ipv4/ip_forward"])
        return try body(Host(directory: scratch, namespace: try NetworkNamespace.current()))
      }[0]
    }
  }

  /// Runs `body` on several threads at once and gives their results.
  static func threads<Value>(_ count: Int, _ body: @escaping (Int) throws -> Value) throws -> [Value] {
    let results = Results<Value>(count: count)
    var lock = pthread_mutex_t()
    pthread_mutex_init(&lock, nil)
    var identifiers = [pthread_t](repeating: 0, count: count)
    withUnsafeMutablePointer(to: &lock) { lock in
      for index in 0..<count {
        let work = Work {
          let result = Result { try body(index) }
          pthread_mutex_lock(lock)
          results.values[index] = result
          pthread_mutex_unlock(lock)
        }
        let argument = Unmanaged.passRetained(work).toOpaque()
        pthread_create(
          &identifiers[index], nil,
          {
            if let work = $0 { Unmanaged<Work>.fromOpaque(work).takeRetainedValue().body() }
            return nil
          }, argument)
      }
      for identifier in identifiers { pthread_join(identifier, nil) }
    }
    return try results.values.map { result in
      guard let result else { throw Trouble("a thread gave no result") }
      return try result.get()
    }
  }
}

/// A directory that is gone after the test.
enum Scratch {
  static func use<Value>(_ body: (String) throws -> Value) throws -> Value {
    var template = Array("/tmp/skiff-networks-XXXXXX".utf8CString)
    guard let made = mkdtemp(&template) else { throw Trouble("mkdtemp: \(errno)") }
    let path = String(cString: made)
    let outcome = Result { try body(path) }
    _ = try Command.run(["rm", "-rf", path])
    return try outcome.get()
  }
}

/// The host of a test: the calling thread's network namespace.
final class Host {
  let directory: String
  let namespace: FileDescriptor
  let store: NetworkStore

  init(directory: String, namespace: consuming FileDescriptor) {
    self.directory = directory
    self.namespace = namespace
    store = NetworkStore(rootDirectory: directory + "/root", runDirectory: directory + "/run")
  }

  /// Brings another thread into this host's namespace.
  func enter() throws {
    try namespace.descriptor.enterNamespaces(.network)
  }

  /// A container's network namespace, attached to the default network.
  func container(_ id: String, in store: NetworkStore? = nil) throws -> Container {
    let store = store ?? self.store
    let namespace = try NetworkNamespace.make()
    let endpoint = try store.attach(
      containerID: ContainerID(id), to: store.defaultNetwork(), namespace: namespace.descriptor, isStale: { _ in false }
    )
    return Container(endpoint: endpoint, namespace: namespace)
  }

  /// The names of the host's links but its loopback.
  func links() throws -> [String] {
    var routes = try RouteSocket()
    return try routes.links().map(\.name).filter { $0 != "lo" }.sorted()
  }

  /// The names of the records beneath the run directory.
  func records() throws -> [String] {
    let listing = try Command.run(["find", directory + "/run", "!", "-type", "d", "-printf", "%P\\n"])
    return listing.split(separator: "\n").map(String.init).sorted()
  }

  /// Waits until the kernel has taken away what it takes away by itself.
  func waitForLinks(_ expected: [String]) throws -> Bool {
    for _ in 0..<200 {
      if try links() == expected { return true }
      usleep(25000)
    }
    return false
  }
}

/// A network namespace with what it was given.
final class Container {
  let endpoint: Endpoint
  let namespace: FileDescriptor

  init(endpoint: Endpoint, namespace: consuming FileDescriptor) {
    self.endpoint = endpoint
    self.namespace = namespace
  }

  func inside<Value>(_ body: () throws -> Value) throws -> Value {
    try NetworkNamespace.inside(namespace.descriptor, refusal: { $0 as any Error }, body)
  }

  /// Whether the host finds the container, which lives for as long as that takes.
  func answersPing() throws -> Bool {
    try withExtendedLifetime(self) { try ping(endpoint.address) }
  }
}

/// Another machine beside the host, at the other end of a cable: 203.0.113.2, the host being 203.0.113.1.
final class Outside {
  static let hostAddress = IPv4Address(203, 0, 113, 1)
  static let address = IPv4Address(203, 0, 113, 2)
  let namespace: FileDescriptor
  /// The host's end.
  let hostLink: Link

  /// Sends all that is not near to the host, as a neighbour does who wants into the containers' network.
  init() throws {
    namespace = try NetworkNamespace.make()
    var routes = try RouteSocket()
    guard let name = InterfaceName("up0") else { throw Trouble("up0 is no name") }
    let cable = VirtualCable(
      name: name, masterIndex: 0, mtu: 1500, peerName: .container,
      peerAddress: HardwareAddress(for: Self.address), peerNamespace: namespace.descriptor)
    _ = try routes.perform("lay", "the cable to the outside", [LinkMessage.makeVeth(cable)])
    let mask: [UInt8] = [255, 255, 255, 0]
    let here = try InterfaceSocket()
    try here.setAddress(Self.hostAddress.bytes, mask: mask, of: "up0")
    try here.switchOn("up0")
    guard let link = try routes.link(name) else { throw Trouble("up0 is missing") }
    hostLink = link
    try inside {
      let there = try InterfaceSocket()
      try there.switchOn("lo")
      try there.setAddress(Self.address.bytes, mask: mask, of: "eth0")
      try there.switchOn("eth0")
      try there.addDefaultRoute(via: Self.hostAddress.bytes)
    }
  }

  func inside<Value>(_ body: () throws -> Value) throws -> Value {
    try NetworkNamespace.inside(namespace.descriptor, refusal: { $0 as any Error }, body)
  }
}

/// The programs of this package that tests start.
enum Programs {
  /// Beside the test's own program.
  static let probe: String = {
    let own = (try? Descriptor.workingDirectory.readLink("/proc/self/exe").text) ?? ""
    return own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
      + "/skiff-probe"
  }()
}
