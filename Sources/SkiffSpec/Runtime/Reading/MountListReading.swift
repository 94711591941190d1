extension RuntimeSpec.Mount {
  /// Reads the document of `mounts add`: a list of mounts, or an object with the member `mounts`.
  public static func parseList(_ bytes: [UInt8]) throws(SpecProblems) -> [RuntimeSpec.Mount] {
    let blanks: [UInt8] = [0x20, 0x09, 0x0A, 0x0D]
    let isList = bytes.first { !blanks.contains($0) } == UInt8(ascii: "[")
    let document = isList ? Array("{\"mounts\":".utf8) + bytes + [UInt8(ascii: "}")] : bytes
    let section: Section = try SpecReader.read(document, sizeLimit: RuntimeSpec.sizeLimit)
    return section.mounts
  }

  private struct Section: SpecReadable {
    var mounts: [RuntimeSpec.Mount] = []

    init(from reader: inout SpecReader) throws(JSONError) {
      guard try reader.beginObject() else { return }
      while let key = try reader.nextKey() {
        switch key {
        case "mounts": try reader.read(&mounts)
        default: try reader.skip()
        }
      }
    }
  }
}
