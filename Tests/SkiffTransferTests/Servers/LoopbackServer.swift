import Glibc
import Synchronization

/// A request as a test's server sees it.
struct ServedRequest: Sendable {
  let path: String
  /// Names in lower case.
  let fields: [String: String]
}

/// What a test's server does with a connection, in order; afterwards the connection is closed.
enum ServerAct: Sendable {
  case send([UInt8])
  case pause(milliseconds: UInt32)
  /// Sends these bytes again and again until the other side has had enough.
  case sendForever([UInt8])
}

/// A small HTTP server on a free port of loopback, which answers as badly as a test wants it to.
final class LoopbackServer: Sendable {
  let port: UInt16
  private let listener: Int32
  private let requests = Mutex<[ServedRequest]>([])

  var host: String { "127.0.0.1:\(port)" }

  /// What was asked so far.
  var served: [ServedRequest] { requests.withLock { $0 } }

  init(_ answer: @escaping @Sendable (ServedRequest) -> [ServerAct]) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard listener >= 0 else { throw ServerFailure.noSocket }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    guard bound else { throw ServerFailure.noSocket }
    self.listener = listener
    self.port = UInt16(bigEndian: address.sin_port)
    startThread { [self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        startThread { self.serve(connection, answer) }
      }
    }
  }

  func stop() {
    _ = shutdown(listener, Int32(SHUT_RDWR))
    _ = close(listener)
  }

  /// One request a connection: every answer says so.
  private func serve(_ connection: Int32, _ answer: (ServedRequest) -> [ServerAct]) {
    defer {
      _ = shutdown(connection, Int32(SHUT_RDWR))
      _ = close(connection)
    }
    guard let request = readRequest(connection) else { return }
    requests.withLock { $0.append(request) }
    for act in answer(request) {
      switch act {
      case .send(let bytes):
        guard sendAll(bytes, on: connection) else { return }
      case .pause(let milliseconds):
        usleep(milliseconds * 1000)
      case .sendForever(let bytes):
        while sendAll(bytes, on: connection) {}
      }
    }
  }

  private func readRequest(_ connection: Int32) -> ServedRequest? {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while bytes.count < 65536, !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
      guard recv(connection, &byte, 1, 0) == 1 else { return nil }
      bytes.append(byte)
    }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
    let words = lines.first?.split(separator: " ") ?? []
    guard words.count >= 2 else { return nil }
    var fields: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      fields[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
    }
    return ServedRequest(path: String(words[1]), fields: fields)
  }

  private func sendAll(_ bytes: [UInt8], on connection: Int32) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        send(connection, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }
}

enum ServerFailure: Error {
  case noSocket
}

/// Runs `body` on a thread of its own: it blocks, which tasks must not.
private func startThread(_ body: @escaping @Sendable () -> Void) {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  pthread_create(
    &thread, nil,
    { context in
      guard let context else { return nil }
      Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body()
      return nil
    }, Unmanaged.passRetained(Box(body)).toOpaque())
  pthread_detach(thread)
}

extension [ServerAct] {
  /// An answer with a body whose length is told, truly unless `length` says otherwise.
  static func answer(
    _ status: Int, _ fields: [String: String] = [:], body: [UInt8] = [], length: Int? = nil
  ) -> [ServerAct] {
    var head = "HTTP/1.1 \(status) Test\r\nConnection: close\r\nContent-Length: \(length ?? body.count)\r\n"
    for (name, value) in fields { head += "\(name): \(value)\r\n" }
    return [.send([UInt8]((head + "\r\n").utf8) + body)]
  }

  static func answer(_ status: Int, _ fields: [String: String] = [:], text: String) -> [ServerAct] {
    answer(status, fields, body: [UInt8](text.utf8))
  }
}

/// The port of a server that does not exist yet when its answers are written.
final class PortBox: Sendable {
  private let port = Mutex<UInt16>(0)

  var value: UInt16 { port.withLock { $0 } }

  func set(_ value: UInt16) { port.withLock { $0 = value } }
}
