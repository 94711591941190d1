import Foundation
import Testing

/// Rules that hold in every file, each with the accident that it prevents.
@Suite struct CodeRules {
  @Test func `nothing traps on what comes from outside`() {
    for file in SourceTree.sources {
      for match in file.code.matches(of: /\btry!|\bas!|\bfatalError\b|\bunowned\(unsafe\)/) {
        Issue.record("\(file.path) says \(match.output)")
      }
    }
  }

  @Test func `what crosses threads is proved to be safe`() {
    for file in SourceTree.sources where file.code.contains("@unchecked Sendable") {
      // A promise needs its reason on the line before.
      let lines = file.lines
      for index in lines.indices where lines[index].contains("@unchecked Sendable") {
        var above = index - 1
        while above >= 0, lines[above].drop(while: { $0 == " " }).hasPrefix("@") { above -= 1 }
        let comment = above >= 0 ? lines[above].drop { $0 == " " } : ""
        if !comment.hasPrefix("//") { Issue.record("\(file.path):\(index + 1) promises Sendable without a reason") }
      }
    }
  }

  /// Joined paths that are none of an image's or a container's: by file, how many lines, and why they are safe.
  static let joinedPaths: [String: (lines: Int, reason: String)] = [
    "Sources/SkiffRuntime/Checkpoint/CriuMounts.swift": (1, "the kernel's own record of a process, by its number"),
    "Sources/SkiffRuntime/Checkpoint/CriuStreams.swift": (1, "the kernel's own record of a process, by its number"),
    "Sources/SkiffRuntime/Lifecycle/Restore.swift": (1, "a directory of the runtime's own state, by a checked id"),
    "Sources/SkiffRuntime/Lifecycle/ContainerRecord.swift": (3, "the kernel's own record of a process, by its number"),
    "Sources/SkiffRuntime/Lifecycle/Events.swift": (2, "the kernel's own files of a control group"),
  ]

  /// A path in a root file system or an image is resolved once, beneath an anchor (CVE-2018-15664, CVE-2021-30465).
  @Test func `no path is joined from text and opened`() {
    let guarded = ["Sources/SkiffRuntime/", "Sources/SkiffImages/", "Sources/SkiffTransfer/Layers/"]
    let calls =
      /\b(open|status|unlink|makeDirectory|removeDirectory|makeNode|makeSymbolicLink|rename|readLink|cloneTree|KernelPath)\([^)]*"[^"\n]*(\\\([^"\n]*\/|\/[^"\n]*\\\()/
    let joining = /\b(open|status|unlink|makeDirectory|removeDirectory|KernelPath)\([^)\n]*\+ "\//
    for file in SourceTree.sources where guarded.contains(where: file.path.hasPrefix) {
      var found: [String] = []
      for (index, line) in file.lines.enumerated() {
        // The kernel's own names of open files, made of numbers, are no paths of anyone's tree.
        if line.contains("/proc/self/fd/") { continue }
        let trimmed = line.drop { $0 == " " }
        if trimmed.hasPrefix("//") { continue }
        if line.contains(calls) || line.contains(joining) { found.append("\(file.path):\(index + 1): \(trimmed)") }
      }
      let known = Self.joinedPaths[file.path]
      if found.count != known?.lines ?? 0 {
        Issue.record(
          "\(file.path) joins paths \(found.count) times, \(known?.lines ?? 0) are known: \(found.joined(separator: "; "))"
        )
      }
    }
  }

  /// An owner without a name ends at once: `try open(path).descriptor.write(…)` writes to a closed descriptor.
  @Test func `a descriptor is lent by an owner that has a name`() {
    for file in SourceTree.files where !file.path.hasPrefix("Tests/HouseTests/") {
      for match in file.code.matches(of: /\)\s*\.descriptor\b/) {
        let line = file.code[..<match.range.lowerBound].count { $0.isNewline } + 1
        Issue.record("\(file.path):\(line): the owner of this descriptor has no name")
      }
    }
  }

  @Test func `no file grows beyond a story`() {
    for file in SourceTree.files {
      let limit = 600
      if file.lines.count > limit { Issue.record("\(file.path) has \(file.lines.count) lines") }
    }
  }

  @Test func `nothing is left as a promise`() {
    for file in SourceTree.sources {
      for (index, line) in file.lines.enumerated() where line.contains(/\b(TODO|FIXME|XXX|HACK)\b/) {
        Issue.record("\(file.path):\(index + 1): \(line)")
      }
      if file.path.hasSuffix("Placeholder.swift") { Issue.record("\(file.path) is a placeholder") }
    }
  }

  @Test func `every type and function that leaves its room has a line of explanation`() {
    // Members of a type are left to judgement: many say what they are by their name and their type's line.
    let declaration = /^(package|public) (final |indirect )*(func|struct|enum|class|protocol)\b/
    for file in SourceTree.sources {
      let lines = file.lines
      for index in lines.indices where lines[index].contains(declaration) {
        var above = index - 1
        while above >= 0, lines[above].hasPrefix("@") { above -= 1 }
        if above < 0 || !lines[above].hasPrefix("//") {
          Issue.record("\(file.path):\(index + 1) is not explained: \(lines[index])")
        }
      }
    }
  }
}
