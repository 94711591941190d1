import SkiffImages
import SkiffKernel
import SkiffNetworks
import SkiffRuntime
import SkiffSpec

/// The container engine over one store. It has no daemon: every process that opens the same store sees and does the same.
///
/// An engine may be used by one thread at a time. Making a container enters namespaces with the calling thread and comes back.
public final class Engine {
  public let configuration: EngineConfiguration
  package let containers: ContainerStore

  /// Opens the store, making what is missing of it.
  public init(_ configuration: EngineConfiguration) throws(EngineError) {
    guard Credentials.effectiveUserID == 0 else { throw OrdinaryUser.refusal() }
    self.configuration = configuration
    // What the engine makes is for its owner alone, whatever the caller's habits are.
    ProcessControl.setUmask(0o077)
    self.containers = try ContainerStore(root: configuration.root)
  }

  /// The runtime's view of the engine's containers.
  package var runtime: ContainerRuntime { ContainerRuntime(root: configuration.runtimeRoot) }

  package func openImages() throws(EngineError) -> ImageStore {
    do throws(ImageStoreError) {
      return try ImageStore(root: try path(configuration.root))
    } catch {
      throw EngineError(error)
    }
  }

  package func openLayers() throws(EngineError) -> LayerStore {
    var driver: StorageDriver?
    if let name = configuration.storageDriver {
      guard let known = StorageDriver(rawValue: name) else {
        throw .invalidOption(
          name: "--storage-driver", value: name,
          reason: "the drivers are " + StorageDriver.allCases.map(\.rawValue).joined(separator: ", "))
      }
      driver = known
    }
    do throws(ImageStoreError) {
      return try LayerStore(root: try path(configuration.root), driver: driver)
    } catch {
      throw EngineError(error)
    }
  }

  package var networks: NetworkStore {
    NetworkStore(rootDirectory: configuration.root, runDirectory: configuration.runRoot)
  }

  private func path(_ text: String) throws(ImageStoreError) -> KernelPath {
    do throws(Errno) {
      return try KernelPath(text)
    } catch {
      throw .kernel(act: "open", thing: text, error)
    }
  }
}

// How other rooms' errors are told.
extension EngineError {
  init(_ error: ImageStoreError) {
    if case .noSuchImage(let name) = error {
      self = .noSuchImage(name)
    } else {
      self = .report("\(error)")
    }
  }

  init(_ error: NetworkError) {
    self = .report("\(error)")
  }

  init(_ error: RuntimeError) {
    self = .report("\(error)")
  }
}

/// Why somebody who is not root cannot use the engine yet.
enum OrdinaryUser {
  /// Says what is missing, not only that it is not permitted.
  static func refusal() -> EngineError {
    var missing: [String] = []
    let id = Credentials.effectiveUserID
    if !isListed(id, in: "/etc/subuid") { missing.append("a range of ids for user \(id) in /etc/subuid") }
    if !exists("/usr/bin/newuidmap") { missing.append("the program newuidmap (Debian: uidmap)") }
    if number("/proc/sys/user/max_user_namespaces") == 0 {
      missing.append("user namespaces (sysctl user.max_user_namespaces is 0)")
    }
    let also = missing.isEmpty ? "" : "; on this machine, " + missing.joined(separator: ", ") + " would be missing too"
    return .refused(
      "cannot work as an ordinary user (id \(id)): containers without root, in a user namespace of the caller's, are not built yet\(also) (run skiff as root, for example with sudo)"
    )
  }

  private static func exists(_ path: KernelPath) -> Bool {
    do throws(Errno) {
      _ = try Descriptor.workingDirectory.status(path, follow: true)
      return true
    } catch {
      return false
    }
  }

  private static func text(_ path: KernelPath) -> String {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(path, [.readOnly, .nonBlocking])
      let bytes = try file.descriptor.readToEnd(limitBytes: 1 << 20)
      return String(decoding: bytes, as: UTF8.self)
    } catch {
      return ""
    }
  }

  private static func number(_ path: KernelPath) -> Int? {
    Int(text(path).prefix { $0 != "\n" })
  }

  /// Whether the file has a line for the user, by number or by name.
  private static func isListed(_ id: UInt32, in path: KernelPath) -> Bool {
    let names = text("/etc/passwd").split(separator: "\n").compactMap { line -> Substring? in
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      return fields.count > 2 && UInt32(fields[2]) == id ? fields[0] : nil
    }
    return text(path).split(separator: "\n").contains { line in
      let owner = line.prefix { $0 != ":" }
      return UInt32(owner) == id || names.contains(owner)
    }
  }
}
