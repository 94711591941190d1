import SkiffEngine

/// Options that docker and podman have and skiff does not, so that each is refused by its name and meaning.
enum RefusedOptions {
  private static let notBuilt: [String: String] = [
    "-p": "publishing ports", "--publish": "publishing ports", "-P": "publishing ports",
    "--publish-all": "publishing ports",
    "--expose": "exposing ports",
    "--health-cmd": "health checks", "--health-interval": "health checks", "--health-retries": "health checks",
    "--health-timeout": "health checks", "--health-start-period": "health checks",
    "--health-start-interval": "health checks", "--no-healthcheck": "health checks",
    "--link": "links between containers", "--ip": "a fixed address (--ip)", "--ip6": "IPv6 addresses (--ip6)",
    "--mac-address": "a fixed hardware address (--mac-address)", "--network-alias": "further names in a network",
    "--net-alias": "further names in a network", "--link-local-ip": "link-local addresses",
    "--volumes-from": "taking over another container's volumes (--volumes-from)",
    "--volume-driver": "volume drivers", "--gpus": "GPUs (--gpus)", "--runtime": "choosing a runtime (--runtime)",
    "--storage-opt": "options of the storage driver (--storage-opt)",
    "-a": "attaching to single streams (--attach)", "--attach": "attaching to single streams (--attach)",
    "--isolation": "isolation technologies of Windows",
    "--kernel-memory": "a limit on kernel memory (kernels no longer have one)",
    "--use-api-socket": "the API socket in containers", "--disable-content-trust": "content trust",
    "--secret": "secrets", "--pod": "pods", "--tz": "time zones (--tz)", "--timeout": "a time limit (--timeout)",
    "--replace": "replacing a container (--replace)", "--systemd": "systemd mode", "--sdnotify": "notifying systemd",
    "--cgroups": "choosing the use of control groups (--cgroups)", "--cgroup-conf": "single settings of control groups",
    "--cpu-rt-period": "real-time scheduling limits", "--cpu-rt-runtime": "real-time scheduling limits",
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
      if letters.first == "p" || letters.first == "P" { return .notBuilt("publishing ports") }
      if let unknown = letters.first(where: { !"itd".contains($0) }) {
        if let what = notBuilt["-\(unknown)"] { return .notBuilt(what) }
        return .refused("there is no option -\(unknown) (in \(word)); see --help")
      }
    }
    return .refused("there is no option \(name); see --help")
  }
}
