/// Relative weights as cgroup v2 counts them, from the numbers of v1 that OCI documents hold.
package enum CgroupWeight {
  /// `cpu.weight` (1…10000, usually 100) for `cpu.shares` (2…262144, usually 1024).
  ///
  /// The field's formula since 2025 (runc 1.3.2, crun 1.23): through least, usual and greatest,
  /// 10 ^ ((l² + 125 l) / 612 - 7/34) with l = log₂ shares, rounded up.
  package static func cpuWeight(shares: UInt64) -> UInt64 {
    if shares <= 2 { return 1 }
    if shares >= 262144 { return 10000 }
    let l = logarithm(Double(shares)) / logarithm(2)
    let exponent = (l * l + 125 * l) / 612 - 7.0 / 34
    // Where the exact result is a whole number, the last bit of a Double must not lift it to the next.
    let weight = (exponential(exponent * logarithm(10)) - 1e-7).rounded(.up)
    return UInt64(min(max(weight, 1), 10000))
  }

  /// `io.weight` (1…10000) for `blkio.weight` (10…1000).
  package static func ioWeight(blockWeight: UInt16) -> UInt64 {
    let weight = UInt64(min(max(blockWeight, 10), 1000))
    return 1 + (weight - 10) * 9999 / 990
  }

  // The C library's are out of reach below the cold line, and a weight needs no more than these.

  /// Natural logarithm of a number of at least 1, by the series of the inverse hyperbolic tangent.
  static func logarithm(_ value: Double) -> Double {
    let ln2 = 0.693_147_180_559_945_3
    // The significand lies in 1..<2, so |z| ≤ 1/3 and 40 terms are far beyond the last bit.
    let z = (value.significand - 1) / (value.significand + 1)
    var power = z
    var sum = 0.0
    for n in 0..<40 {
      sum += power / Double(2 * n + 1)
      power *= z * z
    }
    return Double(value.exponent) * ln2 + 2 * sum
  }

  /// e ^ `value` for values from 0 to about 10, by its power series.
  static func exponential(_ value: Double) -> Double {
    var term = 1.0
    var sum = 1.0
    for n in 1..<80 {
      term *= value / Double(n)
      sum += term
    }
    return sum
  }
}
