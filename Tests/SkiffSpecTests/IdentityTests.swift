import SkiffSpec
import Testing

private let sha = "sha256:" + String(repeating: "0a", count: 32)

@Test(arguments: ["a", "web-1", "A_b+c.d", "0", "a..", "-x", String(repeating: "a", count: 255)])
func `a container id of safe characters is taken`(text: String) throws {
  #expect(try ContainerID(text).text == text)
}

@Test(arguments: [
  "", ".", "..", "...", ".hidden", "a/b", "../a", "a b", "a\n", "é", "\u{212A}", "a:b", "a\0",
  String(repeating: "a", count: 256),
])
func `a container id that would be unsafe as a file name is refused`(text: String) {
  #expect(throws: FormatError.self) { try ContainerID(text) }
}

@Test func `a container id's error names the character`() {
  #expect(throws: FormatError(#"invalid container ID format: invalid character "/" in the container ID "a/b""#)) {
    try ContainerID("a/b")
  }
}

@Test func `a digest is an algorithm and its digits`() throws {
  let digest = try Digest(sha)

  #expect(digest.algorithm == .sha256)
  #expect(digest.encoded.utf8.count == 64)
  #expect(digest.text == sha)
  #expect(digest.short == "0a0a0a0a0a0a")
  #expect(Digest(hash: [UInt8](repeating: 0x0A, count: 32)) == digest)
  #expect(Digest(hash: [1, 2, 3]) == nil)
  #expect(Digest(sha256: digest.encoded) == digest)
  #expect(try Digest("sha512:" + String(repeating: "f", count: 128)).algorithm == .sha512)
}

@Test(arguments: [
  "", "sha256", "sha256:", "sha256:abc", "md5:" + String(repeating: "0", count: 32),
  "sha256:" + String(repeating: "0A", count: 32), "sha256:" + String(repeating: "0", count: 65),
  "sha256:../../../../etc/passwd" + String(repeating: "0", count: 42), "SHA256:" + String(repeating: "0", count: 64),
  "sha256:" + String(repeating: "g", count: 64), "sha256:sha256:" + String(repeating: "0", count: 57),
])
func `what is no digest is refused`(text: String) {
  #expect(throws: FormatError.self) { try Digest(text) }
}

@Test(arguments: [
  ("busybox", "docker.io/library/busybox", "busybox"),
  ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
  ("library/busybox", "docker.io/library/busybox", "busybox"),
  ("user/app:v1", "docker.io/user/app:v1", "user/app:v1"),
  ("docker.io/busybox", "docker.io/library/busybox", "busybox"),
  ("index.docker.io/busybox", "docker.io/library/busybox", "busybox"),
  ("localhost/busybox:latest", "localhost/busybox:latest", "localhost/busybox:latest"),
  ("localhost:5000/a/b/c", "localhost:5000/a/b/c", "localhost:5000/a/b/c"),
  ("quay.io/podman/stable", "quay.io/podman/stable", "quay.io/podman/stable"),
  ("127.0.0.1:5000/x", "127.0.0.1:5000/x", "127.0.0.1:5000/x"),
  ("[::1]:5000/x:y", "[::1]:5000/x:y", "[::1]:5000/x:y"),
  ("[2001:db8::1]/x", "[2001:db8::1]/x", "[2001:db8::1]/x"),
  ("Registry/x", "Registry/x", "Registry/x"),
  ("a/b__c.d-e---f_g", "docker.io/a/b__c.d-e---f_g", "a/b__c.d-e---f_g"),
  ("busybox:_Tag.1-2", "docker.io/library/busybox:_Tag.1-2", "busybox:_Tag.1-2"),
  ("docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"),
])
func `a reference means what it means to docker`(text: String, canonical: String, familiar: String) throws {
  let reference = try ImageReference(parsing: text)

  #expect(reference.canonical == canonical)
  #expect(reference.familiar == familiar)
  #expect(try ImageReference(parsing: reference.canonical) == reference)
  #expect(try ImageReference(parsing: reference.familiar) == reference)
}

@Test func `a reference knows its parts`() throws {
  let reference = try ImageReference(parsing: "localhost:5000/a/b:t@\(sha)")

  #expect(reference.registry == "localhost:5000")
  #expect(reference.repository == "a/b")
  #expect(reference.tag == "t")
  #expect(reference.digest?.text == sha)
  #expect(reference.withDefaultTag == reference)
  #expect(try ImageReference(parsing: "x").withDefaultTag.familiar == "x:latest")
  #expect(try ImageReference(parsing: "x").registryEndpoint == "registry-1.docker.io")
  #expect(try ImageReference(parsing: "x:1").tagged("2").familiar == "x:2")
}

