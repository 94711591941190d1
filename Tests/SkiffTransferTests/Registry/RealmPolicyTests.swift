import SkiffTransfer
import Testing

@Suite struct RealmPolicyTests {
  private func allows(_ realm: String, _ registry: String) throws -> Bool {
    RealmPolicy.allows(realm: try #require(WebAddress(realm)), registry: try #require(WebAddress(registry)))
  }

  @Test(arguments: [
    ("https://auth.docker.io/token", "https://registry-1.docker.io/v2/"),
    ("https://ghcr.io/token", "https://ghcr.io/v2/"),
    ("https://gitlab.com/jwt/auth", "https://registry.gitlab.com/v2/"),
    ("https://auth.example.co.uk/t", "https://registry.example.co.uk:8443/v2/"),
    ("https://authn.nvidia.com/token", "https://nvcr.io/v2/"),
    ("http://127.0.0.1:5001/auth", "http://localhost:5000/v2/"),
    ("https://localhost:5001/auth", "https://localhost:5000/v2/"),
    ("https://me.azurecr.io/oauth2/token", "https://me.azurecr.io/v2/"),
    ("http://registry.example.com/t", "http://registry.example.com:5000/v2/"),
  ])
  func `a token server of the same house is asked`(realm: String, registry: String) throws {
    #expect(try allows(realm, registry))
  }

  @Test(arguments: [
    ("https://evil.example.net/token", "https://registry.example.com/v2/"),
    ("http://registry.example.com/token", "https://registry.example.com/v2/"),
    ("http://127.0.0.1:80/token", "https://registry.example.com/v2/"),
    ("https://127.0.0.1/token", "https://registry.example.com/v2/"),
    ("https://you.azurecr.io/token", "https://me.azurecr.io/v2/"),
    ("https://evil.co.uk/token", "https://registry.co.uk/v2/"),
    ("https://evil.github.io/token", "https://good.github.io/v2/"),
    ("https://evil.s3.eu-west-1.amazonaws.com/t", "https://good.s3.eu-west-1.amazonaws.com/v2/"),
    ("https://10.0.0.2/token", "https://10.0.0.1/v2/"),
    ("https://io/token", "https://docker.io/v2/"),
    ("https://registry-1.docker.io.evil.net/token", "https://registry-1.docker.io/v2/"),
    ("http://192.168.0.1/token", "http://127.0.0.1:5000/v2/"),
  ])
  func `a stranger is not`(realm: String, registry: String) throws {
    #expect(try !allows(realm, registry))
  }
}
