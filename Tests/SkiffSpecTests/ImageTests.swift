import SkiffSpec
import Testing

private let first = "sha256:" + String(repeating: "1", count: 64)
private let second = "sha256:" + String(repeating: "2", count: 64)

private func bytes(_ text: String) -> [UInt8] {
  Array(
    text.replacing("FIRST", with: first).replacing("SECOND", with: second).replacing(
      "OCI", with: "application/vnd.oci.image"
    ).replacing("DOCKER", with: "application/vnd.docker").utf8)
}

private func problems(_ body: () throws(SpecProblems) -> Void) -> [String] {
  do throws(SpecProblems) {
    try body()
    return []
  } catch {
    return error.lines
  }
}

@Test func `a manifest is read, written and read again`() throws {
  let manifest = try ImageManifest.parse(
    bytes(
      #"""
      {"schemaVersion":2,"mediaType":"OCI.manifest.v1+json","config":{"mediaType":"OCI.config.v1+json","digest":"FIRST","size":10},
       "layers":[{"mediaType":"OCI.layer.v1.tar+gzip","digest":"SECOND","size":20,"annotations":{"a":"b"},"future":1}],"annotations":{"x":"y"}}
      """#))

  #expect(manifest.config.digest.text == first)
  #expect(manifest.layers.first?.annotations == ["a": "b"])
  #expect(manifest.layers.first.map { MediaType.compression(ofLayer: $0.mediaType) } == .gzip)
  #expect(manifest.annotations == ["x": "y"])
  #expect(manifest.totalSize == 30)
  #expect(try ImageManifest.parse(manifest.serialized()) == manifest)
}

@Test func `docker's manifest is read as well`() throws {
  let manifest = try ImageManifest.parse(
    bytes(
      #"""
      {"schemaVersion":2,"mediaType":"DOCKER.distribution.manifest.v2+json",
       "config":{"mediaType":"DOCKER.container.image.v1+json","digest":"FIRST","size":10},
       "layers":[{"mediaType":"DOCKER.image.rootfs.diff.tar.gzip","digest":"SECOND","size":20},
                 {"mediaType":"DOCKER.image.rootfs.foreign.diff.tar.gzip","digest":"SECOND","size":1,"urls":["https://x"]}]}
      """#))

  #expect(MediaType.isManifest(manifest.mediaType ?? ""))
  #expect(MediaType.isConfiguration(manifest.config.mediaType))
  #expect(manifest.layers.map { MediaType.isForeignLayer($0.mediaType) } == [false, true])
}

@Test(arguments: [
  (#"{"schemaVersion":2}"#, ["config", "layers"]),
  (
    #"{"schemaVersion":1,"config":{},"layers":[]}"#,
    ["schemaVersion", "config.mediaType", "config.digest", "config.size"]
  ),
  (
    #"{"schemaVersion":2,"mediaType":"OCI.index.v1+json","config":{"mediaType":"x","digest":"FIRST","size":1},"layers":[]}"#,
    ["mediaType"]
  ),
  (#"{"schemaVersion":2,"config":{"mediaType":"x","digest":"FIRST","size":1},"layers":[],"manifests":[]}"#, [""]),
  (
    #"{"schemaVersion":2,"config":{"mediaType":"x","digest":"FIRST","size":-1},"layers":[{"mediaType":"y","digest":"sha256:..","size":1}]}"#,
    ["config.size", "layers[0].digest"]
  ),
  (
    #"{"schemaVersion":2,"config":{"mediaType":"x","digest":"FIRST","size":1.5},"layers":{}}"#,
    ["config.size", "config.size", "layers", "layers"]
  ),
])
func `a manifest that could mean something else is refused`(text: String, keyPaths: [String]) {
  let error = #expect(throws: SpecProblems.self) { try ImageManifest.parse(bytes(text)) }
  #expect(error?.problems.map(\.keyPath) == keyPaths)
}

@Test func `an index with layers of its own is refused`() {
  let lines = problems { () throws(SpecProblems) in
    _ = try ImageIndex.parse(bytes(#"{"schemaVersion":2,"manifests":[],"layers":[]}"#))
  }
  #expect(lines == ["the document is both a manifest and an index"])
}

@Test func `more layers than the limit are refused`() {
  let layer = #"{"mediaType":"OCI.layer.v1.tar","digest":"FIRST","size":1}"#
  let layers = Array(repeating: layer, count: ImageManifest.layerLimit + 1).joined(separator: ",")
  #expect(throws: SpecProblems.self) {
    try ImageManifest.parse(bytes(#"{"schemaVersion":2,"config":\#(layer),"layers":[\#(layers)]}"#))
  }
  #expect(throws: SpecProblems.self) {
    try ImageManifest.parse([UInt8](repeating: 0x20, count: ImageManifest.sizeLimit + 1))
  }
}

@Test func `sizes that add up beyond all measure are the largest number`() throws {
  let digest = try Digest(first)
  let huge = ContentDescriptor(mediaType: MediaType.layer, digest: digest, size: .max)
  #expect(ImageManifest(config: huge, layers: [huge, huge]).totalSize == .max)
}

@Test func `an index leads to the manifest of a platform`() throws {
  func entry(_ platform: String?, _ digit: String) throws -> ContentDescriptor {
    ContentDescriptor(
      mediaType: MediaType.imageManifest, digest: try Digest("sha256:" + String(repeating: digit, count: 64)), size: 1,
      platform: try platform.map { try Platform(parsing: $0) })
  }
  var index = ImageIndex(manifests: [
    try entry("linux/386", "1"), try entry("linux/arm64", "2"), try entry("linux/amd64", "3"),
    try entry("linux/arm/v6", "4"),
    try entry("windows/amd64", "5"),
  ])
  index.manifests[1].platform = Platform(os: "linux", architecture: "arm64")
  index.manifests.append(
    ContentDescriptor(
      mediaType: MediaType.imageManifest, digest: try Digest(first), size: 1,
      platform: Platform(os: "unknown", architecture: "unknown")))
  func chosen(_ platform: String) throws -> String? {
    index.manifest(for: try Platform(parsing: platform)).map { String($0.digest.encoded.prefix(1)) }
  }

  #expect(try chosen("linux/amd64") == "3")
  #expect(try chosen("linux/386") == "1")
  #expect(try chosen("linux/arm64/v8") == "2")
  #expect(try chosen("linux/arm/v7") == "4")
  #expect(try chosen("linux/s390x") == nil)
  #expect(try ImageIndex.parse(index.serialized()) == index)
}

private let configuration = #"""
  {"created":"2026-01-02T03:04:05Z","author":"me","architecture":"arm64","os":"linux","variant":"v8","container":"abc",
   "config":{"User":"app:1000","ExposedPorts":{"80/tcp":{}},"Env":["A=b"],"Entrypoint":["/e"],"Cmd":null,"Volumes":{"/v":{}},
     "WorkingDir":"/w","Labels":{"l":"m"},"StopSignal":"SIGINT","Shell":["/bin/bash","-c"],"ArgsEscaped":true,
     "Healthcheck":{"Test":["CMD","x"],"Interval":5,"Retries":3}},
   "rootfs":{"type":"layers","diff_ids":["FIRST","SECOND"]},
   "history":[{"created":"2026-01-02T03:04:05Z","created_by":"ADD x","comment":"c"},{"empty_layer":true}],
   "docker_version":"20.10","future":{"a":[1]}}
  """#

@Test func `a configuration is read whole`() throws {
  let image = try ImageConfiguration.parse(bytes(configuration))

  #expect(image.platform.description == "linux/arm64/v8")
  #expect(image.created?.text == "2026-01-02T03:04:05Z")
  #expect(image.config.user == "app:1000")
  #expect(image.config.exposedPorts == ["80/tcp"])
  #expect(image.config.environment == ["A=b"])
  #expect(image.config.entrypoint == ["/e"])
  #expect(image.config.command == nil)
  #expect(image.config.volumes == ["/v"])
  #expect(image.config.workingDirectory == "/w")
  #expect(image.config.labels == ["l": "m"])
  #expect(image.config.stopSignal == "SIGINT")
  #expect(image.config.shell == ["/bin/bash", "-c"])
  #expect(image.config.healthcheck?.test == ["CMD", "x"])
  #expect(image.config.healthcheck?.retries == 3)
  #expect(image.rootFileSystem.diffIDs.map(\.text) == [first, second])
  #expect(image.history.map(\.isEmptyLayer) == [false, true])
}

@Test func `what a configuration says beyond what is known stays when it is written again`() throws {
  var image = try ImageConfiguration.parse(bytes(configuration))
  image.config.command = ["sh"]
  image.config.entrypoint = nil
  image.config.user = ""
  let written = try JSONValue.parse(image.serialized())

  #expect(written["container"] == "abc")
  #expect(written["docker_version"] == "20.10")
  #expect(written["future"] == ["a": [1]])
  #expect(written["config"]?["ArgsEscaped"] == true)
  #expect(written["config"]?["Cmd"] == ["sh"])
  #expect(written["config"]?.object?.keys.contains("Entrypoint") == false)
  #expect(written["config"]?.object?.keys.contains("User") == false)
  #expect(written["config"]?["ExposedPorts"] == ["80/tcp": [:]])
  let again = try ImageConfiguration.parse(image.serialized())
  #expect(again.config == image.config)
  #expect(again.history == image.history)
  #expect(again.serialized() == image.serialized())
}

@Test func `a configuration made here reads back equal in all that it says`() throws {
  var image = ImageConfiguration(platform: Platform(os: "linux", architecture: "amd64"))
  image.rootFileSystem.diffIDs = [try Digest(first)]
  image.config.environment = ["A=b", "C="]
  let written = try JSONValue.parse(image.serialized())

  #expect(
    written == [
      "architecture": "amd64", "os": "linux", "config": ["Env": ["A=b", "C="]],
      "rootfs": ["type": "layers", "diff_ids": [.string(first)]],
    ])
  #expect(try ImageConfiguration.parse(image.serialized()).config == image.config)
}

@Test func `all problems of a configuration are told at once`() {
  let lines = problems { () throws(SpecProblems) in
    _ = try ImageConfiguration.parse(
      bytes(
        #"""
        {"created":"yesterday","os":1,"config":{"User":0,"Env":"A=b","Cmd":["a",2],"Labels":{"x":1},"Healthcheck":[]},
         "rootfs":{"type":"layers+base","diff_ids":["x",1]},"history":[1,{"empty_layer":"yes"}]}
        """#))
  }

  #expect(
    lines == [
      "os: expected a string, found a number",
      "created: invalid time \"yesterday\": must be as 2026-11-21T09:40:00Z",
      "config.User: expected a string, found a number",
      "config.Env: expected a list, found a string",
      "config.Cmd[1]: expected a string, found a number",
      "config.Labels.x: expected a string, found a number",
      "config.Healthcheck: expected an object, found a list",
      "rootfs.type: expected \"layers\", found \"layers+base\"",
      "rootfs.diff_ids[0]: invalid digest \"x\"",
      "rootfs.diff_ids[1]: expected a string, found a number",
      "history[0]: expected an object, found a number",
      "history[1].empty_layer: expected a boolean, found a string",
    ])
}

@Test func `media types are told apart`() {
  #expect(MediaType.isIndex(MediaType.essence(of: "Application/vnd.oci.image.index.v1+json; charset=utf-8")))
  #expect(MediaType.compression(ofLayer: MediaType.layer) == MediaType.Compression.none)
  #expect(MediaType.compression(ofLayer: MediaType.dockerLayerZstd) == .zstd)
  #expect(MediaType.compression(ofLayer: "application/vnd.oci.image.layer.v1.tar+gzip+encrypted") == nil)
  #expect(MediaType.isForeignLayer("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"))
  #expect(!MediaType.isLayer(MediaType.imageConfiguration))
}
