import SkiffEngine
import SkiffSpec
import Testing

@Suite struct ProcessCompositionTests {
  private func image(_ change: (inout ImageDefaults) -> Void) -> ImageDefaults {
    var image = ImageDefaults()
    change(&image)
    return image
  }

  @Test func `the image's entry point takes the image's command`() {
    let image = image {
      $0.entrypoint = ["/entry"]
      $0.command = ["serve"]
    }

    #expect(SpecComposer.commandLine(RunRequest(), image) == ["/entry", "serve"])
  }

  @Test func `a command of the caller's replaces the image's and keeps the entry point`() {
    let image = image {
      $0.entrypoint = ["/entry"]
      $0.command = ["serve"]
    }
    var request = RunRequest()
    request.command = ["check", "-v"]

    #expect(SpecComposer.commandLine(request, image) == ["/entry", "check", "-v"])
  }

  @Test func `a new entry point drops the image's command`() {
    let image = image {
      $0.entrypoint = ["/entry"]
      $0.command = ["serve"]
    }
    var request = RunRequest()
    request.entrypoint = ["/bin/sh"]

    #expect(SpecComposer.commandLine(request, image) == ["/bin/sh"])
    request.command = ["-c", "id"]
    #expect(SpecComposer.commandLine(request, image) == ["/bin/sh", "-c", "id"])
    request.entrypoint = []
    #expect(SpecComposer.commandLine(request, image) == ["-c", "id"])
  }

  @Test func `nothing to run is refused`() {
    let fixture = ComposerFixture { $0.command = [] }

    #expect(fixture.refusal()?.hasPrefix("nothing to run") == true)
  }

  @Test func `the caller's variables stand over the image's, and those over the defaults`() throws {
    var fixture = ComposerFixture {
      $0.environment = ["B=caller", "C=new", "A"]
      $0.hasTerminal = true
    }
    fixture.composition.image.environment = ["PATH=/image", "A=image", "B=image", "broken", "=worse"]

    let environment = try fixture.process().environment

    #expect(
      environment == ["PATH=/image", "HOSTNAME=abababababab", "TERM=xterm", "B=caller", "C=new", "HOME=/root"])
  }

  @Test func `a user without a home lives in the root directory`() throws {
    var fixture = ComposerFixture()
    fixture.composition.user = ResolvedUser(userID: 7, groupID: 8, additionalGroupIDs: [8, 9])

    let process = try fixture.process()

    #expect(process.environment.contains("HOME=/"))
    #expect(process.user.userID == 7)
    #expect(process.user.groupID == 8)
    #expect(process.user.additionalGroupIDs == [8, 9])
    #expect(process.user.umask == 0o022)
  }

  @Test func `the working directory is the caller's, else the image's, else the root`() throws {
    var fixture = ComposerFixture()
    #expect(try fixture.process().workingDirectory == "/")
    fixture.composition.image.workingDirectory = "srv"
    #expect(try fixture.process().workingDirectory == "/srv")
    fixture.composition.request.workingDirectory = "/tmp"
    #expect(try fixture.process().workingDirectory == "/tmp")
    fixture.composition.request.workingDirectory = "tmp"
    #expect(fixture.refusal() == "invalid value \"tmp\" for --workdir: the working directory is an absolute path")
  }

  @Test func `an init program runs in front of the command`() throws {
    var fixture = ComposerFixture { $0.usesInit = true }
    fixture.composition.files.initProgram = "/usr/libexec/skiff-init"

    #expect(try fixture.process().arguments == ["/dev/init", "--", "true"])
    #expect(try fixture.mount("/dev/init")?.source == "/usr/libexec/skiff-init")
    #expect(try fixture.mount("/dev/init")?.options.contains("ro") == true)
  }

  @Test func `no core files, and open files as far as the caller may`() throws {
    var fixture = ComposerFixture()
    #expect(
      try fixture.process().rlimits == [
        RuntimeSpec.ResourceLimit(type: "RLIMIT_CORE", soft: 0, hard: 0),
        RuntimeSpec.ResourceLimit(type: "RLIMIT_NOFILE", soft: 1024, hard: 524_288),
      ])
    fixture.composition.host.mayRaiseLimits = false
    fixture.composition.host.openFilesHardLimit = 20_000
    #expect(
      try fixture.process().rlimits.last == RuntimeSpec.ResourceLimit(type: "RLIMIT_NOFILE", soft: 1024, hard: 20_000))
  }

  @Test func `the last word on a limit counts, and one beyond the caller's is refused`() throws {
    var fixture = ComposerFixture {
      $0.resourceLimits = [
        ResourceLimitRequest(name: "nofile", soft: 1, hard: 2), ResourceLimitRequest(name: "core", soft: 5, hard: .max),
        ResourceLimitRequest(name: "nofile", soft: 100, hard: 30_000),
      ]
    }
    #expect(
      try fixture.process().rlimits == [
        RuntimeSpec.ResourceLimit(type: "RLIMIT_CORE", soft: 5, hard: .max),
        RuntimeSpec.ResourceLimit(type: "RLIMIT_NOFILE", soft: 100, hard: 30_000),
      ])
    fixture.composition.host.mayRaiseLimits = false
    fixture.composition.host.openFilesHardLimit = 20_000
    #expect(fixture.refusal()?.contains("CAP_SYS_RESOURCE") == true)
  }

  @Test func `terminal, umask and oom score are passed on`() throws {
    var fixture = ComposerFixture {
      $0.hasTerminal = true
      $0.umask = 0o077
      $0.oomScoreAdjustment = 500
    }
    fixture.composition.consoleSize = RuntimeSpec.ConsoleSize(height: 24, width: 80)

    let process = try fixture.process()

    #expect(process.terminal)
    #expect(process.consoleSize == RuntimeSpec.ConsoleSize(height: 24, width: 80))
    #expect(process.user.umask == 0o077)
    #expect(process.oomScoreAdjustment == 500)
  }
}
