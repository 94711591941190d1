import SkiffEngine
import Testing

@Suite struct UserDatabaseTests {
  private let database = UserDatabase(
    passwd: Array(
      """
      root:x:0:0:root:/root:/bin/sh
      broken:x:five:5::/:/bin/sh
      1000:x:0:0:a number for a name:/evil:/bin/sh
      web:x:33:34:web:/srv/web:/bin/false
      last:x:4294967295:0::/:/bin/sh
      """.utf8),
    group: Array(
      """
      root:x:0:
      adm:x:4:root,web
      web:x:34:
      tape:x:26:web
      bad:x:x:web
      """.utf8))

  private func resolve(_ user: String, _ groups: [String] = []) throws -> ResolvedUser {
    try database.resolve(user: user, additionalGroups: groups)
  }

  @Test func `nobody named is root`() throws {
    #expect(
      try resolve("") == ResolvedUser(userID: 0, groupID: 0, additionalGroupIDs: [0, 4], home: "/root"))
  }

  @Test func `a name brings its groups and home`() throws {
    #expect(
      try resolve("web") == ResolvedUser(userID: 33, groupID: 34, additionalGroupIDs: [34, 4, 26], home: "/srv/web"))
    #expect(try resolve("33") == resolve("web"))
  }

  @Test func `a number is never a name`() throws {
    #expect(try resolve("1000") == ResolvedUser(userID: 1000, groupID: 0, additionalGroupIDs: [0], home: nil))
  }

  @Test func `a named group stands alone`() throws {
    #expect(try resolve("web:adm").additionalGroupIDs == [4])
    #expect(try resolve("web:adm").groupID == 4)
    #expect(try resolve("5:6") == ResolvedUser(userID: 5, groupID: 6, additionalGroupIDs: [6], home: nil))
    #expect(try resolve("web:adm", ["tape", "99", "adm"]).additionalGroupIDs == [4, 26, 99])
  }

  @Test func `what does not exist is refused by name`() {
    #expect(throws: EngineError.self) { try resolve("nobody") }
    #expect(throws: EngineError.self) { try resolve("web:nogroup") }
    #expect(throws: EngineError.self) { try resolve("web:") }
    #expect(throws: EngineError.self) { try resolve("4294967295") }
    #expect(throws: EngineError.self) { try resolve("99999999999999999999") }
    #expect(throws: EngineError.self) { try resolve("last") }
    #expect(throws: EngineError.self) { try resolve("-1") }
    #expect(throws: EngineError.self) { try resolve("web", ["4294967295"]) }
  }

  @Test func `an image without files knows only numbers`() throws {
    let empty = UserDatabase(passwd: [], group: [])

    #expect(
      try empty.resolve(user: "", additionalGroups: [])
        == ResolvedUser(userID: 0, groupID: 0, additionalGroupIDs: [0], home: nil))
    #expect(throws: EngineError.self) { try empty.resolve(user: "root", additionalGroups: []) }
  }
}
