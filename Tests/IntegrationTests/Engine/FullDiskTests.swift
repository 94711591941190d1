import Foundation
import Testing

extension Integration {
  /// A disk that is full: one sentence that says so, nothing left, and a store that works afterwards.
  @Suite struct FullDisks {
    /// A store on a disk of a few MiB.
    private func start(_ harbour: Harbour, _ options: String = "size=4m") throws -> Store {
      let disk = try harbour.makeDirectory("disk")
      try shell("mount -t tmpfs -o \(options) small \(disk)")
      harbour.atEnd { _ = try? shell("umount -l \(disk)") }
      return try Store(harbour, storageDriver: "copy", root: disk + "/store", hasImage: false)
    }

    private func expectRefusal(_ outcome: Outcome, of thing: String, in store: Store) throws {
      #expect(outcome.code == 1)
      #expect(outcome.errors.hasPrefix("skiff: cannot \(thing)"), "\(outcome.errors)")
      #expect(outcome.errors.hasSuffix(": no space left on device\n"), "\(outcome.errors)")
      #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
      #expect(try store.content() == [])
    }

    @Test func `pull, load and import say so and leave nothing, and the store works afterwards`() throws {
      try inHarbour { harbour in
        let store = try start(harbour)
        let registry = try RogueRegistry.shared()
        // 64 MiB of zeros that come in 64 KiB: the blob fits, what it holds does not.
        let zeros = "\(registry.address)/\(registry.repository("zeros")):1"
        let large = try shell(
          """
          cd \(harbour.directory); mkdir -p tree; head -c 8000000 /dev/urandom > tree/noise
          tar -C tree -cf large.tar .; tar -C tree -czf large.tar.gz .; pwd
          """
        ).lines[0]
        let other = try Store(harbour, root: harbour.path("other"), hasImage: false)
        try other.skiff("import", large + "/large.tar.gz", "localhost/large:1")
        try other.skiff("save", "--output", large + "/saved.tar", "localhost/large:1")

        try expectRefusal(
          try store.attempt("pull", "--quiet", zeros), of: "pull \(zeros): cannot unpack layer sha256:", in: store)
        for file in ["large.tar", "large.tar.gz", "tree"] {
          let path = "\(large)/\(file)"
          try expectRefusal(
            try store.attempt("import", path, "localhost/large"), of: "import \(path): ", in: store)
        }
        try expectRefusal(
          try store.attempt("load", "--input", large + "/saved.tar"), of: "load \(large)/saved.tar: ", in: store)

        let small = "\(registry.address)/\(registry.repository("honest")):1"
        try store.skiff("pull", "--quiet", small)
        #expect(try store.skiff("images", "--quiet").lines.count == 1)
      }
    }

    // Wherever the disk runs full: in a blob, a layer, its record, the list of images.
    @Test(arguments: ["size", "nr_inodes"])
    func `the last free page may be anywhere`(what: String) throws {
      try inHarbour { harbour in
        let store = try start(harbour, "size=4m,nr_inodes=1000")
        let registry = try RogueRegistry.shared()
        let name = "\(registry.address)/\(registry.repository("honest")):1"
        try store.skiff("images")
        try store.skiff("pull", "--quiet", name)
        try store.skiff("rmi", name)
        let (used, before) = (try usage(harbour, what), try store.content())
        var outcomes: Set<Int32> = []
        var said: Set<String> = []

        // A pull takes some 200 KiB in 50 files.
        for free in what == "size"
          ? Array(stride(from: 0, through: 260, by: 20)) : Array(stride(from: 0, to: 36, by: 3))
        {
          let limit = what == "size" ? "size=\(used + free)k" : "nr_inodes=\(used + free)"
          try shell("mount -o remount,\(limit) \(harbour.path("disk"))")
          let outcome = try store.attempt("pull", "--quiet", name)
          outcomes.insert(outcome.code)
          if outcome.code == 0 {
            try store.skiff("rmi", name)
          } else {
            #expect(outcome.errors.hasSuffix(": no space left on device\n"), "\(free): \(outcome.errors)")
            said.insert(outcome.errors)
          }
          let left = try store.content().filter { !before.contains($0) }
          #expect(left == [], "\(free) free: \(outcome.errors)")
        }
        #expect(outcomes == [0, 1])
        #expect(said.count > 2, "\(said)")
      }
    }

    /// Kilobytes or files in use.
    private func usage(_ harbour: Harbour, _ what: String) throws -> Int {
      let column = what == "size" ? "used" : "iused"
      let told = try shell("df -k --output=\(column) \(harbour.path("disk")) | tail -n 1").output
      return Int(told.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    @Test func `an archive that does not fit is not left behind in part`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)
        let disk = try harbour.makeDirectory("disk")
        try shell("mount -t tmpfs -o size=256k small \(disk)")
        harbour.atEnd { _ = try? shell("umount -l \(disk)") }

        let outcome = try store.attempt("save", "--output", disk + "/saved.tar", Store.image)

        #expect(outcome.code == 1)
        #expect(
          outcome.errors
            == "skiff: cannot save \(Store.image): cannot write \(disk)/saved.tar: no space left on device\n")
        #expect(try shell("ls -A \(disk)").lines == [])
      }
    }
  }
}
