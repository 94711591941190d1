extension ResourceRequest {
  /// Reads one `--cgroup-conf`: `FILE=VALUE`, of a control group of version 2 (`memory.high=1073741824`).
  public mutating func setCgroup(_ text: String) throws(EngineError) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, !parts[1].isEmpty else {
      throw .invalidOption(
        name: "--cgroup-conf", value: text, reason: "expected FILE=VALUE, such as memory.high=1073741824")
    }
    let name = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let isPlain = parts[0].utf8.allSatisfy { byte in
      (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "_")
        || byte == UInt8(ascii: ".")
    }
    guard name.count >= 2, !name.contains(""), isPlain else {
      throw .invalidOption(
        name: "--cgroup-conf", value: text, reason: "\"\(parts[0])\" is no file of a control group: CONTROLLER.NAME")
    }
    // What keeps the container's processes together and in check is the engine's.
    if name[0] == "cgroup" {
      throw .invalidOption(name: "--cgroup-conf", value: text, reason: "the files cgroup.* are the engine's own")
    }
    cgroupSettings[parts[0]] = parts[1]
  }
}
