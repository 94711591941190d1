import Glibc
import SkiffSpec
import Testing

/// Not a bound, which would depend on the machine: a figure to read when the reader is changed.
@Test(.disabled(if: getenv("SKIFF_TIMINGS") == nil, "set SKIFF_TIMINGS to see figures"))
func `how long podman's default configuration takes`() throws {
  let bytes = Fixtures.named("podman-default.json")
  let clock = ContinuousClock()
  var times: [Duration] = []
  for _ in 0..<200 {
    times.append(try clock.measure { _ = try RuntimeSpec.parse(bytes) })
  }
  let spec = try RuntimeSpec.parse(bytes)
  let validation = clock.measure { _ = spec.validate() }
  let writing = clock.measure { _ = spec.serialized() }
  times.sort()
  print("parse: first of all \(times.last!), median \(times[100]), least \(times[0])")
  print("validate: \(validation), write: \(writing)")
}
