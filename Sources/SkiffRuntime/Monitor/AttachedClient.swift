internal import SkiffKernel

/// One caller that watches a container: packets that it has not taken yet wait here.
final class AttachedClient {
  /// So many bytes may wait before the container's output is held back.
  private static let pendingLimitBytes = 1 << 18
  private let connection: FileDescriptor
  private var pending: [[UInt8]] = []
  private var pendingBytes = 0
  private(set) var isGone = false

  init(_ connection: consuming FileDescriptor) {
    self.connection = connection
  }

  var descriptor: Descriptor { connection.descriptor }
  var hasPending: Bool { !pending.isEmpty }
  var isFull: Bool { pendingBytes >= Self.pendingLimitBytes }

  /// Sends a packet, or lets it wait behind those that wait already.
  func send(_ type: AttachPacket, _ payload: ArraySlice<UInt8>) {
    if isGone { return }
    let packet = [type.rawValue] + payload
    if pending.isEmpty, sendNow(packet) { return }
    pending.append(packet)
    pendingBytes += packet.count
  }

  /// Sends what waits, as far as it goes.
  func flush() {
    while let packet = pending.first, sendNow(packet) {
      pending.removeFirst()
      pendingBytes -= packet.count
    }
    if isGone {
      pending = []
      pendingBytes = 0
    }
  }

  /// False while the client cannot take more.
  private func sendNow(_ packet: [UInt8]) -> Bool {
    if isGone { return true }
    do throws(Errno) {
      try connection.descriptor.send(packet, wait: false)
      return true
    } catch {
      if error == .wouldBlock || error == .noBuffers { return false }
      // It has gone, and what was for it goes with it.
      isGone = true
      return true
    }
  }

  /// The next packet of the client; nil when it has gone or has nothing whole to say.
  func receive(into buffer: inout [UInt8]) -> (type: AttachPacket, payload: ArraySlice<UInt8>)? {
    guard let count = try? connection.descriptor.receive(into: &buffer, wait: false).count, count > 0 else {
      isGone = true
      return nil
    }
    guard let type = AttachPacket(rawValue: buffer[0]) else { return nil }
    return (type, buffer[1..<count])
  }
}
