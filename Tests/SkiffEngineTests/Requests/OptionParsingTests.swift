import SkiffEngine
import Testing

@Suite struct OptionParsingTests {
  @Test(arguments: [
    ("0", 0), ("512", 512), ("64k", 65_536), ("500m", 524_288_000), ("1.5g", 1_610_612_736), ("2GB", 2_147_483_648),
    ("10KiB", 10_240), ("7b", 7), ("1t", 1_099_511_627_776),
  ])
  func `sizes are read in powers of 1024`(_ text: String, _ bytes: Int64) {
    #expect(NumberOption.bytes(text) == bytes)
  }

  @Test(arguments: ["", "m", "-1", "1x", "1.2.3", "9999999999999g", "0x10", "1e3", "١", " 1"])
  func `what is no size is refused`(_ text: String) {
    #expect(NumberOption.bytes(text) == nil)
  }

  @Test func `CPUs, spans and lists`() {
    #expect(NumberOption.nanoCPUs("0.5") == 500_000_000)
    #expect(NumberOption.nanoCPUs("2") == 2_000_000_000)
    #expect(NumberOption.nanoCPUs(".25") == 250_000_000)
    #expect(NumberOption.nanoCPUs("-1") == nil)
    #expect(NumberOption.seconds("90") == 90)
    #expect(NumberOption.seconds("1m30s") == 90)
    #expect(NumberOption.seconds("2h") == 7200)
    #expect(NumberOption.seconds("9999999999999999999h") == nil)
    #expect(NumberOption.seconds("5x") == nil)
    #expect(NumberOption.isNumberList("0-3,7"))
    #expect(!NumberOption.isNumberList("0-"))
    #expect(!NumberOption.isNumberList(""))
  }

