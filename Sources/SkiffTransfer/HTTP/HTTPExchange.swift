/// One question (GET) to a server. Redirects are not followed here: whoever asks decides where a credential may go.
package struct HTTPRequest: Sendable {
  package let address: WebAddress
  package var fields: [HTTPHead.Field] = []
  /// False only where the person asked for it (`--insecure`).
  package var verifiesCertificate = true
  /// Certificates to trust beside the system's, as PEM text; empty for none.
  package var authorities: [UInt8] = []
  /// What shows the server who asks.
  package var clientCertificate: ClientCertificate?
  /// The longest time for the whole exchange; nil for bodies whose size is not small.
  package var totalTimeoutSeconds: Int?

  package init(address: WebAddress) {
    self.address = address
  }
}

/// A certificate with its key, both as PEM text.
package struct ClientCertificate: Sendable, Equatable {
  /// The certificate, and those that lead from it to its authority.
  package let certificate: [UInt8]
  package let key: [UInt8]

  package init(certificate: [UInt8], key: [UInt8]) {
    self.certificate = certificate
    self.key = key
  }
}

/// How long is waited for a server.
package struct HTTPTimeouts: Sendable {
  /// Until the connection, TLS included, stands.
  package var connectSeconds = 30
  /// Without a single byte.
  package var stallSeconds = 30

  package init(connectSeconds: Int = 30, stallSeconds: Int = 30) {
    self.connectSeconds = connectSeconds
    self.stallSeconds = stallSeconds
  }
}

/// Takes the body of an answer. Called on the transport's thread only, in order.
package protocol BodyReceiver: Sendable {
  /// Whether the body that follows is the one wanted; otherwise it is kept as the server's complaint.
  func begin(_ head: HTTPHead) -> Bool
  /// Takes the next bytes; false ends the exchange as `HTTPFailure.stoppedByReceiver`.
  func receive(_ bytes: Span<UInt8>) -> Bool
}

/// What came back.
package struct HTTPAnswer: Sendable {
  package let head: HTTPHead
  /// The start of a body that the receiver did not want: what the server says about an error.
  package let complaint: [UInt8]
}

/// Why no whole answer came.
package enum HTTPFailure: Error, Equatable, Sendable {
  /// Nobody listens, no route, no such name: trying again at once is no use.
  case unreachable(String)
  case timedOut
  /// Connected, then silence.
  case stalled(seconds: Int)
  /// The server's certificate or the authority file was refused.
  case untrusted(String)
  /// The server wants a certificate of ours, or ours is of no use.
  case clientCertificate(String)
  /// The other side does not speak TLS, or ours only.
  case noSecureConnection(String)
  /// The connection broke; worth another try.
  case interrupted(String)
  /// The answer is not HTTP as it should be.
  case malformed(String)
  case stoppedByReceiver
  case cancelled

  /// Whether the other side may answer when it is spoken to with TLS, or without.
  ///
  /// Not one that keeps silent: a TLS port answers plain text or hangs up. Not one whose certificate is not trusted: that it is there and
  /// speaks TLS is what the person must hear.
  var maySpeakOtherwise: Bool {
    switch self {
    case .timedOut, .stalled, .untrusted, .clientCertificate, .cancelled: false
    case .unreachable, .noSecureConnection, .interrupted, .malformed, .stoppedByReceiver: true
    }
  }

  /// Whether the same question may be answered the next time.
  package var isTransient: Bool {
    switch self {
    case .timedOut, .stalled, .interrupted: true
    default: false
    }
  }
}

extension HTTPFailure: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unreachable(let reason): reason
    case .timedOut: "timed out"
    case .stalled(let seconds): "no data for \(seconds) seconds"
    case .untrusted(let reason): "certificate not trusted: \(reason)"
    case .clientCertificate(let reason): reason
    case .noSecureConnection(let reason): "no TLS connection: \(reason)"
    case .interrupted(let reason): reason
    case .malformed(let reason): "not a valid HTTP answer: \(reason)"
    case .stoppedByReceiver: "stopped"
    case .cancelled: "interrupted"
    }
  }
}
