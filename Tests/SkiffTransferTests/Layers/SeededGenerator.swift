import Glibc

/// How much longer than usual the search for traps takes: set SKIFF_FUZZ to 100 before a night.
let fuzzEffort = getenv("SKIFF_FUZZ").flatMap { Int(String(cString: $0)) } ?? 1

/// The same numbers for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func number(below limit: Int) -> Int { Int.random(in: 0..<max(limit, 1), using: &self) }

  mutating func pick<Value>(_ values: [Value]) -> Value { values[number(below: values.count)] }

  mutating func isOneIn(_ count: Int) -> Bool { number(below: count) == 0 }
}
