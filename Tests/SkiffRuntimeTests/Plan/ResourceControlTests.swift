import Foundation
import SkiffRuntime
import SkiffSpec
import Testing

/// On a directory that looks like resctrl; the kernel of most machines has none.
@Suite struct ResourceControlTests {
  private func rdt(_ change: (inout RuntimeSpec.IntelRdt) -> Void = { _ in }) -> RuntimeSpec.IntelRdt {
    var rdt = RuntimeSpec.IntelRdt()
    change(&rdt)
    return rdt
  }

  private func withRoot(_ body: (String) throws -> Void) throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "skiff-rdt-\(UUID().uuidString)")
      .path(percentEncoded: false)
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: root) }
    try body(root)
  }

  private func makeClass(_ path: String, schemata: String) throws {
    try FileManager.default.createDirectory(atPath: path + "/mon_groups", withIntermediateDirectories: true)
    try Data(schemata.utf8).write(to: URL(filePath: path + "/schemata"))
  }

  @Test func `lines are written in the order that the specification gives`() {
    let wish = ResourceControl(root: "/rdt").wish(
      rdt {
        $0.schemata = ["L2:0=f"]
        $0.memBwSchema = "MB:0=20"
        $0.l3CacheSchema = "L3:0=7f0"
      }, containerID: "one")

    #expect(wish.path == "/rdt/one")
    #expect(wish.lines == ["L3:0=7f0", "MB:0=20", "L2:0=f"])
    #expect(!wish.isNamed && wish.monitoringPath == nil)
  }

  @Test func `a class has its name, a slash is the class of all`() {
    let control = ResourceControl(root: "/rdt")
    #expect(control.wish(rdt { $0.closID = "gold" }, containerID: "one").path == "/rdt/gold")
    #expect(control.wish(rdt { $0.closID = "/" }, containerID: "one").path == "/rdt")
    let monitored = control.wish(
      rdt {
        $0.closID = "gold"
        $0.enableMonitoring = true
      }, containerID: "one")
    #expect(monitored.monitoringPath == "/rdt/gold/mon_groups/one")
  }

  @Test func `a named class without a schema must be there`() throws {
    try withRoot { root in
      let control = ResourceControl(root: root)
      let wish = control.wish(rdt { $0.closID = "gold" }, containerID: "one")
      #expect(throws: LaunchError.self) { try control.prepare(wish) }
      #expect(!FileManager.default.fileExists(atPath: root + "/gold"))

      try makeClass(root + "/gold", schemata: "L3:0=7ff\n")
      let record = try control.prepare(wish)
      #expect(record == ResourceControlRecord(path: root + "/gold", isOwn: false))
      #expect(try String(contentsOfFile: root + "/gold/schemata", encoding: .utf8) == "L3:0=7ff\n")
    }
  }

  @Test func `a named class that is there must be as asked for`() throws {
    try withRoot { root in
      let control = ResourceControl(root: root)
      try makeClass(root + "/gold", schemata: "    L3:0=07f0;1=1f\n    MB:0= 20;1= 70\n")
      func prepare(_ lines: [String]) throws -> ResourceControlRecord {
        try control.prepare(
          control.wish(
            rdt {
              $0.closID = "gold"
              $0.schemata = lines
            }, containerID: "one"))
      }

      #expect(try prepare(["L3:0=7F0;1=1f", "MB:1=70"]).isOwn == false)
      #expect(throws: LaunchError.self) { try prepare(["L3:0=7ff"]) }
      #expect(throws: LaunchError.self) { try prepare(["L2:0=f"]) }
    }
  }

  @Test func `a monitoring group is made, and removed with what else is the container's own`() throws {
    try withRoot { root in
      let control = ResourceControl(root: root)
      try makeClass(root + "/gold", schemata: "")
      let record = try control.prepare(
        control.wish(
          rdt {
            $0.closID = "gold"
            $0.enableMonitoring = true
          }, containerID: "one"))
      #expect(FileManager.default.fileExists(atPath: root + "/gold/mon_groups/one"))
      #expect(record.taskFiles == [root + "/gold/tasks", root + "/gold/mon_groups/one/tasks"])

      try control.remove(record)

      #expect(!FileManager.default.fileExists(atPath: root + "/gold/mon_groups/one"))
      #expect(FileManager.default.fileExists(atPath: root + "/gold"))
    }
  }

  @Test func `a class of the container's own goes when its schema is refused`() throws {
    try withRoot { root in
      let control = ResourceControl(root: root)
      // Here nobody makes the file `schemata`: writing it fails, as a bad mask does.
      let wish = control.wish(rdt { $0.schemata = ["L3:0=0"] }, containerID: "one")

      #expect(throws: LaunchError.self) { try control.prepare(wish) }

      #expect(!FileManager.default.fileExists(atPath: root + "/one"))
    }
  }
}
