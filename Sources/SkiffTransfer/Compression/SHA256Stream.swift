private import COpenSSL

/// SHA-256 of bytes that come in pieces, by OpenSSL (it uses the processor's own instructions where there are any).
@safe
package struct SHA256Stream: ~Copyable {
  private let context: OpaquePointer
  /// How many bytes were seen.
  package private(set) var byteCount: Int64 = 0

  /// Traps only where OpenSSL has no memory or no SHA-256: nothing of the outside's doing.
  package init() {
    guard let context = unsafe EVP_MD_CTX_new(), unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      preconditionFailure("OpenSSL has no SHA-256")
    }
    unsafe self.context = context
  }

  deinit {
    unsafe EVP_MD_CTX_free(context)
  }

  /// Takes the next bytes.
  package mutating func update(_ bytes: Span<UInt8>) {
    byteCount &+= Int64(bytes.count)
    unsafe bytes.withUnsafeBytes { bytes in
      _ = unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
    }
  }

  /// The 32 bytes of the digest of all that was seen. Nothing may be added afterwards.
  package mutating func finish() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    unsafe digest.withUnsafeMutableBufferPointer { digest in
      _ = unsafe EVP_DigestFinal_ex(context, digest.baseAddress, nil)
    }
    return digest
  }

  /// The digest as 64 hexadecimal digits.
  package mutating func finishHexadecimal() -> String {
    Self.hexadecimal(finish())
  }

  /// Bytes as lower-case hexadecimal digits.
  package static func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
