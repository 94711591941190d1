/// Makes any call by its number and gives the kernel's raw answer: a result or a negated error number (syscall(2)).
///
/// For those who ask whether a call is let through, not for those who need what it does.
package func attemptSystemCall(_ number: Int32, _ arguments: [UInt] = []) -> Int {
  func argument(_ index: Int) -> UInt { index < arguments.count ? arguments[index] : 0 }
  return rawSystemCall(number, argument(0), argument(1), argument(2), argument(3), argument(4), argument(5))
}
