import Foundation
import Testing

/// What the built programs are made of.
@Suite struct BuiltPrograms {
  /// These run where nothing of the host is in reach, or, as `skiff`, are waited for: a dynamic linker's work would be a quarter of
  /// what a command takes to start.
  static let fullyStatic = ["skiff", "skiff-runtime", "skiff-init", "skiff-probe"]

  @Test(arguments: fullyStatic)
  func `a program that starts containers needs no other file`(name: String) throws {
    let program = try ELF(SourceTree.top.appending(path: ".build/release/\(name)"))

    #expect(!program.hasInterpreter)
    #expect(program.needed == [])
  }

  @Test(arguments: fullyStatic)
  func `a program that starts containers holds no Foundation and no Dispatch`(name: String) throws {
    let data = try Data(contentsOf: SourceTree.top.appending(path: ".build/release/\(name)"))

    // Mangled names of symbols, and names in the reflection data, which stay when symbols are stripped.
    for trace in ["$s10Foundation", "CFRunLoop", "_CFBundle", "dispatch_queue_create"] {
      #expect(data.range(of: Data(trace.utf8)) == nil, "\(trace)")
    }
  }

  @Test func `the test would see Foundation where it is`() throws {
    let bundle = SourceTree.top.appending(path: ".build/release/skiffPackageTests.xctest")
    let data = try Data(contentsOf: bundle)

    #expect(data.range(of: Data("$s10Foundation".utf8)) != nil)
    #expect(try ELF(bundle).needed.contains { $0.contains("Foundation") })
  }

  @Test func `the helper with guests carries the Swift library and takes the system's C library`() throws {
    let needed = try ELF(SourceTree.top.appending(path: ".build/release/skiff-transfer")).needed

    #expect(needed.contains("libc.so.6"))
    for library in needed { #expect(!library.lowercased().contains("swift"), "\(library)") }
  }
}

/// As much of an executable's headers as tells what it needs (elf(5), 64 bits, little-endian).
struct ELF {
  private(set) var hasInterpreter = false
  private(set) var needed: [String] = []

  init(_ url: URL) throws {
    let bytes = [UInt8](try Data(contentsOf: url))
    func number(_ offset: Int, _ width: Int) -> Int {
      bytes[offset..<(offset + width)].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    guard bytes.count > 64, bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else { throw CocoaError(.fileReadCorruptFile) }
    let (table, entrySize, count) = (number(32, 8), number(54, 2), number(56, 2))
    var loads: [(address: Int, offset: Int, size: Int)] = []
    var dynamic: (offset: Int, size: Int)?
    for index in 0..<count {
      let entry = table + index * entrySize
      let (offset, address, size) = (number(entry + 8, 8), number(entry + 16, 8), number(entry + 32, 8))
      switch number(entry, 4) {
      case 1: loads.append((address, offset, size))
      case 2: dynamic = (offset, size)
      case 3: hasInterpreter = true
      default: break
      }
    }
    guard let dynamic else { return }
    var names: [Int] = []
    var strings = 0
    for entry in stride(from: dynamic.offset, to: dynamic.offset + dynamic.size, by: 16) {
      switch number(entry, 8) {
      case 1: names.append(number(entry + 8, 8))
      case 5: strings = number(entry + 8, 8)
      default: break
      }
    }
    guard let load = loads.first(where: { $0.address <= strings && strings < $0.address + $0.size }) else { return }
    let start = load.offset + strings - load.address
    needed = names.map { String(decoding: bytes[(start + $0)...].prefix { $0 != 0 }, as: UTF8.self) }
  }
}
