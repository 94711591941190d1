/// How registries are treated.
package struct RegistryOptions: Sendable {
  /// Accepts plain http and any certificate, where the person said so (`--insecure`, `--tls-verify=false`).
  package var isInsecure = false
  /// Where certificates of single registries are kept, each in a directory of the registry's name; the first that is there counts.
  package var certificateDirectories = RegistryCertificates.usualDirectories
  /// The directory of the certificates, where the person named one (`--cert-dir`).
  package var certificateDirectory: String?
  package var timeouts = HTTPTimeouts()
  /// How often a question is asked before a failure that may pass is final.
  package var tries = 5
  /// The pause before the second try; it doubles from try to try.
  package var firstPauseMilliseconds = 500

  package init() {}

  /// For one thing that is asked for.
  var patience: Patience { Patience(tries: tries, firstPauseMilliseconds: firstPauseMilliseconds) }

  /// What a registry may ask us to wait (Retry-After); longer is an error instead.
  static let longestPauseSeconds = 20
  static let redirectLimit = 5
  /// Manifests, indexes, tokens: small documents that must come within this time.
  static let documentTimeoutSeconds = 120
  static let manifestLimitBytes = 4 << 20
  static let tokenLimitBytes = 64 << 10
}
