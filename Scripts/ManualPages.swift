// swift ManualPages.swift DIRECTORY < help.json
//
// Turns what `skiff __help-document` prints into manual pages: skiff.1 and skiff-COMMAND.1.
import Foundation

/// A command, a noun or the program, as `CommandLineProgram.helpDocument` shapes them.
struct Command: Decodable {
  struct Option: Decodable {
    var names: [String]
    var value: String?
    var help: String
    var choices: [String]
  }

  struct Words: Decodable {
    var name: String
    var help: String
    var optional: Bool
    var repeating: Bool
  }

  var name: String
  var abstract: String
  var discussion: String
  var usage: [String]?
  var options: [Option]?
  var words: [Words]?
  var commands: [Command]
}

/// Text as roff reads it: backslashes, hyphens and leading dots keep their meaning.
func escaped(_ text: String) -> String {
  var out = text.replacingOccurrences(of: "\\", with: "\\e").replacingOccurrences(of: "-", with: "\\-")
  out = out.split(separator: "\n", omittingEmptySubsequences: false)
    .map { $0.hasPrefix(".") || $0.hasPrefix("'") ? "\\&" + $0 : String($0) }
    .joined(separator: "\n")
  return out
}

func label(_ option: Command.Option) -> String {
  let names = option.names.map { "\\fB\(escaped($0))\\fR" }.joined(separator: ", ")
  let choices = option.choices.isEmpty ? "" : "[=\(escaped(option.choices.joined(separator: "|")))]"
  return names + choices + (option.value.map { " \\fI\(escaped($0))\\fR" } ?? "")
}

func page(_ command: Command, path: [String], others: [String]) -> String {
  let name = path.joined(separator: "-")
  let options = command.options ?? []
  let words = command.words ?? []

  var lines = [
    ".TH \(name.uppercased()) 1 \"\" skiff \"skiff manual\"",
    ".SH NAME",
    "\(escaped(name)) \\- \(escaped(lowerFirst(command.abstract)))",
    ".SH SYNOPSIS",
  ]
  if let usage = command.usage, !usage.isEmpty {
    lines.append(usage.map { "\\fB\(escaped($0))\\fR" }.joined(separator: "\n.br\n"))
  } else {
    var synopsis = "\\fB\(escaped(path.joined(separator: " ")))\\fR"
    if !options.isEmpty { synopsis += " [\\fIoptions\\fR]" }
    for argument in words {
      var word = "\\fI\(escaped(argument.name))\\fR"
      if argument.repeating { word += " ..." }
      if argument.optional { word = "[\(word)]" }
      synopsis += " " + word
    }
    if !command.commands.isEmpty { synopsis += " \\fIcommand\\fR" }
    lines.append(synopsis)
  }
  if !command.discussion.isEmpty { lines += [".SH DESCRIPTION", ".nf", escaped(command.discussion), ".fi"] }
  if !words.isEmpty {
    lines.append(".SH ARGUMENTS")
    for word in words { lines += [".TP", "\\fI\(escaped(word.name))\\fR", escaped(word.help)] }
  }
  if !options.isEmpty {
    lines.append(".SH OPTIONS")
    for option in options { lines += [".TP", label(option), escaped(option.help)] }
  }
  if !command.commands.isEmpty {
    lines.append(".SH COMMANDS")
    for child in command.commands {
      lines += [".TP", "\\fB\(escaped(child.name))\\fR", escaped(child.abstract)]
    }
  }
  let related = others.filter { $0 != name }.map { "\\fB\(escaped($0))\\fR(1)" } + ["\\fBskiff\\-runtime\\fR(8)"]
  lines += [".SH SEE ALSO", related.joined(separator: ", ")]
  return lines.joined(separator: "\n") + "\n"
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
let program = try JSONDecoder().decode(Command.self, from: FileHandle.standardInput.readDataToEndOfFile())

func write(_ command: Command, path: [String], siblings: [String]) throws {
  let names = command.commands.map { (path + [$0.name]).joined(separator: "-") }
  let name = path.joined(separator: "-")
  let related = names.isEmpty ? siblings : [path.dropLast().joined(separator: "-")].filter { !$0.isEmpty } + names
  let file = directory.appendingPathComponent(name + ".1")
  try Data(page(command, path: path, others: related).utf8).write(to: file)
  for child in command.commands { try write(child, path: path + [child.name], siblings: [name]) }
}

try write(program, path: [program.name], siblings: [])
