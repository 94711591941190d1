import Testing
import SkiffImages
@Test func placeholderSkiffImages() { #expect(1 == 1) }
