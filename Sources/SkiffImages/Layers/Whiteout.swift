/// How a layer says that something of the layers below is gone (OCI image specification, layer.md).
package enum Whiteout {
  /// What stands before the name that is gone.
  package static let prefix = Array(".wh.".utf8)
  /// What stands before names that are not meant for the tree at all (AUFS kept its own files so).
  package static let reservedPrefix = Array(".wh..wh.".utf8)
  /// The file that says: nothing of the layers below is left in this directory.
  package static let opaqueName = Array(".wh..wh..opq".utf8)

  /// The attribute by which overlayfs knows an opaque directory, and its value.
  package static let overlayOpaqueAttribute = "trusted.overlay.opaque"
  package static let overlayOpaqueValue: [UInt8] = [UInt8(ascii: "y")]
}
