import Foundation
import SkiffKernel
import Testing

extension Integration.Compatibility {
  /// A controller and two nodes, which start containers as `oci.conf` says.
  struct Slurm {
    @Test func `srun starts containers on two nodes and gives their codes`() throws {
      try inHarbour { harbour in
        let cluster = try SlurmCluster(harbour)

        let both = try cluster.srun(
          ["-N2", "-n2", "--label"], "sh", "-c", "hostname; echo $SLURM_JOB_NODELIST; ls /bin/probe")
        let lines = try both.expecting(0).lines.sorted()
        #expect(lines == [0, 1].flatMap { node in ["/bin/probe", "n[1-2]", "voyage"].map { "\(node): \($0)" } })
        #expect(try cluster.srun(["-n1"], "sh", "-c", "exit 3").code == 3)
        #expect(try cluster.srun(["-n1"], "no-such-command").code != 0)
      }
    }

    @Test func `an ordinary user's job runs in a user namespace of its own`() throws {
      try inHarbour { harbour in
        let cluster = try SlurmCluster(harbour)

        let seen = try cluster.srun(["-N2", "-n2"], asUser: true, "sh", "-c", "id -u; cat /proc/self/uid_map")
          .expecting(0)
        #expect(seen.lines.filter { $0 == "0" }.count == 2)
        #expect(seen.output.contains("\(Island.user.id)          1"))
      }
    }

    @Test func `a batch job's script runs in its container`() throws {
      try inHarbour { harbour in
        let cluster = try SlurmCluster(harbour)
        try harbour.write(
          """
          #!/bin/sh
          #SBATCH --container=\(cluster.bundle)
          #SBATCH --output=\(harbour.path("batch.out"))
          hostname
          exit 4
          """, to: "batch.sh")

        #expect(
          try cluster.island.attempt(["sbatch", "--wait", harbour.path("batch.sh")], environment: cluster.environment)
            .code == 4)
        #expect(try harbour.read("batch.out").contains("voyage\n"))
      }
    }

    @Test func `a canceled job's container ends, also one that ignores the asking`() throws {
      try inHarbour { harbour in
        let cluster = try SlurmCluster(harbour)
        let job = try cluster.session(
          ["-n1", "-J", "doomed"], "sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done")
        try job.expect("up")

        try cluster.island.attempt(["scancel", "--name", "doomed"], environment: cluster.environment).expecting(0)
        _ = try job.wait(seconds: 30)
        try eventually("both nodes are idle") {
          try cluster.island.attempt(["sinfo", "-h", "-o", "%t %D"], environment: cluster.environment).output
            == "idle 2\n"
        }
        try eventually("the container is gone") { try cluster.states().isEmpty }
      }
    }
  }
}

/// munged, slurmctld and two slurmd on an island.
private final class SlurmCluster {
  let island: Island
  let bundle: String
  private let userBundle: String
  private let states0: String
  let environment: [String: String]

