import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// What shells make of half a line, asked of the shells themselves: a line is typed at a terminal, with a tab at its end, and what
  /// is on it then is run.
  @Suite struct Completion {
    /// A shell at a terminal whose `skiff` shows its words, and offers what this one does.
    private struct Keyboard {
      let session: Session
      let store: Store

      init(_ harbour: Harbour, _ shell: String) throws {
        store = try Store(harbour)
        try store.skiff("create", "--name", "vessel", Store.image)
        try store.skiff("volume", "create", "chest")
        try store.skiff("secret", "create", "key", "-", input: "x")
        try harbour.write(
          """
          #!/bin/sh
          case $1 in
            __complete) exec \(Programs.skiff) "$@" ;;
            *) printf 'words'; printf ' <%s>' "$@"; echo ' end' ;;
          esac

          """, to: "bin/skiff", mode: 0o755)
        try harbour.makeDirectory("home")
        let script = harbour.path("home/_skiff")
        try IntegrationTests.shell("\(Programs.skiff) --generate-completion-script \(shell) > \(script)")
        let arguments: [String]
        switch shell {
        case "bash":
          try harbour.write("source \(script); PS1='$ '; bind 'set bell-style none'\n", to: "home/rc")
          arguments = ["bash", "--noprofile", "--rcfile", harbour.path("home/rc"), "-i"]
        case "zsh":
          try harbour.write(
            "fpath=(\(harbour.path("home")) $fpath); autoload -Uz compinit; compinit -u -d \(harbour.path("home/dump")); PS1='$ '; unsetopt beep\n",
            to: "home/.zshrc")
          arguments = ["zsh", "-i"]
        default:
          try harbour.write("source \(script)\nfunction fish_prompt; echo '$ '; end\n", to: "home/rc")
          arguments = ["fish", "--no-config", "--init-command", "source \(harbour.path("home/rc"))", "-i"]
        }
        session = try Session(
          arguments, terminal: WindowSize(rows: 40, columns: 200),
          environment: [
            "HOME": harbour.path("home"), "ZDOTDIR": harbour.path("home"), "TERM": "dumb", "SKIFF_ROOT": store.root,
            "SKIFF_RUN_ROOT": harbour.path("run"),
            "PATH": harbour.path("bin") + ":" + (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"),
          ])
      }

      /// What stands on the line that begins like this, once it is completed.
      func words(_ line: String) throws -> String {
        try session.send(line + "\t")
        // The shell asks the program before it takes the next key.
        try IntegrationTests.shell("sleep 0.4")
        try session.send("\r")
        _ = try session.expect("words <")
        return try session.expect("> end")
      }

      func close() throws {
        try session.send("exit\r")
        _ = try session.wait()
        try store.skiff("rm", "vessel")
      }
    }

    /// Half a line, and the last of its words when it is completed.
    static let lines = [
      ("skiff run --restart al", "<always>"), ("skiff run --restart=unle", "<--restart=unless-stopped>"),
      ("skiff run --pull=nev", "<--pull=never>"), ("skiff run --log-driver jour", "<journald>"),
      ("skiff create --stop-signal USR1", "<USR1>"), ("skiff kill --signal=WIN", "<--signal=WINCH>"),
      ("skiff run --network ho", "<host>"), ("skiff run --network=brid", "<--network=bridge>"),
      ("skiff run --network container:ves", "<container:vessel>"),
      ("skiff run --network=container:ves", "<--network=container:vessel>"),
      ("skiff run -v che", "<chest>"), ("skiff run --secret=k", "<--secret=key>"),
      ("skiff run --volumes-from ves", "<vessel>"), ("skiff run --env-file /etc/passw", "</etc/passwd>"),
      ("skiff run --env A=b --user=c localhost/base:la", "<localhost/base:latest>"),
      ("skiff secret rm k", "<key>"), ("skiff run --network cont", "<container:>"),
    ]

    @Test(arguments: ["bash", "zsh", "fish"].filter(Self.isInstalled))
    func `values of options are completed`(shell: String) throws {
      try inHarbour { harbour in
        let keyboard = try Keyboard(harbour, shell)
        for (line, wanted) in Self.lines {
          let told = try keyboard.words(line)
          #expect(told.contains(wanted), "\(line): \(told)")
        }
        try keyboard.close()
      }
    }

    private static func isInstalled(_ shell: String) -> Bool {
      (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
        FileManager.default.isExecutableFile(atPath: "\($0)/\(shell)")
      }
    }
  }
}
