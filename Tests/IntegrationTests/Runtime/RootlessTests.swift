import Foundation
import Testing

extension Integration {
  /// The runtime as an ordinary user runs it.
  @Suite(.enabled(if: Programs.isOurRuntime)) struct Rootless {
    @Test func `the configuration that spec writes runs with the user's own id alone`() throws {
      try inHarbour { harbour in
        let rootless = try RootlessBundle(harbour)

        let seen = try rootless.run("sh", "-c", "id -u; cat /proc/self/uid_map /proc/self/setgroups; hostname")
          .expecting(0)
        #expect(seen.lines.first == "0")
        #expect(seen.lines[1].split(separator: " ") == ["0", "\(Island.user.id)", "1"])
        #expect(seen.output.contains("deny"))
        #expect(seen.lines.last == "skiff")
        // What is the host's is not the user's in there.
        #expect(try rootless.run("sh", "-c", "echo 1 > /sys/kernel/uevent_seqnum").code != 0)
        #expect(try rootless.run("sh", "-c", "echo x > /dev/null && ls -l /dev/null").output.contains("1,   3"))
        #expect(try rootless.run("sh", "-c", "exit 7").code == 7)
        #expect(try rootless.run("no-such-command").message.contains("executable file not found in $PATH"))
        #expect(try rootless.runtime("list", "--quiet").expecting(0).output == "")
      }
    }

    @Test func `further ids come from newuidmap`() throws {
      try inHarbour { harbour in
        let rootless = try RootlessBundle(harbour)
        try rootless.mapFurtherIDs(from: Island.user.firstFurtherID)
        try rootless.configuration.merge(#"{"process":{"user":{"uid":33,"gid":33,"additionalGids":[5]}}}"#)

        let seen = try rootless.run("sh", "-c", "id -u; id -G; touch /tmp/mine; stat -c %u /tmp/mine").expecting(0)
        #expect(seen.lines == ["33", "33 5", "33"])
        let outside = try FileManager.default.attributesOfItem(atPath: rootless.path + "/rootfs/tmp/mine")
        #expect((outside[.ownerAccountID] as? NSNumber)?.intValue == Island.user.firstFurtherID + 32)
      }
    }

    @Test func `ids that are not the user's are refused in newuidmap's words`() throws {
      try inHarbour { harbour in
        let rootless = try RootlessBundle(harbour)
        try rootless.mapFurtherIDs(from: 3_000_000)

        let refusal = try rootless.run("true")
        #expect(refusal.code == 1)
        #expect(refusal.message.contains("newuidmap: "))
        #expect(refusal.message.contains("not allowed"))
        #expect(try rootless.runtime("list", "--quiet").output == "")
      }
    }

    @Test func `a container lives, is joined and goes`() throws {
      try inHarbour { harbour in
        let rootless = try RootlessBundle(harbour)
        try rootless.mapFurtherIDs(from: Island.user.firstFurtherID)
        try rootless.setArguments("sleep", "1000")

        // The container holds the create's output: a file, so that nobody waits for its end.
        try rootless.island.shell(
          "cd bundle && ../../skiff-runtime create one > ../create.log 2>&1 </dev/null", asUser: true)
        let created = try JSON(text: try rootless.runtime("state", "one").expecting(0).output)
        #expect(created.status.text == "created")
        try rootless.runtime("start", "one").expecting(0)
        #expect(try JSON(text: rootless.runtime("state", "one").output).status.text == "running")
        #expect(try rootless.runtime("exec", "one", "ps", "-o", "args").expecting(0).output.contains("sleep 1000"))
        #expect(try rootless.runtime("exec", "--user", "33:33", "one", "sh", "-c", "exit $(id -u)").code == 33)
        #expect(try rootless.runtime("list").output.contains("\(Island.user.id)\n"))
        #expect(try rootless.runtime("delete", "one").code == 1)
        try rootless.runtime("kill", "one", "KILL").expecting(0)
        try eventually("stopped") { try JSON(text: rootless.runtime("state", "one").output).status.text == "stopped" }
        try rootless.runtime("delete", "one").expecting(0)

        try rootless.island.shell(
          "cd bundle && ../../skiff-runtime create two > ../create.log 2>&1 </dev/null", asUser: true)
        try rootless.runtime("delete", "--force", "two").expecting(0)
        #expect(try rootless.runtime("list", "--quiet").output == "")
      }
    }

    @Test func `what an ordinary user cannot have is refused by name`() throws {
      try inHarbour { harbour in
        let rootless = try RootlessBundle(harbour)
        func refusal(_ patch: String) throws -> String {
          let bundle = try RootlessBundle(harbour, island: rootless.island)
          try bundle.configuration.merge(patch)
          let outcome = try bundle.run("true")
          #expect(outcome.code == 1)
          return outcome.message
        }

        #expect(
          try refusal(#"{"linux":{"resources":{"memory":{"limit":67108864}}}}"#).contains("linux.resources.memory"))
        #expect(
          try refusal(
            #"{"linux":{"namespaces":[{"type":"mount"},{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"cgroup"}],"uidMappings":null,"gidMappings":null}}"#
          )
          .contains("rootless container requires user namespaces"))
        #expect(
          try refusal(#"{"process":{"user":{"uid":0,"gid":0,"additionalGids":[5]}}}"#)
            .contains("process.user.additionalGids"))
        #expect(
          try refusal(#"{"linux":{"uidMappings":[{"containerID":0,"hostID":0,"size":1}]}}"#)
            .contains("linux.uidMappings: the container's id 0 must be the caller's own"))
        let homeless = try rootless.island.attempt(
          ["env", "-u", "XDG_RUNTIME_DIR", rootless.program, "list"], asUser: true)
        #expect(homeless.code == 1 && homeless.message.contains("--root"))
      }
    }

    @Test func `a container in the foreground ends with the runtime that waits for it`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "sleep", "100000"])
        try bundle.writeConfiguration()
        let session = try bundle.session(["run", "--bundle", bundle.path, bundle.id])
        try eventually("running") { try bundle.runtime(["state", bundle.id]).output.contains("running") }

