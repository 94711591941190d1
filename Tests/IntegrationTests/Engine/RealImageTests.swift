import Foundation
import Testing

extension Integration {
  /// Images that other programs made, through a registry that another program is.
  @Suite struct RealImages {
    @Test(arguments: [
      "--format oci", "--format v2s2", "--format oci --dest-compress-format zstd",
    ])
    func `an image of several layers is pulled, is what another unpacker makes of it, and runs`(pushOptions: String)
      throws
    {
      try inHarbour { harbour in
        let layout = try LayeredImage.build(harbour)
        let expected = try LayeredImage.expected()
        let registry = try Registry(harbour)
        try registry.push("oci:\(layout):sea", as: "fleet/sea:1", pushOptions)
        let store = try Store(harbour, hasImage: false)
        let name = "\(registry.address)/fleet/sea:1"

        try store.skiff("pull", name)

        let found = try LayeredImage.entries(
          try store.attempt(
            ["run", "--rm", "--privileged", "--user", "0", "--network", "none", name, "probe", "tree", "/"]
              + LayeredImage.leftOut
          ).expecting(0))
        #expect(expected.count > 300)
        for path in Set(expected.keys).union(found.keys).sorted() {
          // The container's own hosts, hostname and resolv.conf are put into its /etc, which shows in that directory's time.
          let isTouched = path == "/etc"
          #expect(
            found[path].map { isTouched ? timeless($0) : $0 } == expected[path].map { isTouched ? timeless($0) : $0 },
            "\(path)")
        }

        let seen = try JSON(text: try store.skiff("run", "--rm", name).output)
        #expect(seen.status.Uid.numbers[0] == 1000)
        #expect(seen.status.Gid.numbers[0] == 2000)
        #expect(seen.environment.texts.contains("SEA=deep"))
        #expect(seen.cwd.text == "/owned")
        // The image brings setuid files, which no_new_privs would make useless.
        #expect(seen.status.NoNewPrivs.number == 0)
        #expect(
          try store.attempt("run", "--rm", name, "sh", "-c", "ls /gone /opaque /change/to-directory").output
            == "/change/to-directory:\ninside\n\n/gone:\nback\nunsaid\n\n/opaque:\nnew\nunsaid\n")
      }
    }

    /// What the probe tells of an entry, without its time.
    private func timeless(_ entry: String) -> String {
      entry.replacing(/"modified":"[0-9.]+"/, with: "")
    }

    @Test func `holes stay holes`() throws {
      try inHarbour { harbour in
        let layout = try LayeredImage.build(harbour)
        let store = try Store(harbour, hasImage: false)
        try store.skiff("load", "--input", layout)

        let told = try shell("find \(harbour.path("store"))/layers -name sparse -printf '%s %b\\n'").lines
        let numbers = told.first?.split(separator: " ").compactMap { Int($0) } ?? []

        #expect(numbers.first == 3 * 1024 * 1024 + 3)
        #expect(numbers.last ?? 99999 < 1000)
      }
    }

    @Test func `the platform of this machine is chosen from an index`() throws {
      try inHarbour { harbour in
        let layout = try LayeredImage.build(harbour)
        let registry = try Registry(harbour)
        try registry.push("oci:\(layout):sea", as: "fleet/multi:amd64", "--format oci")
        try shell("umoci config --image \(layout):sea --tag other --architecture arm64 --config.env SEA=other")
        try registry.push("oci:\(layout):other", as: "fleet/multi:arm64", "--format oci")
        try shell(
          """
          python3 - <<'CODE'
          import json, urllib.request as u
          base = 'http://\(registry.address)/v2/fleet/multi/manifests/'
          accept = {'Accept': 'application/vnd.oci.image.manifest.v1+json'}
          manifests = []
          for architecture in ('arm64', 'amd64'):
              answer = u.urlopen(u.Request(base + architecture, headers=accept))
              data = answer.read()
              manifests.append({'mediaType': accept['Accept'], 'digest': answer.headers['Docker-Content-Digest'],
                                'size': len(data), 'platform': {'os': 'linux', 'architecture': architecture}})
          kind = 'application/vnd.oci.image.index.v1+json'
          index = json.dumps({'schemaVersion': 2, 'mediaType': kind, 'manifests': manifests}).encode()
          u.urlopen(u.Request(base + 'all', data=index, headers={'Content-Type': kind}, method='PUT'))
          CODE
          """)
        let store = try Store(harbour, hasImage: false)
        let name = "\(registry.address)/fleet/multi:all"

        try store.skiff("pull", name)

        let architecture = try shell("uname -m").lines[0] == "aarch64" ? "arm64" : "amd64"
        let image = try JSON(text: try store.skiff("image", "inspect", name).output)[0]
        #expect(image.Architecture.text == architecture)
        try store.skiff("pull", "--platform", "linux/arm64", name)
        #expect(try JSON(text: try store.skiff("image", "inspect", name).output)[0].Architecture.text == "arm64")
        let missing = try store.attempt("pull", "--platform", "linux/s390x", name)
        #expect(missing.code == 1 || missing.code == 125)
        #expect(missing.errors.contains("s390x"))
      }
    }

    @Test func `an image that is not there is pulled by run, one that is there is not asked for`() throws {
      try inHarbour { harbour in
        let layout = try LayeredImage.build(harbour)
        let registry = try Registry(harbour)
        try registry.push("oci:\(layout):sea", as: "sea:1")
        let store = try Store(harbour, hasImage: false)
        let name = "\(registry.address)/sea:1"

        #expect(try store.skiff("run", "--rm", "--network", "none", name, "echo", "aye").output == "aye\n")
        registry.stop()
        #expect(try store.skiff("run", "--rm", "--network", "none", name, "echo", "aye").output == "aye\n")
      }
    }

    @Test func `an image is named by its digest`() throws {
      try inHarbour { harbour in
        let layout = try LayeredImage.build(harbour)
        let registry = try Registry(harbour)
        try registry.push("oci:\(layout):sea", as: "sea:1", "--digestfile \(harbour.path("digest"))")
        let store = try Store(harbour, hasImage: false)
        let name =
          "\(registry.address)/sea@\(try harbour.read("digest").trimmingCharacters(in: .whitespacesAndNewlines))"

        try store.skiff("pull", name)

        #expect(try store.skiff("run", "--rm", "--network", "none", name, "echo", "aye").output == "aye\n")
      }
    }

    @Test(arguments: ["oci-archive", "docker-archive", "oci"])
    func `archives and layouts of others are loaded`(kind: String) throws {
      try inHarbour { harbour in
        let layout = try LayeredImage.build(harbour)
        let store = try Store(harbour, hasImage: false)
        let file = harbour.path("image")
        try shell("skopeo --insecure-policy copy -q oci:\(layout):sea \(kind):\(file):localhost/sea:1")

        let loaded = try store.skiff("load", "--input", file)

        #expect(loaded.output.contains("localhost/sea:1"))
        #expect(
          try store.skiff("run", "--rm", "--network", "none", "localhost/sea:1", "cat", "/gone/back").output == "back\n"
        )
      }
    }

    @Test func `a Debian root runs bash, perl and apt-get`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        try store.skiff("import", "--change", #"CMD ["bash"]"#, try debian(), "localhost/debian:bookworm")

        func output(_ command: String...) throws -> String {
          try store.attempt(["run", "--rm", "localhost/debian:bookworm"] + command).expecting(0).output
        }
        #expect(try output("bash", "-c", "echo $BASH_VERSION; [[ -d /etc ]] && echo aye").contains("aye"))
        #expect(try output("perl", "-e", "print join(',', map { $_ * $_ } 1..4)") == "1,4,9,16")
        #expect(try output("apt-get", "--version").hasPrefix("apt "))
        #expect(try output("cat", "/etc/debian_version").hasPrefix("12"))
        #expect(try output("stat", "-c", "%a %U:%G", "/usr/bin/passwd") == "4755 root:root\n")
        #expect(try output("su", "daemon", "-s", "/bin/sh", "-c", "id -u") == "1\n")
      }
    }

    /// A minimal Debian, bootstrapped once and kept as an archive.
    private func debian() throws -> String {
      let archive = Programs.built + "test-images/debian-bookworm.tar"
      if FileManager.default.fileExists(atPath: archive) { return archive }
      _ = try Store.archive()
      let root = "/var/tmp/skiff-debian-\(ProcessInfo.processInfo.processIdentifier)"
      defer { _ = try? shell("rm -rf \(root)") }
      try shell("debootstrap --variant=minbase bookworm \(root) http://deb.debian.org/debian", seconds: 900)
      try shell(
        "rm -rf \(root)/var/cache/apt/archives/*.deb; tar --numeric-owner -C \(root) -cf \(archive).part .; mv \(archive).part \(archive)"
      )
      return archive
    }
  }
}
