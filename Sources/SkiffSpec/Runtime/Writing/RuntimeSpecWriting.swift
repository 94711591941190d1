// The general part of config.json (config.md).

extension RuntimeSpec {
  /// Writes the `config.json`; reading it gives an equal value.
  public func serialized(pretty: Bool = false) -> [UInt8] {
    document(pretty: pretty)
  }
}

extension RuntimeSpec: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("ociVersion", version)
    writer.member("process", process)
    writer.member("root", root)
    writer.member("hostname", hostname)
    writer.member("domainname", domainname)
    writer.member("mounts", mounts)
    if hooks != RuntimeSpec.Hooks() { writer.member("hooks", hooks) }
    writer.member("annotations", annotations)
    writer.member("linux", linux)
  }
}

extension RuntimeSpec.Root: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("path", path)
    writer.member("readonly", ifTrue: isReadOnly)
  }
}

extension RuntimeSpec.Mount: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("destination", destination)
    writer.member("type", type)
    writer.member("source", source)
    writer.member("options", options)
    writer.member("uidMappings", uidMappings)
    writer.member("gidMappings", gidMappings)
  }
}

extension RuntimeSpec.IDMapping: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("containerID", containerID)
    writer.member("hostID", hostID)
    writer.member("size", size)
  }
}

extension RuntimeSpec.Hooks: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("prestart", prestart)
    writer.member("createRuntime", createRuntime)
    writer.member("createContainer", createContainer)
    writer.member("startContainer", startContainer)
    writer.member("poststart", poststart)
    writer.member("poststop", poststop)
  }
}

extension RuntimeSpec.Hook: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("path", path)
    writer.member("args", arguments)
    writer.member("env", environment)
    writer.member("timeout", timeoutSeconds)
  }
}
