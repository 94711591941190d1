import SkiffCommandLine
import SkiffEngine
import SkiffSpec

/// skiff system check
struct CheckStore: Command {
  static let name = "check"
  static let abstract = "Find what is damaged in the store, and mend it."

  var repairs = false
  var force = false
  var format: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      Images and their blobs, layers, containers, their names, leases of ids and volumes are looked at, and what interrupted commands
      have left. Nothing is changed without --repair. The exit code is 1 while something is damaged.

      Examples:
        skiff system check
        skiff system check --repair
      """
    form.flag("-r --repair", "Mend what can be mended without giving up a container.") {
      $0.repairs = $1
    }
    form.flag(
      "-f --force", "With --repair: give up containers that cannot be mended, with what they wrote."
    ) {
      $0.force = $1
    }
    form.value("--format", "FORMAT", "table, json, or a template.") { $0.format = $1 }
  }

  func validate() throws(CommandLineMistake) {
    if force, !repairs { throw CommandLineMistake("--force says how to mend: add --repair") }
  }

  private static let headings = [
    "Kind": "KIND", "Thing": "THING", "What": "WHAT", "Remedy": "REMEDY", "Outcome": "OUTCOME",
  ]

  func run() throws {
    let format = try RowFormat.parse(format, headings: Self.headings)
    let found = try GlobalOptions.current.engine().check(repairs: repairs, isForced: force)
    if let format {
      Console.show(try format.text(found.map(\.document)))
    } else {
      for damage in found { Console.print(Self.line(damage)) }
      if found.isEmpty { Console.print("nothing is damaged") }
    }
    if found.contains(where: \.remains) { throw Ending(code: ExitStatusCode.failure) }
  }

  private static func line(_ damage: StoreDamage) -> String {
    let ending =
      switch damage.outcome {
      case .mended: "mended: \(damage.remedy)"
      case .mendable: "--repair would \(damage.remedy)"
      case .needsForce, .stays: damage.remedy
      }
    return "\(damage.kind.rawValue)  \(damage.thing): \(damage.what) (\(ending))"
  }
}
