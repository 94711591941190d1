// swift ManualPages.swift DIRECTORY < help.json
//
// Turns what `skiff --experimental-dump-help` prints into manual pages: skiff.1 and skiff-COMMAND.1.
import Foundation

struct Help: Decodable {
  var command: Command
}

struct Command: Decodable {
  var commandName: String
  var abstract: String?
  var discussion: String?
  var shouldDisplay: Bool?
  var arguments: [Argument]?
  var subcommands: [Command]?
}

struct Argument: Decodable {
  struct Name: Decodable {
    var kind: String
    var name: String

    var written: String { kind == "long" ? "--" + name : "-" + name }
  }

  var kind: String
  var shouldDisplay: Bool?
  var isOptional: Bool?
  var isRepeating: Bool?
  var names: [Name]?
  var valueName: String?
  var defaultValue: String?
  var abstract: String?
  var discussion: String?
  var sectionTitle: String?
}

/// Text as roff reads it: backslashes, hyphens and leading dots keep their meaning.
func escaped(_ text: String) -> String {
  var out = text.replacingOccurrences(of: "\\", with: "\\e").replacingOccurrences(of: "-", with: "\\-")
  out = out.split(separator: "\n", omittingEmptySubsequences: false)
    .map { $0.hasPrefix(".") || $0.hasPrefix("'") ? "\\&" + $0 : String($0) }
    .joined(separator: "\n")
  return out
}

func paragraphs(_ text: String) -> String {
  text.components(separatedBy: "\n\n").map { ".PP\n" + escaped($0) }.joined(separator: "\n")
}

func label(_ argument: Argument) -> String {
  let value = argument.valueName.map { "\\fI\(escaped($0))\\fR" } ?? ""
  switch argument.kind {
  case "positional": return value
  case "flag": return (argument.names ?? []).map { "\\fB\(escaped($0.written))\\fR" }.joined(separator: ", ")
  default: return (argument.names ?? []).map { "\\fB\(escaped($0.written))\\fR \(value)" }.joined(separator: ", ")
  }
}

func page(_ command: Command, path: [String], others: [String]) -> String {
  let name = path.joined(separator: "-")
  let shown = (command.arguments ?? []).filter { $0.shouldDisplay ?? true }
  let options = shown.filter { $0.kind != "positional" }
  let positionals = shown.filter { $0.kind == "positional" }
  let children = (command.subcommands ?? []).filter { ($0.shouldDisplay ?? true) && $0.commandName != "help" }

  var lines = [
    ".TH \(name.uppercased()) 1 \"\" skiff \"skiff manual\"",
    ".SH NAME",
    "\(escaped(name)) \\- \(escaped(lowerFirst(command.abstract ?? "a container engine")))",
    ".SH SYNOPSIS",
  ]
  var synopsis = "\\fB\(escaped(path.joined(separator: " ")))\\fR"
  if !options.isEmpty { synopsis += " [\\fIoptions\\fR]" }
  for argument in positionals {
    var word = "\\fI\(escaped(argument.valueName ?? "argument"))\\fR"
    if argument.isRepeating ?? false { word += " ..." }
    if argument.isOptional ?? false { word = "[\(word)]" }
    synopsis += " " + word
  }
  if !children.isEmpty { synopsis += " \\fIcommand\\fR" }
  lines.append(synopsis)
  if let discussion = command.discussion, !discussion.isEmpty {
    lines += [".SH DESCRIPTION", paragraphs(discussion)]
  }
  if !positionals.isEmpty {
    lines.append(".SH ARGUMENTS")
    for argument in positionals { lines += entry(argument) }
  }
  if !options.isEmpty {
    lines.append(".SH OPTIONS")
    for argument in options { lines += entry(argument) }
  }
  if !children.isEmpty {
    lines.append(".SH COMMANDS")
    for child in children {
      lines += [
        ".TP", "\\fB\(escaped(child.commandName))\\fR", "\(escaped(child.abstract ?? ""))",
      ]
    }
  }
  let related = others.filter { $0 != name }.map { "\\fB\(escaped($0))\\fR(1)" } + ["\\fBskiff\\-runtime\\fR(8)"]
  lines += [".SH SEE ALSO", related.joined(separator: ", ")]
  return lines.joined(separator: "\n") + "\n"
}

func entry(_ argument: Argument) -> [String] {
  var text = [argument.abstract, argument.discussion].compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: " ")
  if let value = argument.defaultValue, !value.isEmpty { text += " (default: \(value))" }
  return [".TP", label(argument), escaped(text.isEmpty ? "See above." : text)]
}

func lowerFirst(_ text: String) -> String {
  let plain = text.hasSuffix(".") ? String(text.dropLast()) : text
  guard let second = plain.dropFirst().first, second.isLowercase else { return plain }
  return plain.prefix(1).lowercased() + plain.dropFirst()
}

guard CommandLine.arguments.count == 2 else {
  FileHandle.standardError.write(Data("usage: swift ManualPages.swift DIRECTORY < help.json\n".utf8))
  exit(2)
}
let directory = URL(fileURLWithPath: CommandLine.arguments[1], isDirectory: true)
try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
let help = try JSONDecoder().decode(Help.self, from: FileHandle.standardInput.readDataToEndOfFile())

func write(_ command: Command, path: [String], siblings: [String]) throws {
  let children = (command.subcommands ?? []).filter { ($0.shouldDisplay ?? true) && $0.commandName != "help" }
  let names = children.map { (path + [$0.commandName]).joined(separator: "-") }
  let name = path.joined(separator: "-")
  let related = names.isEmpty ? siblings : [path.dropLast().joined(separator: "-")].filter { !$0.isEmpty } + names
  let file = directory.appendingPathComponent(name + ".1")
  try Data(page(command, path: path, others: related).utf8).write(to: file)
  for child in children { try write(child, path: path + [child.commandName], siblings: [name]) }
}

try write(help.command, path: [help.command.commandName], siblings: [])
