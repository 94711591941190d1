extension CommandLineProgram {
  /// The help of what a path leads to.
  func help(_ path: [String]) -> String {
    guard let entry = entry(path) else { return overview(path, abstract, discussion, entries) }
    if entry.parse == nil { return overview(path, entry.abstract, "", entry.children) }
    let description = entry.describe()
    var text = entry.abstract + "\n\nUsage:\n"
    for line in description.usage.isEmpty ? [Self.usage(path, description)] : description.usage {
      text += "  \(line)\n"
    }
    if entry.aliases.isEmpty == false { text += "\nAlso called: \(entry.aliases.joined(separator: ", "))\n" }
    if !description.discussion.isEmpty { text += "\n\(description.discussion)\n" }
    let words = description.words.filter { !$0.help.isEmpty }
    if !words.isEmpty {
      text += "\nArguments:\n" + HelpColumns.text(words.map { ($0.valueName, $0.help) })
    }
    var groups: [String] = []
    for option in description.options where option.help != nil {
      let group = option.group ?? "Options"
      if !groups.contains(group) { groups.append(group) }
    }
    for group in groups {
      let rows = description.options.filter { $0.help != nil && ($0.group ?? "Options") == group }
        .map { ($0.label, $0.help ?? "") }
      text += "\n\(group):\n" + HelpColumns.text(rows)
    }
    return text
  }

  private static func usage(_ path: [String], _ description: CommandDescription) -> String {
    var words = path
    if description.options.contains(where: { $0.help != nil }) { words.append("[OPTIONS]") }
    return (words + description.words.map(\.written)).joined(separator: " ")
  }

  private func overview(_ path: [String], _ abstract: String, _ discussion: String, _ entries: [CommandEntry]) -> String
  {
    let program = path.joined(separator: " ")
    var text = abstract + "\n\nUsage:\n  \(program) COMMAND\n"
    if !discussion.isEmpty { text += "\n\(discussion)\n" }
    let shown = entries.filter { !$0.isHidden }
    var groups: [String] = []
    for entry in shown {
      let group = entry.group ?? "Commands"
      if !groups.contains(group) { groups.append(group) }
    }
    for group in groups {
      let rows = shown.filter { ($0.group ?? "Commands") == group }.map { ($0.name, $0.abstract) }
      text += "\n\(group):\n" + HelpColumns.text(rows)
    }
    return text + "\n\(program) COMMAND --help says more.\n"
  }
}

/// Two columns, the second one wrapped.
enum HelpColumns {
  private static let width = 100
  private static let widestLabel = 34

  static func text(_ rows: [(label: String, help: String)]) -> String {
    let label = min(rows.map(\.label.count).max() ?? 0, widestLabel)
    let indent = 2 + label + 2
    var text = ""
    for row in rows {
      var lines = wrapped(row.help, width - indent)[...]
      var line = "  " + row.label
      if row.label.count <= label, let first = lines.popFirst() {
        line += String(repeating: " ", count: indent - line.count) + first
      }
      text += line + "\n"
      for line in lines { text += String(repeating: " ", count: indent) + line + "\n" }
    }
    return text
  }

  private static func wrapped(_ text: String, _ width: Int) -> [String] {
    var lines: [String] = []
    var line = ""
    for word in text.split(separator: " ") {
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + word
    }
    return line.isEmpty ? lines : lines + [line]
  }
}
