import SkiffKernel

/// Acts under a filter of system calls; the file holds packed instructions, eight bytes each, little-endian.
///
///   filter FILE                 this process and all later acts
///   filtered FILE PROGRAM …     becomes the program, filtered
func seccompProbe(_ verb: String, _ arguments: [String]) -> ProbeValue? {
  switch verb {
  case "filter":
    return outcome { () throws(Errno) in
      try SeccompFilter.install(try readFilter(arguments.first ?? ""), flags: 0)
      return .bool(true)
    }
  case "filtered":
    return outcome { () throws(Errno) in
      let filter = try readFilter(arguments.first ?? "")
      let words = Array(arguments.dropFirst())
      let image = try ExecImage(arguments: words, environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"])
      let program = try KernelPath(words.first ?? "")
      try SeccompFilter.install(filter, flags: 0)
      throw image.execute(program)
    }
  default: return nil
  }
}

private func readFilter(_ path: String) throws(Errno) -> [UInt64] {
  let file = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .nonBlocking])
  let bytes = try file.descriptor.readToEnd(limitBytes: 1 << 16)
  return stride(from: 0, to: bytes.count - bytes.count % 8, by: 8).map { start in
    (0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) << (8 * UInt64($1)) }
  }
}
