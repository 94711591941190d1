internal import Glibc

/// POSIX regular expressions of the extended kind (regex(7)).
package enum RegularExpression {
  /// Whether any part of `text` matches `pattern`; nil for a pattern that is no expression.
  package static func matches(_ pattern: String, in text: String) -> Bool? {
    if pattern.utf8.contains(0) || text.utf8.contains(0) { return nil }
    var compiled = unsafe regex_t()
    let status = unsafe pattern.withCString { unsafe regcomp(&compiled, $0, REG_EXTENDED | REG_NOSUB) }
    if status != 0 { return nil }
    defer { unsafe regfree(&compiled) }
    return unsafe text.withCString { unsafe regexec(&compiled, $0, 0, nil, 0) == 0 }
  }
}
