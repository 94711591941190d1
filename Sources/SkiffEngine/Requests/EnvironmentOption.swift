/// Reads what `-e`, `--env-file` and `--label` say.
public enum EnvironmentOption {
  /// Largest environment file.
  public static let fileLimitBytes = 1 << 20

  /// `NAME=value` as it is; a bare `NAME` takes the caller's value, or stays bare, which removes the image's.
  public static func entry(
    _ text: String, option: String, caller: (String) -> String?
  ) throws(EngineError) -> String {
    let name = text.prefix { $0 != "=" }
    guard !name.isEmpty else {
      throw .invalidOption(name: option, value: text, reason: "a variable has a name")
    }
    guard !text.utf8.contains(0) else {
      throw .invalidOption(name: option, value: text, reason: "a variable holds no zero byte")
    }
    if name.count < text.count { return text }
    guard let value = caller(text) else { return text }
    return "\(text)=\(value)"
  }

  /// The entries of a file: one a line; empty lines and lines that start with `#` are skipped.
  public static func entries(
    ofFile content: [UInt8], path: String, caller: (String) -> String?
  ) throws(EngineError) -> [String] {
    var entries: [String] = []
    for line in content.split(separator: UInt8(ascii: "\n")) {
      guard let text = String(validating: line, as: UTF8.self) else {
        throw .invalidOption(name: "--env-file", value: path, reason: "a line is not UTF-8")
      }
      var trimmed = text.drop { $0 == " " || $0 == "\t" }
      if trimmed.utf8.last == UInt8(ascii: "\r") { trimmed = trimmed.dropLast() }
      if trimmed.isEmpty || trimmed.hasPrefix("#") { continue }
      let name = trimmed.prefix { $0 != "=" }
      guard !name.contains(where: { $0 == " " || $0 == "\t" }) else {
        throw .invalidOption(
          name: "--env-file", value: path, reason: "the variable \"\(name)\" has a space in its name")
      }
      let entry = try entry(String(trimmed), option: "--env-file", caller: caller)
      // In a file, a name that the caller has no value for is left out.
      if entry.contains("=") { entries.append(entry) }
    }
    return entries
  }

  /// A label or annotation: `key=value`, or `key` with an empty value.
  public static func label(_ text: String, option: String) throws(EngineError) -> (key: String, value: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard let key = parts.first, !key.isEmpty else {
      throw .invalidOption(name: option, value: text, reason: "expected KEY=VALUE")
    }
    return (String(key), parts.count == 2 ? String(parts[1]) : "")
  }
}
