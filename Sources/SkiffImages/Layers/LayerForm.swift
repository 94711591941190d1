/// How an unpacked layer stands on the disk: what a storage driver can put together again decides it.
package enum LayerForm: String, Sendable {
  /// Only what the layer changed; what it removes stands as overlayfs wants it: a character device 0:0 for a name,
  /// `trusted.overlay.opaque` on a directory whose lower content is hidden.
  case overlay
  /// The whole tree, the layers below included: removing is done for real, on a snapshot of the layer below.
  case merged
  /// Only what the layer changed; what it removes stands as in the archive, as files `.wh.NAME` and `.wh..wh..opq`.
  case portable
}
