internal import SkiffKernel

/// Where the calling process stands, and so what it cannot do.
struct CallerPlace {
  /// Somebody's user namespace, not the machine's first.
  let isInUserNamespace: Bool
  /// The user that it was before it went into a user namespace made for the container.
  let userOutside: UInt32?

  init() {
    // Where even that cannot be found out, the kernel says what is refused.
    isInUserNamespace = (try? UserNamespace.isOuter()) ?? false
    userOutside = isInUserNamespace ? UserNamespaceEntry.userOutside : nil
  }

  /// Whether the machine's devices and control groups are somebody else's.
  var isRestricted: Bool { isInUserNamespace || Credentials.effectiveUserID != 0 }

  var mayChangeGroups: Bool { !isInUserNamespace || (try? UserNamespace.deniesGroups()) != true }
}

/// What the calling process can give to a container.
package enum CallerPrivileges {
  /// Whether the caller's ids are those of a user namespace (user_namespaces(7)): only the first one maps all of them.
  package static func isInUserNamespace() -> Bool {
    guard let file = try? Descriptor.workingDirectory.open("/proc/self/uid_map", .readOnly),
      let bytes = try? file.descriptor.readToEnd(limitBytes: 65536)
    else { return false }
    let words = String(decoding: bytes, as: UTF8.self).split { $0 == " " || $0 == "\n" }
    return words != ["0", "0", "4294967295"]
  }

  /// Its permitted capabilities that are still in its bounding set.
  static func grantable() throws(RuntimeError) -> CapabilitySet {
    do throws(Errno) {
      return try ThreadCapabilities.current().permitted
    } catch {
      throw .failed("cannot find out which capabilities the caller holds: \(error)")
    }
  }
}
