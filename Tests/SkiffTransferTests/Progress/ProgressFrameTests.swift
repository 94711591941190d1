import SkiffTransfer
import Testing

@Suite struct ProgressFrameTests {
  private let half = LayerProgress(
    name: "0123456789ab", phase: .downloading, doneBytes: 5_000_000, totalBytes: 10_000_000)

  @Test func `a bar shows the share that is done`() throws {
    let line = try #require(ProgressFrame.lines([half], columns: 80, lineLimit: 10).first)

    let bar = String(repeating: "=", count: 16) + ">" + String(repeating: " ", count: 16)
    #expect(line == "0123456789ab: Downloading [\(bar)]        5MB / 10MB")
  }

  @Test(arguments: [20, 30, 40, 55, 80, 200])
  func `no line is wider than the terminal`(columns: Int) {
    var rows = [half]
    rows.append(LayerProgress(name: "ffffffffffff", phase: .extracting, doneBytes: 999, totalBytes: 1_234_567_890))
    rows.append(LayerProgress(name: "eeeeeeeeeeee", phase: .complete))

    for line in ProgressFrame.lines(rows, columns: columns, lineLimit: 10) { #expect(line.count <= columns) }
  }

  @Test func `more layers than lines are counted`() {
    let rows = [half] + (0..<50).map { LayerProgress(name: "layer\($0)", phase: $0 < 20 ? .complete : .waiting) }

    let lines = ProgressFrame.lines(rows, columns: 80, lineLimit: 5)

    #expect(lines.count == 2)
    #expect(lines.last == "20 of 51 layers complete")
  }

  @Test func `a server that sends more than it said fills the bar and no more`() throws {
    let over = LayerProgress(name: "x", phase: .downloading, doneBytes: 30, totalBytes: 10)
    let line = try #require(ProgressFrame.lines([over], columns: 60, lineLimit: 1).first)
    #expect(line.count <= 60)
  }

  @Test(arguments: [
    (0, "0B"), (999, "999B"), (1000, "1kB"), (1500, "1.5kB"), (999_949, "999.9kB"), (999_950, "1MB"),
    (34_200_000, "34.2MB"), (Int64.max, "9223.4PB"), (-1, "0B"),
  ])
  func `sizes are written for people`(bytes: Int64, text: String) {
    #expect(ProgressFrame.size(bytes) == text)
  }
}
