public import SkiffSpec

/// What an image says about the containers made of it.
public struct ImageDefaults: Equatable, Sendable {
  public var entrypoint: [String] = []
  public var command: [String] = []
  /// `NAME=value`.
  public var environment: [String] = []
  public var user = ""
  public var workingDirectory = ""
  /// Paths inside that want a volume.
  public var volumes: [String] = []
  public var stopSignal = ""
  /// `80/tcp`.
  public var exposedPorts: [String] = []
  public var labels: [String: String] = [:]
  public var healthcheck: ImageConfiguration.Healthcheck?
  /// What lines of the image are given to; empty is `/bin/sh -c`.
  public var shell: [String] = []

  public init() {}
}
