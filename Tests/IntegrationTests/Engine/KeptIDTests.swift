import Foundation
import Testing

extension Integration {
  /// A user namespace of its own in which ids are what they are outside.
  @Suite struct EngineKeptIDs {
    @Test func `ids stay the same in a namespace of the container's own`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try harbour.write("mine\n", to: "shared/file")
        try shell("chown -R 1234:1234 \(harbour.path("shared"))")

        let seen = try store.see("--network", "none", "--userns", "keep-id")
        let told = try store.skiff(
          "run", "--rm", "--network", "none", "--userns", "keep-id:uid=1234,gid=1234", "-v",
          "\(harbour.path("shared")):/shared", Store.image, "sh", "-c",
          "id -u; id -g; echo more >> /shared/file; id -u 2>/dev/null")

        #expect(seen.namespaces.user.text != hostNamespace("user"))
        #expect(told.lines.prefix(2) == ["1234", "1234"])
        #expect(try harbour.read("shared/file") == "mine\nmore\n")
        // The command line's own word on the user counts.
        let other = try store.skiff(
          "run", "--rm", "--network", "none", "--userns", "keep-id:uid=1234", "--user", "5:6", Store.image, "id", "-u")
        #expect(other.output == "5\n")
      }
    }

    @Test func `inspection and the run line tell of it, and other words are refused`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("create", "--name", "one", "--userns", "keep-id:uid=7", Store.image)

        let host = try store.inspect("one").HostConfig
        #expect(host.UsernsMode.text == "private")
        #expect(host.IDMappings.UidMap.texts.first?.hasPrefix("0:0:") == true)
        #expect(try store.inspect("one").Config.User.text == "7:0")
        #expect(try store.skiff("generate", "run", "one").output.contains("--userns keep-id:uid=7 "))
        try store.skiff("rm", "one")
        for (word, reason) in [
          ("nomap", "nomap is only supported in rootless mode"), ("keep-id:", "for --userns"),
          ("keep-id:uid=x", "for --userns"), ("keep-id:uid=4294967295", "for --userns"),
          ("keep-id:size=3", "for --userns"),
        ] {
          let outcome = try store.attempt("run", "--rm", "--userns", word, Store.image, "true")
          #expect(outcome.code == 125 && outcome.errors.contains(reason), "\(word): \(outcome.errors)")
        }
      }
    }
  }
}
