import SkiffKernel
import SkiffRuntime
import SkiffSpec

/// `--landlock`
enum LandlockOption {
  /// Rules that are parted by commas, and their words one by one.
  static func read(_ texts: [String]) throws(EngineError) -> (rules: LandlockRules, words: [String]) {
    var rules = LandlockRules()
    var words: [String] = []
    for text in texts {
      for word in try CommaFields.split(text, option: "--landlock") {
        do throws(LandlockRules.Fault) {
          try rules.take(word)
        } catch {
          throw .invalidOption(name: "--landlock", value: text, reason: error.words)
        }
        words.append(word)
      }
    }
    return (rules, words)
  }

  /// The annotation that the runtime reads.
  static func annotation(_ texts: [String]) throws(EngineError) -> (key: String, value: String) {
    let (rules, words) = try read(texts)
    // Never a container without the walls that it was meant to have.
    if let obstacle = rules.obstacle(version: Landlock.version) {
      throw .refused("cannot restrict the container by --landlock: \(obstacle)")
    }
    return (LandlockRules.annotation, String(decoding: JSONValue(words).serialized(), as: UTF8.self))
  }
}
