import Foundation
import SkiffKernel

/// A registry on the loopback, of Debian's own making.
final class Registry {
  let harbour: Harbour
  let address: String
  private var session: Session?

  init(_ harbour: Harbour) throws {
    self.harbour = harbour
    let port = Int.random(in: 20000..<30000)
    address = "127.0.0.1:\(port)"
    let configuration = try harbour.write(
      """
      version: 0.1
      log: {level: info}
      storage:
        filesystem: {rootdirectory: \(harbour.path("registry"))}
        delete: {enabled: true}
      http: {addr: "\(address)"}
      """, to: "registry.yml")
    let session = try Session(["docker-registry", "serve", configuration])
    self.session = session
    // Its own messages say when it listens; asking it says that it answers.
    let deadline = ContinuousClock.now + .seconds(20)
    while try run(["python3", "-c", "import urllib.request as u; u.urlopen('http://\(address)/v2/', timeout=2)"]).code
      != 0
    {
      guard ContinuousClock.now < deadline else { throw Trouble("the registry does not answer: \(session.errorText)") }
    }
    harbour.atEnd { self.stop() }
  }

  func stop() {
    try? session?.signal(9)
    _ = try? session?.wait()
    session = nil
  }

  /// Pushes an image of an OCI layout.
  func push(_ layout: String, as name: String, _ options: String = "") throws {
    try shell(
      "skopeo --insecure-policy copy -q --dest-tls-verify=false \(options) \(layout) docker://\(address)/\(name)")
  }

  /// The file that holds a blob.
  func blob(_ digest: String) -> String {
    let hexadecimal = digest.dropFirst("sha256:".count)
    return harbour.path("registry") + "/docker/registry/v2/blobs/sha256/\(hexadecimal.prefix(2))/\(hexadecimal)/data"
  }
}
