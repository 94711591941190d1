import SkiffCommandLine
import SkiffEngine
import SkiffSpec

/// Shows documents as an array, or each by a template; goes on after a failure, and fails at the end.
enum Inspection {
  static func show(
    _ names: [String], format: String?, find: (String) throws(EngineError) -> JSONValue
  ) throws {
    let template = try parse(format)
    var documents: [JSONValue] = []
    var failed = false
    for name in names {
      do throws(EngineError) {
        let document = try find(name)
        if let template {
          Console.print(try render(template, document))
        } else {
          documents.append(document)
        }
      } catch {
        Console.complain("\(error)")
        failed = true
      }
    }
    if template == nil {
      Console.print(String(decoding: JSONValue.array(documents).serialized(pretty: true), as: UTF8.self))
    }
    if failed { throw Ending(code: ExitStatusCode.failure) }
  }

  private static func parse(_ format: String?) throws(EngineError) -> Template? {
    guard let format else { return nil }
    do throws(Template.Mistake) {
      return try Template(parsing: format == "json" ? "{{json .}}" : format)
    } catch {
      throw .invalidOption(name: "--format", value: format, reason: error.description)
    }
  }

  private static func render(_ template: Template, _ document: JSONValue) throws(EngineError) -> String {
    do throws(Template.Mistake) {
      return try template.render(document)
    } catch {
      throw .refused("cannot fill in the template: \(error)")
    }
  }
}

/// skiff inspect
struct Inspect: Command {
  static let name = "inspect"
  static let abstract = "Show all that is known of containers, images, volumes and networks."

  var format: String?
  var type: String?
  var size = false
  var names: [String] = []

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      Examples:
        skiff inspect web
        skiff inspect --format '{{.State.Status}} {{.NetworkSettings.IPAddress}}' web
        skiff inspect --format '{{json .Mounts}}' web
      """
    form.value("-f --format", "FORMAT", "json, or a template.") { $0.format = $1 }
    form.value("--type", "container|image|volume|network", "Look for this kind only.") { $0.type = $1 }
    form.flag("-s --size", "What a container takes on the disk, too.") { $0.size = $1 }
    form.list("NAME", "Names or ids.", completes: .nothing) { $0.names.append($1) }
  }

  func run() throws {
    let engine = try GlobalOptions.current.engine()
    try Inspection.show(names, format: format) { name throws(EngineError) in try find(name, engine) }
  }

  private func find(_ name: String, _ engine: Engine) throws(EngineError) -> JSONValue {
    switch type {
    case "container": return try engine.inspect(name, withSize: size)
    case "image": return try engine.inspectImage(name)
    case "volume": return try engine.inspectVolume(name)
    case "network": return try network(name, engine)
    case nil: break
    case .some(let other):
      throw .invalidOption(name: "--type", value: other, reason: "it is container, image, volume or network")
    }
    do throws(EngineError) {
      return try engine.inspect(name, withSize: size)
    } catch {
      guard case .noSuchContainer = error else { throw error }
    }
    do throws(EngineError) {
      return try engine.inspectImage(name)
    } catch {
      guard case .noSuchImage = error else { throw error }
    }
    do throws(EngineError) {
      return try engine.inspectVolume(name)
    } catch {
      guard case .noSuchVolume = error else { throw error }
    }
    do throws(EngineError) {
      return try network(name, engine)
    } catch {
      guard case .noSuchNetwork = error else { throw error }
      throw .refused("no such container, image, volume or network: \(name)")
    }
  }

  private func network(_ name: String, _ engine: Engine) throws(EngineError) -> JSONValue {
    guard let document = try engine.networkDocuments().first(where: { $0["Name"]?.string == name }) else {
      throw .noSuchNetwork(name)
    }
    return document
  }
}
