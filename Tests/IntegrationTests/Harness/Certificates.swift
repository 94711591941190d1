import Foundation

/// An authority that nobody trusts, and what it vouches for, made by openssl.
struct Certificates {
  let directory: String

  var authority: String { directory + "/ca.crt" }

  init(_ harbour: Harbour) throws {
    directory = try harbour.makeDirectory("certificates")
    try shell(
      """
      cd \(directory)
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj '/CN=authority of a test' \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
        -keyout ca.key -out ca.crt 2>/dev/null
      """)
  }

  /// Makes NAME.crt and NAME.key; `names` as in `DNS:localhost,IP:127.0.0.1`, `days` counts from now.
  @discardableResult
  func make(_ name: String, names: String, days: Int = 30) throws -> (certificate: String, key: String) {
    try shell(
      """
      cd \(directory)
      openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj '/CN=\(name)' \
        -keyout \(name).key -out \(name).csr 2>/dev/null
      echo 'subjectAltName=\(names)' > \(name).ext
      openssl x509 -req -in \(name).csr -CA ca.crt -CAkey ca.key -CAcreateserial -days \(days) \
        -extfile \(name).ext -out \(name).crt 2>/dev/null
      """)
    return ("\(directory)/\(name).crt", "\(directory)/\(name).key")
  }
}
