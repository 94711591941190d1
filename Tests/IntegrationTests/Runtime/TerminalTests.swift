import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Containers on a terminal.
  @Suite struct Terminals {
    @Test func `the console's master arrives at the socket`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(
          harbour, #"{"process":{"terminal":true,"consoleSize":{"height":40,"width":120}}}"#)
        let directory = try Descriptor.workingDirectory.open(try KernelPath(harbour.directory), [.directory])
        let listener = try UnixSocket.listen(at: "console", in: directory.descriptor, type: .stream)
        try bundle.setArguments(["/bin/probe", "see"])

        try bundle.create(["--console-socket", harbour.path("console")])
        let connection = try listener.descriptor.accept()
        var name = [UInt8](repeating: 0, count: 4096)
        let received = try connection.descriptor.receive(into: &name)
        let master = FileDescriptor(adopting: try #require(received.file))
        try bundle.start()
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while !text.contains(UInt8(ascii: "\n")) {
          let count = try master.descriptor.read(into: &buffer)
          text += buffer.prefix(count)
        }
        try bundle.await("stopped")
        try bundle.delete()

        let seen = try JSON(text: String(decoding: text, as: UTF8.self))
        #expect(seen.terminal.isControlling.isTrue)
        #expect(seen.terminal.rows.number == 40)
        #expect(seen.terminal.columns.number == 120)
        #expect(seen.devices.console.type.text == "characterDevice")
        #expect(seen.sessionID.number == 1)
      }
    }

    @Test func `run on a terminal copies both ways and follows its size`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"process":{"terminal":true}}"#)
        try bundle.setArguments(["/bin/probe", "resize"])
        try bundle.writeConfiguration()

        let session = try bundle.session(
          ["run", "--bundle", bundle.path, bundle.id], terminal: WindowSize(rows: 30, columns: 90))
        // The first size may be seen before the caller's has arrived.
        try session.expect("30x90")
        try session.resize(WindowSize(rows: 50, columns: 150))
        try session.expect("50x150")
        try bundle.kill("KILL")

        #expect(try session.wait().code == 137)
      }
    }

    @Test func `control C typed on the terminal interrupts the program`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"process":{"terminal":true}}"#)
        try bundle.setArguments(["/bin/probe", "trap", "INT"])
        try bundle.writeConfiguration()
        let session = try bundle.session(
          ["run", "--bundle", bundle.path, bundle.id], terminal: WindowSize(rows: 24, columns: 80))
        try session.expect("ready")

        try session.send("\u{3}")

        try session.expect(#"{"signal":2}"#)
        #expect(try session.wait().code == 0)
      }
    }

    @Test func `a terminal without a socket cannot be detached`() throws {
      try inHarbour { harbour in
        let bundle = try Bundle(harbour, #"{"process":{"terminal":true}}"#)
        try bundle.writeConfiguration()

        let outcome = try bundle.runtime(["create", "--bundle", bundle.path, bundle.id])

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("console-socket") || outcome.errors.contains("console socket"))
      }
    }
  }
}
