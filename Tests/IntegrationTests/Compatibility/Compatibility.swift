import Testing

extension Integration {
  /// Other engines, from Debian's packages, with our runtime beneath: what they ask for and how they read the answers. Not part of
  /// every run of the tests: `make test-compat`.
  @Suite enum Compatibility {}
}
