import SkiffKernel

// skiff-probe: runs inside a container and tells, in JSON, what it sees and what it may do.
//
//   skiff-probe see
//   skiff-probe write /etc/motd hello , read /etc/motd , exit 3
//
// One line of JSON for each act; acts are parted by a comma. A refused act is {"errno":N,"error":"…"}.

/// Prints a value at once: whoever reads may be waiting for it.
func say(_ value: ProbeValue) {
  do throws(Errno) {
    try Descriptor.standardOutput.writeAll(Array((value.json + "\n").utf8))
  } catch {
    // Nobody listens: there is no one to tell.
    ProcessControl.exit(74)
  }
}

func perform(_ act: [String]) -> ProbeValue {
  guard let verb = act.first else { return seeProbe() }
  let arguments = Array(act.dropFirst())
  if verb == "see" { return seeProbe() }
  return fileProbe(verb, arguments) ?? resourceProbe(verb, arguments) ?? signalProbe(verb, arguments)
    ?? seccompProbe(verb, arguments) ?? networkProbe(verb, arguments)
    ?? .object([("error", .text("no such act: \(verb)"))])
}

let words = Array(CommandLine.arguments.dropFirst())
let acts = words.isEmpty ? [["see"]] : words.split(separator: ",").map(Array.init)
for act in acts { say(perform(act)) }
