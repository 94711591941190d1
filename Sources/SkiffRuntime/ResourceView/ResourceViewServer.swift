internal import SkiffKernel

/// Serves the files of a view to the kernel (fuse(4)), until nothing has them mounted any more.
struct ResourceViewServer: ~Copyable {
  private let device: FileDescriptor
  private var meter: ResourceMeter
  private var openFiles: [UInt64: OpenFile] = [:]
  /// What was measured lately, the newest last: handles share it.
  private var copies: [ResourceFile: [Copy]] = [:]
  /// What was measured when the kernel asked for a file's size, for the one who opens it next.
  private var prepared: [ResourceFile: UInt64] = [:]
  /// When a file may be measured again, by the monotonic clock, were each measurement to wait for its turn.
  private var turns: [ResourceFile: Int64] = [:]
  private var nextCopy: UInt64 = 1
  private var nextHandle: UInt64 = 1

  private static let rootNode: UInt64 = 1
  private static let directoryMode: UInt64 = 0o040555
  private static let fileMode: UInt64 = 0o100444
  private static let bufferBytes = 1 << 16
  private static let handleLimit = 1024
  /// So many copies of a file are kept, whoever has it open: this process counts to the host, not to the container.
  private static let copyLimit = 16
  /// A file is measured once in so much time; who reads it more often than that is shown what is there.
  private static let turnNanoseconds: Int64 = 100_000_000
  /// So many measurements may come at once after a quiet time, so that what a person looks at is always of now.
  private static let turnsAtOnce: Int64 = 10
  /// Load is an average over samples that are so far apart, as the kernel's own.
  private static let sampleMilliseconds: Int64 = 5000
  /// Names never change; sizes do, and are asked for at each open(2). Some readers take no more than the size (sendfile(2)).
  private static let nameValidSeconds: UInt64 = 3600

  /// What an open file shows: made anew when it is read from its beginning again, so that one reading is of one moment.
  private struct OpenFile {
    /// The number of its copy. One that has been thrown away meanwhile gives way to the newest.
    var copy: UInt64
    var isUnread = true
  }

  private struct Copy {
    let number: UInt64
    let bytes: [UInt8]
  }

  init(device: consuming FileDescriptor, meter: ResourceMeter) {
    self.device = device
    self.meter = meter
  }

  /// Answers requests; comes back when the last mount is gone.
  consuming func run() {
    var buffer = [UInt8](repeating: 0, count: Self.bufferBytes)
    var nextSample = ClockTime.monotonic().totalNanoseconds
    while true {
      do throws(Errno) {
        let now = ClockTime.monotonic().totalNanoseconds
        if now >= nextSample {
          meter.sampleLoad()
          nextSample = now &+ Self.sampleMilliseconds &* 1_000_000
        }
        var entries = [PollEntry(device.descriptor, .readable)]
        try poll(&entries, timeoutMilliseconds: max(1, (nextSample &- now) / 1_000_000))
        guard !entries[0].events.isEmpty else { continue }
        let count = try device.descriptor.read(into: &buffer)
        guard let request = FuseRequest(buffer[..<count]) else { return }
        guard let answer = answer(request) else { continue }
        try device.descriptor.writeAll(answer.message())
      } catch {
        switch error {
        // The one who asked has gone.
        case .notFound, .interrupted, .wouldBlock: continue
        // The last mount is gone, or the connection was cut.
        default: return
        }
      }
    }
  }

  private mutating func answer(_ request: FuseRequest) -> FuseAnswer? {
    guard let operation = request.operation else {
      return FuseAnswer(to: request, refusal: .noSystemCall)
    }
    guard operation.isAnswered else { return nil }
    switch operation {
    case .begin: return begin(request)
    case .lookup:
      guard request.node == Self.rootNode,
        let file = ResourceFile.allCases.first(where: { $0.name == request.name })
      else { return FuseAnswer(to: request, refusal: .notFound) }
      return entry(file, request)
    case .attributes: return attributes(request)
    case .open: return open(request)
    case .read: return read(request)
    case .release:
      openFiles[request.number(at: 0, bytes: 8)] = nil
      return FuseAnswer(to: request)
    case .statistics:
      var answer = FuseAnswer(to: request)
      answer.append([UInt8](repeating: 0, count: 80))
      return answer
    case .flush, .destroy: return FuseAnswer(to: request)
    case .forget, .forgetSeveral, .interrupt: return nil
    }
  }

