internal import CLinux
internal import Glibc

/// Bytes that are put together and written at once. Its memory grows as needed and is kept, so that filling it again costs nothing.
@safe package struct ByteBuffer: ~Copyable {
  private var memory: UnsafeMutableRawPointer
  private var capacity: Int
  package private(set) var count = 0

  /// Takes memory for so many bytes to begin with.
  package init(capacity: Int = 4096) {
    self.capacity = max(capacity, 64)
    unsafe self.memory = .allocate(byteCount: self.capacity, alignment: 16)
  }

  deinit {
    unsafe memory.deallocate()
  }

  @inline(__always)
  private mutating func makeRoom(_ more: Int) {
    if more > capacity &- count { grow(more) }
  }

  private mutating func grow(_ more: Int) {
    let wanted = max(capacity * 2, count + more)
    let larger = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 16)
    unsafe larger.copyMemory(from: memory, byteCount: count)
    unsafe memory.deallocate()
    unsafe memory = larger
    capacity = wanted
  }

  package mutating func append(_ byte: UInt8) {
    makeRoom(1)
    unsafe memory.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
    count &+= 1
  }

  package mutating func append(_ bytes: Span<UInt8>) {
    let more = bytes.count
    if more == 0 { return }
    makeRoom(more)
    unsafe bytes.withUnsafeBytes { source in
      if let address = source.baseAddress { unsafe (memory + count).copyMemory(from: address, byteCount: more) }
    }
    count &+= more
  }

  package mutating func append(_ bytes: [UInt8]) {
    append(bytes.span)
  }

  /// Appends three pieces: what stands before, the bytes themselves, and what stands behind. One call, for it is made for each line.
  package mutating func append(_ before: [UInt8], _ bytes: Span<UInt8>, _ behind: [UInt8]) {
    let (first, second, third) = (before.count, bytes.count, behind.count)
    makeRoom(first &+ second &+ third)
    unsafe before.withUnsafeBytes { source in
      if let address = source.baseAddress { unsafe (memory + count).copyMemory(from: address, byteCount: first) }
    }
    unsafe bytes.withUnsafeBytes { source in
      if let address = source.baseAddress {
        unsafe (memory + (count &+ first)).copyMemory(from: address, byteCount: second)
      }
    }
    unsafe behind.withUnsafeBytes { source in
      if let address = source.baseAddress {
        unsafe (memory + (count &+ first &+ second)).copyMemory(from: address, byteCount: third)
      }
    }
    count &+= first &+ second &+ third
  }

  /// Appends a number of four bytes, the highest first.
  package mutating func append(bigEndian number: UInt32) {
    makeRoom(4)
    unsafe memory.storeBytes(of: number.bigEndian, toByteOffset: count, as: UInt32.self)
    count &+= 4
  }

  /// Replaces four bytes that were appended before, from `offset` on, by a number.
  package mutating func replace(at offset: Int, bigEndian number: UInt32) {
    precondition(offset >= 0 && offset <= count - 4, "only what is there is replaced")
    unsafe memory.storeBytes(of: number.bigEndian, toByteOffset: offset, as: UInt32.self)
  }

  package mutating func removeAll() {
    count = 0
  }

  /// Takes the first bytes away.
  package mutating func removeFirst(_ removed: Int) {
    precondition(removed >= 0 && removed <= count, "only what is there is removed")
    unsafe _ = memmove(memory, memory + removed, count - removed)
    count -= removed
  }

  /// A copy of the bytes.
  package var bytes: [UInt8] {
    unsafe [UInt8](UnsafeRawBufferPointer(start: memory, count: count))
  }

  fileprivate var address: UInt { unsafe UInt(bitPattern: memory) }
}

extension Descriptor {
  /// Writes the first `limit` bytes, in as many calls as it takes (write(2)).
  package func writeAll(_ buffer: borrowing ByteBuffer, limit: Int = .max) throws(Errno) {
    let size = min(limit, buffer.count)
    var written = 0
    while written < size {
      let answer = rawSystemCall(
        __NR_write, number.register, buffer.address &+ UInt(bitPattern: written), UInt(bitPattern: size &- written))
      if answer == -Int(EINTR) { continue }
      written &+= try checked(answer)
    }
  }

  /// Sends all as one packet; never raises SIGPIPE (sendto(2)).
  package func send(_ buffer: borrowing ByteBuffer, wait: Bool = true) throws(Errno) {
    let noSignal: UInt = 0x4000
    let dontWait: UInt = 0x40
    while true {
      let answer = rawSystemCall(
        __NR_sendto, number.register, buffer.address, UInt(bitPattern: buffer.count), noSignal | (wait ? 0 : dontWait),
        0, 0)
      if answer == -Int(EINTR) { continue }
      try checked(answer)
      return
    }
  }

  /// Lets a pipe hold so many bytes (fcntl(2), F_SETPIPE_SZ).
  package func setPipeCapacity(_ bytes: Int) throws(Errno) {
    let setPipeSize: UInt = 1031
    try systemCall(__NR_fcntl, number.register, setPipeSize, UInt(bitPattern: bytes))
  }
}

extension Span where Element == UInt8 {
  /// Where the next line feed is, from `start` on; `count` where there is none.
  package func firstLineFeed(from start: Int) -> Int {
    precondition(start >= 0 && start <= count, "a search begins inside")
    return unsafe withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress, start < bytes.count,
        let found = unsafe memchr(base + start, 0x0A, bytes.count &- start)
      else { return bytes.count }
      return unsafe UnsafeRawPointer(found) - base
    }
  }

  /// Where the first byte is, from `start` on, that JSON text does not hold as it is: a control character, a quotation mark, a
  /// backslash, or one that is not ASCII; `count` where there is none. Eight bytes at a time.
  package func firstEscaped(from start: Int) -> Int {
    precondition(start >= 0 && start <= count, "a search begins inside")
    let ones: UInt64 = 0x0101_0101_0101_0101
    let high: UInt64 = 0x8080_8080_8080_8080
    return unsafe withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return 0 }
      let end = bytes.count
      var index = start
      while end &- index >= 8 {
        let word = unsafe base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        let quotes = word ^ (ones &* 0x22)
        let slashes = word ^ (ones &* 0x5C)
        // A byte's high bit is set where it is below the number taken off; a borrow can only mark bytes above one that is marked rightly.
        let marks =
          ((word &- ones &* 0x20) | word | ((quotes &- ones) & ~quotes) | ((slashes &- ones) & ~slashes)) & high
        if marks != 0 { return index &+ marks.trailingZeroBitCount &>> 3 }
        index &+= 8
      }
      while index < end {
        let byte = unsafe base.load(fromByteOffset: index, as: UInt8.self)
        if byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5C { return index }
        index &+= 1
      }
      return end
    }
  }
}
