import SkiffRuntime
import Testing

@Suite struct LandlockRulesTests {
  private func rules(_ texts: String...) throws -> LandlockRules {
    var rules = LandlockRules()
    for text in texts { try rules.take(text) }
    return rules
  }

  @Test func `a kernel that cannot keep the rules is named with its reason`() throws {
    let files = try rules("ro=/etc")
    let ports = try rules("connect=none")

    #expect(files.obstacle(version: 0)?.contains("no Landlock") == true)
    // These let every file be cut short.
    for version in 1...2 { #expect(files.obstacle(version: version)?.contains("Linux 6.2") == true) }
    #expect(files.obstacle(version: 3) == nil)
    for version in 1...3 { #expect(ports.obstacle(version: version)?.contains("Linux 6.7") == true) }
    #expect(ports.obstacle(version: 4) == nil)
    #expect(try rules("rw=/data", "bind=80").obstacle(version: 3)?.contains("ports") == true)
  }
}