  /// Both sides say which version of the protocol they speak; the lower one is spoken (struct fuse_init_out).
  private func begin(_ request: FuseRequest) -> FuseAnswer {
    let (major, minor): (UInt64, UInt64) = (7, 31)
    var answer = FuseAnswer(to: request)
    guard request.number(at: 0, bytes: 4) >= major else {
      return FuseAnswer(to: request, refusal: .invalidArgument)
    }
    answer.append(major, bytes: 4)
    answer.append(min(minor, request.number(at: 4, bytes: 4)), bytes: 4)
    answer.append(0, bytes: 4)
    answer.append(0, bytes: 4)
    answer.append(12, bytes: 2)
    answer.append(9, bytes: 2)
    // Nothing is ever written.
    answer.append(4096, bytes: 4)
    answer.append(1, bytes: 4)
    answer.append([UInt8](repeating: 0, count: 36))
    return answer
  }

  /// Measures what a file shows now, or takes what was measured last where that was done too often; gives the copy's number.
  private mutating func measure(_ file: ResourceFile) -> UInt64 {
    let now = ClockTime.monotonic().totalNanoseconds
    let turn = max(turns[file] ?? 0, now &- Self.turnsAtOnce &* Self.turnNanoseconds)
    if turn > now, let newest = copies[file]?.last { return newest.number }
    turns[file] = turn &+ Self.turnNanoseconds
    let copy = Copy(number: nextCopy, bytes: Array(meter.content(of: file).utf8))
    nextCopy &+= 1
    var kept = copies[file] ?? []
    if kept.count >= Self.copyLimit { kept.removeFirst() }
    kept.append(copy)
    copies[file] = kept
    return copy.number
  }

  private func bytes(_ file: ResourceFile, _ number: UInt64) -> [UInt8] {
    let kept = copies[file] ?? []
    return (kept.last { $0.number == number } ?? kept.last)?.bytes ?? []
  }

  /// Has what a file shows now ready for the one who opens it; gives its size.
  private mutating func prepare(_ file: ResourceFile) -> UInt64 {
    let copy = measure(file)
    prepared[file] = copy
    return UInt64(bytes(file, copy).count)
  }

  private mutating func entry(_ file: ResourceFile, _ request: FuseRequest) -> FuseAnswer {
    var answer = FuseAnswer(to: request)
    answer.append(file.node, bytes: 8)
    answer.append(0, bytes: 8)
    answer.append(Self.nameValidSeconds, bytes: 8)
    answer.append(0, bytes: 8)
    answer.append(0, bytes: 8)
    answer.appendAttributes(node: file.node, mode: Self.fileMode, size: prepare(file))
    return answer
  }

  private mutating func attributes(_ request: FuseRequest) -> FuseAnswer {
    var answer = FuseAnswer(to: request)
    answer.append(0, bytes: 8)
    answer.append(0, bytes: 8)
    if let file = ResourceFile(node: request.node) {
      answer.appendAttributes(node: request.node, mode: Self.fileMode, size: prepare(file))
    } else {
      answer.appendAttributes(node: request.node, mode: Self.directoryMode, size: 0)
    }
    return answer
  }

  private mutating func open(_ request: FuseRequest) -> FuseAnswer {
    let accessMode: UInt64 = 3
    guard let file = ResourceFile(node: request.node) else {
      return FuseAnswer(to: request, refusal: .notFound)
    }
    guard request.number(at: 0, bytes: 4) & accessMode == 0 else {
      return FuseAnswer(to: request, refusal: .accessDenied)
    }
    guard openFiles.count < Self.handleLimit else {
      return FuseAnswer(to: request, refusal: .noMemory)
    }
    let copy = prepared.removeValue(forKey: file) ?? measure(file)
    openFiles[nextHandle] = OpenFile(copy: copy)
    var answer = FuseAnswer(to: request)
    answer.append(nextHandle, bytes: 8)
    // Past the page cache: the content is never the same.
    let direct: UInt64 = 1
    answer.append(direct, bytes: 4)
    answer.append(0, bytes: 4)
    nextHandle &+= 1
    return answer
  }

  private mutating func read(_ request: FuseRequest) -> FuseAnswer {
    let handle = request.number(at: 0, bytes: 8)
    guard let file = ResourceFile(node: request.node), let opened = openFiles[handle] else {
      return FuseAnswer(to: request, refusal: .badDescriptor)
    }
    var copy = opened.copy
    let offset = Int(clamping: request.number(at: 8, bytes: 8))
    if offset == 0 {
      if !opened.isUnread { copy = measure(file) }
      openFiles[handle] = OpenFile(copy: copy, isUnread: false)
    }
    var answer = FuseAnswer(to: request)
    answer.append(bytes(file, copy).dropFirst(offset).prefix(Int(request.number(at: 16, bytes: 4))))
    return answer
  }
}
