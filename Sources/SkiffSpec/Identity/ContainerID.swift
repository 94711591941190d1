/// The name of a container to the runtime. It becomes the name of directories and cgroups, so it exists only if it is safe there.
public struct ContainerID: Hashable, Sendable {
  /// It becomes a file name (NAME_MAX); longer ones are refused.
  public static let lengthLimit = 255

  public let text: String

  /// Takes letters, digits and `_ + - .`, as runc does.
  public init(_ text: String) throws(FormatError) {
    guard !text.isEmpty else { throw FormatError("container ID cannot be empty") }
    guard text.utf8.count <= Self.lengthLimit else {
      throw FormatError("invalid container ID format: longer than \(Self.lengthLimit) characters")
    }
    let marks = Array("_+-.".utf8)
    if let odd = text.unicodeScalars.first(where: { !$0.isASCII || !Self.isAllowed(UInt8($0.value), marks) }) {
      throw FormatError(
        "invalid container ID format: invalid character \(SpecKeyPath.quoted(String(odd))) in the container ID"
          + " \(SpecKeyPath.quoted(text))")
    }
    // Also `.` and `..`; and a name that starts with a dot hides from those who list directories.
    guard text.utf8.first != UInt8(ascii: ".") else {
      throw FormatError("invalid container ID format: \(SpecKeyPath.quoted(text)) starts with a dot")
    }
    self.text = text
  }

  private static func isAllowed(_ byte: UInt8, _ marks: [UInt8]) -> Bool {
    byte.isLetterOrDigit || marks.contains(byte)
  }
}

extension ContainerID: CustomStringConvertible {
  public var description: String { text }
}

/// The name of a container, volume, network or secret to people.
public struct ObjectName: Hashable, Sendable {
  /// It becomes a file name (NAME_MAX).
  public static let lengthLimit = 255

  public let text: String

  /// `kind` stands in the error: "container".
  public init(_ text: String, kind: String) throws(FormatError) {
    let marks = Array("_.-".utf8)
    let isName =
      text.utf8.first?.isLetterOrDigit == true && text.utf8.count >= 2
      && text.utf8.allSatisfy { $0.isLetterOrDigit || marks.contains($0) }
    guard isName else {
      throw FormatError(
        "invalid \(kind) name (\(SpecKeyPath.quoted(text))), only [a-zA-Z0-9][a-zA-Z0-9_.-]+ are allowed")
    }
    guard text.utf8.count <= Self.lengthLimit else {
      throw FormatError("invalid \(kind) name: longer than \(Self.lengthLimit) characters")
    }
    self.text = text
  }
}

extension ObjectName: CustomStringConvertible {
  public var description: String { text }
}
