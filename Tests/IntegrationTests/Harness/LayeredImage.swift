import Foundation

/// An image of three layers that holds what layers can hold, made by tar and umoci.
enum LayeredImage {
  /// Gives a test its own copy of the OCI layout, in which the image has the name `sea`.
  static func build(_ harbour: Harbour) throws -> String {
    let layout = harbour.path("layout")
    try shell("cp -a \(try made.get().layout) \(layout)")
    return layout
  }

  /// Made once: the layout, and what umoci unpacks from it.
  private static let made = Result { () throws -> (layout: String, entries: [String: String]) in
    _ = try Store.archive()
    let work = Programs.built + "test-images/layered"
    let layout = work + "/layout"
    try build(layout, in: work)
    let entries = try unpack(layout, in: work)
    return (layout, entries)
  }

  private static func build(_ layout: String, in work: String) throws {
    try shell(
      """
      rm -rf \(work); mkdir -p \(work); cd \(work)
      mkdir first second third fourth
      # First: the base, and one of everything.
      cp -a \(try Store.tree())/. first/
      cd first
      mkdir -p keep gone/deep opaque/inner change sticky owned
      echo a > keep/a; echo b > keep/b; echo x > gone/deep/file; echo old > opaque/old; echo old > opaque/inner/old
      echo file > change/to-directory; mkdir change/to-file; echo x > change/to-file/x; ln -s keep change/to-other-link
      mkdir links; echo linked > links/one; ln links/one links/two; ln links/one links/three
      ln -s ../keep/a links/symbolic; ln -s /absolute/nowhere links/dangling
      echo raise > keep/raise; chmod 4755 keep/raise; echo group > keep/group; chmod 2755 keep/group
      chmod 1777 sticky; echo mine > owned/mine; chown 1000:2000 owned owned/mine; chmod 640 owned/mine
      mkfifo keep/fifo; mknod keep/null c 1 3; mknod keep/block b 7 9
      echo salty > keep/attribute; setfattr -n user.sea -v salt keep/attribute
      python3 -c "import os; os.setxattr('keep/attribute', 'security.capability', bytes.fromhex('0100000200040000000000000000000000000000'))"
      truncate -s 3M keep/sparse; printf end >> keep/sparse; printf start | dd of=keep/sparse conv=notrunc status=none
      long=$(printf 'l%.0s' $(seq 1 200)); mkdir -p $long/$long; echo long > $long/$long/$long
      ln -s $long/$long/$long-target links/long
      printf '' > "keep/empty"; printf 'x' > "keep/name with spaces and ümlaut"
      touch -d '2001-02-03 04:05:06' keep/a
      cd ../second
      # Second: whiteouts, an opaque directory, things that change their kind.
      mkdir -p keep opaque change/to-directory
      touch .wh.gone keep/.wh.b opaque/.wh..wh..opq
      far=$(printf 'f%.0s' $(seq 1 150)); mkdir -p $far; echo far > $far/$far; ln $far/$far $far/again
      echo new > opaque/new; echo inside > change/to-directory/inside; echo file > change/to-file
      mkdir change/to-other-link; echo real > change/to-other-link/real
      cd ../third
      # Third: what the second took away comes back, modes change.
      mkdir -p gone keep; echo back > gone/back; chmod 700 keep
      cd ../fourth
      # Fourth: files alone; what their directories are like, the layers below have said.
      mkdir -p sticky owned change/to-other-link opaque gone
      for directory in sticky owned change/to-other-link opaque gone; do echo unsaid > $directory/unsaid; done
      cd ..
      # POSIX's form has attributes and times to the nanosecond; GNU's has long names of its own.
      for layer in first third; do
        tar --numeric-owner --xattrs --xattrs-include='*' --sparse -C $layer -cf $layer.tar .
      done
      tar --format=gnu --numeric-owner -C second -cf second.tar .
      (cd fourth; find * -type f | tar --numeric-owner --no-recursion -T - -cf ../fourth.tar)
      umoci init --layout \(layout)
      umoci new --image \(layout):sea
      for layer in first second third fourth; do umoci raw add-layer --image \(layout):sea $layer.tar; done
      umoci config --image \(layout):sea --config.user 1000:2000 --config.env SEA=deep --config.env PATH=/bin \
        --config.workingdir /owned --config.cmd probe --config.cmd see --os linux --architecture amd64
      """)
  }

  /// Paths that a container has mounts or files of its own on.
  static let leftOut = ["/proc", "/sys", "/dev", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run"]

  /// The lines of the probe about a tree, by path.
  static func entries(_ outcome: Outcome) throws -> [String: String] {
    var entries: [String: String] = [:]
    for line in outcome.lines {
      let entry = try JSON(text: line)
      if !entry.path.isMissing { entries[entry.path.text] = entry.description }
    }
    return entries
  }

  /// What umoci makes of the image: the other opinion.
  static func expected() throws -> [String: String] { try made.get().entries }

  private static func unpack(_ layout: String, in work: String) throws -> [String: String] {
    let bundle = work + "/unpacked"
    try shell("umoci unpack --image \(layout):sea \(bundle)")
    // The probe reads attributes through /proc.
    let outcome = try run(
      [
        "unshare", "--mount", "sh", "-euc", #"mount -t proc proc "$0/proc"; exec chroot "$0" /bin/probe tree / "$@""#,
        bundle + "/rootfs",
      ] + leftOut)
    return try entries(outcome.expecting(0))
  }
}
