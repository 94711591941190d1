import SkiffKernel

/// The specifications of a machine.
struct CDIDirectories {
  /// The later ones count for more.
  let paths: [String]

  static let standard = ["/etc/cdi", "/run/cdi"]
  private static let fileLimitBytes = 4 << 20
  private static let entryLimit = 4096

  /// Those that `SKIFF_CDI_SPEC_DIRS` names, parted by colons, or the standard ones.
  init() {
    let asked = (ProcessEnvironment.value(named: "SKIFF_CDI_SPEC_DIRS") ?? "").split(separator: ":").map(String.init)
    paths = asked.isEmpty ? Self.standard : asked
  }

  init(paths: [String]) {
    self.paths = paths
  }

  /// A device that was found, and the file that describes it.
  struct Found {
    let specification: CDISpecification
    let edits: CDIEdits
  }

  /// Finds devices by their names, each in the directory that counts most.
  func find(_ names: [CDIDeviceName]) throws(EngineError) -> [Found] {
    var specifications: [[CDISpecification]] = []
    var faults: [String] = []
    for path in paths { specifications.append(try read(path, &faults)) }
    var found: [Found] = []
    for name in names {
      guard let device = try find(name, in: specifications) else {
        let searched = paths.joined(separator: " or ")
        let reason = faults.first.map { " (\($0))" } ?? ""
        throw .refused("unresolvable CDI device \(name.text): no specification in \(searched) has it\(reason)")
      }
      found.append(device)
    }
    return found
  }

  private func find(_ name: CDIDeviceName, in specifications: [[CDISpecification]]) throws(EngineError) -> Found? {
    for directory in specifications.reversed() {
      var candidates: [Found] = []
      for specification in directory where specification.kind == name.kind {
        for device in specification.devices where device.name == name.device {
          candidates.append(Found(specification: specification, edits: device.edits))
        }
      }
      if candidates.count > 1 {
        let files = candidates.map(\.specification.path).joined(separator: " and ")
        throw .refused("conflicting CDI device \(name.text): \(files) both have it")
      }
      if let candidate = candidates.first { return candidate }
    }
    return nil
  }

  private func read(_ path: String, _ faults: inout [String]) throws(EngineError) -> [CDISpecification] {
    let directory: FileDescriptor
    do throws(Errno) {
      directory = try Descriptor.workingDirectory.open(try KernelPath(path), [.readOnly, .directory])
    } catch {
      if error == .notFound { return [] }
      throw .kernel(act: "list the CDI specifications in", thing: path, cause: error)
    }
    let handle = directory.descriptor
    let names = try naming("list the CDI specifications in", path) { () throws(Errno) in
      try handle.sortedEntries(limit: Self.entryLimit).map(\.name)
    }
    var specifications: [CDISpecification] = []
    for name in names {
      let text = name.text
      guard !text.hasPrefix("."), [".json", ".yaml", ".yml"].contains(where: { text.hasSuffix($0) }) else { continue }
      let file = "\(path)/\(text)"
      do throws(Errno) {
        let opened = try directory.descriptor.open(name, [.readOnly, .nonBlocking])
        guard try opened.descriptor.status().type == .regular else { continue }
        let content = try opened.descriptor.readToEnd(limitBytes: Self.fileLimitBytes)
        do throws(CDISpecification.Fault) {
          specifications.append(try CDISpecification(path: file, content: content))
        } catch {
          // A file that is wrong describes nothing; who misses a device that it should have is told.
          faults.append("cannot read \(file): \(error.words)")
        }
      } catch {
        faults.append("cannot read \(file): \(error)")
      }
    }
    return specifications
  }
}
