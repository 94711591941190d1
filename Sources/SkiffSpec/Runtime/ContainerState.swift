/// What the runtime says about a container (runtime.md, "State"), with the fields that runc adds; also what hooks read on stdin.
public struct ContainerState: Equatable, Sendable {
  public enum Status: String, CaseIterable, Equatable, Sendable {
    case creating, created, running, paused, stopped
  }

  public var version = RuntimeSpec.newestVersion
  public var id: ContainerID
  /// As the host sees it; 0 when there is no process.
  public var pid: Int32
  public var status: Status
  /// Absolute.
  public var bundle: String
  public var rootfs: String?
  public var created: Timestamp?
  public var annotations: [String: String] = [:]
  /// Name of the user who made it; empty for root, as with runc.
  public var owner: String?

  public init(id: ContainerID, pid: Int32, status: Status, bundle: String) {
    self.id = id
    self.pid = pid
    self.status = status
    self.bundle = bundle
  }
}

extension RuntimeSpec {
  /// The newest version of the specification that skiff knows.
  public static let newestVersion = "1.3.0"
}

extension ContainerState: SpecWritable {
  /// Writes the state document.
  public func serialized(pretty: Bool = false) -> [UInt8] {
    document(pretty: pretty)
  }

  func writeMembers(to writer: inout JSONWriter) {
    writer.member("ociVersion", version)
    writer.member("id", id.text)
    writer.member("pid", pid)
    writer.member("status", status.rawValue)
    writer.member("bundle", bundle)
    writer.member("rootfs", rootfs)
    writer.member("created", created?.text)
    writer.member("annotations", annotations)
    writer.member("owner", owner)
  }
}

extension ContainerState {
  /// Longer documents are refused.
  public static let sizeLimit = 1 << 20

  /// Reads a state document; throws all problems at once.
  public static func parse(_ bytes: [UInt8]) throws(SpecProblems) -> ContainerState {
    let draft: Draft = try SpecReader.read(bytes, sizeLimit: sizeLimit)
    var problems: [SpecProblem] = []
    var id: ContainerID?
    do throws(FormatError) {
      id = try ContainerID(draft.id)
    } catch {
      problems.append(SpecProblem("id", error.message))
    }
    let status = Status(rawValue: draft.status)
    if status == nil { problems.append(SpecProblem("status", "unknown status \(SpecKeyPath.quoted(draft.status))")) }
    var created: Timestamp?
    if let text = draft.created {
      do throws(FormatError) {
        created = try Timestamp(parsing: text)
      } catch {
        problems.append(SpecProblem("created", error.message))
      }
    }
    guard let id, let status, problems.isEmpty else { throw SpecProblems(problems) }
    var state = ContainerState(id: id, pid: draft.pid, status: status, bundle: draft.bundle)
    state.version = draft.version
    state.rootfs = draft.rootfs
    state.created = created
    state.annotations = draft.annotations
    state.owner = draft.owner
    return state
  }

  /// The document as it stands, before its words are judged.
  private struct Draft: SpecReadable {
    var version = ""
    var id = ""
    var pid: Int32 = 0
    var status = ""
    var bundle = ""
    var rootfs: String?
    var created: String?
    var annotations: [String: String] = [:]
    var owner: String?

    init(from reader: inout SpecReader) throws(JSONError) {
      guard try reader.beginObject() else { return }
      while let key = try reader.nextKey() {
        switch key {
        case "ociVersion": try reader.read(&version)
        case "id": try reader.read(&id)
        case "pid": try reader.read(&pid)
        case "status": try reader.read(&status)
        case "bundle": try reader.read(&bundle)
        case "rootfs": try reader.read(&rootfs)
        case "created": try reader.read(&created)
        case "annotations": try reader.read(&annotations)
        case "owner": try reader.read(&owner)
        default: try reader.skip()
        }
      }
    }
  }
}
