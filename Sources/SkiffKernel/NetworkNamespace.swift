internal import CLinux

/// Network namespaces, made and visited by the calling thread only (network_namespaces(7)).
///
/// Other threads of the process stay where they are. The thread is home again when a function here returns or throws.
package enum NetworkNamespace {
  /// A handle on the calling thread's network namespace.
  package static func current() throws(Errno) -> FileDescriptor {
    // Not /proc/self: that is the first thread's.
    try Descriptor.workingDirectory.open("/proc/thread-self/ns/net", .readOnly)
  }

  /// A new network namespace, held by the handle alone; the calling thread leaves it again (unshare(2), setns(2)).
  package static func make() throws(Errno) -> FileDescriptor {
    let home = try current()
    try unshare(.network)
    do throws(Errno) {
      let made = try current()
      goHome(home.descriptor)
      return made
    } catch {
      goHome(home.descriptor)
      throw error
    }
  }

  /// Runs `body` with the calling thread inside `namespace`; `refusal` makes the error of entering it.
  ///
  /// Sockets opened before keep their own namespace; those opened inside belong to `namespace` for good. So does /proc/sys/net.
  package static func inside<Result: ~Copyable, Failure: Error>(
    _ namespace: Descriptor, refusal: (Errno) -> Failure, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let home = try leaveHome(for: namespace, refusal: refusal)
    do throws(Failure) {
      let result = try body()
      goHome(home.descriptor)
      return result
    } catch {
      goHome(home.descriptor)
      throw error
    }
  }

  private static func leaveHome<Failure: Error>(
    for namespace: Descriptor, refusal: (Errno) -> Failure
  ) throws(Failure) -> FileDescriptor {
    do throws(Errno) {
      let home = try current()
      try namespace.enterNamespaces(.network)
      return home
    } catch {
      throw refusal(error)
    }
  }

  private static func goHome(_ home: Descriptor) {
    do throws(Errno) {
      try home.enterNamespaces(.network)
    } catch {
      // The kernel refuses only who gave up CAP_SYS_ADMIN on the way: our own mistake. Going on would put the rest of the
      // program's sockets into a container's network.
      preconditionFailure("cannot return to the own network namespace: \(error)")
    }
  }
}

extension NetlinkSocket {
  /// Opens a socket inside another network namespace; the calling thread goes there and back.
  package static func open(_ family: NetlinkFamily, in namespace: Descriptor) throws(Errno) -> NetlinkSocket {
    try NetworkNamespace.inside(namespace, refusal: { $0 }) { () throws(Errno) -> NetlinkSocket in
      try NetlinkSocket(family)
    }
  }
}
