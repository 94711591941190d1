internal import SkiffKernel

/// The way by which a terminal's master comes from the container's process: a caller's socket, or a pair of our own.
final class ConsoleLink {
  private var files = DescriptorTable()
  /// Where the container's process sends the master; nil where no terminal is wanted.
  private(set) var containerEnd: Descriptor?
  private var ownEnd: Descriptor?

  /// - Parameter socketPath: a caller that takes the master itself.
  init(wanted: Bool, socketPath: String?, detaches: Bool) throws(LaunchError) {
    if !wanted {
      if socketPath != nil {
        throw LaunchError("cannot use console socket if skiff-runtime will not detach or allocate tty")
      }
      return
    }
    if socketPath == nil, detaches {
      throw LaunchError("cannot allocate tty if skiff-runtime will detach without setting console socket")
    }
    do throws(Errno) {
      if let socketPath {
        containerEnd = keep(try UnixSocket.connect(to: socketPath, type: .stream))
        return
      }
      let pair = try UnixSocket.pair(.packet)
      containerEnd = keep(try pair.first.descriptor.duplicate())
      ownEnd = keep(try pair.second.descriptor.duplicate())
    } catch {
      throw LaunchError("cannot connect to the console socket \(socketPath ?? "of our own"): \(error)")
    }
  }

  private func keep(_ file: consuming FileDescriptor) -> Descriptor {
    let descriptor = file.descriptor
    files.add(file)
    return descriptor
  }

  /// The master that the container's process has sent; nil where a caller took it or there is none.
  func takeMaster() throws(LaunchError) -> FileDescriptor? {
    guard let ownEnd else { return nil }
    do throws(Errno) {
      var name = [UInt8](repeating: 0, count: 64)
      guard let number = try ownEnd.receive(into: &name, wait: false).file else { return nil }
      return FileDescriptor(adopting: number)
    } catch {
      if error == .wouldBlock { return nil }
      throw LaunchError("the container's terminal did not arrive: \(error)")
    }
  }
}
