import SkiffCommandLine
import SkiffEngine
import SkiffSpec

/// skiff version
struct Version: Command {
  static let name = "version"
  static let abstract = "Show the version."

  var format: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("-f --format", "FORMAT", "json, or a template.") { $0.format = $1 }
  }

  func run() throws {
    guard let format else {
      Console.print("skiff version \(SkiffVersion.text)")
      return
    }
    let document: JSONValue = ["Client": EngineVersion.document, "Server": EngineVersion.document]
    try Inspection.show([""], format: format) { _ throws(EngineError) in document }
  }
}

/// skiff info
struct Info: Command {
  static let name = "info"
  static let abstract = "Show what the engine has and what the machine offers."

  var format: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("-f --format", "FORMAT", "json, or a template.") { $0.format = $1 }
  }

  func run() throws {
    let information = try GlobalOptions.current.engine().information()
    guard format == nil else {
      try Inspection.show([""], format: format) { _ throws(EngineError) in information }
      return
    }
    for member in information.object?.members ?? [] { show(member.key, member.value) }
  }

  private func show(_ name: String, _ value: JSONValue) {
    switch value {
    case .string(let text): Console.print("\(name): \(text)")
    case .array(let elements):
      Console.print("\(name): " + elements.map { $0.string ?? $0.description }.joined(separator: " "))
    default: Console.print("\(name): \(value)")
    }
  }
}
