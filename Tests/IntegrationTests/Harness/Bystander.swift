import Foundation

/// A program that runs beside a test, until it is ended. Foundation's own class waits for ends that it may never hear of, where others
/// wait for children too.
final class Bystander {
  let number: pid_t

  init(_ words: [String]) throws {
    var child: pid_t = 0
    var copies: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { copies.forEach { free($0) } }
    let failure = posix_spawn(&child, words[0], nil, nil, &copies, environ)
    guard failure == 0 else { throw Trouble("cannot start \(words[0]): error \(failure)") }
    number = child
  }

  var isAlive: Bool { waitpid(number, nil, WNOHANG) == 0 }

  func end() {
    kill(number, SIGKILL)
    waitpid(number, nil, 0)
  }
}
