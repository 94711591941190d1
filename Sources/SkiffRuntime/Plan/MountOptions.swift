package import SkiffKernel

/// The options of a mount, sorted by what they mean to the kernel (config.md "Mounts", mount(8)).
package struct MountOptions: Equatable, Sendable {
  /// Properties to set and to clear on the mount itself, and on every mount beneath it (`rro` and its kin).
  package var set: MountAttributes = []
  package var clear: MountAttributes = []
  package var setRecursively: MountAttributes = []
  package var clearRecursively: MountAttributes = []
  package var propagation: MountPropagation?
  package var propagatesRecursively = false
  package var isBind = false
  package var isRecursiveBind = false
  package var isIDMapped = false
  package var isIDMappedRecursively = false
  package var copiesUp = false
  /// What only the file system itself understands: `size=64k`, `newinstance`.
  package var parameters: [MountParameter] = []

  package init() {}

  /// Sorts the words of a mount's `options`; what no list knows is a parameter for the file system.
  package init(_ words: [String]) {
    for word in words { add(word) }
  }

  private mutating func add(_ word: String) {
    if let attribute = Self.attribute(word) {
      turn(attribute, recursively: false)
    } else if word.first == "r", let attribute = Self.attribute(String(word.dropFirst())), word != "rbind" {
      turn(attribute, recursively: true)
    } else if let (propagation, recursive) = Self.propagation(word) {
      self.propagation = propagation
      propagatesRecursively = recursive
    } else {
      addParameter(word)
    }
  }

  private mutating func turn(_ attribute: Attribute, recursively: Bool) {
    // Access times are one field of the kernel's, not bits: whoever sets it clears what was there.
    let touchesTimes = !attribute.bits.isDisjoint(with: .accessTimeMask) || attribute.isAccessTime
    if recursively {
      if touchesTimes { clearRecursively.formUnion(.accessTimeMask) }
      if attribute.isSet {
        setRecursively.formUnion(attribute.bits)
      } else {
        clearRecursively.formUnion(attribute.bits)
      }
      if attribute.isSet {
        if !touchesTimes { clearRecursively.subtract(attribute.bits) }
      } else {
        setRecursively.subtract(attribute.bits)
      }
    } else {
      if touchesTimes {
        clear.formUnion(.accessTimeMask)
        set.subtract(.accessTimeMask)
      }
      if attribute.isSet {
        set.formUnion(attribute.bits)
        if !touchesTimes { clear.subtract(attribute.bits) }
      } else {
        clear.formUnion(attribute.bits)
        set.subtract(attribute.bits)
      }
    }
  }

  private mutating func addParameter(_ word: String) {
    switch word {
    case "bind": isBind = true
    case "rbind":
      isBind = true
      isRecursiveBind = true
    case "idmap": isIDMapped = true
    case "ridmap":
      isIDMapped = true
      isIDMappedRecursively = true
    case "tmpcopyup": copiesUp = true
    // Without effect on a mount that is new, or gone from the kernel; accepted as runc accepts them.
    case "defaults", "async", "nodirsync", "nomand", "nolazytime", "iversion", "noiversion", "loud", "silent", "acl",
      "noacl",
      "remount", "":
      break
    default:
      if let equals = word.firstIndex(of: "=") {
        parameters.append(
          MountParameter(key: String(word[..<equals]), value: String(word[word.index(after: equals)...])))
      } else {
        parameters.append(MountParameter(key: word, value: nil))
      }
    }
  }

  /// Every word that is not left to a file system, sorted.
  package static let known: [String] = {
    let attributes = [
      "ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "nosymfollow", "symfollow", "nodiratime",
      "diratime",
      "noatime", "atime", "strictatime", "nostrictatime", "relatime", "norelatime",
    ]
    let propagation = ["private", "slave", "shared", "unbindable"]
    let others = ["bind", "rbind", "idmap", "ridmap", "defaults"]
    let recursive = (attributes + propagation).map { "r" + $0 }
    return (attributes + propagation + others + recursive).sorted()
  }()

  private struct Attribute {
    let bits: MountAttributes
    let isSet: Bool
    var isAccessTime = false
  }

  private static func attribute(_ word: String) -> Attribute? {
    switch word {
    case "ro": Attribute(bits: .readOnly, isSet: true)
    case "rw": Attribute(bits: .readOnly, isSet: false)
    case "nosuid": Attribute(bits: .noSetUserID, isSet: true)
    case "suid": Attribute(bits: .noSetUserID, isSet: false)
    case "nodev": Attribute(bits: .noDevices, isSet: true)
    case "dev": Attribute(bits: .noDevices, isSet: false)
    case "noexec": Attribute(bits: .noExecute, isSet: true)
    case "exec": Attribute(bits: .noExecute, isSet: false)
    case "nosymfollow": Attribute(bits: .noFollowLinks, isSet: true)
    case "symfollow": Attribute(bits: .noFollowLinks, isSet: false)
    case "nodiratime": Attribute(bits: .noDirectoryAccessTime, isSet: true)
    case "diratime": Attribute(bits: .noDirectoryAccessTime, isSet: false)
    case "noatime": Attribute(bits: .noAccessTime, isSet: true)
    case "strictatime": Attribute(bits: .strictAccessTime, isSet: true)
    // relatime is the field's zero, and what undoing one of the others leads back to.
    case "relatime", "atime", "norelatime", "nostrictatime": Attribute(bits: [], isSet: true, isAccessTime: true)
    default: nil
    }
  }

  private static func propagation(_ word: String) -> (MountPropagation, Bool)? {
    switch word {
    case "private": (.private, false)
    case "rprivate": (.private, true)
    case "slave": (.slave, false)
    case "rslave": (.slave, true)
    case "shared": (.shared, false)
    case "rshared": (.shared, true)
    case "unbindable": (.unbindable, false)
    case "runbindable": (.unbindable, true)
    default: nil
    }
  }
}

/// A parameter of a file system: a word alone, or `key=value`.
package struct MountParameter: Equatable, Sendable {
  package let key: String
  package let value: String?

  package init(key: String, value: String?) {
    self.key = key
    self.value = value
  }
}

extension MountParameter: CustomStringConvertible {
  package var description: String { value.map { "\(key)=\($0)" } ?? key }
}
