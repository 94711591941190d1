internal import SkiffKernel
internal import SkiffSpec

/// The standard streams of a container that come from outside: not saved, and others when it is restored.
///
/// They are noted in the images as runc does: a list of three names, by which criu finds each again.
enum CriuStreams {
  private static let fileName: KernelPath = "descriptors.json"
  private static let sizeLimitBytes = 1 << 20

  /// The names of a process's streams: `pipe:[12]` as the kernel has it, `file[1a:2b]` (mount and inode) for a file that the
  /// container cannot see, such as the host's /dev/null or a log; "" for what is the container's own, or closed.
  static func names(of processID: Int32) throws(RuntimeError) -> [String] {
    do throws(Errno) {
      let mounts = try read("/proc/\(processID)/mountinfo", limitBytes: 64 << 20).split(separator: "\n")
        .compactMap { $0.split(separator: " ", maxSplits: 1).first.flatMap { Int64($0) } }
      var names: [String] = []
      for number in 0..<3 {
        let path = try KernelPath("/proc/\(processID)/fd/\(number)")
        guard let link = try? Descriptor.workingDirectory.readLink(path).text,
          let status = try? Descriptor.workingDirectory.status(path, follow: true)
        else {
          names.append("")
          continue
        }
        let facts = try read("/proc/\(processID)/fdinfo/\(number)", limitBytes: 65536).split(separator: "\n")
        let mount = facts.first { $0.hasPrefix("mnt_id:") }?.split { $0 == ":" || $0 == "\t" || $0 == " " }.last
          .flatMap { Int64($0) }
        switch status.type {
        case .regular, .characterDevice:
          // A terminal has its own way (--shell-job, the console).
          guard let mount, !mounts.contains(mount), !link.hasPrefix("/dev/pts/"), !link.hasPrefix("/dev/tty") else {
            names.append(link)
            continue
          }
          names.append("file[\(String(mount, radix: 16)):\(String(status.inode, radix: 16))]")
        default: names.append(link)
        }
      }
      return names
    } catch {
      throw .failed("cannot look at the streams of process \(processID): \(error)")
    }
  }

  private static func read(_ path: String, limitBytes: Int) throws(Errno) -> String {
    let file = try Descriptor.workingDirectory.open(try KernelPath(path), .readOnly)
    return String(decoding: try file.descriptor.readToEnd(limitBytes: limitBytes), as: UTF8.self)
  }

  static func save(_ names: [String], in images: Descriptor) throws(RuntimeError) {
    do throws(Errno) {
      try images.replaceFile(fileName, with: JSONValue(names).serialized(), mode: 0o600, isDurable: false)
    } catch {
      throw .failed("cannot write \(fileName.text) into the checkpoint: \(error)")
    }
  }

  /// Which open file of criu's takes the place of which name: our streams, and /dev/null where criu could not set the place in a file
  /// because ours is a pipe.
  ///
  /// - Parameter files: what criu gets beside our streams; /dev/null is added when it is needed.
  static func inherited(
    from images: Descriptor, files: inout DescriptorTable
  ) throws(RuntimeError) -> [(key: String, number: Int32)] {
    do throws(Errno) {
      let bytes = try images.readFile(fileName, limitBytes: sizeLimitBytes)
      let names = (try? JSONValue.parse(bytes))?.array ?? []
      var inherited: [(key: String, number: Int32)] = []
      for (index, name) in names.prefix(3).enumerated() {
        guard let name = name.string, name.hasPrefix("pipe:") || name.hasPrefix("file["),
          !inherited.contains(where: { $0.key == name })
        else { continue }
        let isSeekable = (try? Descriptor(Int32(index)).seek(to: 0, whence: 1)) != nil
        if name.hasPrefix("pipe:") || isSeekable {
          inherited.append((name, Int32(index)))
        } else {
          let place = files.add(try Descriptor.workingDirectory.open("/dev/null", .readWrite))
          inherited.append((name, CriuService.firstFile + Int32(place)))
        }
      }
      return inherited
    } catch {
      throw .failed("cannot read \(fileName.text) of the checkpoint: \(error)")
    }
  }
}
