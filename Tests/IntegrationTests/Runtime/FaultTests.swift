import Foundation
import Testing

extension Integration {
  /// What is remembered of a container and cannot be read, or not understood.
  @Suite(.enabled(if: Programs.isOurRuntime)) struct Faults {
    @Test func `a state that cannot be read is not taken for one that is not there`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let state = harbour.path("state/\(bundle.id)/state.json")
        // Opens and does not read.
        try shell("mv \(state) \(state).kept; mkdir \(state)")

        for words in [["delete", "--force"], ["delete"], ["kill"], ["state"], ["exec"], ["start"]] {
          let outcome = try bundle.runtime(words + [bundle.id] + (words == ["exec"] ? ["/bin/probe", "see"] : []))
          #expect(outcome.code != 0, "\(words)")
          #expect(outcome.errors.contains("cannot read the state"), "\(words): \(outcome.errors)")
        }

        try shell("rmdir \(state); mv \(state).kept \(state)")
        #expect(try bundle.state().status.text == "running")
        try bundle.delete(force: true)
      }
    }

    @Test func `a damaged state is removed by force alone`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"linux":{"cgroupsPath":null}}"#)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()
        let process = try bundle.state().pid.number
        try harbour.write("{", to: "state/\(bundle.id)/state.json")

        let refused = try bundle.runtime(["delete", bundle.id])
        #expect(refused.code == 1)
        #expect(refused.errors.contains("damaged"))
        let listed = try bundle.runtime(["list", "--quiet"])
        #expect(listed.code == 0)
        #expect(listed.errors.contains("the state of container \(bundle.id) is damaged"))

        // Its group is found by the id, and with it the process.
        try bundle.delete(force: true)
        #expect(!harbour.exists("state/\(bundle.id)"))
        #expect(try hasEnded(process))
      }
    }
  }
}
