internal import SkiffKernel

/// skiff's own table of packet filter rules, `inet skiff`, kept by netlink; nobody else's table is ever changed.
///
/// The table always changes in one transaction, so no packet ever meets half of it, and asserting it is idempotent: several
/// processes may do so at once, and what a firewall's reload has flushed comes back with the next container.
package struct Firewall: ~Copyable {
  private var socket: NetlinkSocket

  /// Speaks to the packet filters of the calling thread's network namespace.
  package init() throws(NetworkError) {
    do throws(Errno) {
      socket = try NetlinkSocket(.netfilter)
    } catch {
      throw .refused("open", "a socket to the packet filters", error)
    }
  }

  /// Whether all rules stand and know the network.
  package mutating func isWhole(for network: Network) throws(NetworkError) -> Bool {
    let questions = [
      FilterMessage.findElements(
        network.pairElements, set: FilterRules.networks.name, table: FilterRules.table),
      FilterMessage.listRules(table: FilterRules.table),
    ]
    do throws(NetlinkRefusal) {
      var refusals: [NetlinkRefusal] = []
      let answers = try socket.exchange(questions, refusals: &refusals)
      // Refused: the table, the set or the element is not there. Changed while it was read: better set right once too often.
      guard refusals.isEmpty, let listing = answers.last else { return false }
      guard !listing.contains(where: { $0.flags.contains(.interrupted) }) else { return false }
      return Self.areOurs(listing.compactMap(ListedRule.init))
    } catch {
      throw .refused("read", "the packet filter rules", error)
    }
  }

  static func areOurs(_ listed: [ListedRule]) -> Bool {
    FilterRules.chains.allSatisfy { chain, rules in
      listed.filter { $0.chain == chain.name }.map(\.comment) == rules.map(\.comment)
    }
  }

  /// Makes all rules stand and know the network, whatever was there before.
  package mutating func assert(for network: Network, records: [PortRecord] = []) throws(NetworkError) {
    let messages = Self.assertion(for: network, records)
    do throws(NetlinkRefusal) {
      try socket.perform(FilterMessage.batch(messages))
    } catch {
      guard error.errno != .notPermitted else { throw .refused("write", "the packet filter rules", error) }
      // Chains of an older skiff cannot be bent into ours: begin anew. Other stores' networks come back when they are next used.
      let anew = [
        FilterMessage.addTable(FilterRules.table), FilterMessage.removeTable(FilterRules.table),
      ]
      do throws(NetlinkRefusal) {
        try socket.perform(FilterMessage.batch(anew + messages))
      } catch {
        throw .refused("write", "the packet filter rules", error)
      }
    }
  }

  /// The messages of one transaction, in the order in which the kernel must meet them.
  static func assertion(for network: Network, _ records: [PortRecord] = []) -> [NetlinkMessage] {
    let table = FilterRules.table
    var messages = [FilterMessage.addTable(table)]
    for (identifier, set) in FilterRules.sets.enumerated() {
      messages.append(
        FilterMessage.addSet(set, table: table, identifier: UInt32(truncatingIfNeeded: identifier + 1)))
    }
    for (set, elements) in network.filterElements {
      messages += FilterMessage.addElements(elements, set: set.name, table: table)
    }
    // What was published before the rules went.
    for record in records {
      for (set, elements) in record.filterElements {
        messages += FilterMessage.addElements(elements, set: set.name, table: table)
      }
    }
    for (chain, rules) in FilterRules.chains {
      messages.append(FilterMessage.addChain(chain, table: table))
      messages.append(FilterMessage.flushChain(chain.name, table: table))
      for rule in rules {
        messages.append(
          FilterMessage.addRule(rule.expressions, comment: rule.comment, chain: chain.name, table: table))
      }
    }
    return messages
  }

  /// Forgets the network; with the last one the table goes too. Nothing to forget is fine.
  package mutating func withdraw(_ network: Network) throws(NetworkError) {
    do throws(NetlinkRefusal) {
      for (set, elements) in network.filterElements {
        let messages = FilterMessage.removeElements(elements, set: set.name, table: FilterRules.table)
        do throws(NetlinkRefusal) {
          try socket.perform(FilterMessage.batch(messages))
        } catch {
          guard error.errno == .notFound else { throw error }
        }
      }
      try removeTableIfEmpty()
    } catch {
      throw .refused("take network \(network.name) out of", "the packet filter rules", error)
    }
  }

  /// Changes elements in one transaction.
  mutating func change(
    _ messages: [NetlinkMessage], _ act: String, _ thing: String
  ) throws(NetworkError) {
    guard !messages.isEmpty else { return }
    do throws(NetlinkRefusal) {
      try socket.perform(FilterMessage.batch(messages))
    } catch {
      throw .refused(act, thing, error)
    }
  }

  private mutating func removeTableIfEmpty() throws(NetlinkRefusal) {
    let answer = try socket.perform(FilterMessage.findGeneration()).first { $0.type == FilterMessage.newGeneration }
    let generation = answer.flatMap {
      NetlinkAttributes($0.payload, after: FilterMessage.headerBytes).bigEndian(1)
    }
    do throws(NetlinkRefusal) {
      let listing = try socket.perform(
        FilterMessage.listElements(set: FilterRules.networks.name, table: FilterRules.table))
      guard let generation, !listing.contains(where: { $0.type == FilterMessage.newElements && $0.holdsElements })
      else { return }
      try socket.perform(
        FilterMessage.batch([FilterMessage.removeTable(FilterRules.table)], generation: generation))
    } catch {
      // Gone already, or someone changed the filters since we looked: then the table is theirs to remove.
      guard error.errno == .notFound || error.errno == .restart else { throw error }
    }
  }

  /// Chains of other tables that drop forwarded packets unless a rule of theirs accepts them. No rule of ours can overrule
  /// them: a packet passes only if every table lets it.
  package mutating func forwardingObstacles() throws(NetworkError) -> [ForwardingObstacle] {
    do throws(NetlinkRefusal) {
      let chains = try socket.perform(FilterMessage.listChains()).compactMap(ListedChain.init)
      return chains.compactMap { ForwardingObstacle($0, hasUserChain: chains.contains { $0.name == "DOCKER-USER" }) }
    } catch {
      throw .refused("read", "the packet filter chains", error)
    }
  }
}

