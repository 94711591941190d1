import Testing
import SkiffTransfer
@Test func placeholderSkiffTransfer() { #expect(1 == 1) }
