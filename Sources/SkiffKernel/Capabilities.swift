internal import CLinux

/// A set of capabilities, one bit each (capabilities(7)).
package struct CapabilitySet: OptionSet, Sendable, Hashable {
  package let rawValue: UInt64

  package init(rawValue: UInt64) {
    self.rawValue = rawValue
  }

  /// The set of one capability, by its number.
  package init(number: Int) {
    self.rawValue = (0..<64).contains(number) ? 1 << UInt64(number) : 0
  }

  package func contains(number: Int) -> Bool {
    (0..<64).contains(number) && rawValue >> UInt64(number) & 1 == 1
  }
}

/// The sets of a thread that capget(2) and capset(2) know.
package struct ThreadCapabilities: Equatable, Sendable {
  package var effective: CapabilitySet
  package var permitted: CapabilitySet
  package var inheritable: CapabilitySet

  package init(effective: CapabilitySet, permitted: CapabilitySet, inheritable: CapabilitySet) {
    self.effective = effective
    self.permitted = permitted
    self.inheritable = inheritable
  }

  /// Version 3: two halves of three 32-bit sets.
  private typealias Header = (version: UInt32, processID: Int32)
  private typealias Data = (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32)
  private static var version3: UInt32 { 0x2008_0522 }

  /// The sets of the calling thread (capget(2)).
  package static func current() throws(Errno) -> ThreadCapabilities {
    var header: Header = (version3, 0)
    var data: Data = (0, 0, 0, 0, 0, 0)
    try checked(
      unsafe withUnsafeMutableBytes(of: &header) { header in
        unsafe withUnsafeMutableBytes(of: &data) {
          rawSystemCall(__NR_capget, UInt(bitPattern: header.baseAddress), UInt(bitPattern: $0.baseAddress))
        }
      })
    func join(_ low: UInt32, _ high: UInt32) -> CapabilitySet {
      CapabilitySet(rawValue: UInt64(high) << 32 | UInt64(low))
    }
    return ThreadCapabilities(
      effective: join(data.0, data.3), permitted: join(data.1, data.4), inheritable: join(data.2, data.5))
  }

  /// Gives the calling thread these sets (capset(2)).
  package func apply() throws(Errno) {
    func low(_ set: CapabilitySet) -> UInt32 { UInt32(truncatingIfNeeded: set.rawValue) }
    func high(_ set: CapabilitySet) -> UInt32 { UInt32(truncatingIfNeeded: set.rawValue >> 32) }
    var header: Header = (Self.version3, 0)
    var data: Data = (
      low(effective), low(permitted), low(inheritable), high(effective), high(permitted), high(inheritable)
    )
    try checked(
      unsafe withUnsafeMutableBytes(of: &header) { header in
        unsafe withUnsafeMutableBytes(of: &data) {
          rawSystemCall(__NR_capset, UInt(bitPattern: header.baseAddress), UInt(bitPattern: $0.baseAddress))
        }
      })
  }
}

/// The bounding and ambient sets of the calling thread (prctl(2)).
package enum CapabilityBounds {
  /// Whether the capability is in the bounding set; EINVAL for one that the kernel does not know.
  package static func contains(_ number: Int) throws(Errno) -> Bool {
    try systemCall(__NR_prctl, 23, UInt(bitPattern: number), 0, 0, 0) == 1
  }

  /// Takes the capability out of the bounding set for good (PR_CAPBSET_DROP).
  package static func drop(_ number: Int) throws(Errno) {
    try systemCall(__NR_prctl, 24, UInt(bitPattern: number), 0, 0, 0)
  }

  /// Puts the capability into the ambient set (PR_CAP_AMBIENT_RAISE); it must be permitted and inheritable.
  package static func raiseAmbient(_ number: Int) throws(Errno) {
    try systemCall(__NR_prctl, 47, 2, UInt(bitPattern: number), 0, 0)
  }

  /// Empties the ambient set (PR_CAP_AMBIENT_CLEAR_ALL).
  package static func clearAmbient() throws(Errno) {
    try systemCall(__NR_prctl, 47, 4, 0, 0, 0)
  }
}
