package import SkiffSpec

/// Where a container's root file system comes from, as the monitor is told (`rootfs` of monitor.json).
package enum RootfsDescription: Equatable, Sendable {
  /// A directory that is used as it is.
  case directory(path: String)
  /// An overlay that the runtime mounts; the layers from the top to the bottom.
  case overlay(lower: [String], upper: String, work: String)

  package var json: JSONValue {
    switch self {
    case .directory(let path):
      ["kind": "directory", "path": .string(path)]
    case .overlay(let lower, let upper, let work):
      ["kind": "overlay", "lower": JSONValue(lower), "upper": .string(upper), "work": .string(work)]
    }
  }
}
