internal import SkiffKernel

/// A request of the kernel's to a file system that a program serves (linux/fuse.h, struct fuse_in_header and what follows it).
struct FuseRequest {
  /// The kinds that are answered; every other one does not exist for us (ENOSYS).
  enum Operation: UInt32 {
    case lookup = 1
    case forget = 2
    case attributes = 3
    case open = 14
    case read = 15
    case statistics = 17
    case release = 18
    case flush = 25
    case begin = 26
    case interrupt = 36
    case destroy = 38
    case forgetSeveral = 42

    /// Whether the kernel waits for an answer.
    var isAnswered: Bool { self != .forget && self != .forgetSeveral && self != .interrupt }
  }

  private static let headerBytes = 40

  /// Nil for a kind that is not answered.
  let operation: Operation?
  let unique: UInt64
  let node: UInt64
  private let bytes: [UInt8]

  /// Reads a message; nil where it is none.
  init?(_ message: ArraySlice<UInt8>) {
    let bytes = Array(message)
    guard bytes.count >= Self.headerBytes else { return nil }
    operation = Operation(rawValue: UInt32(truncatingIfNeeded: Self.number(bytes, 4, 4)))
    unique = Self.number(bytes, 8, 8)
    node = Self.number(bytes, 16, 8)
    self.bytes = bytes
  }

  /// A number behind the header; 0 where the message ends before it.
  func number(at offset: Int, bytes count: Int) -> UInt64 {
    let start = Self.headerBytes + offset
    return start + count <= bytes.count ? Self.number(bytes, start, count) : 0
  }

  /// The text behind the header, up to its zero byte.
  var name: String {
    String(decoding: bytes.dropFirst(Self.headerBytes).prefix { $0 != 0 }, as: UTF8.self)
  }

  private static func number(_ bytes: [UInt8], _ start: Int, _ count: Int) -> UInt64 {
    bytes[start..<(start + count)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// An answer to one request (struct fuse_out_header and what follows it).
struct FuseAnswer {
  private(set) var bytes: [UInt8]

  init(to request: FuseRequest) {
    bytes = []
    append(0, bytes: 8)
    append(request.unique, bytes: 8)
  }

  /// A refusal.
  init(to request: FuseRequest, refusal: Errno) {
    self.init(to: request)
    let negated = UInt32(bitPattern: 0 &- refusal.code)
    for index in 0..<4 {
      bytes[4 + index] = UInt8(truncatingIfNeeded: negated >> (8 * UInt32(index)))
    }
  }

  mutating func append(_ number: UInt64, bytes count: Int) {
    for index in 0..<count {
      bytes.append(UInt8(truncatingIfNeeded: number >> (8 * UInt64(index))))
    }
  }

  mutating func append(_ content: some Collection<UInt8>) {
    bytes += content
  }

  /// struct fuse_attr: what a file is.
  mutating func appendAttributes(node: UInt64, mode: UInt64, size: UInt64) {
    append(node, bytes: 8)
    append(size, bytes: 8)
    // Blocks and three times.
    for _ in 0..<4 { append(0, bytes: 8) }
    for _ in 0..<3 { append(0, bytes: 4) }
    append(mode, bytes: 4)
    append(1, bytes: 4)
    // Owner, group and device.
    for _ in 0..<3 { append(0, bytes: 4) }
    append(4096, bytes: 4)
    append(0, bytes: 4)
  }

  /// The whole message, with its length in front.
  func message() -> [UInt8] {
    var message = bytes
    for index in 0..<4 { message[index] = UInt8(truncatingIfNeeded: message.count >> (8 * index)) }
    return message
  }
}