        try session.signal(9)
        _ = try session.wait()
        try bundle.await("stopped")
        try bundle.delete()
      }
    }
  }
}

/// A bundle of the island's user, which `spec --rootless` began.
private final class RootlessBundle {
  let island: Island
  let path: String
  let program: String
  var configuration: Document

  init(_ harbour: Harbour, island: Island? = nil) throws {
    let island = try island ?? Island(harbour, hasUser: true)
    self.island = island
    path = harbour.path("home/bundle")
    program = harbour.path("skiff-runtime")
    try island.shell(
      """
      rm -rf bundle; mkdir -p bundle/rootfs; cd bundle
      tar -C rootfs -xpf \(try Store.archive())
      \(program) spec --rootless
      """, asUser: true)
    configuration = try Document(harbour.read("home/bundle/config.json"))
    try configuration.merge(#"{"process":{"terminal":false},"root":{"readonly":false}}"#)
  }

  func mapFurtherIDs(from first: Int) throws {
    let map = """
      [{"containerID":0,"hostID":\(Island.user.id),"size":1},{"containerID":1,"hostID":\(first),"size":65535}]
      """
    try configuration.merge(#"{"linux":{"uidMappings":\#(map),"gidMappings":\#(map)}}"#)
  }

  func setArguments(_ arguments: String...) throws { try setArguments(arguments) }

  private func setArguments(_ arguments: [String]) throws {
    let list = String(decoding: try JSONSerialization.data(withJSONObject: arguments), as: UTF8.self)
    try configuration.merge(#"{"process":{"args":\#(list)}}"#)
    try configuration.data.write(to: URL(filePath: path + "/config.json"))
  }

  func runtime(_ arguments: String...) throws -> Outcome {
    try island.attempt([program] + arguments, asUser: true)
  }

  func run(_ command: String...) throws -> Outcome {
    try setArguments(command)
    return try runtime("run", "--bundle", path, "container-\(UInt32.random(in: 0 ... .max))")
  }
}
