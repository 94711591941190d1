import SkiffEngine
import SkiffRuntime
import SkiffSpec
import Testing

@Suite struct HealthRequestTests {
  @Test func `spans are read as Go reads them`() {
    let read: [(String, Int64?)] = [
      ("1m30s", 90_000_000_000), ("1.5s", 1_500_000_000), ("500ms", 500_000_000), ("0", 0), ("2us", 2000),
      ("3µs", 3000),
      ("1h", 3_600_000_000_000), ("0.5h1ns", 1_800_000_000_001), ("1", nil), ("", nil), ("s", nil), ("1x", nil),
      ("-1s", nil), ("1..5s", nil), ("1s2", nil), ("99999999999h", nil), ("9223372036854775808ns", nil),
    ]
    for (text, nanoseconds) in read { #expect(NumberOption.nanoseconds(text) == nanoseconds, "\(text)") }
  }

  @Test func `what is asked stands over what the image says`() throws {
    var image = ImageDefaults()
    var check = ImageConfiguration.Healthcheck()
    check.test = ["CMD-SHELL", "look"]
    check.interval = 5_000_000_000
    check.timeout = 2_000_000_000
    image.healthcheck = check
    image.shell = ["/bin/ash", "-xc"]
    var request = HealthRequest()
    #expect(try request.resolved(ImageDefaults()) == nil)
    request.interval = 7_000_000_000

    let resolved = try #require(try request.resolved(image))

    let told = resolved.check(stopSignal: 15, stopTimeoutSeconds: 4)
    #expect(told.command == ["/bin/ash", "-xc", "look"])
    #expect(told.intervalMilliseconds == 7000 && told.timeoutMilliseconds == 2000 && told.retries == 3)
    #expect(told.startIntervalMilliseconds == 5000 && told.stopTimeoutMilliseconds == 4000)
    request.test = ["NONE"]
    #expect(try request.resolved(image) == nil)
    // An image's word that says nothing is no failure; a person's is.
    image.healthcheck?.test = ["CMD"]
    #expect(try HealthRequest().resolved(image) == nil)
    request.test = []
    #expect(throws: EngineError.self) { try request.resolved(image) }
  }
}
