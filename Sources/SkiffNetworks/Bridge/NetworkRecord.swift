internal import SkiffSpec

/// A network as `network.json` holds it.
package enum NetworkRecord {
  package static func encode(_ network: Network) -> [UInt8] {
    let record: JSONValue = [
      "name": .string(network.name.text),
      "id": .string(network.id),
      "subnet": .string(network.subnet.description),
      "gateway": .string(network.gateway.description),
      "bridge": .string(network.bridge.text),
      "mtu": JSONValue(network.mtu),
      "createdSeconds": .integer(network.created),
    ]
    return record.serialized(pretty: true)
  }

  /// Reads a record; `name` is what its directory is called, `path` is for the words of an error.
  package static func decode(_ content: [UInt8], name: NetworkName, path: String) throws(NetworkError) -> Network {
    let record: JSONValue
    do throws(JSONError) {
      record = try JSONValue.parse(content)
    } catch {
      throw .badRecord(path: path, problem: "\(error)")
    }
    func problem(_ key: String) -> NetworkError {
      .badRecord(path: path, problem: "\"\(key)\" is missing or not as skiff writes it")
    }
    guard record["name"]?.string == name.text else { throw problem("name") }
    guard let id = record["id"]?.string else { throw problem("id") }
    guard let subnet = record["subnet"]?.string.flatMap({ IPv4Subnet($0) }), (8...30).contains(subnet.prefixLength)
    else { throw problem("subnet") }
    guard let gateway = record["gateway"]?.string.flatMap({ IPv4Address($0) }), subnet.contains(gateway) else {
      throw problem("gateway")
    }
    guard let bridge = record["bridge"]?.string.flatMap({ InterfaceName($0) }) else { throw problem("bridge") }
    guard let mtu = record["mtu"]?.integer, (68...65535).contains(mtu), let mtu = UInt32(exactly: mtu) else {
      throw problem("mtu")
    }
    return Network(
      name: name, id: id, subnet: subnet, gateway: gateway, bridge: bridge, mtu: mtu,
      created: record["createdSeconds"]?.integer ?? 0)
  }
}
