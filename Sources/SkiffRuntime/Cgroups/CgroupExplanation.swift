internal import SkiffSpec

/// Tells how a control group is made and limited, as a person would type it.
enum CgroupExplanation {
  static func steps(_ record: CgroupRecord, _ resources: RuntimeSpec.Resources?) -> [ExplanationStep] {
    var steps = [
      ExplanationStep(
        what: "make the container's control group in \(record.entries.count) trees",
        kernelCall: "mkdirat(\"\(record.entries.first?.directory ?? "")\")…",
        command: "mkdir " + record.entries.map(\.directory).joined(separator: " "))
    ]
    let settings = try? CgroupSettings.make(resources ?? RuntimeSpec.Resources()) { controller in
      record.entry(of: controller).map { $0.isUnified ? .v2 : .v1 }
    }
    for setting in settings ?? [] {
      guard let directory = record.entry(of: setting.controller)?.directory else { continue }
      steps.append(
        ExplanationStep(
          what: "limit \(setting.controller): \(setting.file) is \(setting.value)",
          kernelCall: "write(\"\(directory)/\(setting.file)\", \"\(setting.value)\")",
          command: "echo \(setting.value) > \(directory)/\(setting.file)"))
    }
    return steps
  }
}