/// A chain that keeps containers from the outside world.
package struct ForwardingObstacle: Equatable, Sendable {
  package var family: String
  package var table: String
  package var chain: String

  init?(_ chain: ListedChain, hasUserChain: Bool) {
    let families: [UInt8: String] = [1: "inet", 2: "ip"]
    guard chain.dropsByDefault, chain.hook == FilterHook.forward.rawValue, let family = families[chain.family] else {
      return nil
    }
    self.family = family
    table = chain.table
    self.chain = chain.name
  }

  /// What a person is told, once: the cause, and what would help.
  package func notice(bridge: InterfaceName) -> String {
    let cause =
      "containers on \(bridge) cannot reach the outside: the firewall table \(family) \(table) drops what it forwards (chain \(chain))"
    guard family == "ip", table == "filter", chain == "FORWARD" else {
      return cause + "; allow \(bridge) in that firewall"
    }
    return cause
      + "; allow it with `iptables -I FORWARD -i \(bridge) -j ACCEPT` and `iptables -I FORWARD -o \(bridge) -m conntrack"
      + " --ctstate ESTABLISHED,RELATED -j ACCEPT` (chain DOCKER-USER instead of FORWARD where Docker runs)"
  }
}

extension NetlinkMessage {
  /// Whether a listing's message has at least one element in it.
  fileprivate var holdsElements: Bool {
    NetlinkAttributes(payload, after: FilterMessage.headerBytes).nested(3)?.contains { _ in true } ?? false
  }
}

extension Network {
  var pairElements: [FilterSetElement] {
    [
      FilterSetElement(
        key: bridge.padded + subnet.base.bytes, lastKey: bridge.padded + subnet.broadcast.bytes)
    ]
  }

  /// What the three sets must hold for this network.
  fileprivate var filterElements: [(FilterSet, [FilterSetElement])] {
    var range = [FilterSetElement(key: subnet.base.bytes)]
    let (end, overflow) = subnet.broadcast.number.addingReportingOverflow(1)
    if !overflow { range.append(FilterSetElement(key: IPv4Address(number: end).bytes, isIntervalEnd: true)) }
    return [
      (FilterRules.networks, pairElements),
      (FilterRules.bridges, [FilterSetElement(key: bridge.padded)]),
      (FilterRules.subnets, range),
    ]
  }
}
