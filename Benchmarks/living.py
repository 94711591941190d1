"""Containers that stay: what it takes to enter one, to list many, to start many at once, and what watches over one at rest."""

import os
import time

IMAGE = "localhost/busybox:latest"
STAY = [IMAGE, "/bin/sleep", "86400"]
CROWD = 100
MANY = 1000


class Engine:
    """An engine's commands, with the store of the benchmark."""

    def __init__(self, bench, name, command, hides_unified, options, at_once):
        self.bench, self.name, self.command, self.hides, self.options = bench, name, command, hides_unified, options
        # What it takes not to wait for a container that is removed.
        self.at_once = at_once

    def ask(self, *words):
        log = os.path.join(self.bench.directory, "log")
        result = self.bench.workers[self.hides].run(self.command + list(words), log)
        if result["code"] != 0:
            with open(log, errors="replace") as file:
                raise SystemExit(f"{self.name} {words[0]} failed ({result['code']}): {file.read()}")
        return result

    def line(self, name):
        return ["run", "--detach", "--name", name, "--network", "none"] + self.options + STAY

    def start(self, name):
        return self.ask(*self.line(name))

    def start_together(self, names):
        orders = [self.command + self.line(name) for name in names]
        result = self.bench.workers[self.hides].crowd(orders, len(orders))
        if result["failed"]:
            print(f"\n{self.name}: {result['failed']} of {len(orders)} failed: {result['words']}")
        return result["wall"]

    def living(self):
        log = os.path.join(self.bench.directory, "log")
        self.ask("ps", "--all", "--quiet")
        with open(log) as file:
            return file.read().split()

    def remove(self, names):
        self.ask("rm", "--force", *self.at_once, *names)


def measure(bench, median):
    contestants = bench.engines("none")
    limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]
    engines = [Engine(bench, contestants[0].name, bench.own, False, [], [])]
    if bench.peer:
        engines.append(Engine(bench, contestants[1].name, bench.peer, True, limits, ["--time", "0"]))
    enter(bench, engines, median)
    rest(engines)
    together(engines)
    listing(bench, engines[0], median)


def enter(bench, engines, median):
    """exec of /bin/true in a container that runs."""
    for engine in engines:
        engine.start("enter")
    samples = {engine.name: [] for engine in engines}
    for number in range(bench.runs + 1):
        for engine in engines:
            result = engine.ask("exec", "enter", "/bin/true")
            if number > 0:
                samples[engine.name].append(result["wall"])
    for engine in engines:
        engine.remove(["enter"])
    table(f"exec of /bin/true, {bench.runs} rounds", "wall median ms", [median(samples[e.name]) for e in engines], engines)


def rest(engines):
    """The memory of everything that an engine leaves running for a container, beside the container itself (PSS)."""
    shares, own = [], []
    for engine in engines:
        before = processes()
        names = [f"rest-{number}" for number in range(10)]
        for name in names:
            engine.start(name)
        # Longer than a monitor waits before it gives back what it needed for the start.
        time.sleep(4)
        outside = os.readlink("/proc/self/ns/pid")
        watchers = [pid for pid in processes() - before if namespace(pid) == outside]
        memory = [proportional(pid) for pid in watchers]
        shares.append(sum(share for share, _ in memory) / len(names))
        own.append(sum(private for _, private in memory) / len(names))
        engine.remove(names)
    table("what watches over a container at rest, of ten", "PSS kB", shares, engines)
    table("the same, what is its own", "private kB", own, engines)


def together(engines):
    """A hundred `run --detach` at once."""
    walls = []
    for engine in engines:
        names = [f"together-{number}" for number in range(CROWD)]
        walls.append(engine.start_together(names))
        engine.remove(engine.living())
    table(f"{CROWD} run --detach at once", "seconds", walls, engines)


def listing(bench, engine, median):
    """`ps` with a thousand containers that run."""
    names = [f"many-{number}" for number in range(MANY)]
    for name in names:
        engine.start(name)
    for words in (["ps"], ["ps", "--all", "--quiet"]):
        walls = [engine.ask(*words)["wall"] for _ in range(bench.runs)]
        print(f"\n`{' '.join(words)}` with {MANY} running containers: {median(walls):.1f} ms (median of {bench.runs})")
    for first in range(0, MANY, 100):
        engine.remove(names[first:first + 100])


def table(title, unit, values, engines):
    print(f"\n### {title}\n")
    print("| | " + " | ".join(engine.name for engine in engines) + " | skiff takes |")
    print("|---" * (len(engines) + 2) + "|")
    ratios = ", ".join(f"{values[0] / value:.2f} ×" for value in values[1:])
    print(f"| {unit} | " + " | ".join(f"{value:.1f}" for value in values) + f" | {ratios} |", flush=True)


def processes():
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def namespace(pid):
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


def proportional(pid):
    """What a process holds, shared pages by their share, and what nobody else has; kB. Nothing for the kernel's own threads."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            fields = dict(line.split(":", 1) for line in file.read().splitlines()[1:])
    except OSError:
        return 0, 0
    return tuple(
        sum(int(fields[key].split()[0]) for key in keys if key in fields)
        for keys in (("Pss",), ("Private_Clean", "Private_Dirty")))
