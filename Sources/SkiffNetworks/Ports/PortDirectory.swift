internal import SkiffKernel
internal import SkiffSpec

/// The records of which container has which ports published: `RUN/networks/NAME/ports/ID`.
///
/// A record is written before the firewall is told and removed after it has forgotten, so that whoever finds one knows what may
/// be there.
struct PortDirectory {
  private let path: String

  private static let recordLimitBytes = 8 << 20
  private static let entryLimit = 65536

  init(runDirectory: String, network: NetworkName) {
    path = "\(runDirectory)/networks/\(network)/ports"
  }

  /// The record of a container; nil where it has none.
  func record(of container: ContainerID) throws(NetworkError) -> PortRecord? {
    let file = "\(path)/\(container.text)"
    do throws(Errno) {
      let content = try Descriptor.workingDirectory.readFile(
        KernelPath(file), limitBytes: Self.recordLimitBytes)
      // One that is not whole was cut short before anything was done for it.
      return PortRecord(content: content) ?? PortRecord(address: IPv4Address(number: 0), ports: [])
    } catch {
      guard error == .notFound else { throw .refused("read", file, error) }
      return nil
    }
  }

  func write(_ record: PortRecord, of container: ContainerID) throws(NetworkError) {
    do throws(Errno) {
      let anchor = try Root(opening: path.hasPrefix("/") ? "/" : ".")
      let handle = try anchor.openDirectory(KernelPath(path), creatingWithMode: 0o700)
      let directory = try handle.descriptor.open(".", [.directory, .readOnly])
      try directory.descriptor.replaceFile(
        KernelPath(container.text), with: record.content, mode: 0o600, isDurable: false)
    } catch {
      throw .refused("write", "\(path)/\(container.text)", error)
    }
  }

  func remove(_ container: ContainerID) throws(NetworkError) {
    let file = "\(path)/\(container.text)"
    do throws(Errno) {
      try Descriptor.workingDirectory.unlink(KernelPath(file))
    } catch {
      guard error == .notFound else { throw .refused("remove", file, error) }
    }
  }

  /// All records, by their containers.
  func all() throws(NetworkError) -> [(container: ContainerID, record: PortRecord)] {
    var found: [(container: ContainerID, record: PortRecord)] = []
    let names: [String]
    do throws(Errno) {
      let directory = try Descriptor.workingDirectory.open(KernelPath(path), [.directory, .readOnly])
      names = try directory.descriptor.sortedEntries(limit: Self.entryLimit).map(\.name.text)
    } catch {
      guard error == .notFound else { throw .refused("list", path, error) }
      return []
    }
    for name in names {
      guard let container = try? ContainerID(name), let record = try record(of: container) else { continue }
      found.append((container, record))
    }
    return found
  }
}
