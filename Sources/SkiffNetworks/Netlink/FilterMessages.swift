package import SkiffKernel

/// Messages about packet filters: tables, chains, sets and rules of the `inet` family (nf_tables; nft(8) shows the result).
package enum FilterMessage {
  static let headerBytes = 4
  static let newTable: UInt16 = 0x0A00
  static let deleteTable: UInt16 = 0x0A02
  static let newChain: UInt16 = 0x0A03
  static let getChain: UInt16 = 0x0A04
  static let newRule: UInt16 = 0x0A06
  static let getRule: UInt16 = 0x0A07
  static let deleteRule: UInt16 = 0x0A08
  static let newSet: UInt16 = 0x0A09
  static let newElements: UInt16 = 0x0A0C
  static let getElements: UInt16 = 0x0A0D
  static let deleteElements: UInt16 = 0x0A0E
  static let newGeneration: UInt16 = 0x0A0F
  static let getGeneration: UInt16 = 0x0A10
  private static let batchBegin: UInt16 = 16
  private static let batchEnd: UInt16 = 17

  static let inet: UInt8 = 1
  static let listElement: UInt16 = 1
  /// NLA_F_NESTED: newer kernels want it on attributes that hold attributes.
  static let nested: UInt16 = 0x8000

  /// struct nfgenmsg: family, version, resource (big-endian).
  static func header(family: UInt8 = inet, resource: UInt16 = 0) -> NetlinkPayload {
    var payload = NetlinkPayload()
    payload.append(family)
    payload.append(0 as UInt8)
    payload.append(bigEndian: resource)
    return payload
  }

  /// Messages that are done all or not at all. With `generation` the kernel refuses (ERESTART) if the filters have changed since.
  package static func batch(_ messages: [NetlinkMessage], generation: UInt32? = nil) -> [NetlinkMessage] {
    let filterSubsystem: UInt16 = 10
    var begin = header(family: 0, resource: filterSubsystem)
    if let generation { begin.attribute(1, bigEndian: generation) }
    let end = header(family: 0, resource: filterSubsystem)
    var messages = messages
    // The last one's acknowledgement speaks for all: the kernel reports errors of the others unasked.
    if let last = messages.indices.last { messages[last].flags.insert(.acknowledge) }
    return [NetlinkMessage(type: batchBegin, flags: [], payload: begin.bytes)] + messages
      + [NetlinkMessage(type: batchEnd, flags: [], payload: end.bytes)]
  }

  /// Makes a table unless it is there: `nft add table inet NAME`.
  package static func addTable(_ name: String) -> NetlinkMessage {
    var payload = header()
    payload.attribute(1, text: name)
    return NetlinkMessage(type: newTable, flags: .create, payload: payload.bytes)
  }

  /// `nft delete table inet NAME`, with all that is in it.
  package static func removeTable(_ name: String) -> NetlinkMessage {
    var payload = header()
    payload.attribute(1, text: name)
    return NetlinkMessage(type: deleteTable, flags: [], payload: payload.bytes)
  }

  /// Makes a chain that packets pass through, unless it is there.
  package static func addChain(_ chain: FilterChain, table: String) -> NetlinkMessage {
    let accept: UInt32 = 1
    var payload = header()
    payload.attribute(1, text: table)
    payload.attribute(3, text: chain.name)
    payload.attribute(7, text: chain.type)
    payload.attribute(5, bigEndian: accept)
    payload.nest(4 | nested) { hook in
      hook.attribute(1, bigEndian: chain.hook.rawValue)
      hook.attribute(2, bigEndian: UInt32(bitPattern: chain.priority))
    }
    return NetlinkMessage(type: newChain, flags: .create, payload: payload.bytes)
  }

  /// Asks for the chains of all tables: `nft list chains`.
  package static func listChains() -> NetlinkMessage {
    NetlinkMessage(type: getChain, flags: .dump, payload: header(family: 0).bytes)
  }

  /// Makes a set unless it is there.
  package static func addSet(_ set: FilterSet, table: String, identifier: UInt32) -> NetlinkMessage {
    var payload = header()
    payload.attribute(1, text: table)
    payload.attribute(2, text: set.name)
    payload.attribute(3, bigEndian: set.flags)
    payload.attribute(4, bigEndian: set.keyType)
    payload.attribute(5, bigEndian: UInt32(truncatingIfNeeded: set.fieldBytes.reduce(0, +)))
    if let value = set.value {
      payload.attribute(6, bigEndian: value.type)
      payload.attribute(7, bigEndian: value.bytes)
    }
    payload.attribute(10, bigEndian: identifier)
    if set.fieldBytes.count > 1 {
      payload.nest(9 | nested) { description in
        description.nest(2 | nested) { fields in
          for length in set.fieldBytes {
            fields.nest(listElement | nested) { $0.attribute(1, bigEndian: UInt32(truncatingIfNeeded: length)) }
          }
        }
      }
    }
    // For nft(8) only: how to show the key (NFTNL_UDATA_SET_KEYBYTEORDER).
    payload.attribute(13, bytes: [0, 4, set.shownByteOrder, 0, 0, 0])
    return NetlinkMessage(type: newSet, flags: .create, payload: payload.bytes)
  }

  /// How many elements a message takes: its list is one attribute, which holds less than 64 KiB, and an element of ours takes at
  /// most 60 bytes.
  static let elementLimit = 1024

  /// Puts elements into a set; those that are there stay, or, with `isNew`, refuse the batch (EEXIST).
  package static func addElements(
    _ elements: [FilterSetElement], set: String, table: String, isNew: Bool = false
  ) -> [NetlinkMessage] {
    inPieces(elements).map {
      NetlinkMessage(
        type: newElements, flags: isNew ? [.create, .exclusive] : .create,
        payload: elementsPayload($0, set: set, table: table))
    }
  }

  /// Takes elements out of a set; one that is not there refuses the batch (ENOENT).
  package static func removeElements(_ elements: [FilterSetElement], set: String, table: String) -> [NetlinkMessage] {
    inPieces(elements).map {
      NetlinkMessage(type: deleteElements, flags: [], payload: elementsPayload($0, set: set, table: table))
    }
  }

  private static func inPieces(_ elements: [FilterSetElement]) -> [[FilterSetElement]] {
    stride(from: 0, to: elements.count, by: elementLimit).map {
      Array(elements[$0..<min($0 + elementLimit, elements.count)])
    }
  }

  /// Asks whether elements are in a set; one that is not is refused (ENOENT).
  package static func findElements(_ elements: [FilterSetElement], set: String, table: String) -> NetlinkMessage {
    NetlinkMessage(
      type: getElements, flags: .acknowledge, payload: elementsPayload(elements, set: set, table: table))
  }

  /// Asks for all elements of a set: `nft list set inet TABLE SET`.
  package static func listElements(set: String, table: String) -> NetlinkMessage {
    var payload = header()
    payload.attribute(1, text: table)
    payload.attribute(2, text: set)
    return NetlinkMessage(type: getElements, flags: .dump, payload: payload.bytes)
  }

  private static func elementsPayload(_ elements: [FilterSetElement], set: String, table: String) -> [UInt8] {
    var payload = header()
    payload.attribute(1, text: table)
    payload.attribute(2, text: set)
    payload.nest(3 | nested) { list in
      for element in elements {
        list.nest(listElement | nested) { item in
          item.nest(1 | nested) { $0.attribute(1, bytes: element.key) }
          if let end = element.lastKey { item.nest(10 | nested) { $0.attribute(1, bytes: end) } }
          if let value = element.value { item.nest(2 | nested) { $0.attribute(1, bytes: value) } }
          if element.isIntervalEnd { item.attribute(3, bigEndian: 1 as UInt32) }
        }
      }
    }
    return payload.bytes
  }

  /// Takes all rules out of a chain: `nft flush chain inet TABLE CHAIN`.
  package static func flushChain(_ chain: String, table: String) -> NetlinkMessage {
    var payload = header()
    payload.attribute(1, text: table)
    payload.attribute(2, text: chain)
    return NetlinkMessage(type: deleteRule, flags: [], payload: payload.bytes)
  }

  /// Adds a rule at the end of a chain, with a comment that nft(8) shows.
  package static func addRule(
    _ expressions: [FilterExpression], comment: String, chain: String, table: String
  ) -> NetlinkMessage {
    var payload = header()
    payload.attribute(1, text: table)
    payload.attribute(2, text: chain)
    payload.nest(4 | nested) { list in
      for expression in expressions {
        list.nest(listElement | nested) { expression.write(to: &$0) }
      }
    }
    // A list of type (0 is the comment), length, content.
    let text = Array(comment.utf8.prefix(127)) + [0]
    payload.attribute(7, bytes: [0, UInt8(truncatingIfNeeded: text.count)] + text)
    return NetlinkMessage(type: newRule, flags: [.create, .append], payload: payload.bytes)
  }

  /// Asks for the rules of a table, chain by chain; a table that is not there has none.
  package static func listRules(table: String) -> NetlinkMessage {
    var payload = header()
    payload.attribute(1, text: table)
    return NetlinkMessage(type: getRule, flags: .dump, payload: payload.bytes)
  }

  /// Asks how often the filters have been changed.
  package static func findGeneration() -> NetlinkMessage {
    NetlinkMessage(type: getGeneration, flags: .acknowledge, payload: header(family: 0).bytes)
  }
}

