import SkiffKernel
import Testing

@Suite struct SpawnTests {
  @Test func `a started program gets exactly the chosen files`() throws {
    let shell = try Descriptor.workingDirectory.open("/bin/sh", [.readOnly])
    let stranger = try Descriptor.workingDirectory.open("/dev/zero", [.readOnly])
    try stranger.descriptor.duplicate(onto: 40, closeOnExec: false)
    let talk = try UnixSocket.pair(.packet)
    let ours = try talk.first.descriptor.duplicate()
    let theirs = try talk.second.descriptor.duplicate()
    var request = SpawnRequest(
      arguments: ["sh", "-c", "exec >&4; ls /proc/self/fd | tr '\\n' ' '"], environment: ["PATH=/usr/bin:/bin"])
    request.files = [(theirs.descriptor, 4)]

    let process = try spawn(shell.descriptor, request)
    try process.confirmStarted()
    let status = try process.wait()

    var buffer = [UInt8](repeating: 0, count: 1000)
    let count = try ours.descriptor.read(into: &buffer)
    // The pipe's own ends and the listing's are the only company that 4 has; 40 and the binary are gone.
    let numbers = String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: " ")
    #expect(status == .exited(0))
    #expect(numbers.contains("4"))
    #expect(!numbers.contains("40"))
  }

  @Test func `a file may be given to the number of another`() throws {
    let shell = try Descriptor.workingDirectory.open("/bin/sh", [.readOnly])
    let zero = try Descriptor.workingDirectory.open("/dev/zero", [.readOnly])
    let null = try Descriptor.workingDirectory.open("/dev/null", [.readOnly])
    var request = SpawnRequest(
      arguments: [
        "sh", "-c",
        "test \"$(readlink /proc/self/fd/\(zero.number))\" = /dev/null -a \"$(readlink /proc/self/fd/\(null.number))\" = /dev/zero",
      ],
      environment: ["PATH=/usr/bin:/bin"])
    request.files = [(zero.descriptor, null.number), (null.descriptor, zero.number)]

    let status = try spawn(shell.descriptor, request).wait()

    #expect(status == .exited(0))
  }

  @Test func `what cannot be executed is told by the kernel's word`() throws {
    let text = try Descriptor.workingDirectory.open("/etc/passwd", [.readOnly])

    let process = try spawn(text.descriptor, SpawnRequest(arguments: ["passwd"], environment: []))

    #expect(throws: Errno.accessDenied) { try process.confirmStarted() }
    #expect(try process.wait() == .exited(127))
  }

  @Test func `a word that no program can be given leaves nothing open`() throws {
    let shell = try Descriptor.workingDirectory.open("/bin/sh", [.readOnly])
    func openFiles() throws -> Int {
      let directory = try Descriptor.workingDirectory.open("/proc/self/fd", [.readOnly, .directory])
      var listing = DirectoryListing(directory.descriptor)
      var count = 0
      while try listing.next() != nil { count += 1 }
      return count
    }
    let before = try openFiles()
    let attempts = 200

    for _ in 0..<attempts {
      #expect(throws: Errno.invalidArgument) {
        _ = try spawn(shell.descriptor, SpawnRequest(arguments: ["sh", "a\u{0}b"], environment: []))
      }
    }

    // Other tests have files open, too, but not two for each of these.
    #expect(try openFiles() < before + attempts)
  }
}
