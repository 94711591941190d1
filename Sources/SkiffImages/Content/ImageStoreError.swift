package import SkiffKernel
package import SkiffSpec

/// Why the store cannot do what it was asked for.
package enum ImageStoreError: Error, Equatable, Sendable {
  /// Nothing in the store has this name or id.
  case noSuchImage(String)
  /// The start of an id that several images share.
  case ambiguousID(String, candidates: [String])
  /// What was given is neither a name nor an id.
  case badName(String, why: String)
  /// Removing by id an image that has several names takes force.
  case severalNames(id: String, names: [String])
  /// A container was made from the image.
  case inUse(image: String, containers: [String])
  /// A blob that an image needs is not in the store.
  case missingBlob(Digest)
  /// A blob is not what its name says; it was moved aside, so that the next pull fetches it anew.
  case damagedBlob(Digest, why: String)
  /// An image cannot be read; others can.
  case damagedImage(String, why: String)
  /// The list of names cannot be read.
  case damagedIndex(why: String)
  /// What came is not what was announced.
  case wrongSize(Digest, announced: Int64, actual: Int64)
  /// A layer that should lie below another is not in the store.
  case missingLayer(Digest)
  /// A layer's record cannot be read.
  case damagedLayer(Digest, why: String)
  /// The storage driver cannot work here, or the store was made by another one.
  case driver(String)
  /// The kernel refused `act` on `thing`.
  case kernel(act: String, thing: String, Errno)
}

extension ImageStoreError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .noSuchImage(let name): "no such image: \(name)"
    case .ambiguousID(let id, let candidates):
      "image id \(id) is ambiguous: \(candidates.joined(separator: ", "))"
    case .badName(let name, let why): "invalid image name \"\(name)\": \(why)"
    case .severalNames(let id, let names):
      "image \(id) has several names: \(names.joined(separator: ", ")) (remove them one by one, or use force)"
    case .inUse(let image, let containers):
      "image \(image) is used by container \(containers.joined(separator: ", ")) (remove it first, or use force)"
    case .missingBlob(let digest): "blob \(digest) is not in the store (pull the image again)"
    case .damagedBlob(let digest, let why): "blob \(digest) is damaged: \(why) (pull the image again)"
    case .damagedImage(let name, let why): "image \(name) is damaged: \(why)"
    case .damagedIndex(let why): "the list of images, index.json, is damaged: \(why)"
    case .wrongSize(let digest, let announced, let actual):
      "blob \(digest) has \(actual) bytes, not \(announced) as announced"
    case .missingLayer(let digest): "layer \(digest) is not in the store (pull the image again)"
    case .damagedLayer(let digest, let why): "layer \(digest) is damaged: \(why) (pull the image again)"
    case .driver(let why): why
    case .kernel(let act, let thing, let error): "cannot \(act) \(thing): \(error)"
    }
  }
}

/// Says what was tried on what when the kernel refuses.
package func storing<Value: ~Copyable>(
  _ act: String, _ thing: @autoclosure () -> String, _ body: () throws(Errno) -> Value
) throws(ImageStoreError) -> Value {
  do throws(Errno) {
    return try body()
  } catch {
    throw .kernel(act: act, thing: thing(), error)
  }
}
