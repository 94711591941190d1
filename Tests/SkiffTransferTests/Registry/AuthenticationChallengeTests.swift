import SkiffTransfer
import Testing

@Suite struct AuthenticationChallengeTests {
  @Test func `a registry's bearer challenge is read`() throws {
    let challenges = AuthenticationChallenge.parse(
      #"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#)

    let challenge = try #require(challenges.first)
    #expect(challenges.count == 1)
    #expect(challenge.scheme == "bearer")
    #expect(challenge.parameters["realm"] == "https://auth.docker.io/token")
    #expect(challenge.parameters["scope"] == "repository:a/b:pull,push")
  }

  @Test func `several challenges in one field are told apart`() {
    let challenges = AuthenticationChallenge.parse(
      #"Basic realm="a \"quoted\" name", Negotiate, BEARER Realm = "x" , error=invalid"#)

    #expect(challenges.map(\.scheme) == ["basic", "negotiate", "bearer"])
    #expect(challenges.first?.parameters["realm"] == #"a "quoted" name"#)
    #expect(challenges.last?.parameters == ["realm": "x", "error": "invalid"])
  }

  @Test(arguments: [
    "", ",,,,", "Bearer realm=\"never closed", "=\"x\"", "\"\"", "Bearer realm=\"x\\", "\u{0}\u{1}", "Bearer =",
  ])
  func `nonsense gives nothing and does no harm`(field: String) {
    #expect(AuthenticationChallenge.parse(field).allSatisfy { $0.parameters["realm"] == nil })
  }

  @Test func `the first of a name given twice stands`() {
    let challenges = AuthenticationChallenge.parse(#"Bearer realm="https://a/", realm="https://b/""#)
    #expect(challenges.first?.parameters["realm"] == "https://a/")
  }

  @Test func `an endless field is not read`() {
    #expect(AuthenticationChallenge.parse(String(repeating: "Bearer a=b,", count: 10_000)).isEmpty)
  }
}
