import Glibc
import SkiffKernel
import Testing

/// A tree as lines of text, one for each entry: type, mode, owner, device, times, content, attributes, which names are one file.
enum TreeFacts {
  /// Both trees hold the same; the lines that only one has are told.
  static func expectSame(
    _ left: String, _ right: String, times: Bool = true, only: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let isMeant = { (line: String) in only.map { line.hasPrefix($0) } ?? true }
    let leftLines = try list(left, times: times).filter(isMeant)
    let rightLines = try list(right, times: times).filter(isMeant)
    #expect(!leftLines.isEmpty, sourceLocation: sourceLocation)
    #expect(
      Set(leftLines).subtracting(rightLines).sorted().prefix(5) == [], sourceLocation: sourceLocation)
    #expect(
      Set(rightLines).subtracting(leftLines).sorted().prefix(5) == [], sourceLocation: sourceLocation)
  }

  static func list(_ path: String, times: Bool = true, attributes: Bool = true) throws -> [String] {
    var lines: [String] = []
    var firstNames: [UInt64: String] = [:]
    var pending = ["."]
    while let name = pending.popLast() {
      let handle = try Descriptor.workingDirectory.open(
        try KernelPath("\(path)/\(name)"), [.pathOnly, .noFollow])
      let status = try handle.descriptor.status()
      var line = "\(name) \(status.type.map { "\($0)" } ?? "?") \(String(status.permissions, radix: 8))"
      line += " \(status.userID):\(status.groupID)"
      if times { line += " \(status.modifiedSeconds).\(status.modifiedNanoseconds)" }
      if status.type == .characterDevice || status.type == .blockDevice {
        line += " \(status.major),\(status.minor)"
      }
      if status.type == .symbolicLink { line += " -> \(try handle.descriptor.readLink(""))" }
      if status.type == .regular {
        let file = try Descriptor.workingDirectory.open(try KernelPath("\(path)/\(name)"), [.readOnly])
        let content = try file.descriptor.readToEnd(limitBytes: 1 << 28)
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in content { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        line += " \(content.count) bytes \(String(hash, radix: 16))"
      }
      if attributes {
        for attribute in try handle.descriptor.extendedAttributeNamesOfHandle().map(\.text).sorted() {
          let value = try handle.descriptor.extendedAttributeOfHandle(try KernelPath(attribute)) ?? []
          line += " \(attribute)=\(value)"
        }
      }
      if status.type != .directory, status.linkCount > 1 {
        if let first = firstNames[status.inode] { line += " same as \(first)" } else { firstNames[status.inode] = name }
      }
      lines.append(line)
      guard status.type == .directory else { continue }
      let directory = try Descriptor.workingDirectory.open(
        try KernelPath("\(path)/\(name)"), [.readOnly, .directory])
      pending.append(
        contentsOf: try directory.descriptor.sortedEntries(limit: 1_000_000).reversed().map {
          "\(name)/\(String(decoding: $0.name.bytes, as: UTF8.self))"
        })
    }
    return lines.sorted()
  }
}
