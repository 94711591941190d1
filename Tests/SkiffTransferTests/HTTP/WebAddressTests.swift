import SkiffTransfer
import Testing

@Suite struct WebAddressTests {
  @Test(arguments: [
    ("http://localhost:5000/v2/", true), ("http://127.0.0.1/v2/", true), ("http://127.8.9.10:80/", true),
    ("http://[::1]:5000/", true), ("http://LOCALHOST/", true), ("http://127.0.0.1.example.com/", false),
    ("http://localhost.example.com/", false), ("http://128.0.0.1/", false), ("https://example.com/", false),
    ("http://[::2]/", false),
  ])
  func `only this machine is loopback`(text: String, expected: Bool) throws {
    #expect(try #require(WebAddress(text)).isLoopback == expected)
  }

  @Test(arguments: [
    "ftp://example.com/", "file:///etc/passwd", "example.com", "/v2/", "", "http://user:secret@example.com/",
    "http://user@example.com/", "http://example.com:99999/", "http://exa mple.com/", "http://example.com/\u{7}",
    "http:///", "gopher://127.0.0.1:25/", "http://127%2e1/", "http://0%2e0/", "https://0x7f%2e1:5000/",
  ])
  func `what is no plain http address is refused`(text: String) {
    #expect(WebAddress(text) == nil)
  }

  @Test func `a location is resolved against the address that sent it`() throws {
    let address = try #require(WebAddress("https://registry.example.com:8443/v2/a/blobs/x?y=1"))

    #expect(address.resolving("/other")?.text == "https://registry.example.com:8443/other")
    #expect(address.resolving("https://cdn.example.net/z#part")?.text == "https://cdn.example.net/z")
    #expect(address.resolving("//cdn.example.net/z")?.host == "cdn.example.net")
    #expect(address.resolving("file:///etc/shadow") == nil)
    #expect(address.resolving("http://a:b@cdn.example.net/") == nil)
  }

  @Test func `the origin holds scheme, host and port`() throws {
    #expect(WebAddress("https://Example.com/x")?.origin == "https://example.com:443")
    #expect(WebAddress("http://example.com:443/x")?.origin == "http://example.com:443")
  }
}
