internal import SkiffKernel
internal import SkiffSpec

/// Writes settings into the control files of a group.
enum CgroupWriter {
  static func apply(_ settings: [CgroupSetting], to record: CgroupRecord) throws(CgroupError) {
    var rest = settings[...]
    while let first = rest.first {
      guard let knot = first.knot else {
        if let refusal = try write(first, to: record) { throw refusal }
        rest = rest.dropFirst()
        continue
      }
      let tied = rest.prefix { $0.knot == knot }
      try untie(Array(tied), in: record)
      rest = rest.dropFirst(tied.count)
    }
  }

  /// Settings that limit each other (memory ≤ memory and swap; quota ÷ period ≤ the group's above; burst ≤ quota) can be written in
  /// one order when values grow and only in the other when they shrink: what is refused as invalid waits until another has gone in.
  private static func untie(_ settings: [CgroupSetting], in record: CgroupRecord) throws(CgroupError) {
    var waiting = settings
    while !waiting.isEmpty {
      var refused: [CgroupSetting] = []
      var refusal: CgroupError?
      for setting in waiting {
        if let error = try write(setting, to: record) {
          refused.append(setting)
          if refusal == nil { refusal = error }
        }
      }
      if let refusal, refused.count == waiting.count { throw refusal }
      waiting = refused
    }
  }

  /// Gives what the kernel refused as invalid; every other refusal is thrown.
  private static func write(_ setting: CgroupSetting, to record: CgroupRecord) throws(CgroupError) -> CgroupError? {
    guard let entry = record.entry(of: setting.controller) ?? (setting.controller == "cgroup" ? record.unified : nil)
    else { throw .missingController(setting.controller, setting: setting.setting) }
    var path = entry.directory + "/" + setting.file
    var value = setting.value
    do throws(Errno) {
      if value.hasPrefix(CgroupSettings.presentQuota) { value = try withPresentQuota(value, path: path) }
      try CgroupFiles.write(value, to: path)
      return nil
    } catch {
      guard error == .notFound else { return try refusal(setting, path: path, value: value, cause: error) }
    }
    if setting.mayBeMissing { return nil }
    guard let alternative = setting.alternative else {
      throw .unsupported(setting: setting.setting, reason: "this kernel has no \(setting.file)")
    }
    path = entry.directory + "/" + alternative.file
    value = alternative.value
    do throws(Errno) {
      try CgroupFiles.write(value, to: path)
      return nil
    } catch {
      if error == .notFound {
        throw .unsupported(
          setting: setting.setting, reason: "this kernel has neither \(setting.file) nor \(alternative.file)")
      }
      return try refusal(setting, path: path, value: value, cause: error)
    }
  }

  private static func refusal(
    _ setting: CgroupSetting, path: String, value: String, cause: Errno
  ) throws(CgroupError) -> CgroupError {
    let error = CgroupError.refused(setting: setting.setting, file: path, value: value, cause: cause)
    guard cause == .invalidArgument else { throw error }
    return error
  }

  /// Puts the quota that `cpu.max` holds in the place of its sign.
  private static func withPresentQuota(_ value: String, path: String) throws(Errno) -> String {
    let file = try Descriptor.workingDirectory.open(try KernelPath(path), .readOnly)
    let content = String(decoding: try file.descriptor.readToEnd(limitBytes: 4096), as: UTF8.self)
    let quota = content.split(separator: " ").first.map(String.init) ?? "max"
    return quota + value.dropFirst(CgroupSettings.presentQuota.count)
  }

  /// Refuses a limit below what is in use: the kernel would start to kill (`memory.checkBeforeUpdate`).
  static func checkUsage(of record: CgroupRecord, limit: Int64) throws(CgroupError) {
    guard let entry = record.entry(of: "memory") else { return }
    let file = entry.directory + (entry.isUnified ? "/memory.current" : "/memory.usage_in_bytes")
    guard let usage = Int64(try CgroupFiles.readIfPresent(file) ?? ""), usage > limit else { return }
    throw .badValue(setting: "linux.resources.memory.limit", reason: "\(usage) bytes are in use, more than \(limit)")
  }
}

/// How a container is kept from devices: by the files of v1, or by a program on its v2 group.
enum DeviceLimit {
  case files(DevicePolicy, CgroupRecord.Entry)
  case program([RuntimeSpec.DeviceRule])
  case none

  static func choose(
    for record: CgroupRecord, rules: [RuntimeSpec.DeviceRule], isEnforced: Bool
  ) throws(CgroupError) -> DeviceLimit {
    if !isEnforced { return .none }
    if let entry = record.entries.first(where: { !$0.isUnified && $0.controllers.contains("devices") }) {
      return .files(try DevicePolicy(rules), entry)
    }
    if record.unified != nil {
      try DevicePolicy.check(rules)
      return .program(rules)
    }
    // Without it a container could open the host's disks.
    throw .missingController("devices", setting: DevicePolicy.setting)
  }

  func apply(
    to record: CgroupRecord, unified: Descriptor?, attach: CgroupGroup.DeviceAttachment, isUpdate: Bool = false
  ) throws(CgroupError) {
    switch self {
    case .none: return
    case .program(let rules):
      guard let unified else { throw .missingController("devices", setting: DevicePolicy.setting) }
      do throws(Errno) {
        try attach(unified, rules)
      } catch {
        throw .failed(act: "limit the devices of", path: record.unified?.directory ?? "", cause: error)
      }
    case .files(let policy, let entry):
      var commands = policy.commands
      if isUpdate, let list = try CgroupFiles.readIfPresent(entry.directory + "/devices.list") {
        commands = policy.commands(from: list)
      }
      try Self.write(commands, in: entry.directory)
    }
  }

  private static func write(_ commands: [DevicePolicy.Command], in directory: String) throws(CgroupError) {
    let allow = try CgroupFiles.open(directory + "/devices.allow", .writeOnly)
    let deny = try CgroupFiles.open(directory + "/devices.deny", .writeOnly)
    for command in commands {
      do throws(Errno) {
        try CgroupFiles.write(command.text, to: (command.allow ? allow.descriptor : deny.descriptor))
      } catch {
        throw .refused(
          setting: DevicePolicy.setting, file: directory + "/" + command.file, value: command.text, cause: error)
      }
    }
  }
}
