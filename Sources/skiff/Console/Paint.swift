import SkiffKernel

/// Colours, where a person looks: on a terminal, unless NO_COLOR is set (no-color.org) or the terminal has none.
struct Paint {
  enum Colour: String {
    case green = "32"
    case yellow = "33"
    case red = "31"
    case bold = "1"
    case faint = "2"
  }

  private let isOn: Bool

  init(_ stream: Descriptor = .standardOutput) {
    let forbids = ProcessEnvironment.value(named: "NO_COLOR").map { !$0.isEmpty } ?? false
    isOn = stream.isTerminal && !forbids && ProcessEnvironment.value(named: "TERM") != "dumb"
  }

  func callAsFunction(_ text: String, _ colour: Colour) -> String {
    isOn ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
  }
}
