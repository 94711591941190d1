import SkiffImages
import SkiffKernel
import SkiffNetworks
import SkiffRuntime
import SkiffSpec

/// Which skiff this is, as clients of Docker's API ask for it.
public enum EngineVersion {
  public static var document: JSONValue {
    [
      "Version": .string(SkiffVersion.text), "Os": "linux", "Arch": .string(Platform.current.architecture),
      "OciVersion": .string(SkiffVersion.runtimeSpecification),
    ]
  }
}

extension Engine {
  /// What the engine has and what the machine offers.
  public func information() throws(EngineError) -> JSONValue {
    var filter = ContainerFilter()
    filter.includesStopped = true
    let containers = try list(filter)
    let running = containers.count { $0.status == .running }
    let paused = containers.count { $0.status == .paused }
    let layers = try openLayers()
    let facts = try HostFacts.read()
    var document = JSONObject()
    document["Containers"] = JSONValue(containers.count)
    document["ContainersRunning"] = JSONValue(running)
    document["ContainersPaused"] = JSONValue(paused)
    document["ContainersStopped"] = JSONValue(containers.count - running - paused)
    document["Images"] = JSONValue(try Set(images().map(\.id)).count)
    document["ServerVersion"] = .string(SkiffVersion.text)
    document["Driver"] = .string(layers.driver.rawValue)
    document["LoggingDriver"] = .string(LogDriver.jsonFile.rawValue)
    document["CgroupDriver"] = "cgroupfs"
    document["CgroupVersion"] = .string(Self.cgroupVersion())
    document["DefaultRuntime"] = .string(configuration.runtimeProgram)
    document["InitBinary"] = .string(configuration.initProgram)
    document["SecurityOptions"] = JSONValue(
      ["seccomp"] + (facts.hasAppArmor ? ["apparmor"] : []) + (facts.hasSELinux ? ["selinux"] : []))
    document["KernelVersion"] = .string(Self.line("/proc/sys/kernel/osrelease"))
    document["OperatingSystem"] = .string(Self.systemName())
    document["OSType"] = "linux"
    document["Architecture"] = .string(Platform.current.architecture)
    document["Name"] = .string(facts.hostname)
    document["DockerRootDir"] = .string(configuration.root)
    document["RunRoot"] = .string(configuration.runRoot)
    return .object(document)
  }

  private static func cgroupVersion() -> String {
    do throws(CgroupError) {
      switch try CgroupHierarchy.detect().layout {
      case .legacy: return "1"
      case .hybrid: return "1 (hybrid)"
      case .unified: return "2"
      }
    } catch {
      return "none"
    }
  }

  private static func line(_ path: KernelPath) -> String {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open(path, [.readOnly, .nonBlocking])
      let bytes = try file.descriptor.readToEnd(limitBytes: 65536)
      return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    } catch {
      return ""
    }
  }

  /// PRETTY_NAME of os-release(5).
  private static func systemName() -> String {
    do throws(Errno) {
      let file = try Descriptor.workingDirectory.open("/etc/os-release", [.readOnly, .nonBlocking])
      let bytes = try file.descriptor.readToEnd(limitBytes: 65536)
      for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") where line.hasPrefix("PRETTY_NAME=") {
        return String(line.dropFirst(12)).filter { $0 != "\"" }
      }
      return "Linux"
    } catch {
      return "Linux"
    }
  }

  // MARK: Networks

  /// The networks that containers can be in, in the shape that Docker's API gives them.
  public func networkDocuments() throws(EngineError) -> [JSONValue] {
    do throws(NetworkError) {
      var documents: [JSONValue] = []
      if let network = try networks.network(.standard) {
        documents.append([
          "Id": .string(network.id), "Name": "bridge", "Driver": "bridge", "Scope": "local",
          "Created": .string(Timestamp(seconds: network.created).text), "Subnet": .string("\(network.subnet)"),
          "IPAM": [
            "Driver": "default",
            "Config": [["Subnet": .string("\(network.subnet)"), "Gateway": .string("\(network.gateway)")]],
          ],
          "Interface": .string("\(network.bridge)"), "Mtu": JSONValue(network.mtu),
        ])
      } else {
        // Made with the first container that wants it.
        documents.append(["Id": "", "Name": "bridge", "Driver": "bridge", "Scope": "local", "Subnet": ""])
      }
      documents.append(["Id": "", "Name": "host", "Driver": "host", "Scope": "local", "Subnet": ""])
      documents.append(["Id": "", "Name": "none", "Driver": "null", "Scope": "local", "Subnet": ""])
      return documents
    } catch {
      throw EngineError(error)
    }
  }
}

// Volumes.
extension Engine {
  /// All volumes, by name. One whose record cannot be read is told to `warn` and left out.
  public func volumes(warn: (String) -> Void = { _ in }) throws(EngineError) -> [Volume] {
    try VolumeStore(root: configuration.root).all(warn: warn)
  }

  /// Makes a volume, with a name of its own where none is given; one that is there already stays as it is.
  public func makeVolume(
    _ name: String?, labels: [String: String] = [:], options: [String: String] = [:]
  ) throws(EngineError) -> String {
    _ = try VolumeOptions(options)
    if let name { try VolumeName.check(name, option: "the volume") }
    var chosen = name ?? ""
    if name == nil { chosen = try ContainerIdentity.makeID() }
    if try VolumeStore(root: configuration.root).make(
      chosen, labels: labels, options: options, isAnonymous: name == nil)
    {
      announce("volume", "create", chosen, ["driver": "local"])
    }
    return chosen
  }

  /// Removes a volume that no container uses.
  public func removeVolume(_ name: String) throws(EngineError) {
    let store = try VolumeStore(root: configuration.root)
    do throws(EngineError) {
      guard try store.volume(name) != nil else { throw .noSuchVolume(name) }
    } catch {
      // What is known of it is lost, its name is not: that is how it goes.
      guard case .damaged = error else { throw error }
    }
    try store.remove(name) { () throws(EngineError) in
      if let id = try usedVolumes()[name]?.first { throw .volumeInUse(name: name, containerID: id) }
    }
    announce("volume", "destroy", name, ["driver": "local"])
  }

  /// All that is known of a volume, in the shape that Docker's API gives it.
  public func inspectVolume(_ name: String) throws(EngineError) -> JSONValue {
    guard let volume = try VolumeStore(root: configuration.root).volume(name) else { throw .noSuchVolume(name) }
    return volume.document
  }
}

extension Volume {
  /// In the shape that Docker's API gives it.
  public var document: JSONValue {
    [
      "CreatedAt": .string(created), "Driver": "local", "Labels": JSONValue(labels),
      "Mountpoint": .string(mountpoint), "Name": .string(name), "Options": options.isEmpty ? .null : JSONValue(options),
      "Scope": "local",
    ]
  }
}
