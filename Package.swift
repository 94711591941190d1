// swift-tools-version: 6.3
import PackageDescription

// Rooms are listed floor by floor; a room depends only on lower floors (ARCHITECTURE.md).

/// What every room of ours is compiled with.
let house: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

/// Tests may be freer with pointers, not with warnings.
let houseTests: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
]

/// Tests that drive the programs do nothing themselves that optimising would hasten, and are most of what is compiled.
let compiledQuickly: [SwiftSetting] = [
  .unsafeFlags(["-Onone", "-no-whole-module-optimization", "-enable-batch-mode", "-num-threads", "0"])
]

/// A program that carries everything it needs, so that it starts at once and runs in any root file system.
let fullyStatic: [LinkerSetting] = [
  .unsafeFlags(["-static-executable"])
]

/// The Swift standard library inside, the system's C library outside: what asks for names of the network needs that.
let staticStandardLibrary: [LinkerSetting] = [
  .unsafeFlags([
    "-static-stdlib", "-use-ld=lld",
    "-l_FoundationCollections", "-l_FoundationCShims", "-lswiftSynchronization",
  ])
]

let package = Package(
  name: "skiff",
  products: [
    .executable(name: "skiff", targets: ["skiff"]),
    .executable(name: "skiff-runtime", targets: ["skiff-runtime"]),
    .executable(name: "skiff-transfer", targets: ["skiff-transfer"]),
    .executable(name: "skiff-init", targets: ["skiff-init"]),
    .library(name: "SkiffSpec", targets: ["SkiffSpec"]),
    .library(name: "SkiffRuntime", targets: ["SkiffRuntime"]),
    .library(name: "SkiffEngine", targets: ["SkiffEngine"]),
  ],
  targets: [
    // Floor 0: ground.
    .target(name: "CLinux"),
    .target(name: "SkiffKernel", dependencies: ["CLinux"], swiftSettings: house),
    .target(name: "SkiffSpec", swiftSettings: house),

    // Floor 1: mechanisms.
    .target(name: "SkiffRuntime", dependencies: ["SkiffKernel", "SkiffSpec"], swiftSettings: house),

    // Floor 2: stores.
    .target(name: "SkiffImages", dependencies: ["SkiffKernel", "SkiffSpec"], swiftSettings: house),
    .target(name: "SkiffNetworks", dependencies: ["SkiffKernel", "SkiffSpec"], swiftSettings: house),
    .target(
      name: "SkiffTransfer",
      dependencies: ["SkiffImages", "SkiffKernel", "SkiffSpec", "CCurl", "CZlib", "CZstd", "COpenSSL"],
      swiftSettings: house
    ),

    // Guests of SkiffTransfer: Debian's C libraries.
    .systemLibrary(
      name: "CCurl", path: "Sources/Guests/CCurl", pkgConfig: "libcurl",
      providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(
      name: "CZlib", path: "Sources/Guests/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(
      name: "CZstd", path: "Sources/Guests/CZstd", pkgConfig: "libzstd",
      providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(
      name: "COpenSSL", path: "Sources/Guests/COpenSSL", pkgConfig: "libcrypto",
      providers: [.apt(["libssl-dev"])]),

    // Floor 3: engine.
    .target(
      name: "SkiffEngine",
      dependencies: ["SkiffImages", "SkiffNetworks", "SkiffRuntime", "SkiffKernel", "SkiffSpec"],
      swiftSettings: house
    ),

    // Floor 4: protocols, how one asks.
    .target(name: "SkiffCommandLine", dependencies: ["SkiffSpec"], swiftSettings: house),

    // Floor 5: doors.
    .executableTarget(
      name: "skiff-runtime", dependencies: ["SkiffRuntime", "SkiffKernel", "SkiffSpec"],
      swiftSettings: house, linkerSettings: fullyStatic
    ),
    .executableTarget(
      name: "skiff-init", dependencies: ["SkiffKernel"],
      swiftSettings: house, linkerSettings: fullyStatic
    ),
    .executableTarget(
      name: "skiff-transfer", dependencies: ["SkiffTransfer", "SkiffImages", "SkiffKernel", "SkiffSpec"],
      swiftSettings: house, linkerSettings: staticStandardLibrary
    ),
    .executableTarget(
      name: "skiff",
      dependencies: [
        "SkiffCommandLine", "SkiffEngine", "SkiffImages", "SkiffNetworks", "SkiffRuntime", "SkiffKernel", "SkiffSpec",
      ],
      swiftSettings: house, linkerSettings: fullyStatic
    ),

    // Tests. The probe runs inside containers and tells what it sees there.
    .executableTarget(
      name: "skiff-probe", dependencies: ["SkiffNetworks", "SkiffKernel", "SkiffSpec"], path: "Tests/Probe",
      swiftSettings: house, linkerSettings: fullyStatic
    ),
    // Makes system calls of the programs under test fail.
    .executableTarget(name: "skiff-fault", path: "Tests/FaultInjector"),
    .systemLibrary(
      name: "CSeccomp", path: "Sources/Guests/CSeccomp", pkgConfig: "libseccomp",
      providers: [.apt(["libseccomp-dev"])]),
    .testTarget(name: "SkiffKernelTests", dependencies: ["SkiffKernel"], swiftSettings: houseTests),
    .testTarget(
      name: "SkiffSpecTests", dependencies: ["SkiffSpec"], exclude: ["Fixtures"], swiftSettings: houseTests),
    .testTarget(
      name: "SkiffRuntimeTests", dependencies: ["SkiffRuntime", "SkiffKernel", "SkiffSpec", "CSeccomp"],
      swiftSettings: houseTests),
    .testTarget(
      name: "SkiffImagesTests", dependencies: ["SkiffImages", "SkiffKernel", "SkiffSpec"],
      swiftSettings: houseTests),
    .testTarget(
      name: "SkiffTransferTests",
      dependencies: ["SkiffTransfer", "SkiffImages", "SkiffKernel", "SkiffSpec"],
      exclude: ["Fixtures"],
      swiftSettings: houseTests),
    .testTarget(
      name: "SkiffNetworksTests", dependencies: ["SkiffNetworks", "SkiffKernel", "SkiffSpec"],
      swiftSettings: houseTests),
    .testTarget(
      name: "SkiffEngineTests",
      dependencies: ["SkiffEngine", "SkiffImages", "SkiffNetworks", "SkiffRuntime", "SkiffKernel", "SkiffSpec"],
      swiftSettings: houseTests),
    .testTarget(name: "SkiffCommandLineTests", dependencies: ["SkiffCommandLine"], swiftSettings: houseTests),
    .testTarget(name: "HouseTests", swiftSettings: houseTests),
    .testTarget(
      name: "IntegrationTests", dependencies: ["SkiffNetworks", "SkiffKernel", "SkiffSpec"],
      swiftSettings: houseTests + compiledQuickly),
  ]
)
