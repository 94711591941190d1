/// What `--version` tells.
enum Version {
  static let text = "0.1.0"
  static let specification = "1.3.0"
}

/// What `--help` tells.
enum Help {
  static let overview = """
    skiff-runtime – runs containers as the OCI runtime specification describes them

    usage: skiff-runtime [global options] command [options] [container id]

    commands:
      create     make a container; its process waits to be started
      start      let a created container's process become its program
      run        create and start, in the foreground or with --detach
      exec       run a further process in a running container
      state      print a container's state as JSON
      kill       send a signal to a container's first process, or with --all to all of them
      delete     remove a stopped container; with --force end it first
      list       list containers
      spec       write a config.json to begin with
      features   print what this runtime can do, as JSON

    global options:
      --root DIR           where states are kept (default /run/skiff)
      --log FILE           append errors and warnings to a file
      --log-format FORMAT  text (default) or json
      --systemd-cgroup     accepted only for groups that need no systemd
      --version, --help
    """

  static let verbs: [String: String] = [
    "create": """
    usage: skiff-runtime create [options] ID
      -b, --bundle DIR         the bundle, with config.json (default: the working directory)
      --pid-file FILE          write the process id there
      --console-socket PATH    send the terminal's master to this socket
      --no-pivot               use chroot where pivot_root is impossible (a root on a ramdisk)
      --no-new-keyring         keep the caller's session keyring
      --preserve-fds N         pass N further open files on, from number 3
    """,
    "run": """
    usage: skiff-runtime run [options] ID
      as create, and
      -d, --detach             return once the program runs
      --keep                   do not delete the container at its end
    """,
    "start": "usage: skiff-runtime start ID",
    "state": "usage: skiff-runtime state ID",
    "kill": "usage: skiff-runtime kill [-a|--all] ID [SIGNAL]   (a number or a name; default TERM)",
    "delete": "usage: skiff-runtime delete [-f|--force] ID",
    "list": "usage: skiff-runtime list [--format table|json] [-q|--quiet]",
    "spec": "usage: skiff-runtime spec [-b|--bundle DIR] [--rootless]",
    "features": "usage: skiff-runtime features",
  ]
}
