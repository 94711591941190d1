internal import SkiffKernel
package import SkiffSpec

/// New limits for a living container; what is nil or 0 stays as it is.
package struct UpdateRequest {
  package var id: ContainerID
  package var resources = RuntimeSpec.Resources()
  /// Lines for Intel's resource director (resctrl), as `L3:0=f` and `MB:0=50`.
  package var l3CacheSchema: String?
  package var memoryBandwidthSchema: String?

  package init(id: ContainerID) {
    self.id = id
  }
}

extension ContainerRuntime {
  /// Changes what a container may use.
  package func update(_ request: UpdateRequest) throws(RuntimeError) {
    let record = try store.load(request.id)
    switch record.status() {
    case .created, .running, .paused: break
    case .creating, .stopped: throw .notRunning(request.id.text)
    }
    let cgroup = try controlGroup(of: record, to: "update")
    // Refused before anything is changed.
    let schemata = try request.resourceDirectorLines(id: record.id)
    do throws(CgroupError) {
      try record.unit?.update(request.resources, isUnified: cgroup.isUnified)
      try CgroupGroup.apply(request.resources, to: cgroup, in: try CgroupHierarchy.detect())
    } catch {
      throw .failed("cannot update container \(record.id): \(error)")
    }
    if let schemata { try schemata.write() }
  }
}

/// What goes into the resource director's file of one group (resctrl, Documentation/arch/x86/resctrl.rst).
private struct ResourceDirectorLines {
  let file: String
  let lines: [String]

  func write() throws(RuntimeError) {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(try KernelPath(file), .writeOnly)
      for line in lines { try file.descriptor.writeAll(Array("\(line)\n".utf8)) }
    } catch {
      throw .failed("cannot write \(lines.joined(separator: " ")) to \(file): \(error)")
    }
  }
}

extension UpdateRequest {
  private static let resourceDirectorRoot = "/sys/fs/resctrl"

  /// Nil where none are asked for; an error where this machine has no resource director or the container no group in it.
  fileprivate func resourceDirectorLines(id: String) throws(RuntimeError) -> ResourceDirectorLines? {
    let wishes = [("--l3-cache-schema", l3CacheSchema), ("--mem-bw-schema", memoryBandwidthSchema)]
      .compactMap { option, value in value.flatMap { $0.isEmpty ? nil : (option: option, value: $0) } }
    guard let first = wishes.first else { return nil }
    let exists = { (path: String) in
      guard let path = try? KernelPath(path) else { return false }
      return (try? Descriptor.workingDirectory.status(path)) != nil
    }
    guard exists("\(Self.resourceDirectorRoot)/schemata") else {
      throw .failed("cannot apply \(first.option): no resctrl file system is mounted at \(Self.resourceDirectorRoot)")
    }
    let file = "\(Self.resourceDirectorRoot)/\(id)/schemata"
    guard exists(file) else {
      throw .failed("cannot apply \(first.option): container \(id) has no group in \(Self.resourceDirectorRoot)")
    }
    return ResourceDirectorLines(file: file, lines: wishes.map(\.value))
  }
}
