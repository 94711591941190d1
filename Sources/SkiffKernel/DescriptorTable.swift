/// Open files in a row, each known by its place; all are closed together.
package struct DescriptorTable: ~Copyable, Sendable {
  private var numbers: [Int32] = []

  package init() {}

  deinit {
    for number in numbers { _ = FileDescriptor(adopting: number) }
  }

  package var count: Int { numbers.count }

  /// Takes an open file in and gives its place.
  @discardableResult
  package mutating func add(_ file: consuming FileDescriptor) -> Int {
    numbers.append(file.release())
    return numbers.count - 1
  }

  /// The open file at a place, lent; nil for a place that was never given.
  package subscript(index: Int) -> Descriptor? {
    numbers.indices.contains(index) ? Descriptor(numbers[index]) : nil
  }
}
