import SkiffSpec
import Testing

private func spec(_ text: String) throws(SpecProblems) -> RuntimeSpec {
  try RuntimeSpec.parse(Array(text.utf8))
}

private func formProblems(_ text: String) -> [String] {
  do throws(SpecProblems) {
    _ = try RuntimeSpec.parse(Array(text.utf8))
    return []
  } catch {
    return error.lines
  }
}

@Test func `every recorded configuration is read and found good`() throws {
  #expect(Fixtures.configurations.count >= 30)
  for fixture in Fixtures.configurations {
    let spec = try RuntimeSpec.parse(fixture.bytes)
    // One caller asks for a change of the host's network, which runc refuses too.
    let setting = "net.ipv4.ip_unprivileged_port_start"
    let isRefused = fixture.name == "cri-sandbox-hostnet-privileged.json"
    let expected =
      isRefused
      ? [
        SpecProblem(
          "linux.sysctl[\"\(setting)\"]", "sysctl \"\(setting)\" not allowed in host network namespace")
      ] : []
    #expect(spec.validate() == expected, "\(fixture.name)")
    guard !isRefused else { continue }
    #expect(try RuntimeSpec.parseAndValidate(fixture.bytes) == spec, "\(fixture.name)")
  }
}

@Test func `every recorded process and update is read and found good`() throws {
  #expect(Fixtures.processes.count == 4 && Fixtures.updates.count == 2)
  for fixture in Fixtures.processes {
    #expect(try RuntimeSpec.Process.parse(fixture.bytes).validate() == [], "\(fixture.name)")
  }
  for fixture in Fixtures.updates {
    #expect(try RuntimeSpec.Resources.parse(fixture.bytes).validate() == [], "\(fixture.name)")
  }
}

@Test func `nothing of a recorded configuration is lost when it is written again`() throws {
  for fixture in Fixtures.configurations {
    let spec = try RuntimeSpec.parse(fixture.bytes)
    for pretty in [false, true] {
      #expect(try RuntimeSpec.parse(spec.serialized(pretty: pretty)) == spec, "\(fixture.name)")
    }
    // Also against the reader itself: each member of the original stands in what was written, unless it was empty or false.
    let original = try JSONValue.parse(fixture.bytes)
    let written = try JSONValue.parse(spec.serialized())
    #expect(lost(from: original, in: written, at: "") == [], "\(fixture.name)")
  }
}

/// Key paths of members of `original` that `written` does not have with the same value.
private func lost(from original: JSONValue, in written: JSONValue?, at path: String) -> [String] {
  switch original {
  case .object(let object):
    object.members.flatMap { lost(from: $0.value, in: written?[$0.key], at: "\(path).\($0.key)") }
  case .array(let elements):
    elements.enumerated().flatMap { lost(from: $1, in: written?[$0], at: "\(path)[\($0)]") }
  case .bool(false), .null:
    []
  default:
    written == original || (original == "" && written == nil) ? [] : [path]
  }
}

@Test func `podman's default configuration holds what podman wrote`() throws {
  let spec = try RuntimeSpec.parse(Fixtures.named("podman-default.json"))
  let process = try #require(spec.process)

  #expect(spec.root?.path.hasPrefix("/") == true)
  #expect(process.arguments.isEmpty == false)
  #expect(process.rlimits.contains { $0.type == "RLIMIT_NOFILE" })
  #expect(process.capabilities?.bounding.contains("CAP_NET_BIND_SERVICE") == true)
  #expect(spec.mounts.first { $0.destination == "/proc" }?.type == "proc")
  #expect(spec.linux.namespaces.contains { $0.type == .pid && $0.path == nil })
  #expect(spec.linux.resources?.pids?.limit == 2048)
  #expect(spec.linux.seccomp?.rules.isEmpty == false)
  #expect(spec.linux.maskedPaths.contains("/proc/kcore"))
}

