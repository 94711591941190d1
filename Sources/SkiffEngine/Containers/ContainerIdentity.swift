import SkiffKernel

/// The ids and names of containers.
package enum ContainerIdentity {
  /// 64 hexadecimal digits of the kernel's randomness. Twelve digits with a letter among them, so that no short id is a number.
  package static func makeID() throws(EngineError) -> String {
    while true {
      let bytes = try naming("read", "the kernel's randomness") { () throws(Errno) in try Randomness.bytes(32) }
      let id = hexadecimal(bytes)
      if !id.utf8.prefix(12).allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) { return id }
    }
  }

  /// Whether the text is a whole id.
  package static func isID(_ text: String) -> Bool {
    text.utf8.count == 64 && isHexadecimal(text)
  }

  /// Whether the text could be the start of an id.
  package static func isPrefix(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count) && isHexadecimal(text)
  }

  /// The digits that people read.
  package static func short(_ id: String) -> String {
    String(id.prefix(12))
  }

  private static func isHexadecimal(_ text: String) -> Bool {
    text.utf8.allSatisfy {
      (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
    }
  }

  static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}

/// Names for containers that nobody named: a word for the weather and one from the ship.
package enum InventedName {
  private static let weathers = [
    "amber", "balmy", "becalmed", "bracing", "breezy", "bright", "brisk", "calm", "clear", "cloudy", "cool", "crisp",
    "dawning", "dewy", "drizzly", "dusky", "fair", "foggy", "fresh", "frosty", "gentle", "glassy", "golden", "gusty",
    "hazy", "icy", "keen", "lively", "lulled", "mellow", "mild", "misty", "moonlit", "northerly", "pearly", "placid",
    "quiet", "rainy", "rippling", "rising", "rolling", "salty", "serene", "silver", "snowy", "soft", "southerly",
    "sparkling", "starlit", "steady", "still", "stormy", "sunlit", "sunny", "swelling", "tidal", "twilit", "veering",
    "wavy", "windy", "wintry",
  ]

  private static let parts = [
    "anchor", "ballast", "beacon", "binnacle", "boatswain", "bollard", "boom", "bowline", "bowsprit", "buoy", "cabin",
    "capstan", "catboat", "cleat", "cockpit", "compass", "coracle", "cutter", "davit", "deckhand", "dinghy", "dory",
    "fender", "ferry", "figurehead", "foresail", "frigate", "gaff", "galley", "gangway", "genoa", "halyard", "harbour",
    "hatch", "helm", "hull", "jib", "kayak", "keel", "ketch", "knot", "lantern", "lighthouse", "lugger", "mainsail",
    "mast", "mizzen", "mooring", "oar", "painter", "pennant", "pilot", "pinnace", "porthole", "prow", "quay", "rigging",
    "rowlock", "rudder", "sailor", "schooner", "sextant", "shallop", "sheet", "skipper", "sloop", "spinnaker", "stern",
    "tender", "thwart", "tiller", "topsail", "trawler", "wherry", "windlass", "yawl",
  ]

  /// The name that a number stands for.
  package static func name(_ number: UInt32) -> String {
    let weather = weathers[Int(number % UInt32(weathers.count))]
    let part = parts[Int(number / UInt32(weathers.count) % UInt32(parts.count))]
    return "\(weather)_\(part)"
  }

  /// A name by chance; later attempts carry digits, so that a house full of containers does not run out of names.
  static func make(attempt: Int) throws(EngineError) -> String {
    let bytes = try naming("read", "the kernel's randomness") { () throws(Errno) in try Randomness.bytes(8) }
    func number(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }
    let plain = name(number(bytes.prefix(4)))
    if attempt < 4 { return plain }
    return plain + "_\(number(bytes.suffix(4)) % 1_000_000)"
  }
}
