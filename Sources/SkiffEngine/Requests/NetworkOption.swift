import SkiffNetworks

/// One `--network`: which network, and what the container wants to be in it.
public struct NetworkOption: Equatable, Sendable {
  public var network = NetworkRequest.bridge
  /// An IPv4 address.
  public var address: String?
  public var macAddress: String?

  /// Reads `NAME`, podman's `NAME:ip=ADDRESS,mac=ADDRESS` or docker's `name=NAME,ip=ADDRESS,mac-address=ADDRESS`.
  public init(parsing text: String) throws(EngineError) {
    if let network = NetworkRequest(parsing: text) {
      self.network = network
      return
    }
    if text.hasPrefix("name=") {
      let fields = try CommaFields.split(text, option: "--network")
      let name = fields.first.map { String($0.dropFirst(5)) } ?? ""
      network = try Self.network(name, of: text)
      for field in fields.dropFirst() { try take(field, of: text) }
    } else {
      let name = text.prefix { $0 != ":" }
      network = try Self.network(String(name), of: text)
      for field in text.dropFirst(name.count + 1).split(separator: ",") { try take(String(field), of: text) }
    }
    try Self.check(network, address: address, macAddress: macAddress)
  }

  private static func network(_ name: String, of text: String) throws(EngineError) -> NetworkRequest {
    guard !name.isEmpty else {
      throw .invalidOption(name: "--network", value: text, reason: "the name of the network is missing")
    }
    guard let network = NetworkRequest(parsing: name) else {
      throw .notBuilt(
        "joining the network \(name) (there are bridge, host, none and container:NAME), a network of one's own")
    }
    return network
  }

  private mutating func take(_ field: String, of text: String) throws(EngineError) {
    let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let value = parts.count == 2 ? parts[1] : ""
    switch parts[0] {
    case "ip": address = try Self.address(value, option: "--network")
    case "mac", "mac-address": macAddress = try Self.macAddress(value, option: "--network")
    case "alias": throw .notBuilt("\(field) of --network \(text): further names in a network")
    case "ip6": throw .notBuilt("\(field) of --network \(text): IPv6 addresses")
    case "interface_name", "host_interface_name", "link-local-ip", "driver-opt", "gw-priority":
      throw .notBuilt("the option \(parts[0]) of --network \(text)")
    default:
      throw .invalidOption(name: "--network", value: text, reason: "unknown bridge network option: \(parts[0])")
    }
  }

  /// An IPv4 address as it is written everywhere.
  public static func address(_ text: String, option: String) throws(EngineError) -> String {
    guard let address = IPv4Address(text) else {
      guard text.contains(":") else {
        throw .invalidOption(name: option, value: text, reason: "it is not an IPv4 address")
      }
      throw .notBuilt("\(option) \(text): IPv6 addresses")
    }
    return "\(address)"
  }

  /// The address of a card, in small letters and with colons.
  public static func macAddress(_ text: String, option: String) throws(EngineError) -> String {
    guard let address = HardwareAddress(text) else {
      throw .invalidOption(name: option, value: text, reason: "it is not a MAC address, such as 02:42:0a:57:00:05")
    }
    guard address.isOfOneCard else {
      throw .invalidOption(
        name: option, value: text, reason: "no card can have it: it is nothing, or the address of a group")
    }
    return "\(address)"
  }

  /// Refuses addresses where no bridge gives them (podman's words).
  public static func check(
    _ network: NetworkRequest, address: String?, macAddress: String?
  ) throws(EngineError) {
    guard network != .bridge, address != nil || macAddress != nil else { return }
    throw .refused(
      "\(address != nil ? "--ip" : "--mac-address") can only be set when the network mode is bridge, and it is \(network.text)"
    )
  }
}

extension RunRequest {
  /// What the container wants to be in its network.
  var endpointWishes: EndpointWishes {
    guard address != nil || macAddress != nil else { return EndpointWishes() }
    return EndpointWishes(
      address: address.flatMap { IPv4Address($0) }, macAddress: macAddress.flatMap { HardwareAddress($0) })
  }
}