  init(_ harbour: Harbour) throws {
    island = try Island(harbour, hasUser: true)
    states0 = harbour.path("states")
    bundle = harbour.path("bundle")
    userBundle = harbour.path("home/bundle")
    let configuration = harbour.path("slurm/slurm.conf")
    environment = ["SLURM_CONF": configuration]
    let host = try IntegrationTests.run(["hostname", "-s"]).expecting(0).output.trimmingCharacters(in: .newlines)
    // By the node's name: slurmd makes them for its steps' processes.
    for node in ["n1", "n2"] {
      island.expectGroup("slurm_\(node)") { name in
        ["uid_", "job_", "step_", "task_"].contains { name.hasPrefix($0) }
      }
    }
    try harbour.write(Self.slurm(harbour, host: host), to: "slurm/slurm.conf")
    try harbour.write(
      "CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\nCgroupAutomount=no\n", to: "slurm/cgroup.conf")
    // The file that is installed, its runtime and its states in the test's place.
    guard
      let shipped = FileManager.default.contents(atPath: Programs.repository + "/Packaging/slurm/oci.conf")
    else { throw Trouble("Packaging/slurm/oci.conf is missing") }
    try harbour.write(
      String(decoding: shipped, as: UTF8.self)
        .replacingOccurrences(of: "/usr/local/bin/skiff-runtime", with: harbour.path("skiff-runtime"))
        .replacingOccurrences(of: "/run/skiff-slurm", with: states0), to: "slurm/oci.conf")
    try island.shell(
      """
      install -m 755 \(Programs.runtime) \(harbour.path("skiff-runtime"))
      mkdir -p \(bundle) \(harbour.path("state")) \(harbour.path("spool"))/n1 \(harbour.path("spool"))/n2 \(harbour.path("log"))
      install -d -m 700 \(states0) && chmod 711 \(states0)
      install -d -m 700 \(states0)/root
      install -d -m 700 -o \(Island.user.id) -g \(Island.user.id) \(states0)/\(Island.user.name)
      cp -a \(try Store.tree()) \(bundle)/rootfs
      cd \(bundle); \(Programs.runtime) spec
      sed -i 's/"terminal": true/"terminal": false/; s/"hostname": "skiff"/"hostname": "voyage"/' config.json
      dd if=/dev/urandom of=\(harbour.path("munge.key")) bs=128 count=1 status=none
      chmod 600 \(harbour.path("munge.key"))
      """)
    try island.shell(
      """
      mkdir \(userBundle); cd \(userBundle)
      mkdir rootfs; tar -C rootfs -xpf \(try Store.archive())
      \(harbour.path("skiff-runtime")) spec --rootless
      sed -i 's/"terminal": true/"terminal": false/' config.json
      """, asUser: true)
    try startDaemons(harbour)
  }

  private func startDaemons(_ harbour: Harbour) throws {
    let socket = harbour.path("munge.sock")
    try island.daemon(
      "munged",
      [
        "munged", "--foreground", "--force", "--key-file", harbour.path("munge.key"), "--socket", socket, "--pid-file",
        harbour.path("munged.pid"), "--log-file", harbour.path("munged-own.log"), "--seed-file",
        harbour.path("munge.seed"),
      ]
    ) { harbour.exists("munge.sock") }
    try island.daemon("slurmctld", ["slurmctld", "-D"], environment: environment) {
      try island.attempt(["scontrol", "ping"], environment: environment).output.contains("UP")
    }
    for node in ["n1", "n2"] {
      try island.daemon("slurmd-\(node)", ["slurmd", "-D", "-N", node], environment: environment) {
        try island.attempt(["sinfo", "-h", "-n", node, "-o", "%t"], environment: environment).output == "idle\n"
      }
    }
  }

  private static func slurm(_ harbour: Harbour, host: String) -> String {
    """
    ClusterName=sea
    SlurmctldHost=\(host)(127.0.0.1)
    SlurmUser=root
    AuthType=auth/munge
    AuthInfo=socket=\(harbour.path("munge.sock"))
    StateSaveLocation=\(harbour.path("state"))
    SlurmdSpoolDir=\(harbour.path("spool"))/%n
    SlurmctldPidFile=\(harbour.path("slurmctld.pid"))
    SlurmdPidFile=\(harbour.path("slurmd-%n.pid"))
    SlurmctldLogFile=\(harbour.path("log"))/slurmctld
    SlurmdLogFile=\(harbour.path("log"))/%n
    ProctrackType=proctrack/cgroup
    TaskPlugin=task/none
    MpiDefault=none
    ReturnToService=2
    KillWait=2
    NodeName=n1 NodeHostname=\(host) NodeAddr=127.0.0.1 Port=17001 CPUs=1
    NodeName=n2 NodeHostname=\(host) NodeAddr=127.0.0.1 Port=17002 CPUs=1
    PartitionName=sea Nodes=n1,n2 Default=YES State=UP

    """
  }

  private func words(_ options: [String], _ command: [String], asUser: Bool) -> [String] {
    let bundle = asUser ? userBundle : bundle
    let variable = ["env", "SLURM_CONF=\(environment["SLURM_CONF"] ?? "")"]
    return variable + ["srun", "--container=\(bundle)"] + options + command
  }

  func srun(_ options: [String], asUser: Bool = false, _ command: String...) throws -> Outcome {
    try island.attempt(words(options, command, asUser: asUser), asUser: asUser, seconds: 60)
  }

  func session(_ options: [String], _ command: String...) throws -> Session {
    try island.session(words(options, command, asUser: false))
  }

  /// Names of the containers that the runtime knows.
  func states() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(states0)/root")
  }
}
