import Glibc
import SkiffImages
import SkiffKernel
import SkiffSpec
import Testing

@Suite struct ImageStoreTests {
  @Test func `a digest is the one that the standard gives`() {
    #expect(
      SHA256.hexadecimal(of: "".utf8) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      SHA256.hexadecimal(of: "abc".utf8) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      SHA256.hexadecimal(of: [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    // Lengths around a block's end.
    let scratch = StoreScratch()
    for length in [55, 56, 63, 64, 65, 119, 120] {
      let bytes = [UInt8](repeating: 7, count: length)
      scratch.run("head -c \(length) /dev/zero | tr '\\0' '\\007' | sha256sum | cut -c1-64 | tr -d '\\n' > sum")
      #expect(SHA256.hexadecimal(of: bytes) == scratch.text("sum"), "\(length)")
    }
  }

  @Test func `a new store is an empty image layout, for root alone`() throws {
    let scratch = StoreScratch()

    _ = try scratch.images()

    #expect(scratch.text("root/images/oci-layout") == #"{"imageLayoutVersion":"1.0.0"}"#)
    for directory in ["root", "root/images", "root/images/blobs/sha256"] {
      #expect(try scratch.status(directory).permissions == 0o700)
    }
  }

  @Test func `a blob is there once it is committed, whole`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let bytes = Array("some content".utf8)
    let digest = Digest(sha256: SHA256.hexadecimal(of: bytes))

    var writer = try store.beginBlob()
    try writer.write(bytes.span.extracting(0..<4))
    #expect(try !store.hasBlob(digest))
    try writer.write(bytes.span.extracting(4..<bytes.count))
    try writer.commit(digest: digest, sizeBytes: Int64(bytes.count))

    #expect(try store.hasBlob(digest, sizeBytes: Int64(bytes.count)))
    #expect(try store.readBlob(digest) == bytes)
  }

  @Test func `a blob that is dropped leaves nothing, one to be resumed what came`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let bytes = Array("0123456789".utf8)
    let digest = Digest(sha256: SHA256.hexadecimal(of: bytes))

    do {
      var dropped = try store.beginBlob()
      try dropped.write(bytes.span)
    }
    #expect(try scratch.names("root/images/partial") == [])
    do {
      var first = try store.beginBlob(resuming: digest)
      #expect(first.resumedBytes == 0)
      try first.write(bytes.span.extracting(0..<6))
      // While one fetches it, another one gets a file of its own.
      let other = try store.beginBlob(resuming: digest)
      #expect(other.resumedBytes == 0)
    }
    #expect(try scratch.names("root/images/partial") == [digest.encoded])
    var second = try store.beginBlob(resuming: digest)
    var buffer = [UInt8](repeating: 0, count: 100)
    #expect(second.resumedBytes == 6)
    #expect(try second.read(into: &buffer, at: 0) == 6)
    #expect(buffer.prefix(6).elementsEqual(bytes.prefix(6)))
    try second.write(bytes.span.extracting(6..<10))
    try second.commit(digest: digest, sizeBytes: 10)

    #expect(try store.readBlob(digest) == bytes)
    #expect(try scratch.names("root/images/partial") == [])
  }

  @Test func `a blob of another size than announced is refused and not kept`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let digest = Digest(sha256: SHA256.hexadecimal(of: "abc".utf8))

    #expect(throws: ImageStoreError.wrongSize(digest, announced: 4, actual: 3)) {
      var writer = try store.beginBlob(resuming: digest)
      try writer.write(Array("abc".utf8).span)
      try writer.commit(digest: digest, sizeBytes: 4)
    }

    #expect(try scratch.names("root/images/partial") == [])
    #expect(try !store.hasBlob(digest))
  }

  @Test func `a damaged blob is moved aside and can be fetched anew`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let digest = try store.writeBlob(Array("content".utf8))
    try scratch.write("c0ntent", to: "root/images/blobs/sha256/\(digest.encoded)")

    #expect(throws: ImageStoreError.damagedBlob(digest, why: "its content has another digest")) {
      try store.readBlob(digest)
    }

    #expect(try !store.hasBlob(digest))
    #expect(try scratch.names("root/images/quarantine") == [digest.encoded])
    #expect(try store.writeBlob(Array("content".utf8)) == digest)
    #expect(try store.readBlob(digest) == Array("content".utf8))
  }

  @Test func `a truncated blob is not taken for whole`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let digest = try store.writeBlob(Array("content".utf8))
    scratch.run("truncate -s 3 root/images/blobs/sha256/\(digest.encoded)")

    #expect(try !store.hasBlob(digest, sizeBytes: 7))

    #expect(throws: ImageStoreError.missingBlob(digest)) { _ = try store.openBlob(digest) }
  }

  @Test func `a pipe or link in a blob's place is not read`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let digest = Digest(sha256: SHA256.hexadecimal(of: "x".utf8))

    scratch.run("mkfifo root/images/blobs/sha256/\(digest.encoded)")
    #expect(throws: ImageStoreError.self) { try store.readBlob(digest) }
    scratch.run("cd root/images/blobs/sha256; rm \(digest.encoded); ln -s /etc/passwd \(digest.encoded)")
    #expect(throws: ImageStoreError.self) { try store.readBlob(digest) }
  }

  @Test func `a full disk is one clear error and leaves nothing`() throws {
    let scratch = StoreScratch()
    scratch.run("mkdir root && mount -t tmpfs -o size=1m tmpfs root")
    defer { scratch.run("umount root") }
    let store = try scratch.images()
    let target = try scratch.addImage(store, layers: ["a"])
    try store.tag(target, as: reference("small"))

    #expect(throws: ImageStoreError.kernel(act: "write", thing: "a blob", .noSpace)) {
      try store.writeBlob([UInt8](repeating: 1, count: 4 << 20))
    }

    #expect(try scratch.names("root/images/partial") == [])
    #expect(try store.resolve("small").target.digest == target.digest)
  }

  @Test func `other programs read the layout`() throws {
    let scratch = StoreScratch()
    let store = try scratch.images()
    let target = try scratch.addImage(store, layers: ["a", "b"])
    try store.tag(target, as: reference("localhost/thing:1"))

    scratch.run("skopeo inspect --raw oci:root/images:localhost/thing:1 > manifest")

    #expect(SHA256.hexadecimal(of: scratch.text("manifest").utf8) == target.digest.encoded)
  }
}
