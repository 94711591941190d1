import Testing
import SkiffEngine
@Test func placeholderSkiffEngine() { #expect(1 == 1) }
