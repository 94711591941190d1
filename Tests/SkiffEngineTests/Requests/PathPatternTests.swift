import SkiffEngine
import Testing

@Suite struct PathPatternTests {
  @Test func `names fit patterns as glob(7) says`() {
    for (name, pattern) in [
      ("a", "a"), ("abc", "a*"), ("abc", "*c"), ("abc", "*b*"), ("abc", "a?c"), ("abc", "[a-c]bc"), ("a]c", "a[]]c"),
      ("abc", "[!x]bc"), ("a*c", "a\\*c"), (".a", ".*"), ("a-c", "a[-x]c"), ("aab", "a*ab"), ("a[", "a["), ("", "*"),
      ("é1", "?1"), ("aaaaab", "*a*a*b"),
    ] {
      #expect(PathPattern.fits(name, pattern), "\(name) \(pattern)")
    }
    for (name, pattern) in [
      ("a", "b"), ("abc", "a"), ("a", "abc"), ("abc", "a?"), (".a", "*"), (".a", "?a"), ("abc", "[!a]bc"),
      ("abc", "[z-a]bc"),
      ("abc", "a\\*c"), ("a", ""), ("abd", "*c"),
    ] {
      #expect(!PathPattern.fits(name, pattern), "\(name) \(pattern)")
    }
  }
}
