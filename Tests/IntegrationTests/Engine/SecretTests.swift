import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// What containers may know and nobody is to read elsewhere.
  @Suite struct Secrets {
    @Test func `a secret is kept for root alone, shown and forgotten`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let file = try harbour.write("from a file", to: "password")

        let id = try store.skiff("secret", "create", "--label", "sea=calm", "one", file).lines[0]
        try store.skiff("secret", "create", "two", "-", input: "from standard input")
        let third = try store.attempt(
          "secret", "create", "--env", "three", "SKIFF_TEST_SECRET", before: ["env"],
          environment: ["SKIFF_TEST_SECRET": "from the environment"])

        #expect(third.code == 0 && id.count == 25)
        #expect(try store.skiff("secret", "ls", "--format", "{{.Name}}").lines == ["one", "three", "two"])
        #expect(try store.skiff("secret", "ls", "-q", "--filter", "name=one").lines == [id])
        #expect(try store.skiff("secret", "ls").lines[0].hasPrefix("ID "))
        let shown = try store.skiff("secret", "inspect", "one").output
        #expect(!shown.contains("from a file"))
        let document = try JSON(text: shown)[0]
        #expect(document.ID.text == id && document.Spec.Name.text == "one" && document.Spec.Labels.sea.text == "calm")
        #expect(document.Spec.Driver.Name.text == "file")
        let modes = try shell("cd \(store.root); stat -c '%a %n' secrets secrets/one secrets/one/*").lines
        #expect(
          modes == ["700 secrets", "700 secrets/one", "600 secrets/one/data", "600 secrets/one/secret.json"])

        let again = try store.attempt("secret", "create", "one", file)
        #expect(again.code == 1 && again.errors.contains("one: secret name in use"))
        let other = try store.skiff("secret", "create", "--replace", "one", "-", input: "new").lines[0]
        #expect(other != id)
        #expect(try store.attempt("secret", "create", "four", "-").errors.contains("larger than 0"))
        #expect(try store.attempt("secret", "create", "-x-", file).code != 0)
        #expect(try store.attempt("secret", "create", "a/b", file).errors.contains("secret name"))
        #expect(try store.attempt("secret", "create", "four").code == 125)
        #expect(try store.attempt("secret", "exists", "one").code == 0)
        #expect(try store.attempt("secret", "exists", "nobody").code == 1)
        let none = try store.attempt("secret", "rm", "nobody")
        #expect(none.code == 1 && none.errors.contains("no secret with name or id \"nobody\": no such secret"))
        #expect(try store.skiff("secret", "rm", "one").lines == [other])
        #expect(try store.skiff("secret", "rm", "--all").lines.count == 2)
        #expect(try store.content().filter { $0.hasPrefix("secrets/") } == [])
      }
    }

    @Test func `a container knows its secrets, and nobody else does`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("secret", "create", "deep", "-", input: "the-deep-secret")
        try store.skiff("secret", "create", "other", "-", input: "another-secret")

        let told = try store.skiff(
          "run", "--name", "one", "--network", "none", "--secret", "deep", "--secret",
          "other,target=there,uid=7,gid=8,mode=0400", "--secret", "deep,type=env,target=DEPTH", "--secret",
          "other,target=/etc/own/place", "-e", "DEPTH=shallow", Store.image, "sh", "-c",
          """
          cat /run/secrets/deep; echo; cat /run/secrets/there; echo; cat /etc/own/place; echo; echo $DEPTH
          stat -c '%a %u %g %n' /run/secrets/deep /run/secrets/there
          grep ' /run/secrets ' /proc/mounts; (echo x > /run/secrets/new) 2>&1; (echo x > /etc/own/place) 2>&1; true
          """
        ).lines

        #expect(told.prefix(4) == ["the-deep-secret", "another-secret", "another-secret", "the-deep-secret"])
        #expect(told.dropFirst(4).prefix(2) == ["444 0 0 /run/secrets/deep", "400 7 8 /run/secrets/there"])
        #expect(told.dropFirst(6).first?.hasPrefix("tmpfs /run/secrets tmpfs ro,") == true, "\(told)")
        #expect(told.suffix(2).allSatisfy { $0.contains("Read-only file system") }, "\(told)")
        // It has said them itself, in its log; but not in the record, the configuration, the writable layer; nor in what is shown or made of it.
        let found = try IntegrationTests.run(
          [
            "grep", "-rlE", "--exclude=container.log", "the-deep-secret|another-secret", "\(store.root)/containers",
            harbour.path("run"),
          ])
        #expect(found.output == "" && found.code == 1, "\(found)")
        #expect(!(try store.skiff("inspect", "one").output.contains("-secret\"")))
        try store.skiff("commit", "one", "localhost/made")
        let made = try store.skiff(
          "run", "--rm", "--network", "none", "localhost/made", "sh", "-c", "ls /run/secrets; cat /etc/own/place; env")
        #expect(!made.output.contains("secret"))

        // A later start takes what the secret is then; without it there is no start.
        try store.skiff("secret", "create", "--replace", "deep", "-", input: "deeper")
        #expect(try store.skiff("start", "-a", "one").lines.prefix(4).contains("deeper"))
        try store.skiff("secret", "rm", "other")
        let refused = try store.attempt("start", "-a", "one")
        #expect(refused.code != 0 && refused.errors.contains("no secret with name or id \"other\": no such secret"))
        try store.skiff("rm", "one")
      }
    }

    @Test func `a secret is its owner's in a user namespace, too`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("secret", "create", "deep", "-", input: "known")

        let told = try store.skiff(
          "run", "--rm", "--network", "none", "--userns", "map:0:100000:65536", "--user", "5", "--secret",
          "deep,uid=5,mode=0400", Store.image, "sh", "-c", "stat -c '%a %u' /run/secrets/deep; cat /run/secrets/deep")

        #expect(told.lines == ["400 5", "known"])
      }
    }

    @Test func `a secret that is replaced is the old one or the new one, wherever the command is killed`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let first = try store.skiff("secret", "create", "one", "-", input: "first").lines[0]
        let file = try harbour.write("second", to: "second")
        var kept = first
        var killed = 0

        for (call, last) in [("renameat2", 4), ("unlinkat", 6)] {
          for count in 1...last {
            let outcome = try store.attempt(
              under: ["strace", "-qq", "-o", "/dev/null", "-e", "inject=\(call):signal=SIGKILL:when=\(count)"],
              ["secret", "create", "--replace", "one", file])
            if outcome.code == 137 { killed += 1 }

            let now = try JSON(text: store.skiff("secret", "inspect", "one").output)[0].ID.text
            if outcome.code == 0 { #expect(outcome.lines == [now]) }
            kept = now
          }
        }

        #expect(killed >= 5, "\(killed)")
        #expect(kept != first)
        // The next command of its kind clears up.
        let last = try store.skiff("secret", "create", "--replace", "one", file).lines[0]
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(store.root)/secrets") == ["one"])
        #expect(try store.skiff("secret", "rm", "one").lines == [last])
      }
    }

    @Test func `what interrupted commands left of secrets is found and removed, unless somebody holds it`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        try store.skiff("secret", "create", "one", "-", input: "known")
        let place = "\(store.root)/secrets"
        try shell("for n in .new-1 .old-2; do mkdir \(place)/$n; echo secret > \(place)/$n/data; done")

        let found = try store.attempt("system", "check")
        let spared = try store.attempt("system", "check", "--repair", before: ["flock", "\(place)/.new-1"])
        let left = try shell("ls -A \(place)").lines
        let mended = try store.attempt("system", "check", "--repair")

        #expect(found.code == 1 && found.output.contains("secrets"), "\(found)")
        #expect(spared.code == 0, "\(spared)")
        #expect(left == [".new-1", "one"])
        #expect(mended.code == 0, "\(mended)")
        #expect(try shell("ls -A \(place)").lines == ["one"])
        try store.skiff("secret", "rm", "one")
      }
    }

    @Test func `a secret that is asked for by its id has its name, and two have not one place`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.skiff("secret", "create", "deep", "-", input: "known").lines[0]
        try store.skiff("secret", "create", "other", "-", input: "else")

        try store.skiff(
          "create", "--name", "one", "--network", "none", "--secret", String(id.prefix(12)), Store.image, "cat",
          "/run/secrets/deep")
        #expect(try store.skiff("start", "-a", "one").output == "known")
        // Another id, the same name.
        try store.skiff("secret", "create", "--replace", "deep", "-", input: "known anew")
        #expect(try store.skiff("start", "-a", "one").output == "known anew")
        try store.skiff("rm", "one")

        let refusals = [
          (["deep", "deep"], "/run/secrets/deep"), (["deep,target=x", "other,target=x"], "/run/secrets/x"),
          (["deep,target=/etc/x", "other,target=/etc/../etc/x"], "/etc/x"),
          (["deep,type=env,target=X", "other,type=env,target=X"], "$X"),
        ]
        for (secrets, place) in refusals {
          let outcome = try store.attempt(["create"] + secrets.flatMap { ["--secret", $0] } + [Store.image])
          #expect(
            outcome.code == 125
              && outcome.errors.contains("two secrets want the same place in the container: \(place)"),
            "\(outcome)")
        }
        #expect(try store.skiff("ps", "--all", "--quiet").lines == [])
      }
    }

    @Test func `secrets that make no sense are refused by name`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("secret", "create", "deep", "-", input: "known")
        let refusals = [
          ("nobody", "no secret with name or id \"nobody\": no such secret"),
          ("deep,type=fish", "type fish is invalid"),
          ("deep,depth=3", "there is no option \"depth\""),
          ("deep,type=env,uid=3", "cannot be set with secret type env"),
          ("deep,target=a/b", "the target is one name"), ("deep,mode=9", "mode is octal"), ("", "no secret is named"),
        ]
        for (option, words) in refusals {
          let outcome = try store.attempt("create", "--secret", option, Store.image)
          #expect(outcome.code == 125 && outcome.errors.contains(words), "\(outcome)")
        }
        #expect(try store.skiff("ps", "--all", "--quiet").lines == [])
      }
    }
  }
}
