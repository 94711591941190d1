/// What may stand at the end of a command line.
public struct CompletionAnswer {
  /// Words that fit, with what they mean: commands and options.
  public var words: [(word: String, help: String)] = []
  /// What else may stand there.
  public var kind: CompletionKind = .nothing
  /// What stands before the part of the word that is completed: `--network=`, `container:`. It is in none of `words`.
  public var prefix = ""
  /// Whether more follows behind each of `words`, so that no space belongs there.
  public var isOpen = false
}

extension CommandLineProgram {
  /// What may stand in the place of the last word, which may be empty.
  ///
  /// - Parameter words: The words behind the program's name, the last one as far as it is typed.
  public func completions(_ words: [String]) -> CompletionAnswer {
    guard let current = words.last else { return CompletionAnswer() }
    var known = entries
    var found: CommandEntry?
    var rest = words.dropLast()
    while found?.parse == nil, let word = rest.popFirst() {
      guard let entry = known.first(where: { $0.isCalled(word) }) else { return CompletionAnswer() }
      found = entry
      known = entry.children
    }
    guard let found, found.parse != nil else {
      let shown = known.filter { !$0.isHidden && $0.name.hasPrefix(current) }
      return CompletionAnswer(words: shown.map { ($0.name, $0.abstract) })
    }
    return completions(found.describe(), Array(rest), current)
  }

  private func completions(_ description: CommandDescription, _ words: [String], _ current: String) -> CompletionAnswer
  {
    var answer = CompletionAnswer()
    var plain = 0
    var awaited: CommandDescription.Option?
    let passesOn = description.words.last?.isCommandLine ?? false
    for word in words {
      if awaited != nil {
        awaited = nil
      } else if word.hasPrefix("-"), word.count > 1, !(passesOn && plain > 0) {
        awaited = description.options.first { $0.names.contains(word) && $0.valueName != nil }
      } else {
        plain += 1
      }
    }
    if let awaited { return OptionValue(awaited).completions(current, behind: "") }
    if current.hasPrefix("--"), let equals = current.firstIndex(of: "="), !(passesOn && plain > 0) {
      let name = current[..<equals]
      guard let option = description.options.first(where: { $0.names.contains { $0 == name } }) else { return answer }
      return OptionValue(option).completions(String(current[current.index(after: equals)...]), behind: name + "=")
    }
    if current.hasPrefix("-"), !(passesOn && plain > 0) {
      for option in description.options {
        guard let help = option.help else { continue }
        for name in option.names where name.hasPrefix("--") && name.hasPrefix(current) {
          answer.words.append((name, help))
        }
      }
      return answer
    }
    // A list, and a command line for somebody else, go on; behind its first word the latter is files.
    if passesOn, plain > 0 {
      answer.kind = .file
    } else if let place = description.words.dropFirst(plain).first {
      answer.kind = place.completes
    } else if let last = description.words.last, last.isRepeating {
      answer.kind = last.completes
    }
    return answer
  }
}

/// The scripts by which shells ask a program for completions: `PROGRAM __complete WORD…` prints a line for each, the word and,
/// behind a tab, what it means. A line that is `:files` asks the shell for names of files.
public enum CompletionScript: String, CaseIterable {
  case bash, zsh, fish

  /// The script for a program.
  public func text(for program: String) -> String {
    switch self {
    case .bash:
      """
      # Completion of \(program) for bash: the program itself is asked.
      _\(program)() {
        local i word prefix line joins= words=()
        COMPREPLY=()
        # Bash ends a word at each = and :, and starts a new one behind it: they are put together again.
        for ((i = 1; i <= COMP_CWORD; i++)); do
          word=${COMP_WORDS[i]}
          if [[ ${#words[@]} -gt 0 && ( $joins || $word == [:=]* ) ]]; then
            words[${#words[@]}-1]+=$word
            joins=
            [[ $word == [:=]* ]] && joins=1
          else
            words+=("$word")
          fi
        done
        word=${words[${#words[@]}-1]}
        prefix=${word%"${word##*[:=]}"}
        while IFS=$'\\t' read -r line _; do
          case $line in
            :files) compopt -o default ;;
            :open) compopt -o nospace ;;
            *) COMPREPLY+=("${line#"$prefix"}") ;;
          esac
        done < <("${COMP_WORDS[0]}" __complete "${words[@]}" 2>/dev/null)
      }
      complete -F _\(program) \(program)

      """
    case .zsh:
      """
      #compdef \(program)
      # Completion of \(program) for zsh: the program itself is asked.
      _\(program)() {
        local line word
        local -a offers open
        while IFS= read -r line; do
          word=${line%%$'\\t'*}
          if [[ $word == :files ]]; then
            compset -P '*[=:]'
            _files
          elif [[ $word == :open ]]; then
            open=(-S '')
          else
            offers+=("${word//:/\\\\:}:${line#*$'\\t'}")
          fi
        done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
        (( ${#offers} )) && _describe -t commands '\(program)' offers "${open[@]}"
        return 0
      }
      _\(program) "$@"

      """
    case .fish:
      """
      # Completion of \(program) for fish: the program itself is asked.
      function __\(program)_complete
          set -l words (commandline -opc) (commandline -ct)
          for line in ($words[1] __complete $words[2..-1] 2>/dev/null)
              if test "$line" = ":files"
                  __fish_complete_path (string replace -r '^--[^=]*=' '' -- (commandline -ct))
              else if test "$line" != ":open"
                  echo $line
              end
          end
      end
      complete -c \(program) -f -a "(__\(program)_complete)"

      """
    }
  }
}
