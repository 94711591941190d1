package import SkiffKernel
internal import Synchronization

/// Shows how far the layers are, on standard error: bars that move on a terminal, one line a change otherwise.
package final class ProgressBoard: Sendable {
  package enum Style: Sendable, Equatable {
    case silent
    case lines
    case bars
  }

  private struct Board: Sendable {
    var rows: [LayerProgress] = []
    var drawnLines = 0
    var lastDrawn: ContinuousClock.Instant?
    /// What was last said of each row.
    var said: [LayerPhase?] = []
    var isClosed = false
  }

  private let style: Style
  private let output: Descriptor
  private let board = Mutex(Board())

  /// A terminal is drawn this often at most.
  private static let pause = Duration.milliseconds(80)

  package init(style: Style, output: Descriptor = .standardError) {
    self.style = style
    self.output = output
  }

  /// Adds a row at the bottom and gives its number.
  package func add(_ row: LayerProgress) -> Int {
    board.withLock { board in
      board.rows.append(row)
      board.said.append(nil)
      show(&board, changed: board.rows.count - 1, phaseChanged: true)
      return board.rows.count - 1
    }
  }

  /// Changes a row; `doneBytes` nil leaves it as it is.
  package func update(_ row: Int, phase: LayerPhase, doneBytes: Int64? = nil, totalBytes: Int64? = nil) {
    board.withLock { board in
      guard board.rows.indices.contains(row) else { return }
      let phaseChanged = board.rows[row].phase != phase
      board.rows[row].phase = phase
      if let doneBytes { board.rows[row].doneBytes = doneBytes }
      if let totalBytes { board.rows[row].totalBytes = totalBytes }
      show(&board, changed: row, phaseChanged: phaseChanged)
    }
  }

  /// Says a line above or between the rows.
  package func say(_ line: String) {
    guard style != .silent else { return }
    board.withLock { board in
      // What was drawn stays where it is; the rows are drawn anew below the line.
      board.drawnLines = 0
      write(line + "\n")
    }
  }

  /// Draws the last state; nothing is drawn afterwards.
  package func close() {
    board.withLock { board in
      if style == .bars, !board.rows.isEmpty, !board.isClosed { draw(&board) }
      board.isClosed = true
    }
  }

  private func show(_ board: inout Board, changed row: Int, phaseChanged: Bool) {
    guard !board.isClosed else { return }
    switch style {
    case .silent:
      return
    case .lines:
      let phase = board.rows[row].phase
      guard phaseChanged, board.said[row] != phase, let words = Self.plainWords(phase) else { return }
      board.said[row] = phase
      write("\(board.rows[row].name): \(words)\n")
    case .bars:
      let now = ContinuousClock.now
      if !phaseChanged, let last = board.lastDrawn, now - last < Self.pause { return }
      board.lastDrawn = now
      draw(&board)
    }
  }

  /// Without a terminal only what is settled is worth a line.
  private static func plainWords(_ phase: LayerPhase) -> String? {
    switch phase {
    case .waiting: "Pulling fs layer"
    case .downloading, .extracting: nil
    case .retrying, .downloaded, .complete, .present: phase.words
    }
  }

  private func draw(_ board: inout Board) {
    let size = windowSize()
    // The last column stays free: a terminal may wrap the line when it is filled.
    let lines = ProgressFrame.lines(
      board.rows, columns: max(20, Int(size.columns) - 1), lineLimit: max(1, Int(size.rows) - 1))
    var text = board.drawnLines > 0 ? "\u{1B}[\(board.drawnLines)A" : ""
    for line in lines { text += "\r\u{1B}[K\(line)\n" }
    // Fewer lines than before leave old ones below.
    if lines.count < board.drawnLines { text += "\u{1B}[J" }
    board.drawnLines = lines.count
    write(text)
  }

  /// The window as it is now; what cannot be asked, or says nothing, is taken as 24 lines of 80.
  private func windowSize() -> WindowSize {
    let usual = WindowSize(rows: 24, columns: 80)
    do throws(Errno) {
      let size = try output.windowSize()
      return size.rows > 0 && size.columns > 0 ? size : usual
    } catch {
      return usual
    }
  }

  private func write(_ text: String) {
    do throws(Errno) {
      try output.writeAll(Array(text.utf8))
    } catch {
      // Progress is a courtesy: a closed terminal must not end the transfer.
    }
  }
}
