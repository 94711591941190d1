import ArgumentParser

/// Brings spellings that docker's users know into those that the parser of commands reads: `--rm=true`, `--explain=dry`.
///
/// What stands behind the image belongs to the container and is left alone: where that begins, the parser itself is asked.
enum ArgumentNormalizer {
  /// Options that are there or not.
  private static let flags: Set<String> = [
    "--detach", "--interactive", "--tty", "--rm", "--init", "--privileged", "--read-only", "--explain",
    "--oom-kill-disable", "--quiet", "--all", "--force", "--follow", "--timestamps", "--no-trunc", "--volumes",
  ]
  /// Options that are there unless told otherwise.
  private static let inverted: Set<String> = ["--sig-proxy"]
  private static let passthroughCommands: Set<String> = ["run", "create", "exec"]

  static func normalize(_ words: [String]) -> [String] {
    guard words.contains(where: isUnusual) else { return words }
    var result: [String] = []
    for word in words {
      guard isUnusual(word), isOption(after: result) else {
        result.append(word)
        continue
      }
      let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
      switch (parts[0], parts[1]) {
      case ("--explain", "dry"): result.append("--explain-dry")
      case (let name, "true") where flags.contains(name): result.append(name)
      case (let name, "false") where flags.contains(name): continue
      case (let name, "false"): result.append("--no-" + name.dropFirst(2))
      // On is how these are anyway.
      default: continue
      }
    }
    return result
  }

  private static func isUnusual(_ word: String) -> Bool {
    let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { return false }
    if word == "--explain=dry" { return true }
    return (parts[1] == "true" || parts[1] == "false") && (flags.contains(parts[0]) || inverted.contains(parts[0]))
  }

  /// Whether an option may follow these words: it may not once the image has been named, nor where one waits for its value.
  private static func isOption(after words: [String]) -> Bool {
    guard let verb = words.first(where: { !$0.hasPrefix("-") }), passthroughCommands.contains(verb) else { return true }
    do {
      switch try Skiff.parseAsRoot(words) {
      case let run as Run: return run.words.isEmpty
      case let create as Create: return create.words.isEmpty
      case let exec as Exec: return exec.words.isEmpty
      default: return true
      }
    } catch {
      return false
    }
  }
}
