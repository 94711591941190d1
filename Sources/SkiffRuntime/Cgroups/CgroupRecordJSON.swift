package import SkiffSpec

// How a record is stored in the container's state.
extension CgroupRecord {
  /// An array of the group's places, one object for each tree.
  package var json: JSONValue { .array(entries.map(\.json)) }

  /// Nil for anything that `json` would not have written: a path read from a file decides what is killed and removed.
  package init?(_ json: JSONValue) {
    guard let array = json.array, (1...64).contains(array.count) else { return nil }
    var entries: [Entry] = []
    for value in array {
      guard let entry = Entry(value) else { return nil }
      entries.append(entry)
    }
    self.init(entries: entries)
  }
}

extension CgroupRecord.Entry {
  fileprivate var json: JSONValue {
    var object: JSONObject = [
      "name": .string(name), "controllers": .array(controllers.map { .string($0) }), "unified": .bool(isUnified),
      "mountPoint": .string(mountPoint), "path": .string(path),
    ]
    if let label { object["label"] = .string(label) }
    return .object(object)
  }

  fileprivate init?(_ json: JSONValue) {
    guard let name = json["name"]?.string, let isUnified = json["unified"]?.bool,
      let mountPoint = json["mountPoint"]?.string, let path = json["path"]?.string,
      let array = json["controllers"]?.array
    else { return nil }
    let controllers = array.compactMap(\.string)
    guard controllers.count == array.count, mountPoint.first == "/", path.first == "/",
      Self.namesGroup(path),
      ([name] + controllers).allSatisfy({ !$0.isEmpty && !$0.contains("/") && $0 != "." && $0 != ".." })
    else { return nil }
    self.init(
      name: name, controllers: controllers, label: json["label"]?.string, isUnified: isUnified,
      mountPoint: mountPoint, path: path)
  }

  /// A group itself, never the tree's root: everything beneath it is the container's.
  private static func namesGroup(_ path: String) -> Bool {
    do throws(CgroupError) {
      return "/" + (try CgroupPath(path)).components.joined(separator: "/") == path
    } catch {
      // Which rule it breaks does not matter: nobody but an intruder writes such a path.
      return false
    }
  }
}
