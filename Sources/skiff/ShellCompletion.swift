import SkiffCommandLine
import SkiffEngine
import SkiffKernel
import SkiffSpec

/// What shells and the makers of manual pages ask of the program.
enum ShellCompletion {
  /// The answer, or nil when the words ask for something else.
  ///
  /// - `--generate-completion-script SHELL` prints the script that a shell sources.
  /// - `__complete WORD…` prints what may stand in the place of the last word.
  /// - `__help-document` prints what every command takes, as JSON.
  static func answer(_ words: [String]) throws(EngineError) -> String? {
    switch words.first {
    case "--generate-completion-script":
      guard words.count == 2, let script = CompletionScript(rawValue: words[1]) else {
        throw .invalidOption(
          name: "--generate-completion-script", value: words.dropFirst().joined(separator: " "),
          reason: "it is \(CompletionScript.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return script.text(for: Skiff.program.name)
    case "__complete": return lines(Skiff.program.completions(Array(words.dropFirst())), words.last ?? "")
    case "__help-document": return String(decoding: Skiff.program.helpDocument, as: UTF8.self) + "\n"
    default: return nil
    }
  }

  private static func lines(_ answer: CompletionAnswer, _ current: String) -> String {
    var lines = answer.words.map { "\(answer.prefix)\($0.word)\t\($0.help)" }
    let names = names(answer.kind).map { (answer.prefix + $0.name, $0.about) }.filter { $0.0.hasPrefix(current) }
    lines += names.map { "\($0.0)\t\($0.1)" }
    // Where a volume may stand a directory may, too.
    if answer.kind == .file || answer.kind == .volume && names.isEmpty { lines.append(":files") }
    if answer.isOpen, names.isEmpty { lines.append(":open") }
    return lines.map { $0 + "\n" }.joined()
  }

  /// The names of a kind of thing. A shell that completes wants no error: what cannot be read has no names.
  private static func names(_ kind: CompletionKind) -> [(name: String, about: String)] {
    do throws(EngineError) {
      switch kind {
      case .file, .nothing: return []
      case .container:
        var filter = ContainerFilter()
        filter.includesStopped = true
        return try GlobalOptions.current.engine().list(filter) { _ in }.map { ($0.name, $0.image) }
      case .image:
        return try GlobalOptions.current.engine().images { _ in }.compactMap { image in
          image.repository.map { ("\($0):\(image.tag ?? "latest")", "image") }
        }
      case .secret: return try GlobalOptions.current.engine().secrets().map { ($0.name, "secret") }
      case .signal: return Signal.names.map { ($0, "SIG" + $0) }
      case .volume: return try GlobalOptions.current.engine().volumes().map { ($0.name, "volume") }
      case .network:
        return try GlobalOptions.current.engine().networkDocuments().compactMap { network in
          network["Name"]?.string.map { ($0, "network") }
        }
      }
    } catch {
      return []
    }
  }
}
