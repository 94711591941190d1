import Testing
import SkiffKernel
@Test func placeholderSkiffKernel() { #expect(1 == 1) }
