import ArgumentParser
@main struct Skiff: ParsableCommand { func run() { print("skiff") } }
