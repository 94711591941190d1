internal import Glibc

/// The environment that the program was started with (environ(7)).
package enum ProcessEnvironment {
  /// The value of a variable; nil where it is not set.
  package static func value(named name: String) -> String? {
    unsafe name.withCString { name in
      guard let value = unsafe getenv(name) else { return nil }
      return unsafe String(cString: value)
    }
  }

  /// All variables as `NAME=value`, in their order.
  package static func all() -> [String] {
    var variables: [String] = []
    var entry = unsafe environ
    while let text = unsafe entry.pointee {
      unsafe variables.append(String(cString: text))
      unsafe entry = entry.advanced(by: 1)
    }
    return variables
  }
}
