internal import SkiffKernel
package import SkiffSpec

extension ContainerRuntime {
  private static let listingLimitBytes = 64 << 20

  /// The ids of all processes of a container, as the host numbers them.
  package func processIDs(_ id: ContainerID) throws(RuntimeError) -> [Int32] {
    let record = try store.load(id)
    let cgroup = try controlGroup(of: record, to: "list the processes of")
    do throws(CgroupError) {
      return try cgroup.processIDs()
    } catch {
      throw .failed("cannot list the processes of container \(id.text): \(error)")
    }
  }

  /// What the host's ps(1) says of the container's processes: its heading and their lines.
  ///
  /// - Parameter arguments: of ps; without any, `-ef`.
  package func processTable(_ id: ContainerID, arguments: [String]) throws(RuntimeError) -> [UInt8] {
    let ids = Set(try processIDs(id))
    let listing = try Self.hostListing(arguments.isEmpty ? ["-ef"] : arguments)
    guard let table = Self.lines(of: ids, in: listing) else { throw .failed("couldn't find PID field in ps output") }
    return table
  }

  /// The heading, and the lines whose PID is among `ids`; nil where no column is headed PID.
  static func lines(of ids: Set<Int32>, in listing: [UInt8]) -> [UInt8]? {
    let blank = UInt8(ascii: " ")
    let lines = listing.split(separator: UInt8(ascii: "\n"))
    guard let heading = lines.first,
      let column = heading.split(separator: blank).firstIndex(where: { $0.elementsEqual("PID".utf8) })
    else { return nil }
    let chosen = lines.dropFirst().filter { line in
      let fields = line.split(separator: blank, maxSplits: column + 1)
      guard fields.indices.contains(column), let id = Int32(String(decoding: fields[column], as: UTF8.self))
      else { return false }
      return ids.contains(id)
    }
    return Array(([heading] + chosen).joined(separator: [UInt8(ascii: "\n")]))
  }

  private static func hostListing(_ arguments: [String]) throws(RuntimeError) -> [UInt8] {
    guard let program = HostProgram.find("ps") else {
      throw .failed("exec: \"ps\": executable file not found in $PATH")
    }
    let status: ExitStatus
    let words: [UInt8]
    do throws(Errno) {
      (status, words) = try HostProgram.run(program.descriptor, ["ps"] + arguments, limitBytes: listingLimitBytes)
    } catch {
      throw .failed("cannot run ps: \(error)")
    }
    if status == .exited(0) { return words }
    throw .failed("ps: exit status \(status.shellCode): \(String(decoding: words.prefix(4096), as: UTF8.self))")
  }
}
