internal import CLinux

/// Who the calling thread is (credentials(7)).
package enum Credentials {
  package static var effectiveUserID: UInt32 { UInt32(truncatingIfNeeded: rawSystemCall(__NR_geteuid)) }
  package static var effectiveGroupID: UInt32 { UInt32(truncatingIfNeeded: rawSystemCall(__NR_getegid)) }

  /// Real, effective and saved user id at once (setresuid(2)).
  package static func setUserID(_ id: UInt32) throws(Errno) {
    try systemCall(__NR_setresuid, id.register, id.register, id.register)
  }

  /// Real, effective and saved group id at once (setresgid(2)).
  package static func setGroupID(_ id: UInt32) throws(Errno) {
    try systemCall(__NR_setresgid, id.register, id.register, id.register)
  }

  /// Replaces the supplementary groups (setgroups(2)).
  package static func setGroups(_ groups: [UInt32]) throws(Errno) {
    let count = UInt(groups.count)
    try checked(
      unsafe groups.withUnsafeBytes { rawSystemCall(__NR_setgroups, count, UInt(bitPattern: $0.baseAddress)) })
  }

  /// Keeps the permitted capabilities over a change away from user 0 (PR_SET_KEEPCAPS); execve(2) ends it.
  package static func keepCapabilities(_ keep: Bool) throws(Errno) {
    try systemCall(__NR_prctl, 8, keep ? 1 : 0, 0, 0, 0)
  }

  /// Never again gain privileges by execve(2) (PR_SET_NO_NEW_PRIVS).
  package static func setNoNewPrivileges() throws(Errno) {
    try systemCall(__NR_prctl, 38, 1, 0, 0, 0)
  }
}
