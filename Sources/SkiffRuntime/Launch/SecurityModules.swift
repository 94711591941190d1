internal import SkiffKernel
internal import SkiffSpec

/// Which security modules of the kernel take labels on this machine (LSM usage of the kernel's admin guide).
package struct SecurityModules: Equatable, Sendable {
  package var hasAppArmor = false
  package var hasSELinux = false

  package init() {}

  /// Asked of the kernel; cheap enough to be asked only where a configuration names a label or profile.
  package static func detect() -> SecurityModules {
    var modules = SecurityModules()
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open("/sys/module/apparmor/parameters/enabled", .readOnly)
      modules.hasAppArmor = try file.descriptor.readToEnd(limitBytes: 16).first == UInt8(ascii: "Y")
    } catch {
      // No such module in this kernel.
    }
    do throws(Errno) {
      let directory = try Descriptor.workingDirectory.open("/sys/fs/selinux", [.directory, .pathOnly])
      modules.hasSELinux = try directory.descriptor.fileSystemStatus().magic == FileSystemStatus.selinux
    } catch {
      // No such module in this kernel, or it was not switched on at boot.
    }
    return modules
  }
}

/// A label or profile that a process takes with its next program, or that its new objects get (proc_pid_attr(5)).
package enum SecurityAttribute: Equatable, Sendable {
  case appArmorProfile(String)
  case selinuxLabel(String)
  /// Of keys and keyrings that the process makes.
  case selinuxKeyLabel(String)

  /// Files beneath /proc/PID/attr in the order in which they are tried, and what is written.
  var files: [String] {
    switch self {
    // Since Linux 5.8 each module has a directory of its own, because several can be on.
    case .appArmorProfile: ["apparmor/exec", "exec"]
    case .selinuxLabel: ["exec"]
    case .selinuxKeyLabel: ["keycreate"]
    }
  }

  var text: String {
    switch self {
    case .appArmorProfile(let profile): "exec \(profile)"
    case .selinuxLabel(let label), .selinuxKeyLabel(let label): label
    }
  }
}

extension LaunchPerformer {
  /// Writes through a procfs of our own: what the image or a volume has at /proc is never asked (CVE-2019-16884, CVE-2019-19921).
  mutating func setSecurityAttribute(_ attribute: SecurityAttribute) throws(Errno) {
    let processes = try procfs()
    var refusal: Errno = .notFound
    for name in attribute.files {
      do throws(Errno) {
        let own = try KernelPath(String(ProcessControl.processID))
        let path = own.appending("attr").appending(try KernelPath(name))
        let file = try ProcessFiles.openFile(path, beneath: processes, .writeOnly)
        try file.descriptor.writeAll(Array(attribute.text.utf8))
        return
      } catch {
        refusal = error
        guard error == .notFound else { throw error }
      }
    }
    throw refusal
  }
}

extension RuntimeSpec {
  /// Whether a security module has to be asked for anything.
  var namesSecurityLabel: Bool { process?.namesSecurityLabel == true || !(linux.mountLabel ?? "").isEmpty }
}

extension RuntimeSpec.Process {
  var namesSecurityLabel: Bool { !(apparmorProfile ?? "").isEmpty || !(selinuxLabel ?? "").isEmpty }
}