  @Test func `limits are read by name`() throws {
    #expect(
      try ResourceLimitRequest(parsing: "nofile=1024:2048")
        == ResourceLimitRequest(name: "nofile", soft: 1024, hard: 2048))
    #expect(
      try ResourceLimitRequest(parsing: "core=-1") == ResourceLimitRequest(name: "core", soft: .max, hard: .max))
    for text in ["nofile", "nofile=", "files=1", "nofile=2:1", "nofile=1:2:3", "nofile=x"] {
      #expect(throws: EngineError.self) { try ResourceLimitRequest(parsing: text) }
    }
  }

  @Test func `devices and their rules`() throws {
    let plain = try DeviceRequest(parsing: "/dev/fuse")
    #expect(plain == DeviceRequest(hostPath: "/dev/fuse", containerPath: "/dev/fuse", access: "rwm"))
    #expect(
      try DeviceRequest(parsing: "/dev/a:r") == DeviceRequest(hostPath: "/dev/a", containerPath: "/dev/a", access: "r"))
    #expect(
      try DeviceRequest(parsing: "/dev/a:/dev/b:rw")
        == DeviceRequest(hostPath: "/dev/a", containerPath: "/dev/b", access: "rw"))
    for text in ["", "fuse", "/dev/a:b", "/dev/a:/dev/b:rx", "/a:/b:/c:r", "vendor.com/gpu=0"] {
      #expect(throws: EngineError.self) { try DeviceRequest(parsing: text) }
    }
    #expect(try DeviceRuleRequest(parsing: "c 42:* rmw").text == "c 42:* rmw")
    for text in ["c 42 r", "x 1:1 r", "c a:1 r", "c 1:1 rr", "c 1:1"] {
      #expect(throws: EngineError.self) { try DeviceRuleRequest(parsing: text) }
    }
  }

  @Test func `volumes are paths, names or neither`() throws {
    func source(_ text: String) throws -> MountRequest.Source {
      try MountRequest(parsingVolume: text, workingDirectory: "/home/me").source
    }
    #expect(try source("/data:/x") == .bind(path: "/data", createsMissing: true))
    #expect(try source("./data:/x") == .bind(path: "/home/me/./data", createsMissing: true))
    #expect(try source("data:/x") == .volume(name: "data"))
    #expect(try source("/x") == .volume(name: nil))
    let options = try MountRequest(parsingVolume: "data:/x:ro,nocopy,rslave,noexec", workingDirectory: "/")
    #expect(options.isReadOnly)
    #expect(!options.copiesFromImage)
    #expect(options.propagation == "rslave")
    #expect(options.options == ["noexec"])
    for text in ["", ":", "a:b", "a:/", "a:/x:bad", "a:/x:ro:rw", "../..:x", "-a:/x", "a/b:/x", "a:/x:U"] {
      #expect(throws: EngineError.self) { try MountRequest(parsingVolume: text, workingDirectory: "/") }
    }
  }

  @Test func `the long form of a mount`() throws {
    let bind = try MountRequest(
      parsingMount: "type=bind,\"source=/a,b\",target=/x,readonly,bind-propagation=rshared,bind-nonrecursive=true",
      workingDirectory: "/")
    #expect(bind.source == .bind(path: "/a,b", createsMissing: false))
    #expect(bind.destination == "/x")
    #expect(bind.isReadOnly)
    #expect(!bind.isRecursive)
    #expect(bind.propagation == "rshared")
    let memory = try MountRequest(
      parsingMount: "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1770", workingDirectory: "/")
    #expect(memory.options == ["size=1048576", "mode=1770"])
    let volume = try MountRequest(parsingMount: "src=data,dst=/t,ro=false,volume-nocopy", workingDirectory: "/")
    #expect(volume.source == .volume(name: "data"))
    #expect(!volume.copiesFromImage)
    for text in [
      "type=bind,target=/x", "target=x", "type=volume", "type=tmpfs,src=/a,dst=/b", "type=odd,dst=/x",
      "dst=/x,colour=1",
      "dst=/x,ro=maybe", "\"dst=/x", "dst=/x,volume-driver=nfs",
    ] {
      #expect(throws: EngineError.self) { try MountRequest(parsingMount: text, workingDirectory: "/") }
    }
  }

  @Test func `namespaces and networks by word`() {
    #expect(NamespaceRequest(parsing: "host") == .host)
    #expect(NamespaceRequest(parsing: "container:web") == .container("web"))
    #expect(NamespaceRequest(parsing: "container:") == nil)
    #expect(NamespaceRequest(parsing: "shareable") == nil)
    #expect(NetworkRequest(parsing: "none") == NetworkRequest.none)
    #expect(NetworkRequest(parsing: "mine") == nil)
    #expect(UserNamespaceRequest(parsing: "auto") == .automatic)
    let range = IDRange(container: 0, host: 100_000, size: 65_536)
    #expect(UserNamespaceRequest(parsing: "map:0:100000:65536") == .mapped(users: [range], groups: [range]))
    #expect(UserNamespaceRequest(parsing: "map:0:4294967295:1") == nil)
    #expect(UserNamespaceRequest(parsing: "map:0:1:0") == nil)
    #expect(UserNamespaceRequest(parsing: "map:") == nil)
    #expect(UserNamespaceRequest(parsing: "keep-id") == .keepID(user: nil, group: nil))
    #expect(UserNamespaceRequest(parsing: "keep-id:gid=5,uid=4") == .keepID(user: 4, group: 5))
    for text in ["keep-id:", "keep-id:uid", "keep-id:uid=", "keep-id:uid=-1", "keep-id:uid=4294967295", "keep-id:x=1"] {
      #expect(UserNamespaceRequest(parsing: text) == nil, "\(text)")
    }
  }

  @Test func `a network with addresses in it`() throws {
    for text in ["bridge:ip=10.1.2.3,mac=02-42-00-00-00-01", "name=bridge,ip=10.1.2.3,mac-address=02:42:00:00:00:01"] {
      let option = try NetworkOption(parsing: text)
      #expect(option.network == .bridge && option.address == "10.1.2.3" && option.macAddress == "02:42:00:00:00:01")
    }
    #expect(try NetworkOption(parsing: "container:web").network == .container("web"))
    for text in ["", ":ip=1.2.3.4", "host:ip=1.2.3.4", "bridge:ip", "bridge:ip=", "bridge:mac=1", "name="] {
      #expect(throws: EngineError.self, "\(text)") { try NetworkOption(parsing: text) }
    }
  }

  @Test func `a file of a control group`() throws {
    var limits = ResourceRequest()
    for text in ["memory.high=1048576", "io.max=8:0 rbps=1048576", "memory.high=max"] { try limits.setCgroup(text) }
    #expect(limits.cgroupSettings == ["memory.high": "max", "io.max": "8:0 rbps=1048576"])
    for text in ["memory.high", "memory.high=", "=1", "memory=1", "../x.y=1", "memory..high=1", "cgroup.procs=1"] {
      #expect(throws: EngineError.self, "\(text)") { try limits.setCgroup(text) }
    }
  }

  @Test func `variables come from the option, the caller, or a file`() throws {
    let caller = { (name: String) -> String? in name == "HOME" ? "/home/me" : nil }
    #expect(try EnvironmentOption.entry("A=1=2", option: "--env", caller: caller) == "A=1=2")
    #expect(try EnvironmentOption.entry("HOME", option: "--env", caller: caller) == "HOME=/home/me")
    #expect(try EnvironmentOption.entry("GONE", option: "--env", caller: caller) == "GONE")
    #expect(throws: EngineError.self) { try EnvironmentOption.entry("=x", option: "--env", caller: caller) }
    let file = Array("# comment\n\nA=1\r\n  B=two words # kept\nHOME\nGONE\n".utf8)
    #expect(
      try EnvironmentOption.entries(ofFile: file, path: "f", caller: caller) == [
        "A=1", "B=two words # kept", "HOME=/home/me",
      ])
    #expect(throws: EngineError.self) {
      try EnvironmentOption.entries(ofFile: Array("A B=1".utf8), path: "f", caller: caller)
    }
    #expect(try EnvironmentOption.label("a=b=c", option: "--label").value == "b=c")
    #expect(try EnvironmentOption.label("a", option: "--label").value == "")
    #expect(throws: EngineError.self) { try EnvironmentOption.label("=b", option: "--label") }
  }
}
