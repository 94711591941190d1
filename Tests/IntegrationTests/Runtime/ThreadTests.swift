import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Namespaces belong to threads: programs that enter them have one.
  @Suite struct Threads {
    @Test func `the runtime that waits for a container has one thread`() throws {
      guard Programs.isOurRuntime else { return }
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "trap", "TERM"])
        try bundle.writeConfiguration()
        let session = try bundle.session(["run", "--bundle", bundle.path, bundle.id])
        try session.expect("ready")

        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(session.processID)/task")

        #expect(threads == ["\(session.processID)"])
        try session.signal(15)
        #expect(try session.wait().code == 0)
      }
    }

    @Test func `nothing of the runtime stays in the container`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour)
        try bundle.setArguments(["/bin/probe", "wait"])
        try bundle.create()
        try bundle.start()

        let id = try bundle.state().pid.number
        // The program took the place of the runtime's child, and has its files and memory alone.
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/exe").hasSuffix("/bin/probe"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(id)/fd").sorted() == ["0", "1", "2"])
        #expect(try shell("cat /proc/\(id)/maps").output.contains("skiff-runtime") == false)
        try bundle.delete(force: true)
      }
    }
  }
}
