import SkiffCommandLine
import SkiffEngine
import SkiffSpec

/// skiff events
struct Events: Command {
  static let name = "events"
  static let abstract = "Tell what happens to containers, images and volumes."

  var since: String?
  var until: String?
  var filter: [String] = []
  var format: String?

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      What happened since the machine came up is known, up to some thousand events.

      Examples:
        skiff events --since 10m --filter container=web
        skiff events --filter event=die --format '{{.Actor.Attributes.name}}: {{.Actor.Attributes.exitCode}}'
      """
    form.value("--since", "TIME", "From then on: a moment, or a span such as 10m.") { $0.since = $1 }
    form.value("--until", "TIME", "Up to then, and no longer.") { $0.until = $1 }
    form.value("-f --filter", "KEY=VALUE", "container, event, image, label, network, scope, type or volume.") {
      $0.filter.append($1)
    }
    form.value("--format", "FORMAT", "json, or a template.") { $0.format = $1 }
  }

  func run() throws {
    var options = EventOptions()
    options.since = try TimeOption.parse(since, "--since")
    options.until = try TimeOption.parse(until, "--until")
    for text in filter { try options.add(text) }
    let format = try RowFormat.parse(format, headings: [:])
    try GlobalOptions.current.engine().events(options) { event throws(EngineError) in
      switch format {
      case nil: Console.print(Self.line(event))
      case .json: Console.print(event.description)
      case .template: Console.show(try format?.text([Self.named(event)]) ?? "")
      }
    }
  }

  private static func line(_ event: JSONValue) -> String {
    let attributes = event["Actor"]?["Attributes"]?.object?.members ?? []
    let shown = attributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.string ?? "")" }
    let words = [
      time(event), event["Type"]?.string ?? "", event["Action"]?.string ?? "", event["Actor"]?["ID"]?.string ?? "",
    ]
    return words.joined(separator: " ") + (shown.isEmpty ? "" : " (" + shown.joined(separator: ", ") + ")")
  }

  private static func time(_ event: JSONValue) -> String {
    let time = event["timeNano"]?.integer ?? 0
    return Timestamp(seconds: time / 1_000_000_000, nanoseconds: time % 1_000_000_000).fixedText
  }

  /// With the names that docker's templates use.
  private static func named(_ event: JSONValue) -> JSONValue {
    var document = event.object ?? JSONObject()
    for (name, key) in [
      ("Status", "status"), ("ID", "id"), ("From", "from"), ("Scope", "scope"), ("Time", "time"),
      ("TimeNano", "timeNano"),
    ] {
      document[name] = event[key] ?? ""
    }
    return .object(document)
  }
}
