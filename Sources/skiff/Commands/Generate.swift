import SkiffCommandLine
import SkiffEngine

/// skiff generate run
struct GenerateRun: Command {
  static let name = "run"
  static let abstract = "Print the command line that makes a container like this one."

  var container = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
  }

  func run() throws {
    Console.print(try GlobalOptions.current.engine().runLine(of: container))
  }
}

/// skiff generate systemd
struct GenerateSystemd: Command {
  static let name = "systemd"
  static let abstract = "Print a unit of systemd that runs a container."

  var options = UnitOptions()
  var files = false
  var container = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.discussion = """
      Examples:
        skiff generate systemd --new --name web > /etc/systemd/system/container-web.service
        systemctl enable --now container-web
      """
    form.flag("--new", "Make a new container at each start, and remove it at the end.") { $0.options.makesNew = $1 }
    form.flag("-n --name", "Use the container's name, not its id.") { $0.options.usesName = $1 }
    form.value("--restart-policy", "POLICY", "When systemd starts it again (on-failure).") {
      $0.options.restartPolicy = $1
    }
    form.number("-t --time --stop-timeout", "SECONDS", "How long it may take to end.") { (values, number: Int64) in
      values.options.stopTimeoutSeconds = number
    }
    form.flag("-f --files", "Write it to a file in this directory, and print the file's path.") { $0.files = $1 }
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
  }

  func run() throws {
    let unit = try GlobalOptions.current.engine().systemdUnit(of: container, options)
    guard files else {
      Console.show(unit.text)
      return
    }
    let path = try EngineConfiguration.workingDirectoryPath() + "/" + unit.name
    try NewFile.write(unit.text, to: path, mode: NewFile.privateMode)
    Console.print(path)
  }
}

/// skiff generate kube
struct GenerateKube: Command {
  static let name = "kube"
  static let abstract = "Print a pod of Kubernetes with a container like this one, as YAML."

  var file: String?
  var container = ""

  static func declare(_ form: inout CommandForm<Self>) {
    form.value("-f --filename", "FILE", "Write it to a new file.") { $0.file = $1 }
    form.word("CONTAINER", "Name or id.", completes: .container) { $0.container = $1 }
  }

  func run() throws {
    let text = try GlobalOptions.current.engine().kubernetesPod(of: container)
    guard let file else {
      Console.show(text)
      return
    }
    try NewFile.write(text, to: file, mode: NewFile.privateMode)
  }
}
