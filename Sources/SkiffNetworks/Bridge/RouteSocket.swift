package import SkiffKernel

/// A conversation about links, addresses and routes of one network namespace.
package struct RouteSocket: ~Copyable {
  private var socket: NetlinkSocket

  /// Speaks of the calling thread's network namespace.
  package init() throws(NetworkError) {
    do throws(Errno) {
      socket = try NetlinkSocket(.route)
    } catch {
      throw .refused("open", "a socket to the network links", error)
    }
  }

  /// Performs messages in one call; `act` and `thing` are the words of a refusal.
  package mutating func perform(
    _ act: String, _ thing: String, _ messages: [NetlinkMessage]
  ) throws(NetworkError) -> [[NetlinkMessage]] {
    do throws(NetlinkRefusal) {
      return try socket.perform(messages)
    } catch {
      throw .refused(act, thing, error)
    }
  }

  /// Performs messages in one call, where some refusals are as good as success: what was to be made is there already.
  package mutating func perform(
    _ act: String, _ thing: String, _ messages: [NetlinkMessage], welcoming welcome: Errno
  ) throws(NetworkError) {
    var refusals: [NetlinkRefusal] = []
    do throws(NetlinkRefusal) {
      _ = try socket.exchange(messages, refusals: &refusals)
      if let refusal = refusals.first(where: { $0.errno != welcome }) { throw refusal }
    } catch {
      throw .refused(act, thing, error)
    }
  }

  /// The link of a name; nil if there is none.
  package mutating func link(_ name: InterfaceName) throws(NetworkError) -> Link? {
    do throws(NetlinkRefusal) {
      return try socket.perform(LinkMessage.find(name)).lazy.compactMap(Link.init).first
    } catch {
      guard error.errno == .noSuchDevice else { throw .refused("find", "the link \(name)", error) }
      return nil
    }
  }

  /// The link of a number; nil if there is none.
  package mutating func link(index: UInt32) throws(NetworkError) -> Link? {
    do throws(NetlinkRefusal) {
      return try socket.perform(LinkMessage.find(index: index)).lazy.compactMap(Link.init).first
    } catch {
      guard error.errno == .noSuchDevice else { throw .refused("find", "the link number \(index)", error) }
      return nil
    }
  }

  /// All links, or the ports of one bridge.
  package mutating func links(masterIndex: UInt32? = nil) throws(NetworkError) -> [Link] {
    do throws(NetlinkRefusal) {
      let links = try socket.perform(LinkMessage.list(masterIndex: masterIndex)).compactMap(Link.init)
      // An old kernel lists all.
      return masterIndex == nil ? links : links.filter { $0.masterIndex == masterIndex }
    } catch {
      throw .refused("list", "the network links", error)
    }
  }

  /// All IPv4 routes of all tables.
  package mutating func routes() throws(NetworkError) -> [Route] {
    do throws(NetlinkRefusal) {
      return try socket.perform(RouteMessage.list()).compactMap(Route.init)
    } catch {
      throw .refused("list", "the routes", error)
    }
  }

  /// Removes a container's cable, if it is there.
  ///
  /// Deleting a link waits for all processors to let go of it, tens of milliseconds. Where the namespace of the other end is
  /// gone the kernel is at it already, by itself, and nothing is done here.
  package mutating func removeCable(_ name: InterfaceName) throws(NetworkError) {
    guard let cable = try link(name) else { return }
    if let number = cable.peerNamespaceNumber, try !isAlive(namespaceNumber: number) { return }
    try delete(name)
  }

  private mutating func isAlive(namespaceNumber number: UInt32) throws(NetworkError) -> Bool {
    // -1: the kernel has no number for it, and makes one for whatever is alive.
    if number == .max { return false }
    do throws(NetlinkRefusal) {
      try socket.perform(NamespaceNumberMessage.find(number))
      return true
    } catch {
      guard error.errno == .notFound else { throw .refused("find", "the network namespace number \(number)", error) }
      return false
    }
  }

  /// Deletes a link, a virtual cable with both its ends; gives false if there was none.
  @discardableResult
  package mutating func delete(_ name: InterfaceName) throws(NetworkError) -> Bool {
    do throws(NetlinkRefusal) {
      try socket.perform(LinkMessage.delete(name))
      return true
    } catch {
      guard error.errno == .noSuchDevice else { throw .refused("delete", "the link \(name)", error) }
      return false
    }
  }
}
