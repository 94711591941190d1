import Foundation
import Testing

/// Pages whose tables name tests: a row is true only as long as its test is there.
@Suite struct TestTables {
  /// Every test of ours by its title.
  static let titles: Set<String> = Set(
    SourceTree.files.filter { $0.path.hasPrefix("Tests/") }.flatMap { file in
      file.text.matches(of: /func `([^`\n]+)`/).map { String($0.output.1) }
    })

  /// The rows of a page's tables that have a column of tests, as cells; without heads and rules.
  private func rows(_ page: String) throws -> [[String]] {
    let data = try Data(contentsOf: SourceTree.top.appending(path: page))
    let lines = String(decoding: data, as: UTF8.self).split(separator: "\n").filter { $0.hasPrefix("|") }
    var hasTests = false
    return lines.indices.filter { index in
      if lines[index].allSatisfy({ "|-: ".contains($0) }) { return false }
      let isHead = index + 1 < lines.endIndex && lines[index + 1].allSatisfy { "|-: ".contains($0) }
      if isHead { hasTests = lines[index].contains("| test |") }
      return !isHead && hasTests
    }.map { lines[$0].split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map(String.init) }
  }

  /// Titles stand in backquotes in the column of tests.
  @Test(arguments: [("docs/conformance.md", 60), ("docs/attacks.md", 19)])
  func `every test that a table names exists`(page: String, atLeast: Int) throws {
    let rows = try rows(page)

    #expect(rows.count >= atLeast)
    for row in rows {
      let named = row.dropFirst().joined(separator: "|").matches(of: /`([^`]+)`/).map { String($0.output.1) }
        .filter { $0.contains(" ") }
      #expect(!named.isEmpty, "\(page): no test in \(row)")
      for title in named { #expect(Self.titles.contains(title), "\(page): there is no test called \(title)") }
    }
  }

  @Test func `every test of the specification has its row`() throws {
    let text = String(
      decoding: try Data(contentsOf: SourceTree.top.appending(path: "docs/conformance.md")), as: UTF8.self)

    for file in SourceTree.files where file.path.hasPrefix("Tests/IntegrationTests/Specification/") {
      for match in file.text.matches(of: /func `([^`\n]+)`/) {
        #expect(text.contains("`\(match.output.1)`"), "\(file.path): \(match.output.1)")
      }
    }
  }
}
