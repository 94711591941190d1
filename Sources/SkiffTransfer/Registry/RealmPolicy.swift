/// Which token server a registry may send us to.
///
/// A registry chooses the realm freely; one that is broken into, or never meant well, would choose a host of its own and collect
/// what is sent there (CVE-2020-15157, CVE-2026-65388). So the realm must be of the same house as the registry.
package enum RealmPolicy {
  /// Token servers that stand in another domain than their registry, and are known to.
  private static let knownPairs: [(registry: String, realm: String)] = [
    ("registry-1.docker.io", "auth.docker.io"),
    ("index.docker.io", "auth.docker.io"),
    ("nvcr.io", "authn.nvidia.com"),
  ]

  /// Names beneath which strangers own what stands beside each other: a shared last part proves nothing there.
  private static let sharedSuffixes: Set<String> = [
    "github.io", "gitlab.io", "azurecr.io", "azurewebsites.net", "cloudapp.net", "cloudapp.azure.com", "windows.net",
    "amazonaws.com", "cloudfront.net", "elasticbeanstalk.com", "on.aws", "appspot.com", "run.app", "web.app",
    "firebaseapp.com", "pkg.dev", "googleusercontent.com", "herokuapp.com", "pages.dev", "workers.dev", "r2.dev",
    "vercel.app", "netlify.app", "fly.dev", "onrender.com", "railway.app", "deno.dev", "ngrok.io", "ngrok.app",
    "ngrok-free.app", "trycloudflare.com", "duckdns.org", "no-ip.org", "dyndns.org", "nip.io", "sslip.io",
    "digitaloceanspaces.com", "ondigitalocean.app", "scw.cloud", "ovh.net", "hstgr.cloud", "quay.app", "local",
  ]

  /// Second parts that stand for a kind of owner under a country's name: `co.uk`, `com.au`.
  private static let countrySecondParts: Set<String> = [
    "ac", "co", "com", "ed", "edu", "go", "gob", "gov", "gv", "ltd", "me", "mil", "ne", "net", "nom", "or", "org",
    "plc",
  ]

  /// Whether a token may be asked for at `realm` on behalf of `registry`.
  package static func allows(realm: WebAddress, registry: WebAddress) -> Bool {
    let realmHost = realm.host.lowercased()
    let registryHost = registry.host.lowercased()
    // Plain text only where it never leaves the machine, or where the registry itself was accepted in plain text.
    if realm.scheme == .http {
      guard registry.scheme == .http else { return false }
      return realmHost == registryHost || (realm.isLoopback && registry.isLoopback)
    }
    if realmHost == registryHost || (realm.isLoopback && registry.isLoopback) { return true }
    if knownPairs.contains(where: { $0.registry == registryHost && $0.realm == realmHost }) { return true }
    if realm.isNumeric || registry.isNumeric { return false }
    guard let domain = registrableDomain(of: registryHost) else { return false }
    return domain == registrableDomain(of: realmHost)
  }

  /// The part of a host name that one owner registered: `example.co.uk` of `registry.example.co.uk`. Nil for a name without one.
  ///
  /// The rules are stricter than the public suffix list where they differ: a name they misjudge is refused, not trusted.
  static func registrableDomain(of host: String) -> String? {
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    guard labels.count >= 2, labels.allSatisfy({ !$0.isEmpty }), labels.last?.contains(where: \.isLetter) == true else {
      return nil
    }
    var suffixLength = 1
    if labels.count >= 2, let last = labels.last, last.count == 2,
      countrySecondParts.contains(String(labels[labels.count - 2]))
    {
      suffixLength = 2
    }
    for length in 1...min(3, labels.count) where sharedSuffixes.contains(labels.suffix(length).joined(separator: ".")) {
      // Beneath a shared name even the next part may be a region shared by strangers: only the same host will do.
      return nil
    }
    guard labels.count > suffixLength else { return nil }
    return labels.suffix(suffixLength + 1).joined(separator: ".")
  }
}
