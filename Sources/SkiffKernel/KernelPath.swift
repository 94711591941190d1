/// A path or name as the kernel takes it: bytes that end with the only zero among them.
///
/// File names are bytes, not text: what a layer or a directory holds need not be UTF-8.
package struct KernelPath: Sendable, Hashable {
  /// The bytes, the closing zero included.
  package let terminated: [UInt8]

  /// Refuses a path with a zero inside (EINVAL): the kernel would see only what stands before it.
  package init(_ path: String) throws(Errno) {
    var bytes = Array(path.utf8)
    if bytes.contains(0) { throw .invalidArgument }
    bytes.append(0)
    self.terminated = bytes
  }

  /// Refuses bytes with a zero inside (EINVAL).
  package init(bytes: some Sequence<UInt8>) throws(Errno) {
    var bytes = Array(bytes)
    if bytes.contains(0) { throw .invalidArgument }
    bytes.append(0)
    self.terminated = bytes
  }

  /// The bytes without the closing zero.
  package var bytes: ArraySlice<UInt8> { terminated.dropLast() }

  /// The path as text; what is not UTF-8 is shown with replacement characters, so this is for people only.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// This path with a further component. Only for a path that the kernel resolves in a tree that is ours, or the caller's own.
  package func appending(_ component: KernelPath) -> KernelPath {
    KernelPath(joining: Array(bytes) + [UInt8(ascii: "/")] + component.terminated)
  }

  private init(joining terminated: [UInt8]) {
    self.terminated = terminated
  }

  /// Lends the address of the bytes to a system call.
  @inline(__always)
  func withAddress(_ body: (UInt) -> Int) -> Int {
    unsafe terminated.withUnsafeBufferPointer { buffer in
      body(UInt(bitPattern: buffer.baseAddress))
    }
  }
}

extension KernelPath: ExpressibleByStringLiteral {
  /// A path written in our own source.
  package init(stringLiteral value: String) {
    let bytes = Array(value.utf8)
    precondition(!bytes.contains(0), "a path in the source holds no zero")
    self.terminated = bytes + [0]
  }
}

extension KernelPath: CustomStringConvertible {
  package var description: String { text }
}
