// The process of config.json, and process.json (config.md, "Process").

extension RuntimeSpec.Process {
  /// Writes the `process.json` of exec; reading it gives an equal value.
  public func serialized(pretty: Bool = false) -> [UInt8] {
    document(pretty: pretty)
  }
}

extension RuntimeSpec.Process: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("terminal", ifTrue: terminal)
    writer.member("consoleSize", consoleSize)
    writer.member("user", user)
    writer.member("args", arguments)
    writer.member("env", environment)
    writer.member("cwd", workingDirectory)
    writer.member("capabilities", capabilities)
    writer.member("rlimits", rlimits)
    writer.member("noNewPrivileges", ifTrue: noNewPrivileges)
    writer.member("apparmorProfile", apparmorProfile)
    writer.member("selinuxLabel", selinuxLabel)
    writer.member("oomScoreAdj", oomScoreAdjustment)
    writer.member("scheduler", scheduler)
    writer.member("ioPriority", ioPriority)
    writer.member("execCPUAffinity", execCPUAffinity)
  }
}

extension RuntimeSpec.ConsoleSize: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("height", height)
    writer.member("width", width)
  }
}

extension RuntimeSpec.User: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("uid", userID)
    writer.member("gid", groupID)
    writer.member("umask", umask)
    writer.member("additionalGids", additionalGroupIDs)
  }
}

extension RuntimeSpec.Capabilities: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("bounding", bounding)
    writer.member("effective", effective)
    writer.member("inheritable", inheritable)
    writer.member("permitted", permitted)
    writer.member("ambient", ambient)
  }
}

extension RuntimeSpec.ResourceLimit: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("type", type)
    writer.member("hard", hard)
    writer.member("soft", soft)
  }
}

extension RuntimeSpec.Scheduler: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("policy", policy)
    writer.member("nice", nice)
    writer.member("priority", priority)
    writer.member("flags", flags)
    writer.member("runtime", runtime)
    writer.member("deadline", deadline)
    writer.member("period", period)
  }
}

extension RuntimeSpec.IOPriority: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("class", `class`)
    writer.member("priority", priority)
  }
}

extension RuntimeSpec.ExecCPUAffinity: SpecWritable {
  func writeMembers(to writer: inout JSONWriter) {
    writer.member("initial", initial)
    writer.member("final", self.final)
  }
}