@Test(arguments: [
  "", ":", "/", "a//b", "a/", "/a", "a:", "a:b:c", "a@b", "a@sha256:12", "Upper", "a/Upper", "a_", "_a", "a..b",
  "a___b", "a._b",
  "a b", "a:\u{212A}", "-a", "a-", "a/-b", "exa_mple.com/x", "-host.com/x", "host-.com/x", "host:port/x",
  "host:99999/x", "host:/x",
  "[::1/x", "[zz]/x", "[::1]5000/x", "[::1]:/x", "a:" + String(repeating: "t", count: 129), "a:.b", "a\n", "ä",
  "https://a.io/x",
  String(repeating: "ab", count: 32), String(repeating: "a", count: 256) + "/x",
  "a.io/" + String(repeating: "a", count: 256),
  "x@sha512:" + String(repeating: "0", count: 64),
])
func `what is no reference is refused`(text: String) {
  #expect(throws: FormatError.self) { try ImageReference(parsing: text) }
}

@Test(arguments: [
  ("linux/amd64", "linux/amd64"), ("linux/x86_64", "linux/amd64"), ("linux/amd64/v1", "linux/amd64"),
  ("linux/amd64/v3", "linux/amd64/v3"), ("linux/aarch64", "linux/arm64/v8"), ("linux/arm64/8", "linux/arm64/v8"),
  ("linux/arm", "linux/arm/v7"), ("linux/armhf", "linux/arm/v7"), ("linux/armel", "linux/arm/v6"),
  ("linux/arm/5", "linux/arm/v5"), ("Linux/ARM64/V8", "linux/arm64/v8"), ("linux/i386", "linux/386"),
  ("arm64", "linux/arm64/v8"),
  ("macos/arm64", "darwin/arm64/v8"), ("linux/riscv64", "linux/riscv64"), ("linux/armv6l", "linux/arm/v6"),
])
func `platforms are named as images name them`(text: String, normal: String) throws {
  #expect(try Platform(parsing: text).description == normal)
}

@Test(arguments: ["", "/", "linux/", "/amd64", "a/b/c/d", "nonsense", "linux/am d64", "linux/\u{212A}"])
func `what is no platform is refused`(text: String) {
  #expect(throws: FormatError.self) { try Platform(parsing: text) }
}

@Test func `a machine prefers its own images and runs those of its kin`() throws {
  let v3 = try Platform(parsing: "linux/amd64/v3")
  let arm = try Platform(parsing: "linux/arm/v7")

  #expect(v3.preference(for: try Platform(parsing: "linux/amd64/v3")) == 0)
  #expect(v3.preference(for: try Platform(parsing: "linux/amd64/v2")) == 1)
  #expect(v3.preference(for: try Platform(parsing: "linux/amd64")) == 2)
  #expect(v3.preference(for: try Platform(parsing: "linux/386")) == 3)
  #expect(v3.preference(for: try Platform(parsing: "linux/amd64/v4")) == nil)
  #expect(v3.runs(Platform(os: "windows", architecture: "amd64")) == false)
  #expect(arm.runs(try Platform(parsing: "linux/arm/v6")))
  #expect(!arm.runs(try Platform(parsing: "linux/arm64")))
  #expect(try Platform(parsing: "linux/arm64").runs(arm))
  #expect(Platform.current.preference(for: Platform.current) == 0)
}

@Test(arguments: [
  ("0", 0), ("512", 512), ("64k", 65536), ("500m", 524_288_000), ("1g", 1 << 30), ("1.5G", 3 << 29), ("10b", 10),
  ("10KiB", 10240),
  ("2 MB", 2 << 20), ("0.5k", 512), ("1.25", 1), ("8e", Int64.max), ("7.999999999e", 9223372035701854303),
  ("1t", 1 << 40),
])
func `sizes are powers of 1024`(text: String, bytes: Int64) throws {
  if text == "8e" {
    #expect(throws: FormatError.self) { try ByteSize(parsing: text) }
  } else {
    #expect(try ByteSize(parsing: text).bytes == bytes)
  }
}

@Test(arguments: [
  "", "-1", "+1", "k", "1.k", ".5k", "1kk", "1x", "1 0", "1  k", "99999999999999999999", "9223372036854775807k", "1e3",
  "0x10", "1.5.5", "1bi",
])
func `what is no size is refused`(text: String) {
  #expect(throws: FormatError.self) { try ByteSize(parsing: text) }
}

