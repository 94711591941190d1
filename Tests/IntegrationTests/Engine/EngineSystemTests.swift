import Foundation
import Testing

extension Integration {
  /// What things take, what can go, and everything under its noun: sizes, system df, prune, volume ls, filters.
  @Suite struct EngineSystem {
    @Test func `sizes are those of what a container wrote`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        _ = try store.start(
          ["--name", "fat", "--network", "none"], "head -c 3000000 /dev/zero > /blob; sync; touch /ready; sleep 1000")
        _ = try store.start(["--name", "thin", "--network", "none"])
        try shell("sleep 0.5")

        let fat = try JSON(text: try store.skiff("inspect", "--size", "fat").output)[0]
        let thin = try JSON(text: try store.skiff("container", "inspect", "-s", "thin").output)[0]
        #expect((2_900_000...3_200_000).contains(fat.SizeRw.number))
        #expect(thin.SizeRw.number < 200_000)
        #expect(fat.SizeRootFs.number - fat.SizeRw.number > 1_000_000, "the image is part of it")
        #expect(try store.inspect("fat").SizeRw.isMissing, "nothing is measured without being asked for")
        let listed = try store.skiff("ps", "--size")
        #expect(listed.lines[0].hasSuffix("SIZE"))
        #expect(listed.lines.contains { $0.contains("fat") && $0.contains("MB (virtual ") })
        #expect(try store.skiff("ps", "--format", "{{.Names}} {{.Size}}").output.contains("(virtual "))
        try store.skiff("rm", "--force", "fat", "thin")
      }
    }

    @Test func `ps finds by what was made before and after, by network and health`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        for name in ["one", "two", "three"] {
          try store.skiff("create", "--name", name, "--network", name == "two" ? "host" : "none", Store.image)
        }
        func names(_ filters: String...) throws -> [String] {
          try store.attempt(
            ["ps", "--all", "--format", "{{.Names}}"] + filters.flatMap { ["--filter", $0] }
          ).expecting(0).lines
        }

        #expect(try names("before=two") == ["one"])
        #expect(try names("since=two") == ["three"])
        #expect(try names("since=one", "before=three") == ["two"])
        #expect(try names("network=host") == ["two"])
        #expect(try names("health=none").count == 3)
        #expect(try names("health=healthy") == [])
        #expect(try names("is-task=true") == [])
        #expect(try store.attempt("ps", "--filter", "before=nobody").errors.contains("no such container: nobody"))
        #expect(try names("publish=80") == [])
        #expect(try store.attempt("ps", "--filter", "colour=red").errors.contains("colour=red"))
        try store.skiff("rm", "one", "two", "three")
      }
    }

    @Test func `inspect looks for the kind that is named`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("create", "--name", "same", "--network", "none", Store.image)
        try store.skiff("volume", "create", "same")

        #expect(try JSON(text: try store.skiff("inspect", "same").output)[0].State.Status.text == "created")
        let volume = try JSON(text: try store.skiff("inspect", "--type", "volume", "same").output)[0]
        #expect(volume.Mountpoint.text.hasSuffix("/volumes/same/_data"))
        #expect(
          try JSON(text: try store.skiff("inspect", "--type", "network", "bridge").output)[0].Driver.text == "bridge")
        #expect(try JSON(text: try store.skiff("inspect", "host").output)[0].Driver.text == "host")
        #expect(try store.attempt("inspect", "--type", "image", "same").code == 1)
        #expect(try store.attempt("inspect", "--type", "ship", "same").errors.contains("--type"))
        try store.skiff("rm", "same")
        try store.skiff("volume", "rm", "same")
      }
    }

    @Test func `volumes are found by label and use, and pruned`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("volume", "create", "--label", "sea=calm", "--driver", "local", "named")
        try store.skiff("volume", "create", "used")
        try store.skiff("volume", "create")
        try store.skiff("create", "--name", "one", "--network", "none", "-v", "used:/data", "-v", "/own", Store.image)
        func names(_ filters: String...) throws -> [String] {
          try store.attempt(["volume", "ls", "-q"] + filters.flatMap { ["--filter", $0] }).expecting(0).lines
        }

        #expect(try names().count == 4)
        #expect(try names("label=sea=calm") == ["named"] && names("name=use") == ["used"])
        #expect(try names("dangling=true").count == 2 && names("dangling=false").count == 2)
        #expect(try names("driver=nfs") == [])
        #expect(try store.attempt("volume", "ls", "--filter", "colour=red").errors.contains("colour=red"))
        #expect(try store.attempt("volume", "create", "--driver", "nfs", "x").errors.contains("nfs"))
        #expect(
          try store.attempt("volume", "create", "--opt", "type=tmpfs", "x").errors.contains("missing required option"))

        // Without --all those with names stay; those in use always do.
        let first = try store.skiff("volume", "prune", "--force")
        #expect(first.lines[0] == "Deleted Volumes:" && first.lines[1].count == 64)
        #expect(first.output.contains("Total reclaimed space: 0B"))
        #expect(try names("dangling=true") == ["named"])
        #expect(
          try store.skiff("volume", "prune", "--all", "--filter", "label=sea=rough").lines == [
            "Total reclaimed space: 0B"
          ])
        #expect(try store.skiff("volume", "prune", "--all", "--filter", "label!=wind").output.contains("named"))
        #expect(try names().count == 2)
        try store.skiff("rm", "--volumes", "one")
        #expect(try names() == ["used"])
        try store.skiff("volume", "rm", "used")
      }
    }

    @Test func `system df says what du says, and what could go`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("tag", Store.image, "second:1")
        _ = try store.start(
          ["--name", "one", "--network", "none"], "head -c 2000000 /dev/zero > /blob; sync; sleep 1000")
        try store.skiff("run", "--name", "two", "--network", "none", Store.image, "true")
        try store.skiff("volume", "create", "idle")
        try shell("head -c 1000000 /dev/zero > \(store.root)/volumes/idle/_data/file; sync; sleep 0.3")

        let rows = try store.skiff("system", "df", "--format", "json").lines.map { try JSON(text: $0) }
        #expect(rows.map(\.`Type`.text) == ["Images", "Containers", "Local Volumes"])
        #expect(rows.map(\.TotalCount.text) == ["1", "2", "1"])
        #expect(rows.map(\.Active.text) == ["1", "1", "0"])
        #expect(rows[0].Reclaimable.text == "0B (0%)", "its image is in use")
        #expect(rows[2].Reclaimable.text.hasPrefix("1") && rows[2].Reclaimable.text.hasSuffix("%)"))
        let du = try shell("du -s -B1 \(store.root)/containers | cut -f1").output
        let bytes = Double(du.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
        let told = Double(rows[1].Size.text.filter { $0.isNumber || $0 == "." }) ?? 0
        #expect(rows[1].Size.text.hasSuffix("MB") && abs(told * 1e6 - bytes) < 60_000, "\(rows[1]) \(du)")
        let table = try store.skiff("system", "df")
        #expect(
          table.lines[0].split(separator: " ").map(String.init) == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"])
        let items = try store.skiff("system", "df", "-v").output
        #expect(items.contains("Containers space usage:") && items.contains("two") && items.contains("idle"))
        #expect(try store.attempt("system", "df", "-v", "--format", "json").code == 125)

        // Everything that is not used goes, and no more.
        let pruned = try store.skiff("system", "prune", "--force", "--volumes")
        #expect(pruned.output.contains("Deleted Containers:") && pruned.output.contains("Total reclaimed space: "))
        #expect(try store.skiff("ps", "-a", "--format", "{{.Names}}").lines == ["one"])
        #expect(try store.skiff("volume", "ls", "-q").lines == ["idle"], "it has a name")
        #expect(try store.skiff("images", "-q").lines.count == 1)
        try store.skiff("rm", "--force", "one")
        let all = try store.skiff("system", "prune", "--force", "--all")
        #expect(all.output.contains("Deleted Images:") && all.output.contains("Untagged: "))
        #expect(try store.skiff("images", "-q").lines == [])
        try store.skiff("volume", "rm", "idle")
      }
    }

    @Test func `image and container prune spare what is used, named or too young`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("create", "--name", "one", "--network", "none", Store.image)
        try store.skiff("commit", "one")
        _ = try store.start(["--name", "two", "--network", "none", "--label", "keep=1"])
        try store.skiff("kill", "two")
        #expect(try store.skiff("images", "--filter", "dangling=true", "-q").lines.count == 1)

        #expect(try store.skiff("image", "prune", "--filter", "until=1h").lines == ["Total reclaimed space: 0B"])
        #expect(try store.skiff("image", "prune").output.contains("Deleted: sha256:"))
        #expect(try store.skiff("images", "-q").lines.count == 1)
        #expect(try store.skiff("image", "prune", "--all").lines == ["Total reclaimed space: 0B"], "containers use it")
        #expect(try store.skiff("container", "prune", "--filter", "until=1h").lines == ["Total reclaimed space: 0B"])
        let pruned = try store.skiff("container", "prune", "--filter", "label!=keep")
        #expect(pruned.lines[0] == "Deleted Containers:" && pruned.lines.count == 3)
        #expect(try store.skiff("ps", "-a", "--format", "{{.Names}}").lines == ["two"])
        #expect(try store.attempt("container", "prune", "--filter", "colour=red").errors.contains("colour=red"))
        try store.skiff("container", "prune")
        #expect(try store.skiff("ps", "-aq").lines == [])
        // Volumes are data: they go with volumes, not with containers.
        try store.skiff("create", "--network", "none", "-v", "/own", Store.image)
        try store.skiff("container", "prune")
        #expect(try store.skiff("ps", "-aq").lines == [] && store.skiff("volume", "ls", "-q").lines.count == 1)
        try store.skiff("volume", "prune")
        #expect(try store.skiff("volume", "ls", "-q").lines == [])
      }
    }

    @Test func `a person on a terminal is asked first`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("create", "--name", "one", "--network", "none", Store.image)

        let no = try store.session("system", "prune", terminal: .init(rows: 24, columns: 80))
        try no.expect("Are you sure you want to continue? [y/N] ")
        try no.send("n\n")
        #expect(try no.wait().code == 1)
        #expect(try store.skiff("ps", "-aq").lines.count == 1)
        let yes = try store.session("container", "prune", terminal: .init(rows: 24, columns: 80))
        try yes.expect("[y/N] ")
        try yes.send("y\n")
        #expect(try yes.wait().code == 0)
        #expect(try store.skiff("ps", "-aq").lines == [])
      }
    }

    @Test func `every command stands under its noun, too`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("container", "run", "-d", "--name", "one", "--network", "none", Store.image, "sleep", "1000")
        try store.skiff("container", "pause", "one")
        try store.skiff("container", "unpause", "one")
        try store.skiff("container", "rename", "one", "two")
        try store.skiff("container", "update", "-m", "100m", "two")
        #expect(try store.skiff("container", "top", "two").lines.count == 2)
        #expect(try store.skiff("container", "diff", "two").output == "")
        #expect(try store.skiff("container", "stats", "--no-stream", "two").lines.count == 2)
        try store.skiff("container", "cp", "two:/etc/passwd", harbour.path("passwd"))
        try store.skiff("container", "export", "-o", harbour.path("two.tar"), "two")
        try store.skiff("container", "commit", "two", "two:1")
        #expect(try store.skiff("image", "ls", "-q").lines.count == 2)
        #expect(try store.skiff("container", "ls", "--format", "{{.Names}}").lines == ["two"])
        #expect(try store.skiff("system", "info").output.contains("ContainersRunning: 1"))
        #expect(try store.skiff("system", "events", "--since", "1m", "--until", "0s").lines.count > 5)
        try store.skiff("container", "restart", "-t", "0", "two")
        try store.skiff("container", "rm", "--force", "two")
      }
    }
  }
}
