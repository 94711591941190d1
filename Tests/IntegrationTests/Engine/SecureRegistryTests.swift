import Foundation
import Testing

extension Integration {
  /// TLS: who is trusted, who shows what to whom, and where plain text is spoken.
  @Suite struct SecureRegistries {
    private struct Harboured {
      let store: Store
      let certificates: Certificates
      let registry: RogueRegistry

      func name(_ behaviour: String = "honest") -> String { "\(registry.address)/\(registry.repository(behaviour)):1" }

      /// A directory with these of the certificates, renamed where a colon says so.
      func directory(_ path: String, _ files: String...) throws -> String {
        let directory = try store.harbour.makeDirectory(path)
        for file in files {
          let names = file.split(separator: ":").map(String.init)
          try FileManager.default.copyItem(
            atPath: certificates.directory + "/" + names[0], toPath: directory + "/" + (names.last ?? file))
        }
        return directory
      }
    }

    private func start(
      _ harbour: Harbour, names: String = "IP:127.0.0.1,DNS:localhost", days: Int = 30, asksForClients: Bool = false
    ) throws -> Harboured {
      let certificates = try Certificates(harbour)
      let server = try certificates.make("server", names: names, days: days)
      let registry = try RogueRegistry(
        log: harbour.path("registry.log"),
        ["--tls", server.certificate, server.key] + (asksForClients ? ["--client-ca", certificates.authority] : []))
      harbour.atEnd { registry.stop() }
      return Harboured(
        store: try Store(harbour, hasImage: false), certificates: certificates, registry: registry)
    }

    @Test func `an authority that is not known is not trusted, unless it is said or does not matter`() throws {
      try inHarbour { harbour in
        let there = try start(harbour)

        let refused = try there.store.attempt("pull", "--quiet", there.name())
        #expect(refused.code == 1)
        #expect(
          refused.errors.hasSuffix(
            ": cannot reach registry \(there.registry.address): certificate not trusted: unable to get local issuer certificate\n"
          ), "\(refused.errors)")
        #expect(try there.store.content() == [])
        #expect(try there.registry.requests("").isEmpty)

        let directory = try there.directory("trusted", "ca.crt")
        try there.store.skiff("pull", "--quiet", "--cert-dir", directory, there.name())
        try there.store.skiff("pull", "--quiet", "--tls-verify=false", there.name())
        let absent = try there.store.attempt("pull", "--cert-dir", harbour.path("absent"), there.name())
        #expect(absent.code == 1)
        #expect(absent.errors.contains("certificates in \(harbour.path("absent")): no such file or directory"))
      }
    }

    @Test(arguments: ["$HOME/.config/containers/certs.d", "/etc/containers/certs.d", "/etc/docker/certs.d"])
    func `directories of certificates are found by the registry's name`(place: String) throws {
      try inHarbour { harbour in
        let there = try start(harbour)
        let home = try harbour.makeDirectory("home")
        // An /etc of its own, so that the machine's stays as it is.
        let outcome = try there.store.attempt(
          "pull", "--quiet", there.name(),
          before: [
            "unshare", "--mount", "sh", "-euc",
            "mount -t tmpfs etc /etc; mkdir -p \(place)/$0; cp $1 \(place)/$0/; shift; exec \"$@\"",
            there.registry.address, there.certificates.authority,
          ], environment: ["HOME": home])

        try outcome.expecting(0)
        #expect(try there.store.attempt("pull", "--quiet", there.name()).code == 1)
      }
    }

