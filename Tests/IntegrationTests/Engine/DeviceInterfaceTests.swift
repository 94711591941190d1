import Foundation
import Testing

extension Integration {
  /// Devices by the names that files under /etc/cdi and /run/cdi give them.
  @Suite struct EngineDeviceInterface {
    private let yaml = """
      ---
      # As nvidia-ctk writes it: lists right below their keys.
      cdiVersion: "0.5.0"
      kind: vendor.com/device
      containerEdits:
        env:
        - COMMON=of every device
      devices:
      - name: "0"
        containerEdits:
          env:
          - DEVICE=zero # the first
          deviceNodes:
          - path: /dev/vendor0
            hostPath: /dev/loop-control
            permissions: rw
            fileMode: 0640
          additionalGids: [4711]
          mounts:
          - hostPath: HARBOUR/library
            containerPath: /usr/lib/vendor
            options:
            - ro
            - nosuid
            - nodev
          hooks:
          - hookName: createRuntime
            path: /bin/sh
            args: [sh, -c, "cat > HARBOUR/hooked"]
      - name: pair
        containerEdits: {env: ["DEVICE=pair"]}
      """

    /// Runs skiff with specifications in two directories of the test's.
    private func attempt(_ store: Store, _ words: String...) throws -> Outcome {
      let directories = "\(store.harbour.path("etc")):\(store.harbour.path("run-cdi"))"
      return try run(
        [Programs.skiff, "--root", store.root, "--run-root", store.harbour.path("run")] + words,
        environment: ["SKIFF_CDI_SPEC_DIRS": directories])
    }

    @Test func `everything that a device brings with it`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.write("of the vendor\n", to: "library/file")
        try harbour.write(yaml.replacingOccurrences(of: "HARBOUR", with: harbour.directory), to: "etc/vendor.yaml")

        let told = try attempt(
          store, "run", "--rm", "--network", "none", "--user", "1000", "--device", "vendor.com/device=0", Store.image,
          "probe", "stat", "/dev/vendor0", ",", "read", "/usr/lib/vendor/file", ",", "create", "/usr/lib/vendor/new",
          "x", ",", "see", ",", "read", "/dev/vendor0"
        ).expecting(0).lines.map { try JSON(text: $0) }

        #expect(told[0].type.text == "characterDevice")
        #expect(told[0].major.number == 10)
        #expect(told[0].minor.number == 237)
        #expect(told[0].mode.number == 0o640)
        // The process's own, and so it may open it; which the device then does not let be read.
        #expect(told[0].uid.number == 1000)
        #expect(told[4].errno.number == 22)
        #expect(told[1].text == "of the vendor\n")
        #expect(told[2].errno.number == 30)
        #expect(told[3].environment.texts.contains("COMMON=of every device"))
        #expect(told[3].environment.texts.contains("DEVICE=zero"))
        #expect(told[3].status.Groups.numbers.contains(4711))
        #expect(try harbour.read("hooked").contains("\"pid\""))
      }
    }

    @Test func `several devices, files of two kinds, and the directory that counts more`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.write(yaml.replacingOccurrences(of: "HARBOUR", with: harbour.directory), to: "etc/vendor.yaml")
        try harbour.write(
          """
          {"cdiVersion": "0.6.0", "kind": "vendor.com/device", "devices": [
            {"name": "pair", "containerEdits": {"env": ["DEVICE=of the run directory"]}}]}
          """, to: "run-cdi/vendor.json")
        try harbour.write(
          """
          {"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": [
            {"name": "all", "containerEdits": {"env": ["GPU=all"]}},
            {"name": "0", "containerEdits": {"env": ["GPU0=yes"]}}, {"name": "1", "containerEdits": {"env": ["GPU1=yes"]}}]}
          """, to: "run-cdi/gpu.json")

        let both = try attempt(
          store, "run", "--rm", "--network", "none", "--device", "vendor.com/device=pair", "--gpus", "all", Store.image,
          "env")
        let counted = try attempt(store, "run", "--rm", "--network", "none", "--gpus", "2", Store.image, "env")
        let chosen = try attempt(
          store, "run", "--rm", "--network", "none", "--gpus", "\"device=1\",capabilities=gpu", Store.image, "env")

        #expect(try both.expecting(0).lines.contains("DEVICE=of the run directory"))
        #expect(both.lines.contains("GPU=all"))
        #expect(!both.lines.contains { $0.hasPrefix("COMMON") })
        #expect(try counted.expecting(0).lines.contains("GPU0=yes") && counted.lines.contains("GPU1=yes"))
        #expect(try chosen.expecting(0).lines.contains("GPU1=yes") && !chosen.lines.contains("GPU0=yes"))
      }
    }

    @Test func `a device that nobody describes, or two do, or a file that is wrong`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        func refusal(_ device: String, file: String? = nil, _ content: String = "") throws -> String {
          if let file { try harbour.write(content, to: "etc/\(file)") }
          let outcome = try attempt(store, "run", "--rm", "--device", device, Store.image, "true")
          #expect(outcome.code == 125)
          return outcome.message
        }
        func specification(_ edits: String) -> String {
          "{\"cdiVersion\":\"0.6.0\",\"kind\":\"vendor.com/device\",\"devices\":[{\"name\":\"x\",\"containerEdits\":\(edits)}]}"
        }

        #expect(
          try refusal("vendor.com/device=x")
            .contains("unresolvable CDI device vendor.com/device=x: no specification in \(harbour.path("etc")) or"))
        #expect(try refusal("vendor.com/device=").contains("vendor.com/class=name"))
        #expect(
          try refusal("vendor.com/device=x", file: "a.yaml", "kind: vendor.com/device\n\tname: x")
            .contains("a.yaml: line 2: a tab cannot indent"))
        #expect(
          try refusal("vendor.com/device=x", file: "a.yaml", specification("{\"hostPid\":true}"))
            .contains("containerEdits.hostPid is not known"))
        #expect(
          try refusal(
            "vendor.com/device=x", file: "a.yaml", specification("{\"deviceNodes\":[{\"path\":\"/dev/none-at-all\"}]}")
          ).contains("/dev/none-at-all"))
        #expect(
          try refusal("vendor.com/device=x", file: "b.json", specification("{\"env\":[\"A=B\"]}"))
            .contains("conflicting CDI device vendor.com/device=x"))
        #expect(try attempt(store, "run", "--rm", "--gpus", "none", Store.image, "true").message.contains("--gpus"))
        #expect(try store.content().filter { $0.hasPrefix("containers/") }.isEmpty)
      }
    }
  }
}
