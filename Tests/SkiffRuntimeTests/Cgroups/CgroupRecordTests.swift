import SkiffRuntime
import SkiffSpec
import Testing

struct CgroupRecordTests {
  private let record = CgroupRecord(entries: [
    CgroupRecord.Entry(
      name: "cpu,cpuacct", controllers: ["cpu", "cpuacct"], label: nil, isUnified: false,
      mountPoint: "/sys/fs/cgroup/cpu,cpuacct", path: "/skiff/1"),
    CgroupRecord.Entry(
      name: "systemd", controllers: [], label: "systemd", isUnified: false, mountPoint: "/sys/fs/cgroup/systemd",
      path: "/skiff/1"),
    CgroupRecord.Entry(
      name: "unified", controllers: ["hugetlb"], label: nil, isUnified: true, mountPoint: "/sys/fs/cgroup/unified",
      path: "/skiff/1"),
  ])

  @Test func `a stored record is read back as it was`() throws {
    let stored = record.json.serialized()

    #expect(CgroupRecord(try JSONValue.parse(stored)) == record)
  }

  @Test(arguments: ["/", "/skiff/../..", "skiff/1", "", "//", "/skiff/1/", "/./a"])
  func `a stored path that names no group of a container is refused`(path: String) throws {
    let text = String(decoding: record.json.serialized(), as: UTF8.self)
    #expect(text.contains("\"/skiff/1\""))
    let changed = Array(text.split(separator: "/skiff/1").joined(separator: path).utf8)

    #expect(CgroupRecord(try JSONValue.parse(changed)) == nil)
  }

  @Test(arguments: ["[]", "{}", "[1]", "[{}]", "null"])
  func `what is no record is refused`(text: String) throws {
    #expect(CgroupRecord(try JSONValue.parse(Array(text.utf8))) == nil)
  }
}
