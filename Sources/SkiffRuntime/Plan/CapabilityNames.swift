package import SkiffKernel
internal import SkiffSpec

/// Capabilities by name; the place in the list is the kernel's number (capabilities(7)).
package enum CapabilityNames {
  package static let all = RuntimeSpec.Capabilities.knownNames

  /// The number of a capability; nil where no kernel has it.
  package static func number(_ name: String) -> Int? {
    all.firstIndex(of: name)
  }

  /// The names of a set, in the kernel's order.
  package static func names(_ set: CapabilitySet) -> [String] {
    all.indices.filter { set.contains(number: $0) }.map { all[$0] }
  }
}
