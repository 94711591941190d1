import Foundation
import Testing

extension Integration.Specification {
  /// features.md and features-linux.md: what the runtime says of itself, it must take.
  @Suite struct FeatureClauses {
    private func features() throws -> JSON {
      try JSON(text: run([Programs.runtime, "features"]).expecting(0).output)
    }

    @Test func `features.md: nothing but what the specification defines`() throws {
      let told = try features()

      #expect(
        Set(told.keys).isSubset(of: [
          "ociVersionMin", "ociVersionMax", "hooks", "mountOptions", "linux", "annotations",
          "potentiallyUnsafeConfigAnnotations",
        ]))
      #expect(
        Set(told.linux.keys).isSubset(of: [
          "namespaces", "capabilities", "cgroup", "seccomp", "apparmor", "selinux", "intelRdt", "memoryPolicy",
          "mountExtensions", "netDevices",
        ]))
    }

    @Test func `features.md: the lowest and the highest version are taken, in that order`() throws {
      try inHarbour { harbour in
        let told = try features()
        func numbers(_ text: String) -> [Int] {
          text.split(separator: "-")[0].split(separator: ".").compactMap { Int($0) }
        }
        for version in [told.ociVersionMin.text, told.ociVersionMax.text] {
          let bundle = try Bundle(harbour, #"{"ociVersion":"\#(version)"}"#)
          #expect(try bundle.run(["/bin/probe", "exit", "7"]).code == 7)
        }
        #expect(!numbers(told.ociVersionMax.text).lexicographicallyPrecedes(numbers(told.ociVersionMin.text)))
      }
    }

    @Test func `features.md: hooks of every kind that is listed run`() throws {
      try inHarbour { harbour in
        for kind in try features().hooks.texts {
          let path = kind == "startContainer" ? #""/bin/probe","args":["probe","exit","1"]"# : #""/bin/false""#
          let bundle = try Bundle(harbour, #"{"hooks":{"\#(kind)":[{"path":\#(path)}]}}"#)
          let outcome = try bundle.run(["/bin/probe", "exit", "0"])
          // A failure is heard of, so it ran.
          #expect(!outcome.errors.isEmpty, "\(kind)")
          _ = try bundle.runtime(["delete", "--force", bundle.id])
        }
      }
    }

    @Test func `features.md: every mount option that is listed is recognized`() throws {
      try inHarbour { harbour in
        let source = try harbour.makeDirectory("source")
        for option in try features().mountOptions.texts {
          let bundle = try Bundle(harbour)
          // Only its own kind of mount takes some of them.
          let isOfFileSystem = [
            "tmpcopyup", "remount", "sync", "async", "dirsync", "lazytime", "nolazytime", "iversion", "noiversion",
            "silent", "loud", "mand", "nomand", "defaults",
          ].contains(option)
          if option == "remount" { try bundle.add(mount: "/tmp", type: "tmpfs", options: ["mode=755"]) }
          if isOfFileSystem {
            try bundle.add(mount: "/tmp", type: "tmpfs", options: [option])
          } else if option.hasSuffix("idmap") {
            try bundle.configuration.append(
              #"{"destination":"/tmp","type":"bind","source":"\#(source)","options":["rbind","\#(option)"],"uidMappings":[{"containerID":0,"hostID":1000,"size":10}],"gidMappings":[{"containerID":0,"hostID":1000,"size":10}]}"#,
              to: "mounts")
          } else {
            try bundle.add(mount: "/tmp", source: source, options: ["rbind", option])
          }
          let outcome = try bundle.run(["/bin/probe", "exit", "7"])
          #expect(outcome.code == 7, "\(option): \(outcome)")
        }
      }
    }

    @Test func `features-linux.md: every kind of namespace that is listed is recognized`() throws {
      try inHarbour { harbour in
        for type in try features().linux.namespaces.texts {
          let bundle = try Bundle(harbour)
          if type == "user" {
            try bundle.enterUserNamespace()
          } else if !["pid", "network", "ipc", "uts", "mount"].contains(type) {
            try bundle.configuration.append(#"{"type":"\#(type)"}"#, to: "linux", "namespaces")
          }
          #expect(try bundle.run(["/bin/probe", "exit", "7"]).code == 7, "\(type)")
        }
      }
    }

    @Test func `features-linux.md: every capability that is listed is recognized`() throws {
      try inHarbour { harbour in
        let names = try features().linux.capabilities.texts
        let list = names.map { "\"\($0)\"" }.joined(separator: ",")
        let bundle = try Bundle(
          harbour,
          #"{"process":{"capabilities":{"bounding":[\#(list)],"permitted":[\#(list)],"effective":[\#(list)]}}}"#)

        let held = UInt64(try bundle.see().status.CapBnd.text, radix: 16)

        // Those that the caller itself does not hold are left out with a warning.
        let own = UInt64(try shell("sed -n 's/^CapBnd:[^0-9a-f]*//p' /proc/self/status").lines[0], radix: 16)
        #expect(held == own && names.count >= 41)
      }
    }

    @Test
    func `features-linux.md: every action, operator, architecture and flag of seccomp that is listed is recognized`()
      throws
    {
      try inHarbour { harbour in
        let seccomp = try features().linux.seccomp
        func holds(_ members: String) throws -> Bool {
          let bundle = try Bundle(harbour, #"{"linux":{"seccomp":{\#(members)}}}"#)
          return try bundle.run(["/bin/probe", "exit", "7"]).code == 7
        }
        let rule = #""names":["swapon"]"#
        let refusal = #"\#(rule),"action":"SCMP_ACT_ERRNO""#
        for action in seccomp.actions.texts where action != "SCMP_ACT_NOTIFY" && action != "SCMP_ACT_ALLOW" {
          let isKnown = try holds(
            #""defaultAction":"SCMP_ACT_ALLOW","syscalls":[{\#(rule),"action":"\#(action)"}]"#)
          #expect(isKnown, "\(action)")
        }
        for op in seccomp.operators.texts {
          let isKnown = try holds(
            #""defaultAction":"SCMP_ACT_ALLOW","syscalls":[{\#(refusal),"args":[{"index":0,"value":1,"valueTwo":2,"op":"\#(op)"}]}]"#
          )
          #expect(isKnown, "\(op)")
        }
        for architecture in seccomp.archs.texts where !architecture.isBigEndian {
          let isKnown = try holds(
            #""defaultAction":"SCMP_ACT_ALLOW","architectures":["\#(architecture)"],"syscalls":[{\#(refusal)}]"#)
          #expect(isKnown, "\(architecture)")
        }
        // One is about a supervisor, and refused without.
        for flag in seccomp.supportedFlags.texts where flag != "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" {
          let isKnown = try holds(#""defaultAction":"SCMP_ACT_ALLOW","flags":["\#(flag)"],"syscalls":[{\#(refusal)}]"#)
          #expect(isKnown, "\(flag)")
        }
      }
    }

    @Test func `features-linux.md: every mode and flag of a memory policy that is listed is recognized`() throws {
      try inHarbour { harbour in
        let policy = try features().linux.memoryPolicy
        for mode in policy.modes.texts {
          let nodes = ["MPOL_DEFAULT", "MPOL_LOCAL"].contains(mode) ? "" : #","nodes":"0""#
          let bundle = try Bundle(harbour, #"{"linux":{"memoryPolicy":{"mode":"\#(mode)"\#(nodes)}}}"#)
          let outcome = try bundle.run(["/bin/probe", "exit", "7"])
          #expect(
            outcome.code == 7 || outcome.errors.contains("set_mempolicy") || outcome.errors.contains("memory"),
            "\(mode): \(outcome)")
        }
      }
    }

    @Test func `features.md: annotations are texts by name`() throws {
      let told = try features().annotations

      for key in told.keys {
        #expect(!key.isEmpty)
        #expect(!told[key].text.isEmpty)
      }
    }
  }
}

extension String {
  /// Architectures whose words are stored the other way round cannot be named beside this machine's.
  fileprivate var isBigEndian: Bool {
    let names = ["MIPS", "MIPS64", "MIPS64N32", "PPC", "PPC64", "S390", "S390X", "PARISC", "PARISC64"]
    return names.contains { self == "SCMP_ARCH_\($0)" }
  }
}
