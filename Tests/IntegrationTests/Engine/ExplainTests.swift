import Foundation
import Testing

extension Integration {
  /// Tutorial: every step explained.
  @Suite struct Explanations {
    @Test func `every step is told with its call, its command and its time`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let outcome = try store.skiff(
          "run", "--rm", "--explain", "--hostname", "voyage", "-m", "64m", "--pids-limit", "20", Store.image, "echo",
          "aye")

        #expect(outcome.lines.contains("aye"))
        let told = outcome.output + outcome.errors
        for word in ["unshare", "sethostname", "pivot_root", "pids.max", "mount", "capset", "seccomp", "eth0", "exec"] {
          #expect(told.contains(word), "\(word)")
        }
        #expect(told.contains("hostname voyage"))
        #expect(told.contains("µs") || told.contains("ms"))
        // In the order in which they are done.
        let order = ["sethostname", "pivot_root", "seccomp"].compactMap { told.range(of: $0)?.lowerBound }
        #expect(order == order.sorted())
      }
    }

    @Test func `dry only tells`() throws {
      try inHarbour { harbour in
        let store = try Store(harbour)

        let outcome = try store.skiff("run", "--explain=dry", Store.image, "sh", "-c", "echo ran > /dev/stderr")

        #expect(!outcome.errors.contains("ran\n"))
        #expect((outcome.output + outcome.errors).contains("pivot_root"))
        #expect(try store.skiff("ps", "--all", "--quiet").lines == [])
      }
    }
  }
}
