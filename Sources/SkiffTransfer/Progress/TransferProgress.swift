/// What happens to one layer.
package enum LayerPhase: Sendable, Equatable {
  case waiting
  case downloading
  /// The connection failed; the next try begins after a pause.
  case retrying
  case downloaded
  case extracting
  case complete
  /// Nothing had to be fetched or unpacked.
  case present

  /// The words that docker's users know.
  package var words: String {
    switch self {
    case .waiting: "Waiting"
    case .downloading: "Downloading"
    case .retrying: "Retrying"
    case .downloaded: "Download complete"
    case .extracting: "Extracting"
    case .complete: "Pull complete"
    case .present: "Already exists"
    }
  }

  package var isFinal: Bool { self == .complete || self == .present }
}

/// One layer as it stands.
package struct LayerProgress: Sendable, Equatable {
  /// The first twelve digits of the layer's digest.
  package let name: String
  package var phase: LayerPhase
  package var doneBytes: Int64
  package var totalBytes: Int64

  package init(name: String, phase: LayerPhase = .waiting, doneBytes: Int64 = 0, totalBytes: Int64 = 0) {
    self.name = name
    self.phase = phase
    self.doneBytes = doneBytes
    self.totalBytes = totalBytes
  }
}

/// Draws progress as lines for a terminal. Pure: the same rows give the same lines.
package enum ProgressFrame {
  /// Below this width a bar tells nothing.
  static let narrowestBarColumns = 10
  static let widestBarColumns = 50

  /// The lines for `rows`, each at most `columns` wide, at most `lineLimit` of them.
  package static func lines(_ rows: [LayerProgress], columns: Int, lineLimit: Int) -> [String] {
    let lineLimit = max(1, lineLimit)
    guard rows.count > lineLimit else { return rows.map { line($0, columns: columns) } }
    // More layers than lines: what moves is shown, what is done or waits is counted.
    let moving = rows.filter { [.downloading, .retrying, .extracting].contains($0.phase) }
    var lines = moving.prefix(lineLimit - 1).map { line($0, columns: columns) }
    let done = rows.count { $0.phase.isFinal }
    lines.append(clipped("\(done) of \(rows.count) layers complete", columns: columns))
    return lines
  }

  static func line(_ row: LayerProgress, columns: Int) -> String {
    let words = "\(row.name): \(row.phase.words)"
    let bytes: String
    switch row.phase {
    case .downloading,
      .extracting where row.totalBytes > 0:
      bytes = "\(size(row.doneBytes)) / \(size(row.totalBytes))"
    default:
      return clipped(words, columns: columns)
    }
    // `words [====>   ]  12.3MB / 45.6MB`, the amounts in a column of their own so that the bars do not jitter.
    let amounts = String(repeating: " ", count: max(0, 17 - bytes.count)) + bytes
    let barColumns = min(widestBarColumns, columns - words.count - amounts.count - 5)
    guard barColumns >= narrowestBarColumns, row.totalBytes > 0 else {
      return clipped("\(words) \(bytes)", columns: columns)
    }
    return "\(words) [\(bar(row, columns: barColumns))] \(amounts)"
  }

  private static func bar(_ row: LayerProgress, columns: Int) -> String {
    let share = min(1, max(0, Double(row.doneBytes) / Double(row.totalBytes)))
    let filled = Int(share * Double(columns))
    guard filled < columns else { return String(repeating: "=", count: columns) }
    return String(repeating: "=", count: filled) + ">" + String(repeating: " ", count: columns - filled - 1)
  }

  private static func clipped(_ line: String, columns: Int) -> String {
    line.count <= columns ? line : String(line.prefix(max(0, columns)))
  }

  /// A size for people, in units of a thousand: `512B`, `1.5kB`, `34.2MB`.
  package static func size(_ bytes: Int64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB"]
    var value = Double(max(0, bytes))
    var unit = 0
    while value >= 999.95, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    if unit == 0 { return "\(Int(value))B" }
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10)\(units[unit])" : "\(tenths / 10).\(tenths % 10)\(units[unit])"
  }
}
