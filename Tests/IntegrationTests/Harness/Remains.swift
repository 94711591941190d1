import Foundation

/// What containers have left so far, in a store and on the machine: taken once, and compared after each of many acts.
struct Remains {
  private let store: Store
  private let paths: Set<String>
  private let traces = Traces.now()
  private let known: Set<String>

  init(of store: Store) throws {
    self.store = store
    paths = try Self.paths(store)
    known = Set(traces.newcomers(marks: [store.harbour.mark]))
  }

  /// What is there now and was not before: mounts, control groups, links, processes, files of the store and of the run root.
  func newcomers() throws -> [String] {
    let files = try Self.paths(store).subtracting(paths).map { "file \($0)" }
    return Set(traces.newcomers(marks: [store.harbour.mark])).subtracting(known).sorted() + files.sorted()
  }

  private static func paths(_ store: Store) throws -> Set<String> {
    let places = ["containers", "names", "volumes", "userns", "secrets", "networks", "images"].map {
      "\(store.root)/\($0)"
    }
    let layers = (try? FileManager.default.contentsOfDirectory(atPath: store.root + "/layers")) ?? []
    return Set(try (places + [store.harbour.path("run")]).flatMap { try files(beneath: $0) } + layers)
  }

  static func files(beneath path: String) throws -> [String] {
    guard let walk = FileManager.default.enumerator(atPath: path) else { return [] }
    // The directories of networks stay, and things may go while we look.
    return walk.compactMap { $0 as? String }.map { "\(path)/\($0)" }
      .filter { !$0.hasSuffix("/leases") && !$0.hasSuffix("/endpoints") }
  }
}
