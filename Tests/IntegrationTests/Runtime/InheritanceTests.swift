import Foundation
import Testing

extension Integration {
  /// What a container's process takes over from whoever calls the runtime: streams, sockets, groups.
  @Suite struct Inheritance {
    // MARK: Streams

    @Test func `a user who is not root may open the pipes and files that are its streams`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"process":{"user":{"uid":1000,"gid":2000}}}"#)
        try bundle.setArguments(["/bin/probe", "write", "/dev/stdout", "opened"])
        try bundle.writeConfiguration()
        let out = harbour.path("out")

        try shell("umask 077; \(bundle.command("run")) >> \(out)").expecting(0)
        #expect(try harbour.read("out").hasPrefix("opened"))
        #expect(try owner(of: out).hasPrefix("1000:"))

        let piped = try shell("\(bundle.command("run")) | cat")
        #expect(piped.output.contains("opened"), "\(piped)")
      }
    }

    @Test func `a file that is only read stays whose it is`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"process":{"user":{"uid":1000,"gid":2000}}}"#)
        try bundle.setArguments(["/bin/probe", "exit", "0"])
        try bundle.writeConfiguration()
        try harbour.write("secret", to: "secret")
        let secret = harbour.path("secret")

        try shell("\(bundle.command("run")) < \(secret)").expecting(0)

        #expect(try owner(of: secret) == "0:0")
      }
    }

    @Test func `streams of a root's process, and devices, are nobody else's`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "exit", "0"])
        try bundle.writeConfiguration()
        try harbour.write("", to: "out")
        let out = harbour.path("out")
        try shell("\(bundle.command("run")) >> \(out)").expecting(0)
        #expect(try owner(of: out) == "0:0")

        try bundle.configuration.merge(#"{"process":{"user":{"uid":1000,"gid":2000}}}"#)
        try bundle.writeConfiguration()
        try shell("\(bundle.command("run")) < /dev/null > /dev/null 2> /dev/null").expecting(0)
        #expect(try owner(of: "/dev/null") == "0:0")
      }
    }

    @Test func `a further process's streams are given to its user, too`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let out = harbour.path("out")

        try shell(
          "umask 077; \(bundle.command("exec", "--user", "1000:2000")) /bin/probe write /dev/stdout opened >> \(out)"
        ).expecting(0)

        #expect(try harbour.read("out").hasPrefix("opened"))
        try bundle.delete(force: true)
      }
    }

    // MARK: Sockets of a service manager

    @Test func `sockets that were opened for the container are announced to it`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.merge(#"{"process":{"env":["PATH=/bin","LISTEN_FDS=9","LISTEN_PID=7"]}}"#)
        try bundle.writeConfiguration()

        let seen = try JSON(
          text: try shell(
            """
            exec 3</etc/passwd 4</etc/group 5</etc/hosts 6</etc/fstab
            LISTEN_FDS=2 LISTEN_FDNAMES=web:api exec \(bundle.command("run", "--preserve-fds", "1"))
            """
          ).expecting(0).output)

        #expect(seen.descriptors.keys == ["0", "1", "2", "3", "4", "5"])
        let told = seen.environment.texts.filter { $0.hasPrefix("LISTEN_") }
        #expect(Set(told) == ["LISTEN_FDS=2", "LISTEN_FDNAMES=web:api", "LISTEN_PID=1"])
      }
    }

    @Test func `a process outside a PID namespace is told its own number`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        let namespaces = bundle.configuration.members["linux"].flatMap { ($0 as? [String: Any])?["namespaces"] }
        let kept = (namespaces as? [[String: Any]] ?? []).filter { $0["type"] as? String != "pid" }
        let list = String(decoding: try JSONSerialization.data(withJSONObject: kept), as: UTF8.self)
        try bundle.configuration.merge(#"{"linux":{"namespaces":\#(list)}}"#)
        try bundle.writeConfiguration()

        let seen = try JSON(
          text: try shell("LISTEN_FDS=1 exec \(bundle.command("run")) 3</etc/passwd").expecting(0).output)

        #expect(seen.environment.texts.contains("LISTEN_PID=\(seen.pid.number)"))
        #expect(seen.pid.number > 1)
      }
    }

    @Test(arguments: ["LISTEN_FDS=1 LISTEN_PID=1", "LISTEN_FDS=0", "LISTEN_FDS=many", "LISTEN_FDS=-1"])
    func `sockets of somebody else's are neither announced nor handed on`(environment: String) throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.writeConfiguration()

        let seen = try JSON(
          text: try shell("\(environment) exec \(bundle.command("run")) 3</etc/passwd").expecting(0).output)

        #expect(seen.descriptors.keys == ["0", "1", "2"])
        #expect(!seen.environment.texts.contains { $0.hasPrefix("LISTEN_") })
      }
    }

    // MARK: Groups

    @Test func `a container keeps its caller's groups when an annotation says so`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour, #"{"annotations":{"run.oci.keep_original_groups":"1"},"process":{"user":{"additionalGids":[77]}}}"#)
        try bundle.writeConfiguration()
        func groups(_ command: String) throws -> [Int] {
          let outcome = try shell("exec setpriv --groups 5,3000 \(command)").expecting(0)
          return try JSON(text: outcome.output).status.Groups.numbers
        }

        #expect(try groups(bundle.command("run")) == [5, 3000])

        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        #expect(try groups(bundle.command("exec") + " /bin/probe see") == [5, 3000])
        try bundle.delete(force: true)

        try bundle.configuration.merge(#"{"annotations":{"run.oci.keep_original_groups":"0"}}"#)
        try bundle.setArguments(["/bin/probe", "see"])
        try bundle.writeConfiguration()
        #expect(try groups(bundle.command("run")) == [77])
      }
    }

    // MARK: Ids

    @Test func `a user namespace without mappings has the caller's own id, and those set aside for it`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.configuration.append(#"{"type":"user"}"#, to: "linux", "namespaces")
        // A terminal's group is not in there.
        try bundle.removeMount("/dev/pts")

        let seen = try bundle.see()

        let aside = try shell("grep -m1 '^root:' /etc/subuid | cut -d: -f2,3 || true").output
          .split(separator: ":").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
        #expect(seen.uidMap.texts == ["0 0 1"] + (aside.count == 2 ? ["1 \(aside[0]) \(aside[1])"] : []))
        #expect(seen.status.Uid.numbers == [0, 0, 0, 0])
        #expect(seen.namespaces.user.text != hostNamespace("user"))
      }
    }
  }
}

/// The owner and group of a file, by number.
private func owner(of path: String) throws -> String {
  try shell("stat -c %u:%g \(path)").output.trimmingCharacters(in: .whitespacesAndNewlines)
}

extension Bundle {
  /// The runtime's command line for a verb as a shell takes it: with the bundle where one is made, with the id last.
  func command(_ verb: String, _ options: String...) -> String {
    let bundle = verb == "exec" ? [] : ["--bundle", path]
    return ([Programs.runtime, "--root", harbour.path("state"), verb] + bundle + options + [id]).joined(separator: " ")
  }
}
