import ArgumentParser
import SkiffEngine
import SkiffSpec

/// skiff version
struct Version: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "version", abstract: "Show the version.")

  @Option(
    name: [.customShort("f", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("json, or a template.", valueName: "FORMAT"))
  var format: String?

  func run() throws {
    guard let format else {
      Console.print("skiff version \(EngineVersion.text)")
      return
    }
    let document: JSONValue = ["Client": EngineVersion.document, "Server": EngineVersion.document]
    try Inspection.show([""], format: format) { _ throws(EngineError) in document }
  }
}

/// skiff info
struct Info: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Show what the engine has and what the machine offers.")

  @Option(
    name: [.customShort("f", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("json, or a template.", valueName: "FORMAT"))
  var format: String?

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
