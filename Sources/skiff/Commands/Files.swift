import SkiffCommandLine
import SkiffEngine

/// skiff cp
struct CopyFiles: Command {
  static let name = "cp"
  static let abstract = "Copy files between containers and the host."

  var archive = false
  var followLink = false
  var quiet = false
  var source = ""
  var target = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.usage = [
      "skiff cp [OPTIONS] CONTAINER:PATH PATH|-", "skiff cp [OPTIONS] PATH|- CONTAINER:PATH",
      "skiff cp [OPTIONS] CONTAINER:PATH CONTAINER:PATH",
    ]
    form.discussion = """
      The container may run or not. - is an archive on standard input or output. DIR/. is what is in a directory. Without -a what is
      copied belongs to the container's root, or to the caller, and nothing that raises rights (set-user-id) comes along.

      Examples:
        skiff cp web:/etc/nginx/nginx.conf .
        skiff cp site/. web:/usr/share/nginx/html
        skiff cp web:/var/log - | tar t
      """
    form.flag("-a --archive", "Keep the owners.") { $0.archive = $1 }
    form.flag("-L --follow-link --follow", "Copy what a link that is named leads to.") { $0.followLink = $1 }
    form.flag("-q --quiet", "Print nothing.") { $0.quiet = $1 }
    form.word("SOURCE", "CONTAINER:PATH, a path, or -.") { $0.source = $1 }
    form.word("TARGET", "The same.") { $0.target = $1 }
  }

  func run() throws {
    var request = CopyRequest(source: CopyPlace(parsing: source), target: CopyPlace(parsing: target))
    request.keepsOwners = archive
    request.followsLink = followLink
    request.isQuiet = quiet
    try GlobalOptions.current.engine().copy(request)
  }
}

/// skiff diff
struct Difference: Command {
  static let name = "diff"
  static let abstract = "Show what a container changed in the files of its image."

  var container = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = "A is added, C is changed, D is deleted."
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
  }

  func run() throws {
    let changes = try GlobalOptions.current.engine().difference(container)
    Console.show(changes.map { "\($0.kind.rawValue) \($0.path)\n" }.joined())
  }
}

/// skiff export
struct Export: Command {
  static let name = "export"
  static let abstract = "Write a container's root file system as an archive."

  var output: String?
  var container = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      What is mounted in the container, volumes too, is left out.

      Example:
        skiff export web | tar t
      """
    form.value("-o --output", "FILE", "Where to (standard output).") { $0.output = $1 }
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
  }

  func run() throws {
    try GlobalOptions.current.engine().export(container, output: output)
  }
}

/// skiff commit
struct Commit: Command {
  static let name = "commit"
  static let abstract = "Make an image of a container's changes."

  var request = CommitRequest()
  var container = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      Example:
        skiff commit -m 'with the tools' -c 'CMD ["bash"]' box tools:1
      """
    form.value("-a --author", "NAME", "Who made it.") { $0.request.author = $1 }
    form.value(
      "-c --change", "LINE", "A line as in a Dockerfile: CMD, ENTRYPOINT, ENV, USER, WORKDIR, VOLUME, LABEL, …"
    ) { $0.request.changes.append($1) }
    form.value("-m --message", "TEXT", "A comment.") { $0.request.message = $1 }
    form.flag("-p --pause", "Let the container stand still meanwhile (the default).") { $0.request.pauses = $1 }
    form.flag("--no-pause", "Let it run.") { $0.request.pauses = !$1 }
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
    form.optionalWord("NAME[:TAG]", "The image's name.", completes: .image) { $0.request.reference = $1 }
  }

  func run() throws {
    try GlobalOptions.current.engine().commit(container, request)
  }
}
