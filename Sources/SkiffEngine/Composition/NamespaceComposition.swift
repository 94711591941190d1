import SkiffSpec

// Which namespaces are new, which are another container's, which are the host's.
extension SpecComposer {
  func namespaces() throws(EngineError) -> [RuntimeSpec.Namespace] {
    var namespaces: [RuntimeSpec.Namespace] = []
    switch request.userNamespace {
    case .host: break
    case .automatic, .mapped, .keepID: namespaces.append(RuntimeSpec.Namespace(type: .user))
    case .container: namespaces.append(try joined(.user))
    }
    namespaces.append(RuntimeSpec.Namespace(type: .mount))
    let asked: [(RuntimeSpec.NamespaceType, NamespaceRequest)] = [
      (.pid, request.pidNamespace), (.ipc, request.ipcNamespace), (.uts, request.utsNamespace),
      (.cgroup, request.cgroupNamespace),
    ]
    for (type, kind) in asked {
      switch kind {
      case .host: break
      case .private: namespaces.append(RuntimeSpec.Namespace(type: type))
      case .container: namespaces.append(try joined(type))
      }
    }
    switch request.network {
    case .host: break
    case .none, .bridge: namespaces.append(RuntimeSpec.Namespace(type: .network))
    case .container: namespaces.append(try joined(.network))
    }
    return namespaces
  }

  private func joined(_ type: RuntimeSpec.NamespaceType) throws(EngineError) -> RuntimeSpec.Namespace {
    guard let path = composition.joinedNamespaces[type] else {
      throw .report("the handle of the \(type.rawValue) namespace to join was not found")
    }
    return RuntimeSpec.Namespace(type: type, path: path)
  }

  /// How far mounts travel: the root is private unless a volume wants to hear of the host's mounts, or to tell.
  var rootPropagation: String? {
    let wanted = composition.mounts.compactMap(\.request.propagation)
    if wanted.contains(where: { $0.hasSuffix("shared") }) { return "shared" }
    if wanted.contains(where: { $0.hasSuffix("slave") }) { return "rslave" }
    return nil
  }
}