@Test(arguments: [
  (Int64(0), "0B", "0B"), (999, "999B", "999B"), (1000, "1kB", "1000B"), (1024, "1.02kB", "1KiB"),
  (4_260_000, "4.26MB", "4.063MiB"),
  (999_950, "1MB", "976.5KiB"), (1_572_864_000, "1.57GB", "1.465GiB"), (.max, "9.22EB", "8EiB"),
])
func `sizes are shown as docker shows them`(bytes: Int64, decimal: String, binary: String) {
  #expect(ByteSize(bytes: bytes).decimalText == decimal)
  #expect(ByteSize(bytes: bytes).binaryText == binary)
}

@Test(arguments: [
  ("1970-01-01T00:00:00Z", Int64(0), Int64(0)), ("2026-11-21T09:40:00.5Z", 1_795_254_000, 500_000_000),
  ("2000-02-29T23:59:59.000000001Z", 951_868_799, 1), ("1969-12-31T23:59:59Z", -1, 0),
  ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
  ("9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999), ("2100-03-01T00:00:00Z", 4_107_542_400, 0),
])
func `moments and their texts are one`(text: String, seconds: Int64, nanoseconds: Int64) throws {
  #expect(Timestamp(seconds: seconds, nanoseconds: nanoseconds).text == text)
  #expect(try Timestamp(parsing: text) == Timestamp(seconds: seconds, nanoseconds: nanoseconds))
}

@Test func `offsets, odd digits and small letters are read`() throws {
  #expect(try Timestamp(parsing: "2026-11-21T11:40:00+02:00").text == "2026-11-21T09:40:00Z")
  #expect(try Timestamp(parsing: "2026-11-21t04:10:00.1234567899-05:30").text == "2026-11-21T09:40:00.123456789Z")
  #expect(Timestamp(seconds: 0, nanoseconds: 5).fixedText == "1970-01-01T00:00:00.000000005Z")
  #expect(Timestamp(seconds: .max).text == "9999-12-31T23:59:59Z")
  #expect(Timestamp(seconds: .min, nanoseconds: -1) == .never)
}

@Test(arguments: [
  "", "2026", "2026-11-21", "2026-11-21T09:40:00", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z",
  "2026-11-21T24:00:00Z",
  "2026-11-21T09:60:00Z", "2026-11-21T09:40:60Z", "2026-11-21T09:40:00.Z", "2026-11-21T09:40:00+2:00",
  "2026-11-21T09:40:00Zx",
  "2026-11-21T09:40:00+99:00", "-026-11-21T09:40:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00",
  "2026-11-21T09:40:00." + String(repeating: "1", count: 100) + "Z",
])
func `what is no time is refused`(text: String) {
  #expect(throws: FormatError.self) { try Timestamp(parsing: text) }
}

@Test func `every day of the calendar is written and read as itself`() throws {
  for day in stride(from: Int64(-719_162), through: 2_932_896, by: 97) {
    let moment = Timestamp(seconds: day * 86400 + 12345)
    #expect(try Timestamp(parsing: moment.text) == moment)
  }
}

@Test func `a state document reads back equal`() throws {
  var state = ContainerState(id: try ContainerID("web"), pid: 42, status: .running, bundle: "/b")
  state.rootfs = "/b/rootfs"
  state.created = Timestamp(seconds: 1, nanoseconds: 2)
  state.annotations = ["a": "b", "c.d": ""]
  state.owner = ""

  #expect(try ContainerState.parse(state.serialized()) == state)
  #expect(
    String(decoding: state.serialized(), as: UTF8.self)
      == #"{"ociVersion":"1.3.0","id":"web","pid":42,"status":"running","bundle":"/b","rootfs":"/b/rootfs","created":"1970-01-01T00:00:01.000000002Z","annotations":{"a":"b","c.d":""},"owner":""}"#
  )
}

@Test func `a state document of nonsense is refused with all its problems`() {
  let error = #expect(throws: SpecProblems.self) {
    try ContainerState.parse(Array(#"{"id":"../x","pid":1,"status":"flying","created":"now"}"#.utf8))
  }
  #expect(error?.problems.map(\.keyPath) == ["id", "status", "created"])
}

@Test(arguments: [
  ("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::", "::"),
  ("::1", "::1"),
  ("2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"), ("fe80::1:2", "fe80::1:2"), ("::ffff:10.0.0.1", "::ffff:a00:1"),
  ("1::", "1::"),
  ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1:0:3:4:5:6:7:8", "1:0:3:4:5:6:7:8"),
  ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
])
func `addresses are read and written in their short form`(text: String, short: String) throws {
  #expect(try #require(IPAddress(text)).description == short)
}

@Test(arguments: [
  "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.", "1.2.3.-4", "+1.2.3.4", ":", ":::", "1::2::3",
  "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::", "g::", "::1%eth0", "1.2.3.4::", "+1::", "::1.2.3",
  ":1:2:3:4:5:6:7:8",
])
func `what is no address is refused`(text: String) {
  #expect(IPAddress(text) == nil)
}
