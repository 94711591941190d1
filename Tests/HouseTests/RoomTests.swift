import Foundation
import Testing

/// Who may know whom: a room imports lower floors only (ARCHITECTURE.md).
@Suite struct Rooms {
  /// What each room may import of ours and of its guests. Swift itself is not listed.
  static let mayImport: [String: Set<String>] = [
    "CLinux": [],
    "Guests": [],
    "SkiffKernel": ["CLinux", "Glibc"],
    "SkiffSpec": [],
    "SkiffRuntime": ["SkiffKernel", "SkiffSpec"],
    "SkiffImages": ["SkiffKernel", "SkiffSpec"],
    "SkiffNetworks": ["SkiffKernel", "SkiffSpec"],
    "SkiffTransfer": [
      "SkiffImages", "SkiffKernel", "SkiffSpec", "CCurl", "CZlib", "CZstd", "COpenSSL", "Dispatch", "Glibc",
      "Synchronization",
    ],
    "SkiffEngine": ["SkiffImages", "SkiffNetworks", "SkiffRuntime", "SkiffKernel", "SkiffSpec"],
    "SkiffCommandLine": ["SkiffSpec"],
    "skiff-runtime": ["SkiffRuntime", "SkiffKernel", "SkiffSpec"],
    "skiff-init": ["SkiffKernel"],
    "skiff-transfer": ["SkiffTransfer", "SkiffImages", "SkiffKernel", "SkiffSpec", "Synchronization"],
    "skiff": [
      "SkiffCommandLine", "SkiffEngine", "SkiffImages", "SkiffNetworks", "SkiffRuntime", "SkiffKernel", "SkiffSpec",
    ],
  ]

  @Test func `a room imports only what stands below it`() {
    #expect(!SourceTree.sources.isEmpty)
    for file in SourceTree.sources {
      guard let allowed = Self.mayImport[file.room] else {
        Issue.record("\(file.path): the room \(file.room) is not in the plan")
        continue
      }
      for module in file.imports where !allowed.contains(module) {
        Issue.record("\(file.path) imports \(module)")
      }
    }
  }

  @Test func `the reader of imports sees them all`() {
    let file = SourceFile(
      path: "Sources/SkiffSpec/X.swift",
      text: """
        import Foundation
        @preconcurrency internal import Dispatch
        private import struct Glibc.stat
        // import Commented
        let text = "import Quoted"
        """)

    #expect(file.imports == ["Foundation", "Dispatch", "Glibc"])
    #expect(!file.code.contains("Quoted"))
  }

  /// Below this line one thread, no suspension: a namespace is a property of a thread.
  @Test(arguments: ["SkiffKernel", "SkiffSpec", "SkiffRuntime", "skiff-runtime", "skiff-init"])
  func `below the cold line there is one thread`(room: String) {
    let banned = /\b(async|await|actor|Task|TaskGroup|DispatchQueue|Thread|nonisolated\(unsafe\))\b/
    for file in SourceTree.sources where file.room == room {
      for match in file.code.matches(of: banned) {
        Issue.record("\(file.path) says \(match.output.0)")
      }
    }
  }

  /// Pointers stay where the kernel or a C library is called.
  @Test func `only the ground and the guests' room say unsafe`() {
    for file in SourceTree.sources where !["SkiffKernel", "SkiffTransfer", "CLinux", "Guests"].contains(file.room) {
      if file.code.contains(/\bunsafe\b/) { Issue.record("\(file.path) says unsafe") }
    }
  }

  @Test func `no room, folder or file has a name that says nothing`() {
    let empty: Set<String> = [
      "util", "utils", "helper", "helpers", "common", "core", "base", "misc", "extensions", "manager",
    ]
    for path in SourceTree.paths(beneath: "Sources") + SourceTree.paths(beneath: "Tests") {
      for component in path.split(separator: "/") {
        let stem = component.split(separator: ".").first.map(String.init) ?? ""
        for word in words(of: stem) where empty.contains(word) { Issue.record("\(path): “\(word)” says nothing") }
      }
    }
  }

  /// The words of a name in capitals, as `Image`, `Store` of `ImageStore`.
  private func words(of name: String) -> [String] {
    var words: [String] = [""]
    for character in name {
      if character.isUppercase || !character.isLetter { words.append("") }
      words[words.count - 1].append(character)
    }
    return words.filter { !$0.isEmpty }.map { $0.lowercased() }
  }
}
