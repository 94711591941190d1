internal import Glibc

/// What the kernel said: the number of an error (errno(3)).
public struct Errno: Error, Equatable, Hashable, Sendable {
  public let code: Int32

  public init(_ code: Int32) {
    self.code = code
  }
}

extension Errno {
  package static var notPermitted: Errno { Errno(EPERM) }
  package static var notFound: Errno { Errno(ENOENT) }
  package static var noSuchProcess: Errno { Errno(ESRCH) }
  package static var interrupted: Errno { Errno(EINTR) }
  package static var inputOutput: Errno { Errno(EIO) }
  package static var argumentListTooLong: Errno { Errno(E2BIG) }
  package static var notExecutable: Errno { Errno(ENOEXEC) }
  package static var badDescriptor: Errno { Errno(EBADF) }
  package static var noChild: Errno { Errno(ECHILD) }
  package static var wouldBlock: Errno { Errno(EAGAIN) }
  package static var noMemory: Errno { Errno(ENOMEM) }
  package static var accessDenied: Errno { Errno(EACCES) }
  package static var busy: Errno { Errno(EBUSY) }
  package static var exists: Errno { Errno(EEXIST) }
  package static var crossDevice: Errno { Errno(EXDEV) }
  package static var noSuchDevice: Errno { Errno(ENODEV) }
  package static var notDirectory: Errno { Errno(ENOTDIR) }
  package static var isDirectory: Errno { Errno(EISDIR) }
  package static var tooManyFiles: Errno { Errno(EMFILE) }
  package static var fileTableFull: Errno { Errno(ENFILE) }
  package static var invalidArgument: Errno { Errno(EINVAL) }
  package static var textBusy: Errno { Errno(ETXTBSY) }
  package static var fileTooLarge: Errno { Errno(EFBIG) }
  package static var noSpace: Errno { Errno(ENOSPC) }
  package static var readOnlyFileSystem: Errno { Errno(EROFS) }
  package static var brokenPipe: Errno { Errno(EPIPE) }
  package static var nameTooLong: Errno { Errno(ENAMETOOLONG) }
  package static var noSystemCall: Errno { Errno(ENOSYS) }
  package static var notEmpty: Errno { Errno(ENOTEMPTY) }
  package static var tooManyLinks: Errno { Errno(ELOOP) }
  package static var noData: Errno { Errno(ENODATA) }
  package static var overflow: Errno { Errno(EOVERFLOW) }
  package static var badMessage: Errno { Errno(EBADMSG) }
  package static var messageTooLong: Errno { Errno(EMSGSIZE) }
  package static var notSupported: Errno { Errno(EOPNOTSUPP) }
  package static var addressInUse: Errno { Errno(EADDRINUSE) }
  package static var addressNotAvailable: Errno { Errno(EADDRNOTAVAIL) }
  package static var noBuffers: Errno { Errno(ENOBUFS) }
  package static var connectionRefused: Errno { Errno(ECONNREFUSED) }
  package static var connectionReset: Errno { Errno(ECONNRESET) }
  package static var restart: Errno { Errno(ERESTART) }
  package static var inProgress: Errno { Errno(EINPROGRESS) }
  package static var timedOut: Errno { Errno(ETIMEDOUT) }
}

extension Errno: CustomStringConvertible {
  /// The kernel's words, with a small first letter, as they stand at the end of a report: "permission denied".
  public var description: String {
    guard let words = unsafe strerror(code) else { return "error \(code)" }
    let text = unsafe String(cString: words)
    // Abbreviations such as "RPC struct is bad" keep their capitals.
    guard text.utf8.count > 1, let second = text.dropFirst().first, second.isLowercase else { return text }
    return text.prefix(1).lowercased() + text.dropFirst()
  }
}
