import SkiffKernel
import SkiffSpec

/// Shows how a container was made, one line a step.
enum ExplanationPrinter {
  static func text(_ steps: [ExplanationStep]) -> String {
    guard !steps.isEmpty else { return "" }
    let width = String(steps.count).count
    var text = ""
    for (index, step) in steps.enumerated() {
      let number = String(index + 1)
      let time = step.nanoseconds.map { " [\(HumanText.time($0))]" } ?? ""
      text += String(repeating: " ", count: width - number.count) + number + "  " + oneLine(step.what)
      text += "  |  " + oneLine(step.kernelCall) + "  |  $ " + oneLine(step.command) + time + "\n"
    }
    let total = steps.compactMap(\.nanoseconds).reduce(0) { $0 &+ $1 }
    if total > 0 { text += "\(steps.count) steps, \(HumanText.time(total)) in them together\n" }
    return text
  }

  /// On standard error: standard output belongs to the container.
  static func print(_ steps: [ExplanationStep]) {
    Console.write(text(steps), to: .standardError)
  }

  private static func oneLine(_ text: String) -> String {
    text.split(separator: "\n").joined(separator: " ")
  }
}
