internal import SkiffSpec

/// Reads the small JSON documents that a registry answers with beside manifests.
enum RegistryAnswers {
  /// What a registry says about an error: `{"errors":[{"code":…,"message":…}]}`, in one line fit for a terminal. Empty when it says nothing.
  static func complaint(_ bytes: [UInt8]) -> String {
    guard let first = parsed(bytes)?["errors"]?.array?.first else { return "" }
    // The message is for people; the code alone is better than nothing.
    let message = first["message"]?.string ?? ""
    let words = message.isEmpty ? first["code"]?.string ?? "" : message
    return printable(Array(words.utf8), limitCharacters: 200)
  }

  /// The token of a token server's answer. Nil when there is none, or when it is not made of the characters of a token
  /// (RFC 6750, section 2.1).
  static func token(_ bytes: [UInt8]) -> String? {
    guard let document = parsed(bytes) else { return nil }
    let token = document["token"]?.string ?? document["access_token"]?.string ?? ""
    guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
    return token
  }

  static func parsed(_ bytes: [UInt8]) -> JSONValue? {
    do throws(JSONError) {
      return try JSONValue.parse(bytes)
    } catch {
      // Proxies answer with web pages: that is no reason to fail in another way.
      return nil
    }
  }
}
