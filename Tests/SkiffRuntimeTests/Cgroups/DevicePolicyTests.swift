import SkiffRuntime
import SkiffSpec
import Testing

private func rule(
  _ allow: Bool, _ type: String? = nil, _ major: Int64? = nil, _ minor: Int64? = nil, _ access: String? = "rwm"
) -> RuntimeSpec.DeviceRule {
  var rule = RuntimeSpec.DeviceRule()
  rule.allow = allow
  rule.type = type
  rule.major = major
  rule.minor = minor
  rule.access = access
  return rule
}

private func commands(_ rules: [RuntimeSpec.DeviceRule]) throws -> [String] {
  try DevicePolicy(rules).commands.map { ($0.allow ? "+" : "-") + $0.text }
}

struct DevicePolicyTests {
  @Test func `a document without rules allows the defaults and nothing else`() throws {
    let defaults = [
      "-a", "+c *:* m", "+b *:* m", "+c 1:3 rwm", "+c 1:5 rwm", "+c 1:7 rwm", "+c 1:8 rwm", "+c 1:9 rwm",
      "+c 5:0 rwm", "+c 5:2 rwm", "+c 136:* rwm", "+c 10:200 rwm",
    ]

    #expect(try commands(DeviceDefaults.complete([])) == defaults)
    #expect(try commands(DeviceDefaults.complete([rule(false)])) == defaults)
  }

  @Test func `a privileged container is allowed everything`() throws {
    #expect(try commands(DeviceDefaults.complete([rule(true)])) == ["+a"])
  }

  @Test func `the last rule that matches decides`() throws {
    #expect(try commands([rule(true, "c", 10, 229), rule(false, "c", 10, 229)]) == ["-a"])
    #expect(try commands([rule(false, "c", 10, 229), rule(true, "c", 10, 229)]) == ["-a", "+c 10:229 rwm"])
    #expect(try commands([rule(true, "c", 10, 229), rule(false, "c", 10, 229, "m")]) == ["-a", "+c 10:229 rw"])
    #expect(try commands([rule(true, "b", 8, nil, "r"), rule(true, "b", 8, nil, "w")]) == ["-a", "+b 8:* rw"])
    #expect(try commands([rule(true), rule(false, "b", 8)]) == ["+a", "-b 8:* rwm"])
    #expect(try commands([rule(true, "c", 1, 3), rule(true, "c", 1, 5), rule(false, "c", 1)]) == ["-a"])
  }

  @Test func `a hole that v1 cannot cut is refused, not forgotten`() {
    #expect(throws: CgroupError.self) { _ = try commands([rule(true, "c", 10), rule(false, "c", 10, 229)]) }
    #expect(throws: CgroupError.self) { _ = try commands([rule(true), rule(false, "b", 8), rule(true, "b", 8, 1)]) }
    #expect(throws: CgroupError.self) { _ = try commands([rule(true, "c", 10, nil), rule(false, "c", nil, 229)]) }
  }

  @Test func `a rule without a type and with numbers means only these`() throws {
    #expect(try commands([rule(true, nil, 10, 200)]) == ["-a", "+c 10:200 rwm", "+b 10:200 rwm"])
    #expect(try commands([rule(true, "a", nil, nil, "r")]) == ["-a", "+c *:* r", "+b *:* r"])
    #expect(try commands([rule(true, "c", 1, 3), rule(false, nil, 10, 200)]) == ["-a"])
    #expect(try commands([rule(true, "c", -1, -1)]) == ["-a", "+c *:* rwm"])
  }

  @Test func `what is no device is refused`() {
    for bad in [
      rule(true, "x"), rule(true, "c", -2), rule(true, "c", .max), rule(true, "c", 1, 1, "x"),
      rule(true, "c", 1, 1, ""),
    ] {
      #expect(throws: CgroupError.self) { _ = try DevicePolicy([bad]) }
    }
  }

  @Test func `a change touches only what differs`() throws {
    let policy = try DevicePolicy([rule(true, "c", 1, 3), rule(true, "c", 10, 229, "rw")])
    let change = { (list: String) in policy.commands(from: list).map { ($0.allow ? "+" : "-") + $0.text } }

    #expect(change("c 1:3 rwm\nc 10:229 rw\n") == [])
    #expect(change("c 1:3 rwm\nb 8:* r\n") == ["+c 10:229 rw", "-b 8:* r"])
    #expect(change("c 1:3 rwm\nc 10:229 rwm\n") == ["+c 10:229 rw", "-c 10:229 m"])
    #expect(change("a *:* rwm\n") == ["-a", "+c 1:3 rwm", "+c 10:229 rw"])
  }
}
