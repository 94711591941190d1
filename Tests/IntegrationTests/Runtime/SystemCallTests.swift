import Foundation
import Testing

extension Integration {
  /// What a start costs, in a unit that does not depend on the machine.
  @Suite(.enabled(if: Programs.isOurRuntime)) struct SystemCalls {
    @Test func `a start takes one more process and few system calls`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "exit", "0"])
        try bundle.writeConfiguration()
        let trace = harbour.path("trace")

        try run(
          [
            "strace", "-f", "-o", trace, Programs.runtime, "--root", harbour.path("state"), "run", "--bundle",
            bundle.path,
            bundle.id,
          ]
        ).expecting(0)

        let calls = try harbour.read("trace").split(separator: "\n").filter {
          $0.contains("(") && !$0.contains("resumed>") && !$0.contains("+++") && !$0.contains("---")
        }
        let processes = Set(calls.map { $0.prefix { $0 != " " } })
        #expect(processes.count == 2)
        // Itself, and the program; itself once more where it must hide its own file from the container.
        #expect(calls.filter { $0.contains(" execve") }.count <= 3)
        // Nobody reads the table of mounts, and nobody asks twice what it can know.
        #expect(calls.filter { $0.contains("mountinfo") }.isEmpty)
        // 560 where nine hierarchies of control groups are made and removed; more is a step back that needs a reason.
        #expect(calls.count < 620, "\(calls.count)")
      }
    }
  }
}
