internal import CLinux

/// Traps into the kernel (syscall(2)) and gives back its raw answer: a result or a negated error number.
@inline(__always)
func rawSystemCall(
  _ number: Int32, _ a: UInt = 0, _ b: UInt = 0, _ c: UInt = 0, _ d: UInt = 0, _ e: UInt = 0, _ f: UInt = 0
) -> Int {
  skiff_system_call(Int(number), a, b, c, d, e, f)
}

/// The result of a raw answer; a negated error number is thrown.
@inline(__always)
@discardableResult
func checked(_ answer: Int) throws(Errno) -> Int {
  if answer < 0 { throw Errno(Int32(truncatingIfNeeded: -answer)) }
  return answer
}

/// Traps into the kernel and throws what it refuses.
@inline(__always)
@discardableResult
func systemCall(
  _ number: Int32, _ a: UInt = 0, _ b: UInt = 0, _ c: UInt = 0, _ d: UInt = 0, _ e: UInt = 0, _ f: UInt = 0
) throws(Errno) -> Int {
  try checked(rawSystemCall(number, a, b, c, d, e, f))
}

/// Traps until the call was not cut short by a signal (EINTR).
@inline(__always)
@discardableResult
func restartingSystemCall(
  _ number: Int32, _ a: UInt = 0, _ b: UInt = 0, _ c: UInt = 0, _ d: UInt = 0, _ e: UInt = 0, _ f: UInt = 0
) throws(Errno) -> Int {
  while true {
    let answer = rawSystemCall(number, a, b, c, d, e, f)
    if answer == -Int(Errno.interrupted.code) { continue }
    return try checked(answer)
  }
}

extension Int32 {
  /// The number as a register holds it: sign-extended, as the kernel expects AT_FDCWD.
  @inline(__always)
  var register: UInt { UInt(bitPattern: Int(self)) }
}

extension UInt32 {
  @inline(__always)
  var register: UInt { UInt(self) }
}