/// Where the kernel lets a chain see packets (enum nf_inet_hooks).
package enum FilterHook: UInt32, Sendable {
  case prerouting = 0
  case input = 1
  case forward = 2
  case output = 3
  case postrouting = 4
}

/// A chain that packets pass through; what no rule decides goes on.
package struct FilterChain: Equatable, Sendable {
  package let name: String
  /// `filter` or `nat`.
  package let type: String
  package let hook: FilterHook
  /// Chains of the same hook are passed from low to high.
  package let priority: Int32

  package init(name: String, type: String, hook: FilterHook, priority: Int32) {
    self.name = name
    self.type = type
    self.hook = hook
    self.priority = priority
  }
}

/// A set of keys that rules look up.
package struct FilterSet: Equatable, Sendable {
  package let name: String
  /// Data type numbers of nft(8), six bits each.
  package let keyType: UInt32
  /// The length of each field of the key; of a key of several, each field is padded to a multiple of four.
  package let fieldBytes: [Int]
  /// Whether elements are ranges.
  package let holdsIntervals: Bool
  /// 1 the machine's order, 2 big-endian, 0 a key of several fields.
  package let shownByteOrder: UInt8
  /// Of a map: the data type number of nft(8) of what a key leads to, and its length.
  package var value: (type: UInt32, bytes: UInt32)?

  var flags: UInt32 {
    let interval: UInt32 = 0x04
    let map: UInt32 = 0x08
    let concatenation: UInt32 = 0x80
    return (holdsIntervals ? interval : 0) | (value != nil ? map : 0) | (fieldBytes.count > 1 ? concatenation : 0)
  }

  package static func == (left: FilterSet, right: FilterSet) -> Bool { left.name == right.name }
}

