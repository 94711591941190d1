/// Why an image could not be brought in or out. Each case ends as one line of a report.
package enum TransferError: Error, Equatable, Sendable {
  /// The registry does not answer as one: nobody there, no TLS, silence.
  case unreachable(registry: String, HTTPFailure)
  /// The connection failed again and again while something was fetched.
  case broken(what: String, HTTPFailure)
  /// There is no such image, tag or part.
  case notFound(what: String, words: String)
  case accessDenied(what: String, words: String)
  /// The registry may say how long it wants to be left alone.
  case tooManyRequests(registry: String, words: String, pauseSeconds: Int?)
  /// Any other answer that is no success; it may say as well when to ask again.
  case refused(what: String, status: Int, words: String, pauseSeconds: Int?)
  case badRedirect(what: String, reason: String)
  /// The registry sends us to a token server that is none of its own.
  case foreignRealm(registry: String, realm: String)
  case badChallenge(registry: String, reason: String)
  case wrongDigest(what: String, expected: String, found: String)
  case truncated(what: String, gotBytes: Int64, declaredBytes: Int64)
  case tooLong(what: String, declaredBytes: Int64)
  /// A document that is not what it should be.
  case invalid(what: String, reason: String)
  case noSuchPlatform(wanted: String, available: [String])
  /// A local file or the store could not be read or written.
  case local(what: String, reason: String)
  /// The person pressed Ctrl-C, or someone asked us to end.
  case interrupted

  /// Whether another try may do better.
  var isTransient: Bool {
    switch self {
    case .broken(_, let failure), .unreachable(_, let failure): failure.isTransient
    case .refused(_, let status, _, let pause):
      (status >= 500 || status == 408) && (pause ?? 0) <= RegistryOptions.longestPauseSeconds
    case .tooManyRequests(_, _, let pause): (pause ?? 0) <= RegistryOptions.longestPauseSeconds
    default: false
    }
  }

  /// How long the registry wants to be left alone; nil where it does not say.
  var pauseSeconds: Int? {
    switch self {
    case .refused(_, _, _, let pause), .tooManyRequests(_, _, let pause): pause
    default: nil
    }
  }
}

extension TransferError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreachable(let registry, let failure):
      "cannot reach registry \(registry): \(failure)"
    case .broken(let what, let failure):
      "cannot fetch \(what): \(failure)"
    case .notFound(let what, let words):
      "not found: \(what)\(Self.aside(words))"
    case .accessDenied(let what, let words):
      "access to \(what) is denied\(Self.aside(words)); does it exist, or does it need a login?"
    case .tooManyRequests(let registry, let words, _):
      "registry \(registry) wants fewer requests\(Self.aside(words))"
    case .refused(let what, let status, let words, _):
      "the registry answers \(status) for \(what)\(Self.aside(words))"
    case .badRedirect(let what, let reason):
      "the registry's redirect for \(what) is refused: \(reason)"
    case .foreignRealm(let registry, let realm):
      "registry \(registry) asks for a token of \(realm), which is not its own: refused"
    case .badChallenge(let registry, let reason):
      "registry \(registry) asks for a login that is not understood: \(reason)"
    case .wrongDigest(let what, let expected, let found):
      "\(what) has the wrong digest: expected \(expected), got \(found)"
    case .truncated(let what, let got, let declared):
      "\(what) ended after \(got) of \(declared) bytes"
    case .tooLong(let what, let declared):
      "\(what) is longer than the \(declared) bytes allowed"
    case .invalid(let what, let reason):
      "\(what) is not valid: \(reason)"
    case .noSuchPlatform(let wanted, let available):
      "no image for platform \(wanted)"
        + (available.isEmpty ? "" : " (there is \(available.joined(separator: ", ")))")
    case .local(let what, let reason):
      "\(what): \(reason)"
    case .interrupted:
      "interrupted"
    }
  }

  private static func aside(_ words: String) -> String { words.isEmpty ? "" : " (\(words))" }
}
