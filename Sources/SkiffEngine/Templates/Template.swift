import SkiffSpec

/// A text with places to fill in, as `--format` takes it: the part of Go's text/template that docker's users write.
///
///     {{.Name}} {{json .State}} {{join .Args " "}} {{range .Mounts}}{{.Source}}{{end}} {{if .State.Running}}up{{else}}down{{end}}
public struct Template: Sendable {
  /// Why a text is no template, or does not fit the value.
  public struct Mistake: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
      self.description = description
    }
  }

  indirect enum Node: Sendable {
    case text(String)
    case value(Pipeline)
    /// The first branch whose condition holds; the last may have none.
    case branches([(condition: Pipeline?, body: [Node])])
    case loop(over: Pipeline, body: [Node], otherwise: [Node])
    case with(Pipeline, body: [Node], otherwise: [Node])
  }

  /// Commands, each given the result of the one before as its last argument.
  struct Pipeline: Sendable {
    var commands: [[Operand]]
  }

  indirect enum Operand: Sendable {
    /// `.A.B`; no names is the value itself.
    case field([String])
    /// `$.A.B`: from the whole document.
    case root([String])
    case literal(JSONValue)
    case function(String)
    case nested(Pipeline, fields: [String])
  }

  let nodes: [Node]

  /// Longest text that is read.
  private static let limitBytes = 65_536

  public init(parsing text: String) throws(Mistake) {
    guard text.utf8.count <= Self.limitBytes else {
      throw Mistake("the template is longer than \(Self.limitBytes) bytes")
    }
    var parser = TemplateParser(text)
    nodes = try parser.parse()
  }

  /// Fills in a value.
  public func render(_ value: JSONValue) throws(Mistake) -> String {
    var evaluator = TemplateEvaluator(root: value)
    return try evaluator.render(nodes, value, depth: 0)
  }
}
