import SkiffEngine
import SkiffSpec
import Testing

@Suite struct ResourceCompositionTests {
  private func resources(_ change: (inout ResourceRequest) -> Void = { _ in }) throws -> RuntimeSpec.Resources {
    try #require(try changed { change(&$0.resources) }.linux.resources)
  }

  private func refusal(_ change: (inout ResourceRequest) -> Void) -> String? {
    ComposerFixture { change(&$0.resources) }.refusal()
  }

  @Test func `processes are limited even when nobody asks`() throws {
    #expect(try resources().pids?.limit == 2048)
    #expect(try resources { $0.pidsLimit = 20 }.pids?.limit == 20)
    #expect(try resources { $0.pidsLimit = -1 }.pids?.limit == -1)
    #expect(try resources { $0.pidsLimit = 0 }.pids?.limit == -1)
    #expect(try resources().memory == nil)
    #expect(try resources().cpu == nil)
    #expect(try resources().blockIO == nil)
  }

  @Test func `memory brings as much swap unless told otherwise`() throws {
    #expect(try resources { $0.memoryBytes = 500 }.memory?.limit == 500)
    #expect(try resources { $0.memoryBytes = 500 }.memory?.swap == 1000)
    #expect(try resources { $0.memoryBytes = .max }.memory?.swap == -1)
    let limited = try resources {
      $0.memoryBytes = 500
      $0.memorySwapBytes = 500
      $0.memoryReservationBytes = 100
      $0.memorySwappiness = 10
      $0.oomKillIsDisabled = true
    }.memory
    #expect(limited?.swap == 500)
    #expect(limited?.reservation == 100)
    #expect(limited?.swappiness == 10)
    #expect(limited?.disableOOMKiller == true)
  }

  @Test func `limits on memory that contradict each other are refused`() {
    #expect(refusal { $0.memorySwapBytes = 5 }?.contains("needs --memory") == true)
    #expect(
      refusal {
        $0.memoryBytes = 10
        $0.memorySwapBytes = 5
      }?.contains("cannot be below") == true)
    #expect(
      refusal {
        $0.memoryBytes = 10
        $0.memoryReservationBytes = 50
      } != nil)
    #expect(refusal { $0.memorySwappiness = 101 } != nil)
  }

  @Test func `CPUs become a quota of a tenth of a second`() throws {
    let cpu = try resources { $0.nanoCPUs = 1_500_000_000 }.cpu
    #expect(cpu?.quota == 150_000)
    #expect(cpu?.period == 100_000)
    let explicit = try resources {
      $0.cpuPeriod = 50_000
      $0.cpuQuota = 25_000
      $0.cpuShares = 512
      $0.cpusetCPUs = "0-1,3"
      $0.cpusetMemoryNodes = "0"
    }.cpu
    #expect(explicit?.quota == 25_000)
    #expect(explicit?.period == 50_000)
    #expect(explicit?.shares == 512)
    #expect(explicit?.cpus == "0-1,3")
    #expect(explicit?.mems == "0")
  }

  @Test func `limits on CPUs that the kernel would not take are refused`() {
    #expect(
      refusal {
        $0.nanoCPUs = 1_000_000_000
        $0.cpuQuota = 5000
      }?.contains("choose one way") == true)
    #expect(refusal { $0.nanoCPUs = 1 } != nil)
    #expect(refusal { $0.cpuPeriod = 999 } != nil)
    #expect(refusal { $0.cpuQuota = 1 } != nil)
    #expect(refusal { $0.cpusetCPUs = "3-1" } != nil)
    #expect(refusal { $0.cpusetCPUs = "0,,1" } != nil)
    #expect(refusal { $0.blockIOWeight = 5 } != nil)
  }

  @Test func `devices are denied before some are allowed`() throws {
    let rules = try resources().devices

    #expect(rules.first?.allow == false)
    #expect(rules.first?.type == nil)
    #expect(rules.dropFirst().allSatisfy { $0.allow && $0.type == "c" })
    #expect(rules.contains { $0.major == 1 && $0.minor == 3 })
    #expect(!rules.contains { $0.major == 10 })
  }

  @Test func `a device of the host brings its node and its rule`() throws {
    var fixture = ComposerFixture()
    fixture.composition.request.devices = [try DeviceRequest(parsing: "/dev/fuse:/dev/f:rw")]
    fixture.composition.request.deviceRules = [try DeviceRuleRequest(parsing: "b 8:* r")]
    #expect(fixture.refusal() != nil)
    fixture.composition.deviceNodes = ["/dev/fuse": DeviceNode(type: "c", major: 10, minor: 229, mode: 0o666)]

    let linux = try fixture.spec().linux

    #expect(linux.devices.map(\.path) == ["/dev/f"])
    #expect(linux.devices.first?.major == 10)
    #expect(linux.devices.first?.fileMode == 0o666)
    let rules = try #require(linux.resources?.devices)
    #expect(rules.contains { $0.major == 10 && $0.minor == 229 && $0.access == "rw" && $0.allow })
    #expect(rules.contains { $0.type == "b" && $0.major == 8 && $0.minor == nil && $0.access == "r" })
  }

  @Test func `rates are set by device number`() throws {
    var fixture = ComposerFixture()
    fixture.composition.request.resources.readBytesPerSecond = [
      try DeviceAmount(parsing: "/dev/sda:1mb", option: "--device-read-bps", inBytes: true)
    ]
    fixture.composition.deviceNodes = ["/dev/sda": DeviceNode(type: "b", major: 8, minor: 0)]

    let throttle = try #require(try fixture.spec().linux.resources?.blockIO?.throttleReadBpsDevice.first)

    #expect(throttle.major == 8)
    #expect(throttle.rate == 1 << 20)
  }
}
