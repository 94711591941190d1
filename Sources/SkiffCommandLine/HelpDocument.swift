internal import SkiffSpec

extension CommandLineProgram {
  /// All commands with all that they take, as JSON: what the manual pages are made of.
  ///
  /// Shape: {name, abstract, discussion, usage: [String], options: [{names: [String], value, help, group, choices}],
  /// words: [{name, help, optional, repeating}], commands: […]}
  public var helpDocument: [UInt8] {
    var root = JSONObject()
    root["name"] = .string(name)
    root["abstract"] = .string(abstract)
    root["discussion"] = .string(discussion)
    root["commands"] = .array(entries.filter { !$0.isHidden }.map(Self.document))
    return JSONValue.object(root).serialized(pretty: true)
  }

  private static func document(_ entry: CommandEntry) -> JSONValue {
    let description = entry.describe()
    var object = JSONObject()
    object["name"] = .string(entry.name)
    object["abstract"] = .string(entry.abstract)
    object["discussion"] = .string(description.discussion)
    object["usage"] = .array(description.usage.map { .string($0) })
    object["options"] = .array(
      description.options.filter { $0.help != nil }.map { option in
        var fields = JSONObject()
        fields["names"] = .array(option.names.map { .string($0) })
        if let valueName = option.valueName { fields["value"] = .string(valueName) }
        fields["help"] = .string(option.help ?? "")
        if let group = option.group { fields["group"] = .string(group) }
        fields["choices"] = .array(option.choices.map { .string($0) })
        return .object(fields)
      })
    object["words"] = .array(
      description.words.map { words in
        var fields = JSONObject()
        fields["name"] = .string(words.valueName)
        fields["help"] = .string(words.help)
        fields["optional"] = .bool(words.isOptional)
        fields["repeating"] = .bool(words.isRepeating)
        return .object(fields)
      })
    object["commands"] = .array(entry.children.filter { !$0.isHidden }.map(document))
    return .object(object)
  }
}
