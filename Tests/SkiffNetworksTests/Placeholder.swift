import Testing
import SkiffNetworks
@Test func placeholderSkiffNetworks() { #expect(1 == 1) }
