import Testing
import SkiffSpec
@Test func placeholderSkiffSpec() { #expect(1 == 1) }
