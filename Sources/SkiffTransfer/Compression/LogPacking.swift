private import CZlib
private import SkiffKernel

/// Packs and unpacks files of containers' logs, for the monitor and for `skiff logs`: `pack-log FILE…` in the directory that is open
/// as 3, `unpack-log` from standard input to standard output. These verbs are skiff's own, and stand in no help.
enum LogPacking {
  private static let pieceBytes = 128 << 10

  /// The exit code, where the words are such a command.
  static func run(_ words: [String]) -> Int32? {
    do throws(Errno) {
      switch words.first {
      case "pack-log":
        yieldToOthers()
        for name in words.dropFirst() { try pack(try KernelPath(name), in: Descriptor(3)) }
      case "unpack-log": try unpack()
      default: return nil
      }
      return 0
    } catch {
      return 1
    }
  }

  /// Nobody waits for it: it takes what is left of processor and disk.
  private static func yieldToOthers() {
    let idlePolicy: UInt32 = 5
    do throws(Errno) {
      try ProcessControl.setScheduling(SchedulingAttributes(policy: idlePolicy))
      try ProcessControl.setDiskPriority(class: 3, level: 0)
    } catch {
      // Then it is in the way a little.
    }
  }

  /// Replaces `NAME` by `NAME.gz`, of the same times. Whatever stops it, one of the two is there, whole.
  private static func pack(_ name: KernelPath, in directory: Descriptor) throws(Errno) {
    do throws(Errno) {
      let source = try directory.open(name, [.readOnly, .noFollow])
      try source.descriptor.lock(exclusive: true, wait: false)
      try pack(source.descriptor, name, in: directory)
    } catch {
      // It is gone, or another packer has it already.
      guard error == .notFound || error == .wouldBlock else { throw error }
    }
  }

  private static func pack(_ source: Descriptor, _ name: KernelPath, in directory: Descriptor) throws(Errno) {
    let packed = try KernelPath(bytes: Array(name.bytes) + Array(".gz".utf8))
    let unfinished = try KernelPath(bytes: Array(packed.bytes) + Array(".new".utf8))
    let target = try directory.open(unfinished, [.writeOnly, .create, .truncate, .noFollow], mode: 0o640)
    do throws(Errno) {
      try deflate(source, into: target.descriptor)
      let status = try source.status()
      let time = FileTime(seconds: status.modifiedSeconds, nanoseconds: status.modifiedNanoseconds)
      try target.descriptor.setTimes(accessed: time, modified: time)
      try target.descriptor.synchronize()
      try directory.rename(unfinished, to: packed, in: directory)
      // On the disk before the other goes.
      try directory.synchronize()
    } catch {
      do throws(Errno) { try directory.unlink(unfinished) } catch {}
      throw error
    }
    do throws(Errno) {
      try directory.unlink(name)
    } catch {
      // It was let go of meanwhile, as too old: so is this.
      guard error == .notFound else { throw error }
      try directory.unlink(packed)
    }
  }

  /// gzip, as fast as it goes: a log is as good as repetition.
  private static func deflate(_ source: Descriptor, into target: Descriptor) throws(Errno) {
    var stream = unsafe z_stream()
    let gzip: Int32 = 15 + 16
    let memoryLevel: Int32 = 8
    guard
      unsafe deflateInit2_(
        &stream, Z_BEST_SPEED, Z_DEFLATED, gzip, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { throw .noMemory }
    defer { unsafe _ = deflateEnd(&stream) }
    var input = [UInt8](repeating: 0, count: pieceBytes)
    var output = [UInt8](repeating: 0, count: pieceBytes)
    while true {
      let count = try source.read(into: &input)
      let isLast = count == 0
      var taken = 0
      repeat {
        let (consumed, produced) = unsafe step(&stream, input.span.extracting(taken..<count), &output, isLast: isLast)
        taken += consumed
        try target.writeAll(output.span.extracting(0..<produced))
        // What fills the buffer may not be all there is.
        if produced < output.count, taken == count { break }
      } while true
      if isLast { return }
    }
  }

  @unsafe private static func step(
    _ stream: inout z_stream, _ input: Span<UInt8>, _ output: inout [UInt8], isLast: Bool
  ) -> (consumed: Int, produced: Int) {
    let size = output.count
    return unsafe input.withUnsafeBufferPointer { input in
      unsafe output.withUnsafeMutableBufferPointer { output in
        // deflate(3) does not write through next_in; the type only lacks the const.
        unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
        unsafe stream.avail_in = UInt32(input.count)
        unsafe stream.next_out = output.baseAddress
        unsafe stream.avail_out = UInt32(size)
        unsafe _ = CZlib.deflate(&stream, isLast ? Z_FINISH : Z_NO_FLUSH)
        return unsafe (input.count - Int(stream.avail_in), size - Int(stream.avail_out))
      }
    }
  }

  private static func unpack() throws(Errno) {
    do throws(CompressionError) {
      var decompressor = try Decompressor(format: .gzip)
      var input = [UInt8](repeating: 0, count: pieceBytes)
      var output = [UInt8](repeating: 0, count: pieceBytes)
      while true {
        let count = try read(&input)
        if count == 0 { break }
        var taken = 0
        while true {
          let progress = try decompressor.step(input.span.extracting(taken..<count), into: &output)
          taken += progress.consumed
          try write(output.span.extracting(0..<progress.produced))
          if taken == count, progress.produced < output.count { break }
        }
      }
      _ = try decompressor.finish()
    } catch {
      throw .badMessage
    }
  }

  private static func read(_ input: inout [UInt8]) throws(CompressionError) -> Int {
    do throws(Errno) {
      return try Descriptor.standardInput.read(into: &input)
    } catch {
      throw .truncated(format: .gzip)
    }
  }

  private static func write(_ output: Span<UInt8>) throws(CompressionError) {
    do throws(Errno) {
      try Descriptor.standardOutput.writeAll(output)
    } catch {
      throw .noMemory
    }
  }
}
