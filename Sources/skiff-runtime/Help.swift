/// What `--help` tells.
enum Help {
  static let overview = """
    NAME:
       skiff-runtime - Open Container Initiative runtime: runs containers as its specification describes them

    usage: skiff-runtime [global options] command [options] [container id]

    commands:
      create      make a container; its process waits to be started
      start       let a created container's process become its program
      run         create and start, in the foreground or with --detach
      exec        run a further process in a running container
      state       print a container's state as JSON
      ps          list the processes of a container
      events      tell statistics and kills for lack of memory until the container ends
      kill        send a signal to a container's first process, or with --all to all of them
      pause       stop every process of a container where it stands
      resume      let a paused container go on
      update      change what a container may use
      mounts      add mounts to a running container, or remove them
      checkpoint  save a running container to files (criu)
      restore     make a container from such files (criu)
      delete      remove a stopped container; with --force end it first
      list        list containers
      spec        write a config.json to begin with
      features    print what this runtime can do, as JSON

    global options:
      --root DIR           where states are kept (default /run/skiff)
      --log FILE           append errors and warnings to a file
      --log-format FORMAT  text (default) or json
      --cgroup-manager M   who makes control groups: cgroupfs (default), systemd or disabled
      --systemd-cgroup     the same as --cgroup-manager systemd
      --rootless R         true, false or auto (default): do without a control group that cannot be made
      --debug              tell each step of a launch, and how long each command took
      --version, --help
    """

  /// What a command is for, as the overview has it, and how it is called; nil for what is no command.
  static func text(of verb: String) -> String? {
    guard let usage = verbs[verb] else { return nil }
    let line = overview.split(separator: "\n").first { $0.split(separator: " ").first == Substring(verb) }
    let purpose = line.map { $0.drop { $0 == " " }.dropFirst(verb.count).drop { $0 == " " } }
    return "NAME:\n   skiff-runtime \(verb) - \(purpose ?? "")\n\n\(usage)"
  }

  static let verbs: [String: String] = [
    "create": """
    usage: skiff-runtime create [options] ID
      -b, --bundle DIR         the bundle, with config.json (default: the working directory)
      --pid-file FILE          write the process id there
      --console-socket PATH    send the terminal's master to this socket
      --no-pivot               use chroot where pivot_root is impossible (a root on a ramdisk)
      --no-new-keyring         keep the caller's session keyring
      --preserve-fds N         pass N further open files on, from number 3
      --pidfd-socket PATH      send a handle on the process to this socket
      -f, --config FILE        a configuration other than the bundle's config.json
    """,
    "run": """
    usage: skiff-runtime run [options] ID
      as create, and
      -d, --detach             return once the program runs
      --keep                   do not delete the container at its end
    """,
    "start": "usage: skiff-runtime start ID",
    "state": "usage: skiff-runtime state ID",
    "kill": """
    usage: skiff-runtime kill [options] ID [SIGNAL]   (a number or a name; default TERM)
      -a, --all                all processes of the container
      -r, --regex              ID is an expression: every container whose id holds a match
    """,
    "delete": """
    usage: skiff-runtime delete [options] ID
      -f, --force              end a running container first; one that is gone is no error
      -r, --regex              ID is an expression: every container whose id holds a match
    """,
    "exec": """
    usage: skiff-runtime exec [options] ID COMMAND [ARGUMENT...]
      -p, --process FILE       the process as JSON, in place of COMMAND
      -d, --detach             return once the program runs
      -t, --tty                with a terminal
      -u, --user UID[:GID]     --cwd DIR   -e, --env NAME=VALUE   -g, --additional-gids GID
      -c, --cap CAPABILITY     add one            --no-new-privs   gain none
      --cgroup PATH            enter a group beneath the container's
      --ignore-paused          join a paused container; the process waits until it goes on
      --apparmor PROFILE, --process-label LABEL
      --pid-file FILE, --console-socket PATH, --pidfd-socket PATH, --preserve-fds N, --detach-keys KEYS
    """,
    "pause": "usage: skiff-runtime pause ID",
    "resume": "usage: skiff-runtime resume ID",
    "ps": "usage: skiff-runtime ps [-f|--format table|json] ID [options of ps(1)]",
    "events": "usage: skiff-runtime events [--stats] [--interval 5s] ID",
    "update": """
    usage: skiff-runtime update [options] ID
      -r, --resources FILE     limits as JSON, like linux.resources; - reads the standard input
      --memory, --memory-swap, --memory-reservation BYTES   (64m, 1g; -1 is unlimited)
      --cpu-share, --cpu-quota, --cpu-period, --cpu-burst, --cpu-idle, --cpu-rt-period, --cpu-rt-runtime N
      --cpuset-cpus, --cpuset-mems LIST
      --pids-limit N   --blkio-weight N
      --l3-cache-schema, --mem-bw-schema TEXT               (where resctrl is mounted)
    """,
    "mounts": """
    usage: skiff-runtime mounts add|remove ID FILE   (the section mounts of a configuration)
           skiff-runtime mounts resources ID         (/proc/meminfo and its kin of a created container tell of the container)
    """,
    "checkpoint": """
    usage: skiff-runtime checkpoint [options] ID
      --image-path DIR         where the images go (default: checkpoint)
      --work-path DIR          where criu's log goes
      --leave-running          the container goes on
      --pre-dump               only memory, for a later checkpoint with --parent-path
      --parent-path PATH       images of an earlier --pre-dump, from the image path
      --tcp-established, --tcp-skip-in-flight, --ext-unix-sk, --shell-job, --file-locks, --link-remap
      --lazy-pages, --page-server ADDRESS:PORT, --status-fd N, --auto-dedup
      --manage-cgroups-mode soft|full|strict|ignore, --empty-ns network
    """,
    "restore": """
    usage: skiff-runtime restore [options] ID
      -b, --bundle DIR         the bundle, with config.json
      --image-path DIR         where the images are (default: checkpoint)
      --work-path DIR          where criu's log goes
      -d, --detach             return once the program runs
      --pid-file FILE, --console-socket PATH, --keep
      --tcp-established, --ext-unix-sk, --shell-job, --file-locks, --lazy-pages, --auto-dedup
      --manage-cgroups-mode MODE, --empty-ns network, --lsm-profile TYPE:NAME, --lsm-mount-context LABEL
    """,
    "list": "usage: skiff-runtime list [--format table|json] [-q|--quiet]",
    "spec": "usage: skiff-runtime spec [-b|--bundle DIR] [--rootless]",
    "features": "usage: skiff-runtime features",
  ]
}
