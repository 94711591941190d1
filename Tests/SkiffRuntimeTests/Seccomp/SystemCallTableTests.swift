import CSeccomp
import Foundation
import Testing

import SkiffRuntime

@Suite struct `SystemCallTable: names and numbers of system calls` {
  static let writer = SystemCallTableWriter()

  @Test func `the committed table is what the writer writes`() throws {
    if let path = ProcessInfo.processInfo.environment["SKIFF_WRITE_SYSTEM_CALLS"] {
      try Self.writer.source.write(toFile: path, atomically: true, encoding: .utf8)
      return
    }
    // Other versions know more or fewer calls.
    guard let version = seccomp_version()?.pointee, (version.major, version.minor, version.micro) == (2, 5, 4) else {
      return
    }
    let committed = URL(filePath: #filePath)
      .appending(path: "../../../../Sources/SkiffRuntime/Seccomp/SystemCallNumbers.swift").standardizedFileURL

    let text = try String(contentsOf: committed, encoding: .utf8)

    #expect(text == Self.writer.source)
  }

  @Test func `every name is found with its number on every architecture`() {
    for architecture in SeccompArchitecture.allCases {
      let column = architecture.name.replacing("el", with: "").replacing("le", with: "")
      for name in Self.writer.names {
        let code = Self.writer.codes[column]?[name]
        let number = code.map { $0 < 1024 ? architecture.base + UInt32($0) : 0x0F_0000 + UInt32($0 - 1024) }
        #expect(SystemCallTable.number(of: name, on: architecture) == number, "\(name) on \(architecture)")
      }
    }
  }

  @Test(arguments: ["", "rea", "readd", "READ", "read ", "no_such_call", "réad", String(repeating: "x", count: 5000)])
  func `a name that no architecture has is not found`(name: String) {
    #expect(SystemCallTable.position(of: name) == nil)
  }

  @Test func `the kernel agrees about a few numbers`() {
    #expect(SystemCallTable.number(of: "read", on: .x86_64) == 0)
    #expect(SystemCallTable.number(of: "seccomp", on: .x86_64) == 317)
    #expect(SystemCallTable.number(of: "seccomp", on: .aarch64) == 277)
    #expect(SystemCallTable.number(of: "socket", on: .x86) == 359)
    #expect(SystemCallTable.number(of: "execve", on: .x32) == 0x4000_0208)
    #expect(SystemCallTable.number(of: "set_tls", on: .arm) == 983_045)
    #expect(SystemCallTable.number(of: "mseal", on: .mips64) == 5462)
  }
}
