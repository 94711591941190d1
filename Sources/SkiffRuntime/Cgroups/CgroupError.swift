package import SkiffKernel

/// Why a container's control group could not be made, limited, frozen or removed.
package enum CgroupError: Error, Equatable, Sendable {
  /// No control groups are mounted where they are expected.
  case noHierarchy(root: String)
  /// The text of /proc/PID/cgroup or /proc/self/mountinfo is not what the kernel writes.
  case malformed(file: String)
  /// `linux.cgroupsPath` cannot be used; the reason is a clause.
  case badPath(String, reason: String)
  /// A group beneath the container's own that cannot be used; the reason is a clause.
  case badSubgroup(String, reason: String)
  /// No tree of the container's has a controller of this name.
  case unknownController(String)
  /// systemd could not be reached, or refused; `act` is a verb, the words say why.
  case manager(act: String, unit: String, words: String)
  /// A setting needs a controller that this machine does not offer here.
  case missingController(String, setting: String)
  /// A setting that this machine cannot keep; the reason is a clause.
  case unsupported(setting: String, reason: String)
  /// A value that no kernel would take; the reason is a clause.
  case badValue(setting: String, reason: String)
  /// Processes of someone else live in the group that a new container asks for.
  case occupied(path: String, processID: Int32)
  /// The group that a new container asks for is there, and frozen: somebody wants nothing to move in it.
  case alreadyFrozen(path: String)
  /// The kernel refused a setting.
  case refused(setting: String, file: String, value: String, cause: Errno)
  /// The kernel refused to make, open, read or remove something; `act` is a verb: "make", "open".
  case failed(act: String, path: String, cause: Errno)
  /// Controllers could not be switched on for what is beneath `path`, because processes live in it.
  case internalProcesses(path: String, controllers: [String])
  /// Processes are still there after the longest wait.
  case stillPopulated(path: String)
  /// The group did not come to rest within the longest wait.
  case notFrozen(path: String)
}

extension CgroupError: CustomStringConvertible {
  /// One sentence without a capital and a full stop, naming the act, the thing and the cause.
  package var description: String {
    switch self {
    case .noHierarchy(let root):
      "no cgroup file system is mounted at \(root)"
    case .malformed(let file):
      "cannot understand \(file)"
    case .badPath(let path, let reason):
      "cannot use the cgroup path \"\(path)\": \(reason)"
    case .badSubgroup(let path, let reason):
      "bad sub cgroup path \"\(path)\": \(reason)"
    case .unknownController(let name):
      "unknown controller \(name)"
    case .manager(let act, let unit, let words):
      "cannot \(act) the systemd unit \(unit): \(words)"
    case .missingController(let controller, let setting):
      "cannot apply \(setting): the cgroup controller \(controller) is not available"
    case .unsupported(let setting, let reason):
      "cannot apply \(setting): \(reason)"
    case .badValue(let setting, let reason):
      "cannot apply \(setting): \(reason)"
    case .occupied(let path, let processID):
      "cannot make the cgroup \(path): container's cgroup is not empty (process \(processID) lives in it)"
    case .alreadyFrozen(let path):
      "cannot make the cgroup \(path): container's cgroup unexpectedly frozen"
    case .refused(let setting, let file, let value, let cause):
      "cannot apply \(setting): writing \"\(value)\" to \(file): \(cause)"
    case .failed(let act, let path, let cause):
      "cannot \(act) the cgroup \(path): \(cause)"
    case .internalProcesses(let path, let controllers):
      "cannot switch on \(controllers.joined(separator: ", ")) beneath the cgroup \(path): processes live in it"
        + " (cgroup v2 limits only groups whose parents hold no process of their own)"
    case .stillPopulated(let path):
      "cannot remove the cgroup \(path): processes in it do not end"
    case .notFrozen(let path):
      "cannot freeze the cgroup \(path): its processes do not come to rest"
    }
  }
}

extension CgroupError {
  /// Whether the kernel said that this caller has no right to it, or it is somebody else's.
  var isRefusal: Bool {
    switch self {
    case .failed(_, _, let cause), .refused(_, _, _, let cause):
      cause == .accessDenied || cause == .notPermitted || cause == .readOnlyFileSystem
    case .occupied, .alreadyFrozen: true
    default: false
    }
  }
}