@Test func `all problems of form are told at once with their key paths`() {
  let problems = formProblems(
    #"""
    {
      "ociVersion": 5,
      "process": {
        "user": {"uid": -1, "gid": "root", "additionalGids": [1, 4294967296]},
        "args": ["sh", 3, null],
        "terminal": "yes",
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}, {"type": 7, "soft": 1.5}]
      },
      "mounts": {"destination": "/"},
      "annotations": {"a.b": 1, "c": "d\u0000"},
      "linux": {"namespaces": [{"type": "pid"}, {"type": "moon"}, {"path": "/proc/1/ns/net"}, null]}
    }
    """#)

  #expect(
    problems == [
      "ociVersion: expected a string, found a number",
      "process.user.uid: must be between 0 and 4294967295",
      "process.user.gid: expected a number, found a string",
      "process.user.additionalGids[1]: must be between 0 and 4294967295",
      "process.args[1]: expected a string, found a number",
      "process.args[2]: expected a string, found null",
      "process.terminal: expected a boolean, found a string",
      "process.rlimits[1].type: expected a string, found a number",
      "process.rlimits[1].soft: expected a whole number",
      "mounts: expected a list, found an object",
      #"annotations["a.b"]: expected a string, found a number"#,
      "annotations.c: must not contain a NUL character",
      #"linux.namespaces[1].type: namespace "moon" does not exist"#,
      "linux.namespaces[2]: a namespace needs a type",
      "linux.namespaces[3]: a namespace needs a type",
    ])
}

@Test func `problems of form and of sense are told together and each once`() {
  let text = #"""
    {"ociVersion": "2.0", "process": {"cwd": 5, "args": [], "user": {}}, "hostname": "web",
     "linux": {"namespaces": [{"type": "moon"}], "maskedPaths": ["proc"]}}
    """#
  let error = #expect(throws: SpecProblems.self) { try RuntimeSpec.parseAndValidate(Array(text.utf8)) }

  #expect(
    error?.lines == [
      "process.cwd: expected a string, found a number",
      #"linux.namespaces[0].type: namespace "moon" does not exist"#,
      #"ociVersion: "2.0" is not a version"#,
      "root: must be set",
      "process.args: args must not be empty",
      #"linux.maskedPaths[0]: "proc" is not an absolute path"#,
    ])
}

@Test func `a syntax error is told with its line`() {
  #expect(
    formProblems("{\n  \"ociVersion\": \"1.0.2\",\n  \"root\" {}\n}") == [
      "invalid JSON at byte 36: expected ':' (line 3, column 10)"
    ])
  #expect(formProblems("[]") == ["expected an object, found a list"])
  #expect(formProblems("null") == ["expected an object, found null"])
  #expect(formProblems("").count == 1)
}

@Test func `a document above the size limit is refused`() {
  let bytes = [UInt8](repeating: 0x20, count: RuntimeSpec.sizeLimit + 1)
  #expect(throws: SpecProblems.self) { try RuntimeSpec.parse(bytes) }
}

@Test func `null means absent and unknown members are passed over`() throws {
  let spec = try spec(
    #"""
    {"ociVersion":"1.0.2","process":null,"root":{"path":"r","future":[{"x":{}}]},"hooks":null,"mounts":null,
     "linux":{"resources":{"memory":null,"cpu":{"shares":null}},"uidMappings":null,"seccomp":null,"future":1e9},"vm":{"kernel":{}}}
    """#)

  #expect(spec.process == nil)
  #expect(spec.root?.path == "r")
  #expect(spec.linux.resources?.memory == nil)
  #expect(spec.linux.resources?.cpu == RuntimeSpec.CPU())
}

@Test func `numbers keep their whole range`() throws {
  let spec = try spec(
    #"""
    {"process":{"rlimits":[{"type":"RLIMIT_NOFILE","soft":18446744073709551615,"hard":18446744073709551615}]},
     "linux":{"resources":{"memory":{"limit":-1,"swap":9223372036854775807}},
     "seccomp":{"syscalls":[{"names":["x"],"action":"y","args":[{"index":0,"value":18446744073709551615,"op":"z"}]}]}}}
    """#)

  #expect(spec.process?.rlimits.first?.hard == .max)
  #expect(spec.linux.resources?.memory?.swap == .max)
  #expect(spec.linux.seccomp?.rules.first?.conditions.first?.value == .max)
}

@Test func `the last of two members with one key is meant`() throws {
  #expect(
    try spec(#"{"hostname":"a","root":{"path":"x","readonly":true},"root":{"path":"y"},"hostname":"b"}"#)
      .root == RuntimeSpec.Root(path: "y"))
}

@Test func `the example is good and reads back equal, for root and for others`() throws {
  for rootless in [false, true] {
    let example = RuntimeSpec.example(rootless: rootless, userID: 1000, groupID: 1000)

    #expect(example.validate() == [])
    #expect(try RuntimeSpec.parse(example.serialized(pretty: true)) == example)
  }
}
