import Testing
import SkiffRuntime
@Test func placeholderSkiffRuntime() { #expect(1 == 1) }
