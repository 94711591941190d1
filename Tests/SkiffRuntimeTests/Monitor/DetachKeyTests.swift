import SkiffRuntime
import Testing

@Suite struct DetachKeyTests {
  @Test func `docker's notation is understood`() {
    #expect(DetachKeyScanner.parse("ctrl-p,ctrl-q") == [16, 17])
    #expect(DetachKeyScanner.parse("a,ctrl-\\") == [97, 28])
    #expect(DetachKeyScanner.parse("") == [])
    #expect(DetachKeyScanner.parse("ctrl-") == nil)
    #expect(DetachKeyScanner.parse("ab") == nil)
  }

  @Test func `keys are passed on until the sequence is whole`() {
    var scanner = DetachKeyScanner(keys: [16, 17])

    let first = scanner.scan([104, 105, 16])
    let second = scanner.scan([17, 99])

    #expect(first == ([104, 105], false))
    #expect(second.passed == [] && second.isComplete)
  }

  @Test func `what only began like the sequence is passed on whole`() {
    var scanner = DetachKeyScanner(keys: [16, 17])

    #expect(scanner.scan([16, 120]) == ([16, 120], false))
    #expect(scanner.scan([16, 16]) == ([16], false))
    #expect(scanner.scan([17]).isComplete)
  }

  @Test func `without keys everything passes`() {
    var scanner = DetachKeyScanner(keys: [])

    #expect(scanner.scan([16, 17]) == ([16, 17], false))
  }
}

private func == (left: (passed: [UInt8], isComplete: Bool), right: ([UInt8], Bool)) -> Bool {
  left.passed == right.0 && left.isComplete == right.1
}
