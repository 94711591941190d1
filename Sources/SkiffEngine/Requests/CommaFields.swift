/// Options that hold fields parted by commas.
enum CommaFields {
  /// Splits at commas; a field in double quotes may hold one (RFC 4180).
  static func split(_ text: String, option: String) throws(EngineError) -> [String] {
    var fields: [String] = []
    var field = ""
    var isQuoted = false
    for character in text {
      switch character {
      case "\"": isQuoted.toggle()
      case "," where !isQuoted:
        fields.append(field)
        field = ""
      default: field.append(character)
      }
    }
    guard !isQuoted else { throw .invalidOption(name: option, value: text, reason: "a quote is not closed") }
    fields.append(field)
    return fields
  }
}