/// An element of a set. A range is either one element with a last key (keys of several fields) or two elements, the second
/// being the first key that is no longer inside.
package struct FilterSetElement: Equatable, Sendable {
  package var key: [UInt8]
  package var lastKey: [UInt8]?
  package var isIntervalEnd: Bool
  /// What the key of a map leads to.
  package var value: [UInt8]?

  package init(key: [UInt8], lastKey: [UInt8]? = nil, isIntervalEnd: Bool = false, value: [UInt8]? = nil) {
    self.key = key
    self.lastKey = lastKey
    self.isIntervalEnd = isIntervalEnd
    self.value = value
  }
}

/// What a listing says of a rule.
package struct ListedRule: Equatable, Sendable {
  package var chain: String
  package var comment: String

  package init(chain: String, comment: String) {
    self.chain = chain
    self.comment = comment
  }

  /// Nil if the message is not about a rule.
  package init?(_ message: NetlinkMessage) {
    guard message.type == FilterMessage.newRule else { return nil }
    let attributes = NetlinkAttributes(message.payload, after: FilterMessage.headerBytes)
    guard let chain = attributes.text(2) else { return nil }
    self.chain = chain
    comment = ""
    guard let data = attributes[7], data.first == 0, let length = data.dropFirst().first else { return }
    comment = String(decoding: data.dropFirst(2).prefix(Int(length)).prefix { $0 != 0 }, as: UTF8.self)
  }
}

/// What a listing says of a chain that packets pass through.
package struct ListedChain: Equatable, Sendable {
  package var family: UInt8
  package var table: String
  package var name: String
  package var hook: UInt32
  package var dropsByDefault: Bool

  /// Nil if the message is not about such a chain.
  package init?(_ message: NetlinkMessage) {
    guard message.type == FilterMessage.newChain, let family = message.payload.first else { return nil }
    let attributes = NetlinkAttributes(message.payload, after: FilterMessage.headerBytes)
    guard let table = attributes.text(1), let name = attributes.text(3),
      let hook = attributes.nested(4)?.bigEndian(1)
    else { return nil }
    self.family = family
    self.table = table
    self.name = name
    self.hook = hook
    dropsByDefault = attributes.bigEndian(5) == 0
  }
}
