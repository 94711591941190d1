package import SkiffKernel
internal import SkiffSpec

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
  /// Changes the mount that is there already.
  package var isRemount = false
  package var isIDMapped = false
  package var isIDMappedRecursively = false
  /// Mappings in the option itself, as crun takes them; nil where there are none.
  package var idMap: IDMapOption?
  package var copiesUp = false
  /// A link in the source's or in the target's place is meant itself, not what it leads to.
  package var keepsSourceLink = false
  package var keepsTargetLink = false
  /// What is bound is this, found with the source as its `/`: no link in there leads out (`src-beneath=PATH`, an option of skiff's own).
  package var sourceBeneath: String?
  /// A source that is a link is made anew in the container, not mounted.
  package var copiesLink = false
  /// What is the whole file system's, not the mount's: `sync`, `nolazytime`. Means nothing for a bind.
  package var fileSystemFlags: [String] = []
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
    } else if word.first == "r", let attribute = Self.attribute(String(word.dropFirst())) {
      turn(attribute, recursively: true)
    } else if let (propagation, recursive) = Self.propagation(word) {
      self.propagation = propagation
      propagatesRecursively = recursive
    } else {
      addParameter(word)
    }
  }

  private mutating func turn(_ attribute: Attribute, recursively: Bool) {
    var (set, clear) = recursively ? (setRecursively, clearRecursively) : (self.set, self.clear)
    // Access times are one field of the kernel's, not bits: whoever sets it clears what was there.
    let touchesTimes = !attribute.bits.isDisjoint(with: .accessTimeMask) || attribute.isAccessTime
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
    if recursively {
      (setRecursively, clearRecursively) = (set, clear)
    } else {
      (self.set, self.clear) = (set, clear)
    }
  }

  private mutating func addParameter(_ word: String) {
    switch word {
    case "bind": isBind = true
    case "rbind":
      isBind = true
      isRecursiveBind = true
    case "remount": isRemount = true
    case "idmap": isIDMapped = true
    case "ridmap":
      isIDMapped = true
      isIDMappedRecursively = true
    case "tmpcopyup": copiesUp = true
    case "src-nofollow": keepsSourceLink = true
    case "dest-nofollow": keepsTargetLink = true
    case "copy-symlink": copiesLink = true
    case _ where word.hasPrefix("src-beneath="): sourceBeneath = String(word.dropFirst(12))
    case "sync", "async", "dirsync", "mand", "nomand", "lazytime", "nolazytime": fileSystemFlags.append(word)
    // `silent` is about the kernel's log alone; a file system that can count versions of its inodes always does by now.
    case "defaults", "nodirsync", "iversion", "noiversion", "loud", "silent", "": break
    default:
      if word.hasPrefix("idmap=") || word.hasPrefix("ridmap=") {
        isIDMapped = true
        isIDMappedRecursively = word.first == "r"
        idMap = IDMapOption(String(word[word.index(after: word.firstIndex(of: "=") ?? word.startIndex)...]))
        return
      }
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
      "diratime", "noatime", "atime", "strictatime", "nostrictatime", "relatime", "norelatime",
    ]
    let propagation = ["private", "slave", "shared", "unbindable"]
    let others = [
      "bind", "rbind", "idmap", "ridmap", "defaults", "remount", "tmpcopyup", "src-nofollow", "dest-nofollow",
      "copy-symlink", "sync", "async", "dirsync", "mand", "nomand", "lazytime", "nolazytime", "iversion",
      "noiversion", "loud", "silent",
    ]
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

extension MountOptions {
  /// What a bind takes off besides what it is asked to: with any property named, those that are not are off, as with runc and
  /// crun (`mount --bind -o …`); with none, the source's stay.
  package var clearedByBind: MountAttributes {
    let properties: MountAttributes = [
      .readOnly, .noSetUserID, .noDevices, .noExecute, .noDirectoryAccessTime, .noFollowLinks,
    ]
    if isRemount || (set.isEmpty && clear.isEmpty) { return clear }
    return clear.union(properties.subtracting(set))
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
