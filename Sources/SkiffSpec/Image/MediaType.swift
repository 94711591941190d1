/// The types of an image's documents and layers (image-spec, media-types.md) and docker's names for the same.
public enum MediaType {
  public static let imageIndex = "application/vnd.oci.image.index.v1+json"
  public static let imageManifest = "application/vnd.oci.image.manifest.v1+json"
  public static let imageConfiguration = "application/vnd.oci.image.config.v1+json"
  public static let empty = "application/vnd.oci.empty.v1+json"
  public static let layer = "application/vnd.oci.image.layer.v1.tar"
  public static let layerGzip = "application/vnd.oci.image.layer.v1.tar+gzip"
  public static let layerZstd = "application/vnd.oci.image.layer.v1.tar+zstd"

  public static let dockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json"
  public static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
  public static let dockerConfiguration = "application/vnd.docker.container.image.v1+json"
  public static let dockerLayer = "application/vnd.docker.image.rootfs.diff.tar"
  public static let dockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip"
  public static let dockerLayerZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd"
  public static let dockerForeignLayer = "application/vnd.docker.image.rootfs.foreign.diff.tar"
  public static let dockerForeignLayerGzip = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"

  private static let ociForeignPrefix = "application/vnd.oci.image.layer.nondistributable.v1.tar"

  /// How a layer's bytes are packed.
  public enum Compression: Equatable, Sendable {
    case none, gzip, zstd
  }

  /// Whether the type leads to manifests for several platforms.
  public static func isIndex(_ type: String) -> Bool {
    type == imageIndex || type == dockerManifestList
  }

  /// Whether the type is that of one image.
  public static func isManifest(_ type: String) -> Bool {
    type == imageManifest || type == dockerManifest
  }

  /// Whether the type is that of an image's configuration.
  public static func isConfiguration(_ type: String) -> Bool {
    type == imageConfiguration || type == dockerConfiguration
  }

  /// The packing of a layer; nil for what is no layer that skiff knows, such as an encrypted one.
  public static func compression(ofLayer type: String) -> Compression? {
    switch type {
    case layer, dockerLayer, dockerForeignLayer, ociForeignPrefix: Compression.none
    case layerGzip, dockerLayerGzip, dockerForeignLayerGzip, ociForeignPrefix + "+gzip": .gzip
    case layerZstd, dockerLayerZstd, ociForeignPrefix + "+zstd": .zstd
    default: nil
    }
  }

  /// Whether the type is that of a layer.
  public static func isLayer(_ type: String) -> Bool {
    compression(ofLayer: type) != nil
  }

  /// Whether the layer may stand with others than the registry, whose addresses are never followed.
  public static func isForeignLayer(_ type: String) -> Bool {
    type.hasPrefix(ociForeignPrefix) || type == dockerForeignLayer || type == dockerForeignLayerGzip
  }

  /// The type without parameters and in lower case, as a `Content-Type` header gives it: `application/json; charset=utf-8`.
  public static func essence(of header: String) -> String {
    let type = header.prefix { $0 != ";" }
    return type.filter { $0 != " " && $0 != "\t" }.lowercased()
  }
}
