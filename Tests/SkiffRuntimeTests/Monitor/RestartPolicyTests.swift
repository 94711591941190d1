import SkiffRuntime
import SkiffSpec
import Testing

@Suite struct RestartPolicies {
  @Test func `a policy is read as it is written`() throws {
    for text in ["no", "always", "unless-stopped", "on-failure", "on-failure:4", "unhealthy"] {
      #expect(try RestartPolicy(parsing: text).text == text)
    }
    #expect(try RestartPolicy(parsing: "").name == .no)
    #expect(try RestartPolicy(parsing: "on-failure:0").text == "on-failure")
    for text in [
      "never", "Always", "no:1", "unhealthy:1", "on-failure:", "on-failure:1:2", "on-failure:99999999999999999999",
    ] {
      #expect(throws: FormatError.self, "\(text)") { try RestartPolicy(parsing: text) }
    }
  }

  @Test func `each pause is twice the one before, up to a minute, until a run has lasted`() {
    var progress = RestartProgress()
    var pauses: [Int64] = []
    for _ in 0..<12 {
      progress = progress.next(afterRunOf: 9999)
      pauses.append(progress.delayMilliseconds)
    }

    #expect(pauses == [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000])
    #expect(progress.count == 12)
    #expect(progress.next(afterRunOf: 10_000) == RestartProgress(count: 13, delayMilliseconds: 100))
    // The clock was set back, or the file says what it never should.
    #expect(RestartProgress(count: .max, delayMilliseconds: .max).next(afterRunOf: -5).delayMilliseconds == 60_000)
  }

  @Test func `who is started again depends on the policy, the code and the count`() throws {
    func restarts(_ text: String, _ code: Int32, unhealthy: Bool = false, count: Int64 = 0) throws -> Bool {
      try RestartPolicy(parsing: text).restarts(afterCode: code, wasUnhealthy: unhealthy, count: count)
    }
    #expect(try !restarts("no", 1, unhealthy: true))
    #expect(try restarts("always", 0) && restarts("unless-stopped", 0, count: 1000))
    #expect(try restarts("on-failure", 1, count: 1000) && !restarts("on-failure", 0))
    #expect(try restarts("on-failure:2", 1, count: 1) && !restarts("on-failure:2", 1, count: 2))
    #expect(try restarts("unhealthy", 0, unhealthy: true) && restarts("unhealthy", 1) && !restarts("unhealthy", 0))
  }
}
