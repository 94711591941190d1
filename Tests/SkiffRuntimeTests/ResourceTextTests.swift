import Testing

import SkiffRuntime

/// What a container's own view of its resources says.
@Suite struct ResourceTextTests {
  private var sample: ResourceSample {
    var sample = ResourceSample()
    sample.processors = [1, 3]
    sample.memoryLimitBytes = 64 << 20
    sample.memoryUsedBytes = 16 << 20
    sample.fileBytes = 8 << 20
    sample.inactiveFileBytes = 6 << 20
    sample.activeFileBytes = 2 << 20
    sample.userTicks = 150
    sample.systemTicks = 50
    sample.uptimeMilliseconds = 12_340
    sample.threads = 4
    sample.runningThreads = 1
    sample.loads = [0.5, 0.25, 0.126]
    sample.bootSeconds = 1_700_000_000
    return sample
  }

  @Test func `the CPUs that are shown are numbered anew`() {
    let host = (0..<4).map { "processor\t: \($0)\nmodel name\t: number \($0)\n\n" }.joined()

    let text = ResourceText.processors(sample, host: host)

    #expect(
      text == "processor\t: 0\nmodel name\t: number 1\n\nprocessor\t: 1\nmodel name\t: number 3\n\n"
    )
    #expect(ResourceText.onlineProcessors(sample) == "0-1\n")
  }

  @Test func `memory has the host's lines and the container's amounts`() {
    let host = """
      MemTotal:       16384000 kB
      MemFree:         1234567 kB
      MemAvailable:    2234567 kB
      Mapped:            99999 kB
      SwapTotal:       8000000 kB
      HugePages_Total:      12
      Hugepagesize:       2048 kB

      """

    let lines = ResourceText.memory(sample, host: host).split(separator: "\n").map(String.init)

    #expect(
      lines == [
        "MemTotal:          65536 kB", "MemFree:           49152 kB", "MemAvailable:      57344 kB",
        "Mapped:                0 kB", "SwapTotal:             0 kB", "HugePages_Total:       0",
        "Hugepagesize:       2048 kB",
      ])
  }

  @Test func `times add up to what the clock says`() {
    let lines = ResourceText.statistics(sample).split(separator: "\n")

    // Two CPUs, 12.34 s, of which two seconds were used.
    #expect(lines[0] == "cpu  150 0 50 2268 0 0 0 0 0 0")
    #expect(lines[1] == "cpu0 75 0 25 1134 0 0 0 0 0 0" && lines[2].hasPrefix("cpu1 "))
    #expect(lines.contains("btime 1700000000") && lines.contains("procs_running 1"))
    #expect(ResourceText.uptime(sample) == "12.34 22.68\n")
    #expect(ResourceText.load(sample) == "0.50 0.25 0.13 1/4 4\n")
  }

  @Test func `swap is shown where there is any`() {
    var sample = sample
    #expect(ResourceText.swaps(sample).split(separator: "\n").count == 1)
    sample.swapLimitBytes = 1 << 20
    sample.swapUsedBytes = 1 << 10
    #expect(ResourceText.swaps(sample).contains("virtual\t\t1024\t\t1\t\t0"))
  }
}
