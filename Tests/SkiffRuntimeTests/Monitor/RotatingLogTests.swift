import Foundation
import SkiffKernel
import SkiffRuntime
import Testing

@Suite struct RotatingLogTests {
  /// Writes so many bytes as one entry.
  private func write(_ count: Int, of letter: Character, to log: RotatingLog) {
    var buffer = ByteBuffer()
    buffer.append(Array(String(repeating: letter, count: count).utf8))
    log.write(buffer, limit: count)
  }

  @Test(arguments: [1, 3]) func `a file that an attempt cut short has put aside keeps nothing from being written`(
    _ maxFiles: Int
  ) throws {
    let directory = "\(NSTemporaryDirectory())/skiff-log-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    func size(_ name: String) -> Int? {
      FileManager.default.contents(atPath: "\(directory)/\(name)")?.count
    }
    var settings = LogSettings()
    settings.path = directory + "/container.log"
    settings.maxSizeBytes = 100
    settings.maxFiles = maxFiles
    let log = try RotatingLog(settings)
    write(60, of: "a", to: log)
    // As after a rename, or a removal, behind which no new file could be opened.
    if maxFiles == 1 {
      try FileManager.default.removeItem(atPath: settings.path)
    } else {
      try FileManager.default.moveItem(atPath: settings.path, toPath: settings.path + ".1")
    }

    write(70, of: "b", to: log)
    #expect(size("container.log") == 70)
    write(80, of: "c", to: log)
    #expect(size("container.log") == 80)
    #expect(size("container.log.1") == (maxFiles == 1 ? nil : 60))
    #expect(size("container.log.2") == (maxFiles == 1 ? nil : 70))
  }
}
