import CSeccomp
import Foundation
import SkiffSpec

import SkiffRuntime

/// libseccomp, fed as runc feeds it.
final class LibseccompOracle {
  struct Refusal: Error {
    var what: String
    var code: Int32
  }

  private let context: scmp_filter_ctx

  /// Nil architectures: those of the profile on top of the machine's own.
  init(_ spec: RuntimeSpec.Seccomp, only architecture: SeccompArchitecture? = nil, optimized: Bool = false) throws {
    let defaultAction = try SeccompAction.parse(spec.defaultAction, number: spec.defaultErrnoRet)
    guard let context = seccomp_init(defaultAction) else { throw Refusal(what: "seccomp_init", code: 0) }
    self.context = context
    if let architecture {
      // One byte order at a time.
      try check(seccomp_arch_remove(context, Self.token(.native)), "arch remove")
      try check(seccomp_arch_add(context, Self.token(architecture)), "arch add")
    } else {
      for name in spec.architectures {
        guard let architecture = SeccompArchitecture(name: name) else { throw Refusal(what: name, code: 0) }
        try check(seccomp_arch_add(context, Self.token(architecture)), "arch add", allowing: -EEXIST)
      }
    }
    if optimized { try check(seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2), "optimize") }
    for rule in spec.rules { try add(rule, defaultAction) }
  }

  deinit {
    seccomp_release(context)
  }

  static func token(_ architecture: SeccompArchitecture) -> UInt32 {
    seccomp_arch_resolve_name(architecture.name)
  }

  /// Whether this libseccomp has the name at all.
  static func knows(_ name: String) -> Bool {
    let number = seccomp_syscall_resolve_name(name)
    return number != -1 && SystemCallTableWriter.name(token(.native), number) == name
  }

  private func add(_ rule: RuntimeSpec.SeccompRule, _ defaultAction: UInt32) throws {
    let action = try SeccompAction.parse(rule.action, number: rule.errnoRet)
    if action == defaultAction { return }
    let conditions = rule.conditions.map { condition in
      scmp_arg_cmp(
        arg: condition.index, op: Self.operation(condition.op), datum_a: condition.value, datum_b: condition.valueTwo)
    }
    let isTwice = Set(rule.conditions.map(\.index)).count < rule.conditions.count
    for name in rule.names {
      let number = seccomp_syscall_resolve_name(name)
      if number == -1 { continue }
      for list in isTwice ? conditions.map({ [$0] }) : [conditions] {
        try check(
          seccomp_rule_add_array(context, action, number, UInt32(list.count), list), "rule \(name) \(rule.conditions)")
      }
    }
  }

  private static func operation(_ name: String) -> scmp_compare {
    switch name {
    case "SCMP_CMP_NE": SCMP_CMP_NE
    case "SCMP_CMP_LT": SCMP_CMP_LT
    case "SCMP_CMP_LE": SCMP_CMP_LE
    case "SCMP_CMP_EQ": SCMP_CMP_EQ
    case "SCMP_CMP_GE": SCMP_CMP_GE
    case "SCMP_CMP_GT": SCMP_CMP_GT
    default: SCMP_CMP_MASKED_EQ
    }
  }

  private func check(_ code: Int32, _ what: String, allowing allowed: Int32 = 0) throws {
    if code < 0, code != allowed { throw Refusal(what: what, code: code) }
  }

  /// The filter.
  func instructions() throws -> [UInt64] {
    guard let file = tmpfile() else { throw Refusal(what: "tmpfile", code: errno) }
    defer { fclose(file) }
    try check(seccomp_export_bpf(context, fileno(file)), "export")
    var bytes = [UInt64](repeating: 0, count: 65536)
    let size = bytes.withUnsafeMutableBytes { pread(fileno(file), $0.baseAddress, $0.count, 0) }
    return Array(bytes.prefix(size / 8))
  }
}
