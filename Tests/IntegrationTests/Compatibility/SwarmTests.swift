import Foundation
import SkiffKernel
import Testing

extension Integration.Compatibility {
  /// Two dockerd in two network namespaces, joined by a cable.
  struct Swarm {
    @Test func `a service runs on two nodes, grows, rolls over and goes`() throws {
      try inHarbour { harbour in
        let island = try Island(harbour)
        try island.shell(
          """
          for node in a b; do
            mkdir -p /run/nodes; touch /run/nodes/$node
            unshare --net sh -c "mount --bind /proc/self/ns/net /run/nodes/$node"
          done
          ip link add cable-a type veth peer name cable-b
          number=1
          for node in a b; do
            nsenter --net=/run/nodes/$node ip link set lo up
            nsenter --net=/proc/1/ns/net ip link set cable-$node netns /run/nodes/$node
            nsenter --net=/run/nodes/$node ip addr add 10.77.0.$number/24 dev cable-$node
            nsenter --net=/run/nodes/$node ip link set cable-$node up
            nsenter --net=/run/nodes/$node ip route add default dev cable-$node
            number=2
          done
          """)
        func node(_ name: String) throws -> DockerDaemon {
          // Each sees a /run of its own: dockerd keeps sockets of the swarm there.
          let enter = [
            "nsenter", "--net=/run/nodes/\(name)", "unshare", "--mount", "sh", "-ec",
            "mount -t tmpfs node /run; exec \"$@\"", "sh",
          ]
          return try DockerDaemon(island, name: "docker-\(name)", wrapper: enter, storageDriver: "vfs")
        }
        let (first, second) = (try node("a"), try node("b"))
        for docker in [first, second] { try docker.docker("tag", DockerDaemon.image, "base:next") }
        func running() throws -> (Int, Int) {
          let count = { (docker: DockerDaemon) in try docker.docker("ps", "--quiet").split(separator: "\n").count }
          return (try count(first), try count(second))
        }

        try first.docker("swarm", "init", "--advertise-addr", "10.77.0.1")
        let token = try first.docker("swarm", "join-token", "--quiet", "worker")
        try second.docker("swarm", "join", "--token", token, "10.77.0.1:2377")
        try first.docker(
          "service", "create", "--detach", "--quiet", "--name", "sea", "--replicas", "2", "--no-resolve-image",
          "--stop-grace-period", "0s", "base", "sleep", "1000")
        try eventually("one task on each node", seconds: 60) { try running() == (1, 1) }

        try first.docker("service", "scale", "--detach", "sea=4")
        try eventually("four tasks", seconds: 60) { try running() == (2, 2) }

        try first.docker(
          "service", "update", "--detach", "--quiet", "--no-resolve-image", "--update-parallelism", "2", "--image",
          "base:next", "sea")
        try eventually("four tasks of the next image", seconds: 90) {
          let next = { (docker: DockerDaemon) in
            try docker.docker("ps", "--quiet", "--filter", "ancestor=base:next", "--no-trunc").split(separator: "\n")
              .count
          }
          let images = try first.docker(
            "service", "ps", "--filter", "desired-state=running", "--format", "{{.Image}} {{.CurrentState}}", "sea")
          let fresh = images.split(separator: "\n").filter { $0.hasPrefix("base:next Running") }
          return try fresh.count == 4 && next(first) + next(second) == 4
        }

        try first.docker("service", "rm", "sea")
        try eventually("nothing runs", seconds: 60) { try running() == (0, 0) }
      }
    }
  }
}
