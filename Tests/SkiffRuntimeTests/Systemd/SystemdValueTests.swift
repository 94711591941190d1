import SkiffRuntime
import SkiffSpec
import Testing

/// What a document becomes on its way to systemd: pure.
@Suite struct SystemdValueTests {
  @Test(arguments: [
    ("machine.slice:skiff:x", "skiff-x.scope", "/machine.slice/skiff-x.scope"),
    ("a-b-c.slice::x", "x.scope", "/a.slice/a-b.slice/a-b-c.slice/x.scope"),
    (":libpod:4f", "libpod-4f.scope", "/system.slice/libpod-4f.scope"),
    ("-.slice:p:n", "p-n.scope", "/p-n.scope"),
    ("a.slice::a-pod.slice", "a-pod.slice", "/a.slice/a-pod.slice"),
    ("", "skiff-id1.scope", "/system.slice/skiff-id1.scope"),
  ])
  func `a path of three parts names a unit and its place`(_ text: String, _ unit: String, _ path: String) throws {
    let scope = try SystemdScope(text, id: try ContainerID("id1"), isUser: false)

    #expect(scope.unit == unit)
    #expect(scope.path == path)
  }

  @Test(arguments: [
    "/skiff/x", "a:b", "a:b:c:d", "a.slice:p:", "a--b.slice:p:n", "x/y.slice:p:n", "a.slice:p:../n", "noslice:p:n",
    "-a.slice:p:n", "a.slice:p: n",
  ])
  func `any other path is refused`(_ text: String) throws {
    let id = try ContainerID("id1")
    #expect(throws: CgroupError.self) { _ = try SystemdScope(text, id: id, isUser: false) }
  }

  @Test func `a user's containers lie in the user's slice`() throws {
    #expect(try SystemdScope(nil, id: try ContainerID("x"), isUser: true).slice == "user.slice")
  }

  @Test(
    arguments: [
      ("true", BusValue.bool(true)), ("5", .int32(5)), ("-0x10", .int32(-16)), ("uint64 123", .uint64(123)),
      ("uint64 18446744073709551615", .uint64(.max)), ("byte 0xff", .byte(255)), ("1.5", .double(1.5)),
      ("'it''s'", nil), (#"'it\'s'"#, .string("it's")), ("\"a b\"", .string("a b")),
      ("objectpath '/a'", .objectPath("/a")),
      ("['a', 'b',]", .array(of: "s", [.string("a"), .string("b")])), ("@as []", .array(of: "s", [])),
      ("@a(sv) []", .array(of: "(sv)", [])), ("@ay [1, 2]", .array(of: "y", [.byte(1), .byte(2)])),
      ("('x', uint32 2)", .structure([.string("x"), .uint32(2)])),
      ("[('a', true)]", .array(of: "(sb)", [.structure([.string("a"), .bool(true)])])),
      ("[1, uint64 2]", nil), ("[1, 'a']", nil), ("[]", nil), ("()", nil), ("", nil), ("byte 256", nil),
      ("int32 5x", nil),
      ("{'a': 1}", nil), ("'open", nil), ("5 6", nil), ("uint64 'x'", nil), ("@s 5", nil), ("yes", nil),
      ("[[[[[[[[[[1]]]]]]]]]]", nil), ("nan", nil), ("@", nil), ("\\", nil),
    ] as [(String, BusValue?)])
  func `annotations are read as values, or not at all`(_ text: String, _ value: BusValue?) {
    #expect(VariantText.parse(text) == value)
  }

  @Test func `properties of annotations keep their names, but seconds become microseconds`() throws {
    let properties = try SystemdProperties.annotations([
      "org.systemd.property.TimeoutStopSec": "2", "org.systemd.property.CollectMode": "'inactive'", "other": "x",
    ])

    #expect(
      properties == [
        SystemdProperty("CollectMode", .string("inactive")), SystemdProperty("TimeoutStopUSec", .uint64(2_000_000)),
      ])
    for bad in [
      ["org.systemd.property.Name": "nonsense"], ["org.systemd.property.na-me": "1"],
      ["org.systemd.property.": "1"], ["org.systemd.property.TimeoutStopSec": "'long'"],
      ["org.systemd.property.TimeoutStopSec": "-1"],
    ] {
      #expect(throws: CgroupError.self) { _ = try SystemdProperties.annotations(bad) }
    }
  }

  @Test func `limits become properties`() throws {
    var resources = RuntimeSpec.Resources()
    resources.memory = RuntimeSpec.Memory()
    resources.memory?.limit = 100
    resources.memory?.swap = 150
    resources.memory?.reservation = 0
    resources.cpu = RuntimeSpec.CPU()
    resources.cpu?.shares = 1024
    resources.cpu?.quota = 12_345
    resources.cpu?.period = 100_000
    resources.cpu?.cpus = "0-2,9"
    resources.pids = RuntimeSpec.Pids()
    resources.pids?.limit = 7
    resources.unified = ["memory.high": "90", "cpu.idle": "1"]

    let new = try SystemdProperties.limits(resources, isUnified: true, version: 252)
    #expect(
      new == [
        SystemdProperty("MemoryMax", .uint64(100)), SystemdProperty("MemorySwapMax", .uint64(50)),
        SystemdProperty("CPUWeight", .uint64(100)),
        // 123,450 µs in a second, in steps of 10 ms upwards.
        SystemdProperty("CPUQuotaPerSecUSec", .uint64(130_000)),
        SystemdProperty("CPUQuotaPeriodUSec", .uint64(100_000)),
        SystemdProperty("AllowedCPUs", .array(of: "y", [.byte(7), .byte(2)])), SystemdProperty("TasksMax", .uint64(7)),
        SystemdProperty("MemoryHigh", .uint64(90)),
      ])
    let old = try SystemdProperties.limits(resources, isUnified: false, version: 239)
    #expect(
      old.map(\.name) == ["MemoryLimit", "CPUShares", "CPUQuotaPerSecUSec", "TasksMax"])
    resources.memory?.limit = -1
    resources.memory?.swap = -1
    resources.cpu?.quota = -1
    let unlimited = try SystemdProperties.limits(resources, isUnified: true, version: 252)
    for name in ["MemoryMax", "MemorySwapMax", "CPUQuotaPerSecUSec"] {
      #expect(unlimited.contains(SystemdProperty(name, .uint64(.max))), "\(name)")
    }
  }

  @Test func `devices become systemd's words`() throws {
    let drivers = SystemdProperties.Drivers(parsing: "Character devices:\n  1 mem\n136 pts\n\nBlock devices:\n  8 sd\n")
    var rule = RuntimeSpec.DeviceRule()
    rule.allow = true
    rule.type = "b"
    rule.major = 8
    rule.access = "r"

    let properties = try SystemdProperties.devices([rule], drivers: drivers)

    #expect(properties.map(\.name) == ["DevicePolicy", "DeviceAllow", "DeviceAllow"])
    #expect(properties[0].value == .string("strict"))
    guard case .array("(ss)", let entries) = properties[2].value else { throw Unexpected() }
    #expect(entries.contains(.structure([.string("block-sd"), .string("r")])))
    #expect(entries.contains(.structure([.string("char-pts"), .string("rwm")])))
    #expect(entries.contains(.structure([.string("/dev/char/1:3"), .string("rwm")])))

    var everything = RuntimeSpec.DeviceRule()
    everything.allow = true
    #expect(try SystemdProperties.devices([everything], drivers: drivers)[0].value == .string("auto"))
  }
}

private struct Unexpected: Error {}
