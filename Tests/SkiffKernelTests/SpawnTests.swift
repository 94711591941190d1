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
}
