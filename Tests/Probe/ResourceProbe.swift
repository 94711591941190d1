import SkiffKernel

/// Acts that run against limits.
func resourceProbe(_ verb: String, _ arguments: [String]) -> ProbeValue? {
  let amount = Int(arguments.first ?? "") ?? 0
  switch verb {
  case "eat-memory": return eatMemory(bytes: amount)
  case "fork-bomb": return forkBomb(wanted: amount)
  case "burn": return burn(milliseconds: Int64(amount))
  default: return nil
  }
}

/// Touches `bytes` of new memory, a piece at a time, and tells how much it got: a limit ends the process before that.
private func eatMemory(bytes: Int) -> ProbeValue {
  let piece = 1 << 20
  var pieces: [[UInt8]] = []
  var eaten = 0
  while eaten < bytes {
    // Not zero: the allocator could hand out pages that were never touched.
    pieces.append([UInt8](repeating: 0xA5, count: piece))
    eaten += piece
  }
  return .integer(Int64(pieces.reduce(0) { $0 + $1.count }))
}

/// Starts children that only wait until `wanted` run or the kernel refuses, then ends them; tells how many ran.
private func forkBomb(wanted: Int) -> ProbeValue {
  var handles: [Int32] = []
  var refusal: ProbeValue = .null
  while handles.count < wanted {
    do throws(Errno) {
      switch try cloneProcess() {
      case .child:
        while true { ClockTime.sleep(milliseconds: 60_000) }
      case .parent(_, let handle):
        handles.append(handle.release())
      }
    } catch {
      refusal = failure(error)
      break
    }
  }
  for number in handles {
    let handle = FileDescriptor(adopting: number)
    do throws(Errno) {
      try handle.descriptor.sendSignal(Signal.kill)
      _ = try handle.descriptor.waitForExit()
    } catch {
      refusal = failure(error)
    }
  }
  return .object([("started", .integer(Int64(handles.count))), ("refusal", refusal)])
}

/// Keeps one CPU busy; tells how much CPU time it got for that much time on the wall.
private func burn(milliseconds: Int64) -> ProbeValue {
  let start = ClockTime.monotonic().totalNanoseconds
  var work: UInt64 = 1
  var elapsed: Int64 = 0
  while elapsed < milliseconds * 1_000_000 {
    for _ in 0..<20_000 { work = work &* 6_364_136_223_846_793_005 &+ 1 }
    elapsed = ClockTime.monotonic().totalNanoseconds - start
  }
  // Fields 14 and 15 of stat: user and system time in ticks of 10 ms.
  let stat = text(of: "/proc/self/stat") ?? ""
  let fields = stat.lastIndex(of: ")").map { stat[$0...].split(separator: " ") } ?? []
  let ticks = fields.count > 13 ? (Int64(fields[12]) ?? 0) + (Int64(fields[13]) ?? 0) : 0
  return .object([
    ("wallMilliseconds", .integer(elapsed / 1_000_000)), ("cpuMilliseconds", .integer(ticks * 10)),
    ("work", .bool(work != 0)),
  ])
}
