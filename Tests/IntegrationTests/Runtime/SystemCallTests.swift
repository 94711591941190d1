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
        // Itself, and the program: it hides its own file from the container without a second start.
        #expect(calls.filter { $0.contains(" execve") }.count == 2)
        // Nobody reads the table of mounts, and nobody asks twice what it can know.
        #expect(calls.filter { $0.contains("mountinfo") }.isEmpty)
        // 560 where nine hierarchies of control groups are made and removed; more is a step back that needs a reason.
        #expect(calls.count < 620, "\(calls.count)")
      }
    }

    /// System calls and page faults of the process that is asked; more is a step back that needs a reason.
    @Test(arguments: [
      ("create", 260, 390), ("start", 60, 220), ("exec", 150, 570), ("state", 52, 190), ("kill", 58, 190),
      ("delete", 140, 200),
    ])
    func `a verb takes few system calls and touches little memory`(verb: String, calls: Int, faults: Int) throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.writeConfiguration()
        let trace = harbour.path("trace")
        let words: [String] =
          switch verb {
          case "create": ["create", "--bundle", bundle.path, bundle.id]
          case "exec": ["exec", bundle.id, "/bin/probe", "exit", "0"]
          case "kill": ["kill", bundle.id, "CONT"]
          case "delete": ["delete", "--force", bundle.id]
          default: [verb, bundle.id]
          }
        /// Brings the container to where the verb can be asked.
        func prepare() throws {
          if verb != "create" { try bundle.create() }
          if !["create", "start"].contains(verb) { try bundle.start() }
        }
        let command = [Programs.runtime, "--root", harbour.path("state")] + words

        try prepare()
        try run(["strace", "-o", trace, "-e", "signal=none"] + command).expecting(0)
        let made = try harbour.read("trace").split(separator: "\n").filter { $0.contains("(") }.count
        if verb != "delete" { try bundle.delete(force: true) }
        try prepare()
        let before = pageFaultsOfChildren()
        try run(command).expecting(0)
        let taken = pageFaultsOfChildren() - before
        if verb != "delete" { try bundle.delete(force: true) }

        #expect(made <= calls, "\(verb): \(made) system calls")
        #expect(taken <= faults, "\(verb): \(taken) page faults")
      }
    }

    /// Of all children that were waited for (getrusage(2), ru_minflt).
    private func pageFaultsOfChildren() -> Int {
      var usage = rusage()
      getrusage(RUSAGE_CHILDREN.rawValue, &usage)
      return usage.ru_minflt
    }
  }
}
