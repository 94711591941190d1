internal import SkiffKernel
internal import SkiffSpec

/// The supervisor of a container's system calls, reached by a socket (config-linux.md "Seccomp", `listenerPath`).
struct SeccompAgent: Sendable {
  let path: String
  let metadata: String?

  /// Nil where a profile asks nobody.
  init?(_ profile: RuntimeSpec.Seccomp?) {
    guard let profile, profile.notifies, let path = profile.listenerPath, !path.isEmpty else { return nil }
    self.path = path
    metadata = profile.listenerMetadata
  }

  /// Sends the file on which the supervisor listens, with the container process state: one connection, one state.
  ///
  /// - Parameters:
  ///   - processID: the filtered process, as numbered here.
  ///   - state: the container's, as JSON.
  func deliver(_ listener: Descriptor, processID: Int32, state: [UInt8]) throws(LaunchError) {
    do throws(Errno) {
      let message = document(processID: processID, state: state)
      let connection = try UnixSocket.connect(to: path, type: .stream)
      // The file goes with the first bytes only.
      let sent = try connection.descriptor.send(message, file: listener)
      if sent < message.count { try connection.descriptor.writeAll(Array(message[sent...])) }
    } catch {
      throw LaunchError("failed to connect with seccomp agent at \(path): \(error)")
    }
  }

  /// The container process state (config-linux.md "The Container Process State").
  private func document(processID: Int32, state: [UInt8]) -> [UInt8] {
    var members: [(String, JSONValue)] = [
      ("ociVersion", .string(RuntimeSpec.newestVersion)), ("fds", .array([.string("seccompFd")])),
      ("pid", .integer(Int64(processID))),
    ]
    if let metadata, !metadata.isEmpty { members.append(("metadata", .string(metadata))) }
    // Our own text: it reads back.
    if let state = try? JSONValue.parse(state) { members.append(("state", state)) }
    return JSONValue.object(JSONObject(members)).serialized()
  }
}
