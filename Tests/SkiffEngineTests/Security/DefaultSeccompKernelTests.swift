import Foundation
import SkiffEngine
import SkiffRuntime
import Testing

/// The default filter, loaded into the kernel, around real programs.
@Suite struct `DefaultSeccompProfile in the kernel` {
  private static let capabilities: Set<String> = [
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",
    "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
  ]

  /// Runs a program under the filter; gives its exit code and what it said.
  private func filtered(_ words: [String]) throws -> (code: Int32, output: String) {
    let profile = DefaultSeccompProfile.profile(capabilities: Self.capabilities, architecture: "amd64")
    let filter = FileManager.default.temporaryDirectory.appending(path: "skiff-filter-\(UUID().uuidString)")
    try Data(SeccompProgram.compile(profile).instructions.withUnsafeBytes(Array.init)).write(to: filter)
    defer { try? FileManager.default.removeItem(at: filter) }
    let process = Process()
    process.executableURL =
      URL(filePath: #filePath).appending(path: "../../../../.build/release/skiff-probe")
      .standardizedFileURL
    process.arguments = ["filtered", filter.path] + words
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let output = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    return (process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus, output)
  }

  @Test(arguments: [
    ["/bin/bash", "-c", "for i in 3 1 2; do echo $i; done | sort | (read a; test $a = 1) && (sleep 0.01)& wait $!"],
    ["/bin/bash", "-c", "d=$(mktemp -d) && cp -a /etc/hostname $d/x && mv $d/x $d/y && chmod 600 $d/y && rm -r $d"],
    [
      "/usr/bin/perl", "-MSocket", "-e",
      "socketpair(A,B,AF_UNIX,SOCK_STREAM,0)||die; fork//die; select(undef,undef,undef,.01)",
    ],
    ["/usr/bin/apt-get", "--version"], ["/usr/bin/dpkg", "-l", "bash"], ["/usr/bin/apt-cache", "policy", "bash"],
    ["/bin/tar", "cf", "/dev/null", "/etc/apt"], ["/usr/bin/find", "/etc/apt", "-type", "f"], ["/bin/ls", "-la", "/"],
  ])
  func `programs of Debian run`(words: [String]) throws {
    let result = try filtered(words)

    #expect(result.code == 0, "\(result.output)")
  }

  /// Numbers of x86_64; perl calls the kernel with them as they are.
  @Test(arguments: [
    ("keyctl, the keys of the host", 250, "0, 0", 1), ("io_uring_setup", 425, "1, 0", 1),
    ("unshare of a user namespace", 272, "0x10000000", 1), ("mount", 165, "0, 0, 0, 0, 0", 1),
    ("clone3", 435, "0, 0", 38), ("a call that no kernel has yet", 500, "0", 38),
    ("socket of the kernel's cryptography", 41, "38, 5, 0", 97),
    ("the same, with bits above", 41, "(1<<32)|38, 5, 0", 97),
    ("socket to the hypervisor", 41, "40, 1, 0", 97), ("TIOCSTI", 16, "0, 0x5412, 0", 25),
    ("TIOCSTI, with bits above", 16, "0, (1<<32)|0x5412, 0", 25), ("TIOCSETD", 16, "0, 0x5423, 0", 25),
    ("personality without randomisation", 135, "0x40000", 1),
  ])
  func `what the profile refuses the kernel refuses`(what: String, number: Int, arguments: String, errno: Int) throws {
    #if arch(x86_64)
      let result = try filtered(["/usr/bin/perl", "-e", "syscall(\(number), \(arguments)) == -1 || exit 1; print $!+0"])

      #expect(result.code == 0, "\(what)")
      #expect(result.output == "\(errno)", "\(what)")
    #endif
  }
}
