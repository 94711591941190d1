// The process of config.json, and process.json (config.md, "Process").

extension RuntimeSpec.Process: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    // A working directory must be named: nobody may be surprised by a default.
    workingDirectory = ""
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "terminal": try reader.read(&terminal)
      case "consoleSize": try reader.read(&consoleSize)
      case "user": try reader.read(&user)
      case "args": try reader.read(&arguments)
      case "env": try reader.read(&environment)
      case "cwd": try reader.read(&workingDirectory)
      case "capabilities": try reader.read(&capabilities)
      case "rlimits": try reader.read(&rlimits)
      case "noNewPrivileges": try reader.read(&noNewPrivileges)
      case "apparmorProfile": try reader.read(&apparmorProfile)
      case "selinuxLabel": try reader.read(&selinuxLabel)
      case "oomScoreAdj": try reader.read(&oomScoreAdjustment)
      case "scheduler": try reader.read(&scheduler)
      case "ioPriority": try reader.read(&ioPriority)
      case "execCPUAffinity": try reader.read(&execCPUAffinity)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.ConsoleSize: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init(height: 0, width: 0)
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "height": try reader.read(&height)
      case "width": try reader.read(&width)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.User: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "uid": try reader.read(&userID)
      case "gid": try reader.read(&groupID)
      case "umask": try reader.read(&umask)
      case "additionalGids": try reader.read(&additionalGroupIDs)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.Capabilities: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "bounding": try reader.read(&bounding)
      case "effective": try reader.read(&effective)
      case "inheritable": try reader.read(&inheritable)
      case "permitted": try reader.read(&permitted)
      case "ambient": try reader.read(&ambient)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.ResourceLimit: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init(type: "", soft: 0, hard: 0)
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "type": try reader.read(&type)
      case "soft": try reader.read(&soft)
      case "hard": try reader.read(&hard)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.Scheduler: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "policy": try reader.read(&policy)
      case "nice": try reader.read(&nice)
      case "priority": try reader.read(&priority)
      case "flags": try reader.read(&flags)
      case "runtime": try reader.read(&runtime)
      case "deadline": try reader.read(&deadline)
      case "period": try reader.read(&period)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.IOPriority: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "class": try reader.read(&`class`)
      case "priority": try reader.read(&priority)
      default: try reader.skip()
      }
    }
  }
}

extension RuntimeSpec.ExecCPUAffinity: SpecReadable {
  init(from reader: inout SpecReader) throws(JSONError) {
    self.init()
    guard try reader.beginObject() else { return }
    while let key = try reader.nextKey() {
      switch key {
      case "initial": try reader.read(&initial)
      case "final": try reader.read(&final)
      default: try reader.skip()
      }
    }
  }
}
