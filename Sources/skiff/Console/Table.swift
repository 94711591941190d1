/// Rows under headings, as wide as their longest cell.
struct Table {
  private let headings: [String]
  private var rows: [[String]] = []
  private let leastWidth: Int
  private static let gap = 3

  /// - Parameter leastWidth: of each column, the gap behind it included.
  init(_ headings: [String], leastWidth: Int = 0) {
    self.headings = headings
    self.leastWidth = leastWidth
  }

  mutating func add(_ row: [String]) {
    rows.append(row)
  }

  /// The last column is not padded.
  var text: String {
    let lines = [headings] + rows
    let widths = headings.indices.map { column in
      lines.reduce(max(0, leastWidth - Self.gap)) { max($0, column < $1.count ? $1[column].count : 0) }
    }
    return lines.map { line in
      var text = ""
      for (column, cell) in line.enumerated() {
        text += cell
        if column < line.count - 1, column < widths.count {
          text += String(repeating: " ", count: widths[column] - cell.count + Self.gap)
        }
      }
      return text + "\n"
    }.joined()
  }
}
