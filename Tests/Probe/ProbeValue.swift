/// What the probe tells, as JSON on one line.
enum ProbeValue {
  case null
  case bool(Bool)
  case integer(Int64)
  case text(String)
  case list([ProbeValue])
  case object([(String, ProbeValue)])

  static func texts(_ texts: some Sequence<String>) -> ProbeValue { .list(texts.map { .text($0) }) }

  var json: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): String(value)
    case .text(let value): Self.quoted(value)
    case .list(let values): "[" + values.map(\.json).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { Self.quoted($0.0) + ":" + $0.1.json }.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\t": out += "\\t"
      case "\r": out += "\\r"
      case _ where scalar.value < 0x20:
        let hexadecimal = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - hexadecimal.count) + hexadecimal
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
