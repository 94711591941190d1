import SkiffEngine
import SkiffSpec

/// How `--format` shows rows: as a table, as JSON, or by a template.
enum RowFormat {
  case json
  /// With headings, where the template begins with `table`.
  case template(Template, headings: String?)

  /// Reads the option; nil is the command's own table.
  static func parse(_ text: String?, headings: [String: String]) throws(EngineError) -> RowFormat? {
    guard let text, text != "table" else { return nil }
    if text == "json" || text == "{{json .}}" { return .json }
    let isTable = text.hasPrefix("table ") || text.hasPrefix("table\t")
    // On a command line, tabs and line ends are written with a backslash.
    let body = (isTable ? String(text.dropFirst(6)) : text).replacingEscapes()
    do throws(Template.Mistake) {
      let template = try Template(parsing: body)
      guard isTable else { return .template(template, headings: nil) }
      let names = JSONValue(headings)
      return .template(template, headings: try template.render(names))
    } catch {
      throw .invalidOption(name: "--format", value: text, reason: error.description)
    }
  }

  func text(_ rows: [JSONValue]) throws(EngineError) -> String {
    switch self {
    case .json: return rows.map { $0.description + "\n" }.joined()
    case .template(let template, let headings):
      do throws(Template.Mistake) {
        var lines: [String] = []
        for row in rows { lines.append(try template.render(row)) }
        guard let headings else { return lines.map { $0 + "\n" }.joined() }
        var table = Table(headings.split(separator: "\t", omittingEmptySubsequences: false).map(String.init))
        for line in lines { table.add(line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)) }
        return table.text
      } catch {
        throw .refused("cannot fill in the template: \(error)")
      }
    }
  }
}

extension String {
  /// `\t` and `\n` as the characters that they mean.
  func replacingEscapes() -> String {
    var result = ""
    var rest = self[...]
    while let character = rest.popFirst() {
      guard character == "\\", let next = rest.first, next == "t" || next == "n" else {
        result.append(character)
        continue
      }
      rest = rest.dropFirst()
      result.append(next == "t" ? "\t" : "\n")
    }
    return result
  }
}