    @Test func `a certificate for another host, or of another time, is refused`() throws {
      try inHarbour { harbour in
        let there = try start(harbour, names: "DNS:elsewhere.example")
        let directory = try there.directory("trusted", "ca.crt")

        let outcome = try there.store.attempt("pull", "--quiet", "--cert-dir", directory, there.name())

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("certificate not trusted: "))
        #expect(outcome.errors.contains("'127.0.0.1'"))
        #expect(try there.store.content() == [])
      }
      try inHarbour { harbour in
        let there = try start(harbour, days: -1)
        let directory = try there.directory("trusted", "ca.crt")

        let outcome = try there.store.attempt("pull", "--quiet", "--cert-dir", directory, there.name())

        #expect(outcome.errors.hasSuffix(": certificate not trusted: certificate has expired\n"), "\(outcome.errors)")
      }
    }

    @Test func `a registry that asks who we are is shown a certificate`() throws {
      try inHarbour { harbour in
        let there = try start(harbour, asksForClients: true)
        try there.certificates.make("client", names: "DNS:client")
        try shell(
          "cd \(there.certificates.directory); openssl ec -aes128 -passout pass:secret -in client.key -out locked.key 2>/dev/null"
        )
        func pull(_ directory: String, _ behaviour: String = "honest") throws -> Outcome {
          try there.store.attempt("pull", "--quiet", "--retry", "0", "--cert-dir", directory, there.name(behaviour))
        }

        let none = try pull(try there.directory("none", "ca.crt"))
        #expect(none.code == 1)
        #expect(none.errors.hasSuffix(": the server wants a client certificate\n"), "\(none.errors)")
        let whole = try there.directory("whole", "ca.crt", "client.crt:client.cert", "client.key")
        try pull(whole).expecting(0)

        let half = try pull(try there.directory("half", "ca.crt", "client.crt:client.cert"))
        #expect(half.errors.hasSuffix("client.cert has no key, client.key\n"), "\(half.errors)")
        let other = try pull(try there.directory("other", "ca.crt", "client.key"))
        #expect(other.errors.hasSuffix("client.key has no certificate, client.cert\n"), "\(other.errors)")
        let foreign = try pull(
          try there.directory("foreign", "ca.crt", "client.crt:client.cert", "server.key:client.key"))
        #expect(foreign.code == 1)
        #expect(foreign.errors.contains("the client certificate cannot be used: "), "\(foreign.errors)")
        // Nobody is asked for a passphrase.
        let locked = try pull(
          try there.directory("locked", "ca.crt", "client.crt:client.cert", "locked.key:client.key"))
        #expect(locked.code == 1)
        #expect(locked.errors.contains("the client certificate cannot be used: "), "\(locked.errors)")
      }
    }

    @Test func `what is shown to the registry is not shown to where a redirect leads`() throws {
      try inHarbour { harbour in
        let there = try start(harbour, asksForClients: true)
        try there.certificates.make("client", names: "DNS:client")
        let directory = try there.directory("whole", "ca.crt", "client.crt:client.cert", "client.key")

        let outcome = try there.store.attempt(
          "pull", "--quiet", "--retry", "0", "--cert-dir", directory, there.name("redirecting"))

        #expect(outcome.code == 1)
        #expect(outcome.errors.contains("cannot fetch configuration sha256:"), "\(outcome.errors)")
        #expect(outcome.errors.contains("the server wants a client certificate"), "\(outcome.errors)")
      }
    }

    @Test func `no redirect leads from TLS to plain text`() throws {
      try inHarbour { harbour in
        let there = try start(harbour)
        let directory = try there.directory("trusted", "ca.crt")

        let outcome = try there.store.attempt(
          "pull", "--quiet", "--cert-dir", directory, there.name("redirecting-down"))

        #expect(outcome.code == 1)
        #expect(outcome.errors.hasSuffix(" is refused: it leads from https to http\n"), "\(outcome.errors)")
        #expect(try there.store.content() == [])
      }
    }

    @Test func `plain text is spoken on the loopback alone, or where it is allowed`() throws {
      try inHarbour { harbour in
        let network = try QuietNetwork(harbour)
        let registry = try RogueRegistry(
          log: harbour.path("registry.log"), ["--address", QuietNetwork.address], before: network.entering)
        harbour.atEnd { registry.stop() }
        let store = try Store(harbour, hasImage: false)
        let host = registry.address.replacingOccurrences(of: "127.0.0.1", with: QuietNetwork.address)
        let name = "\(host)/honest/1:1"

        let refused = try store.attempt("pull", "--quiet", name, before: network.entering)
        #expect(refused.code == 1)
        #expect(refused.errors.contains(": cannot reach registry \(host): no TLS connection: "), "\(refused.errors)")
        #expect(try registry.requests("honest/1").isEmpty)

        try store.attempt("pull", "--quiet", "--tls-verify=false", name, before: network.entering).expecting(0)
      }
    }
  }
}
