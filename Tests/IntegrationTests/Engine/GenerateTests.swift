import Foundation
import SkiffKernel
import Testing

extension Integration {
  /// Writing down how a container is made.
  @Suite struct Generate {
    /// What makes a container what it is, of what inspect tells; without what is each container's own.
    private func nature(_ store: Store, _ name: String) throws -> String {
      let text = try store.skiff("inspect", name).output
      guard let list = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]], let one = list.first
      else { throw Trouble("no container in \(text)") }
      let kept = one.filter { ["Name", "Path", "Args", "Image", "Config", "HostConfig", "Mounts"].contains($0.key) }
      let data = try JSONSerialization.data(withJSONObject: kept, options: [.sortedKeys, .prettyPrinted])
      return String(decoding: data, as: UTF8.self)
    }

    /// A container with much that can be asked for.
    private func makeDemanding(_ store: Store) throws {
      let harbour = store.harbour
      try harbour.makeDirectory("bound")
      try store.skiff(
        "create", "--name", "one", "--hostname", "vessel", "--network", "none", "-e", "A=b c", "-e",
        "Q=it's $5 \"quoted\"",
        "-w", "/tmp", "-u", "5:6", "--group-add", "7", "--init", "--ulimit", "nofile=100:200", "--stop-signal", "USR1",
        "--stop-timeout", "3", "--oom-score-adj", "50", "--umask", "027", "--label", "sea=calm", "--label", "empty=",
        "--annotation", "a.b=c", "--tmpfs", "/scratch:size=1m,noexec", "-v", "\(harbour.path("bound")):/bound:ro",
        "--mount", "type=bind,source=\(harbour.path("bound")),target=/other,bind-nonrecursive", "-v",
        "chest:/chest:nocopy",
        "--read-only", "--shm-size", "8m", "--device", "/dev/null:/dev/nothing:r", "--device-cgroup-rule", "c 42:* rmw",
        "--sysctl", "net.ipv4.ip_forward=1", "--ipc", "host", "--dns", "10.0.0.1", "--dns-search", "sea", "--add-host",
        "buoy:10.0.0.2", "--cap-add", "SYS_TIME", "--cap-drop", "CHOWN", "--security-opt", "no-new-privileges", "-m",
        "100m", "--cpus", "0.25", "--pids-limit", "-1", "--log-driver", "local", "--log-opt", "max-size=1m",
        "--tz", "local", "--pidfile", harbour.path("pid"), "--read-only-tmpfs", "--expose", "90/udp", "--resource-view",
        "--restart", "on-failure:2", "--entrypoint", "sh", Store.image, "-c",
        "echo \"it's\" $A; exit 0")
    }

    @Test func `the run line makes the same container once more`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try makeDemanding(store)
        let first = try nature(store, "one")

        let line = try store.skiff("generate", "run", "one").output
        #expect(line.hasPrefix("skiff --root \(store.root) --run-root "))
        try store.skiff("rm", "one")
        let own = (Programs.skiff as NSString).deletingLastPathComponent
        try shell("PATH=\(own):$PATH; \(line)")
        try store.awaitEnd("one")

        let second = try nature(store, "one")
        #expect(second == first)
        #expect(try store.skiff("logs", "one").output == "it's b c\n")
        #expect(try store.skiff("generate", "run", "one").output == line)
        try store.skiff("rm", "one")

        // The least that can be asked for.
        try store.skiff("create", "--name", "two", "--hostname", "two", Store.image)
        #expect(
          try store.skiff("generate", "run", "two").output.hasSuffix(
            " run --detach --name two --hostname two \(Store.image)\n"))
        #expect(try store.attempt("generate", "run", "nobody").errors.contains("no such container: nobody"))
        try store.skiff("rm", "two")
        try store.skiff("volume", "rm", "chest")
      }
    }

    @Test func `a line is read as the request that it was written for`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff("create", "--name", "source", "-v", "chest:/chest", Store.image)
        let requests = [
          [
            "--ulimit", "host", "--ulimit", "nofile=100", "--no-hosts", "--volumes-from", "source:ro", "--landlock",
            "ro=/,connect=none", "-p", "127.0.0.1::80", "-p", "8000-8001:80-81/udp", "-P", "--expose", "90-91",
            "--userns", "map:0:100000:65536", "--pidfile", "pid", "--group-add", "keep-groups", "--security-opt",
            "systempaths=unconfined", "--entrypoint", "", Store.image, "-x",
          ],
          [
            "--mount", "type=image,source=\(Store.image),target=/image,rw", "--mount",
            "type=tmpfs,target=/a:b,tmpfs-size=1m",
            "-v", "./:/here:ro,rslave,bind", "-v", "/own", "--mount", "source=labelled,target=/l,volume-label=a=b",
            "--privileged", "--uts", "host", "--cgroupns", "host", "--cgroup-parent", "/harbour", "-m", "64m",
            "--memory-swap", "-1", "--memory-reservation", "32m", "--cpu-shares", "100", "--cpuset-cpus", "0",
            "--blkio-weight", "100", "-it", "--rm", "--pid", "host", "--network", "host", Store.image,
          ],
        ]
        for request in requests {
          try store.attempt(["create", "--name", "one"] + request).expecting(0)
          let line = try store.skiff("generate", "run", "one").output
          try store.skiff("rm", "-v", "one")
          let own = (Programs.skiff as NSString).deletingLastPathComponent
          // From another directory than the first time.
          let again = line.replacing(" run --detach ", with: " create ", maxReplacements: 1)
          try #require(again != line)
          try shell("cd /; PATH=\(own):$PATH; \(again)")
          #expect(try store.skiff("generate", "run", "one").output == line)
          try store.skiff("rm", "-v", "one")
        }
        try store.skiff("rm", "source")
        for name in ["chest", "labelled"] { try store.skiff("volume", "rm", name) }
      }
    }

    @Test func `a unit starts and stops a container`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let id = try store.skiff(
          "create", "--name", "one", "--network", "none", "--stop-timeout", "3", "-e", "RATE=5% $x", Store.image, "sh",
          "-c",
          "trap 'echo ended; exit 0' TERM; echo up $RATE; while :; do sleep 0.05; done"
        ).lines[0]

        let unit = try store.skiff("generate", "systemd", "one").output
        #expect(unit.contains("\n[Service]\nType=exec\nRestart=on-failure\nTimeoutStopSec=63\nExecStart="))
        #expect(unit.contains(" start --attach \(id)\n") && unit.contains(" stop --timeout 3 \(id)\n"))
        #expect(unit.hasSuffix("[Install]\nWantedBy=default.target\n"))
        let named = try store.skiff("generate", "systemd", "--name", "--restart-policy", "always", "-t", "9", "one")
          .output
        #expect(
          named.contains(" start --attach one\n") && named.contains("Restart=always")
            && named.contains("--timeout 9 one"))
        let new = try store.skiff("generate", "systemd", "--new", "one").output
        #expect(new.contains(#""RATE=5%% $$x""#) && new.contains(" --rm ") && !new.contains("--detach"))
        let refused = try store.attempt("generate", "systemd", "--restart-policy", "maybe", "one")
        #expect(refused.code == 125 && refused.errors.contains("--restart-policy"))

        // systemd's own reader finds nothing to complain of; the lines do what they say.
        let file = try IntegrationTests.run(
          [
            "sh", "-c", "cd \(harbour.directory) && exec \"$@\"", "sh", Programs.skiff, "--root", store.root,
            "--run-root",
            harbour.path("run"), "generate", "systemd", "--new", "-f", "one",
          ])
        #expect(file.lines == [harbour.path("container-one.service")], "\(file)")
        // It holds the variables, which may be passwords.
        try store.skiff("generate", "kube", "-f", harbour.path("pod.yaml"), "one")
        #expect(try shell("stat -c %a \(file.lines[0]) \(harbour.path("pod.yaml"))").lines == ["600", "600"])
        let verified = try IntegrationTests.run(["systemd-analyze", "verify", "--man=no", file.lines[0]])
        #expect(verified.code == 0 && verified.errors == "", "\(verified)")
        #expect(try store.attempt("generate", "kube", "-f", file.lines[0], "one").errors.contains("the file exists"))
        try store.skiff("rm", "one")
      }
    }

    @Test func `a pod says what the container is`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try makeDemanding(store)

        let text = try store.skiff("generate", "kube", "one").output
        #expect(text.hasPrefix("# Save the output of this file and use kubectl create -f to import\n"))
        let parts = [
          "apiVersion: v1\nkind: Pod\nmetadata:\n",
          "\n  name: \"one-pod\"\nspec:\n  containers:\n  - command:\n    - \"sh\"\n    - \"-c\"\n",
          #"    - "echo \"it's\" $A; exit 0"\#n    env:\#n    - name: "A"\#n      value: "b c"\#n"#,
          #"      value: "it's $5 \"quoted\""\#n    image: "\#(Store.image)"\#n    name: "one"\#n    resources:\#n      limits:\#n"#,
          "        cpu: \"250m\"\n        memory: \"104857600\"\n    securityContext:\n      allowPrivilegeEscalation: false\n",
          "      readOnlyRootFilesystem: true\n      runAsUser: 5\n      runAsGroup: 6\n    volumeMounts:\n",
          "    - mountPath: \"/bound\"\n      name: \"one-0\"\n      readOnly: true\n",
          "    workingDir: \"/tmp\"\n  hostIPC: true\n",
          "  dnsConfig:\n    nameservers:\n    - \"10.0.0.1\"\n    searches:\n    - \"sea\"\n",
          "  hostAliases:\n  - hostnames:\n    - \"buoy\"\n    ip: \"10.0.0.2\"\n",
          "  hostname: \"vessel\"\n  restartPolicy: OnFailure\n  terminationGracePeriodSeconds: 3\n  dnsConfig:\n",
          "  - hostPath:\n      path: \"\(harbour.path("bound"))\"\n      type: DirectoryOrCreate\n    name: \"one-0\"\n",
        ]
        for part in parts { #expect(text.contains(part), "\(part)\nis not in\n\(text)") }
        try store.skiff("rm", "one")

        try store.skiff(
          "create", "--name", "one", "-p", "127.0.0.1:8080:80/udp", "-p", "90", "--mount",
          "type=image,source=\(Store.image),target=/image", Store.image)
        let pod = try store.skiff("generate", "kube", "one").output
        #expect(
          pod.contains(
            """
                ports:
                - containerPort: 80
                  hostIP: "127.0.0.1"
                  hostPort: 8080
                  protocol: UDP
                - containerPort: 90
                  protocol: TCP
            """), "\(pod)")
        #expect(pod.contains("  volumes:\n  - image:\n      reference: \"\(Store.image)\"\n"), "\(pod)")
        try store.skiff("rm", "one")
        try store.skiff("volume", "rm", "chest")
      }
    }

    @Test func `what could break out of a unit or a pod stays inside`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        try store.skiff(
          "create", "--name", "odd_Name", "-e", "X=a\rExecStartPre=/bin/evil", "--stop-timeout", "9223372036854775807",
          "--dns-option", ":", "--cap-add", "net_admin", "--add-host", "db=10.0.0.1", Store.image)
        let unit = try store.skiff("generate", "systemd", "--new", "odd_Name").output
        #expect(!unit.unicodeScalars.contains("\r") && unit.contains(#"X=a\x0dExecStartPre="#), "\(unit)")
        #expect(unit.contains("TimeoutStopSec=infinity\n"))
        let pod = try store.skiff("generate", "kube", "odd_Name").output
        #expect(pod.contains("  name: \"odd-name-pod\"\n") && pod.contains("    name: \"odd-name\"\n"), "\(pod)")
        #expect(pod.contains("- \"NET_ADMIN\"\n") && pod.contains("    - \"db\"\n    ip: \"10.0.0.1\"\n"), "\(pod)")
        #expect(!pod.contains("options:"), "\(pod)")
        try store.skiff("rm", "odd_Name")
      }
    }
  }
}
