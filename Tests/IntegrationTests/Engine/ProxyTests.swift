import Foundation
import Testing

extension Integration {
  /// Proxies by the variables that everybody knows.
  @Suite struct Proxies {
    private final class Proxy {
      let address: String
      private let session: Session
      private let log: String

      init(_ harbour: Harbour, _ network: QuietNetwork, _ words: [String]) throws {
        log = harbour.path("proxy.log")
        session = try Session(
          network.entering + ["python3", Programs.fixture("registry/proxy"), "--log", log] + words)
        address = "127.0.0.1:" + (try session.expect("\n").trimmingCharacters(in: .whitespacesAndNewlines))
        harbour.atEnd { [session] in
          session.closeInput()
          _ = try? session.wait(seconds: 10)
        }
      }

      func requests() throws -> [JSON] {
        let text = FileManager.default.contents(atPath: log).map { String(decoding: $0, as: UTF8.self) } ?? ""
        return try text.split(separator: "\n").map { try JSON(text: String($0)) }
      }
    }

    /// A registry that is reached by the name of `registry.example` through a proxy alone, or by an address of the network.
    private struct Place {
      let network: QuietNetwork
      let registry: RogueRegistry
      let proxy: Proxy
      let store: Store
      let directory: String
      var port: String { registry.address.split(separator: ":").last.map(String.init) ?? "" }

      func pull(_ name: String, _ options: String..., environment: [String: String]) throws -> Outcome {
        // Whatever proxy the machine itself has is none of the test's.
        var variables = ["http_proxy", "https_proxy", "no_proxy", "all_proxy"].reduce(into: [String: String]()) {
          ($0[$1], $0[$1.uppercased()]) = ("", "")
        }
        variables.merge(environment) { $1 }
        return try IntegrationTests.run(
          network.entering + [Programs.transfer, "pull", "--root", store.root, "--quiet", "--retry", "0"] + options
            + ["--cert-dir", directory, name], environment: variables)
      }
    }

    private func start(_ harbour: Harbour, isPlain: Bool = false, refuses: Bool = false) throws -> Place {
      let network = try QuietNetwork(harbour)
      let certificates = try Certificates(harbour)
      let server = try certificates.make("server", names: "DNS:registry.example,IP:\(QuietNetwork.address)")
      let registry = try RogueRegistry(
        log: harbour.path("registry.log"),
        ["--address", QuietNetwork.address] + (isPlain ? [] : ["--tls", server.certificate, server.key]),
        before: network.entering)
      harbour.atEnd { registry.stop() }
      let address = registry.address.replacingOccurrences(of: "127.0.0.1", with: QuietNetwork.address)
      let proxy = try Proxy(
        harbour, network,
        ["registry.example:\(isPlain ? 80 : 443)=\(address)", "\(address)=\(address)"] + (refuses ? ["--refuse"] : []))
      let directory = try harbour.makeDirectory("trusted")
      try FileManager.default.copyItem(atPath: certificates.authority, toPath: directory + "/ca.crt")
      return Place(
        network: network, registry: registry, proxy: proxy, store: try Store(harbour, hasImage: false),
        directory: directory)
    }

    @Test func `a proxy carries TLS and hears nothing of it`() throws {
      try inHarbour { harbour in
        let place = try start(harbour)

        for (number, variable) in ["HTTPS_PROXY", "https_proxy"].enumerated() {
          try place.pull(
            "registry.example/guarded/\(number):1",
            environment: [variable: "http://sailor:secret@\(place.proxy.address)"]
          ).expecting(0)
        }

        let asked = try place.proxy.requests()
        #expect(asked.count >= 2)
        for request in asked {
          #expect(request.method.text == "CONNECT")
          #expect(request.target.text == "registry.example:443")
          #expect(request.fields.authorization.isMissing)
          #expect(request.fields["proxy-authorization"].text == "basic c2fpbg9yonnly3jlda==")
        }
        for request in try place.registry.requests("guarded/0") {
          #expect(!request.fields.texts.contains("proxy-authorization"))
        }
      }
    }

    @Test(arguments: ["http_proxy", "HTTP_PROXY"])
    func `plain text goes through its own proxy`(variable: String) throws {
      try inHarbour { harbour in
        let place = try start(harbour, isPlain: true)

        try place.pull(
          "registry.example/honest/1:1", "--tls-verify=false",
          environment: [variable: "http://\(place.proxy.address)", "HTTPS_PROXY": "http://\(place.proxy.address)"]
        ).expecting(0)

        let asked = try place.proxy.requests().filter { $0.method.text == "GET" }
        #expect(asked.count >= 4)
        #expect(asked.allSatisfy { $0.target.text.hasPrefix("http://registry.example/v2/") })
        #expect(try place.store.content().filter { $0.hasSuffix("/fs/etc/top") }.count == 1)
      }
    }

    @Test func `what a web server was sent as a header is no proxy`() throws {
      try inHarbour { harbour in
        let place = try start(harbour, isPlain: true)

        let outcome = try place.pull(
          "registry.example/honest/1:1", "--tls-verify=false",
          environment: ["HTTP_PROXY": "http://\(place.proxy.address)", "REQUEST_METHOD": "GET"])

        #expect(outcome.code == 1)
        #expect(try place.proxy.requests().isEmpty)
      }
    }

    @Test func `who is named in NO_PROXY is reached directly`() throws {
      try inHarbour { harbour in
        let place = try start(harbour)
        let name = "\(QuietNetwork.address):\(place.port)/honest/1:1"
        let proxy = ["HTTPS_PROXY": "http://\(place.proxy.address)"]

        for exception in [QuietNetwork.address, "192.0.2.0/24", "*", "example.org,\(QuietNetwork.address)"] {
          for variable in ["NO_PROXY", "no_proxy"] {
            try place.pull(name, environment: proxy.merging([variable: exception]) { $1 }).expecting(0)
          }
        }
        #expect(try place.proxy.requests().isEmpty)
        try place.pull(name, environment: proxy).expecting(0)
        #expect(try place.proxy.requests().first?.target.text == "\(QuietNetwork.address):\(place.port)")
      }
    }

    @Test func `the loopback needs no proxy`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour, hasImage: false)
        let registry = try RogueRegistry.shared()
        let nowhere = "http://127.0.0.1:1"

        let outcome = try IntegrationTests.run(
          [
            Programs.transfer, "pull", "--root", store.root, "--quiet",
            "\(registry.address)/\(registry.repository("honest")):1",
          ],
          environment: [
            "http_proxy": nowhere, "https_proxy": nowhere, "HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere,
            "ALL_PROXY": nowhere, "NO_PROXY": "", "no_proxy": "",
          ])

        try outcome.expecting(0)
      }
    }

    @Test func `a proxy that is not there or refuses is named`() throws {
      try inHarbour { harbour in
        let place = try start(harbour, refuses: true)
        let name = "registry.example/honest/1:1"

        let absent = try place.pull(name, environment: ["HTTPS_PROXY": "http://127.0.0.1:1"])
        let refusing = try place.pull(name, environment: ["HTTPS_PROXY": "http://\(place.proxy.address)"])

        #expect(absent.code == 1)
        #expect(
          absent.errors
            == "skiff: cannot pull \(name): cannot reach registry registry.example: connection refused by the proxy 127.0.0.1:1\n"
        )
        #expect(refusing.code == 1)
        #expect(
          refusing.errors.hasPrefix(
            "skiff: cannot pull \(name): cannot reach registry registry.example: the proxy refuses: "),
          "\(refusing.errors)")
        #expect(refusing.errors.contains("403"))
        #expect(try place.store.content() == [])
      }
    }
  }
}
