import SkiffEngine

/// Options that docker and podman have and skiff does not, so that each is refused by its name and meaning.
enum RefusedOptions {
  private static let notBuilt: [String: String] = [
    "--link": "links between containers", "--ip6": "IPv6 addresses (--ip6)",
    "--network-alias": "further names in a network",
    "--net-alias": "further names in a network", "--link-local-ip": "link-local addresses",
    "--volume-driver": "volume drivers", "--runtime": "choosing a runtime (--runtime)",
    "--storage-opt": "options of the storage driver (--storage-opt)",
    "--isolation": "isolation technologies of Windows",
    // Of update: run and create have them.
    "--cpu-rt-period": "changing real-time limits", "--cpu-rt-runtime": "changing real-time limits",
    "--kernel-memory": "a limit on kernel memory (kernels no longer have one)",
    "--use-api-socket": "the API socket in containers", "--disable-content-trust": "content trust",
    "--pod": "pods", "--systemd": "systemd mode",
    "--cpu-count": "limits of Windows", "--cpu-percent": "limits of Windows", "--io-maxbandwidth": "limits of Windows",
    "--io-maxiops": "limits of Windows",
  ]

  /// Why an option that the parser does not know cannot be taken.
  static func refusal(_ word: String) -> EngineError {
    let name = String(word.prefix { $0 != "=" })
    if let what = notBuilt[name] { return .notBuilt(what) }
    // A short option with its value or other flags behind it.
    if !word.hasPrefix("--"), word.count > 2 {
      let letters = word.dropFirst()
      if let unknown = letters.first(where: { !"itd".contains($0) }) {
        if let what = notBuilt["-\(unknown)"] { return .notBuilt(what) }
        return .refused("there is no option -\(unknown) (in \(word)); see --help")
      }
    }
    return .refused("there is no option \(name); see --help")
  }
}
