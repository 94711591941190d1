#!/usr/bin/env python3
"""Runs skiff and its peers side by side, interleaved, and prints ratios.

A figure in milliseconds says more about the machine than about a program; a ratio measured in one interleaved run
says something about both programs. Peers that are not installed are left out.

  bench.py [runtime] [engine] [calls] [verbs] [memory] [crowd] [living] [logs] [--runs N]

runtime  `run` of /bin/true from a bundle: a minimal configuration, and one as an engine writes it; beside the latter `floor`,
         a C program that does just that and nothing else: what the kernel takes
engine   `run --rm` of an image, without a network and with the default one
calls    how many system calls, processes and programs each of these takes
verbs    what a runtime does with one living container: create, start, exec, delete --force
crowd    a hundred runs one after the other, a hundred and five hundred side by side; only where it is named
memory   the most memory that each verb holds at once
living   an engine's containers that stay (living.py): exec, what watches over one at rest, a hundred `run -d` at once, `ps` with a
         thousand; only where it is named
logs     a container that writes 1 GB of lines as fast as its log takes them; only where it is named, for it takes its time
"""

import argparse
import ctypes
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import living

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = os.environ.get("PROGRAMS", os.path.join(HERE, "..", ".build", "release"))


def worker():
    """Starts what it is told, one at a time, and tells how long it took: on standard input and output, as JSON lines."""
    null = os.open("/dev/null", os.O_RDWR)
    adopt_orphans()
    for line in sys.stdin:
        order = json.loads(line)
        if "crowd" in order:
            print(json.dumps(crowd(order["crowd"], order["width"], null)), flush=True)
            continue
        argv = order["argv"]
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
        start = time.monotonic_ns()
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        _, status, usage = os.wait4(pid, 0)
        wall = time.monotonic_ns() - start
        if order["orphans"]:
            usage = everybody(before)
        os.close(log)
        answer = {
            "wall": wall / 1e6,
            "cpu": (usage.ru_utime + usage.ru_stime) * 1e3,
            "code": os.waitstatus_to_exitcode(status),
        }
        print(json.dumps(answer), flush=True)


def adopt_orphans():
    """Whoever is left by its parent becomes a child of this process (PR_SET_CHILD_SUBREAPER)."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def everybody(before):
    """What all children used since then, those included that had gone into the background."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    after_and_before = [(getattr(after, key), getattr(before, key)) for key in ("ru_utime", "ru_stime")]
    return resource.struct_rusage([a - b for a, b in after_and_before] + list(after)[2:])


def crowd(orders, width, null):
    """Starts all of them, at most `width` at a time, and waits until the last has ended."""
    failed, running = 0, 0
    words = tempfile.TemporaryFile()
    actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, words.fileno(), 2)]
    start = time.monotonic_ns()
    for argv in orders:
        if running == width:
            failed += os.waitstatus_to_exitcode(os.wait()[1]) != 0
            running -= 1
        os.posix_spawn(argv[0], argv, os.environ, file_actions=actions)
        running += 1
    while running:
        failed += os.waitstatus_to_exitcode(os.wait()[1]) != 0
        running -= 1
    wall = (time.monotonic_ns() - start) / 1e9
    words.seek(0)
    return {"wall": wall, "failed": failed, "words": words.read(2000).decode(errors="replace")}


class Worker:
    """The process that starts programs: one for all, and one that does not see the controller-less cgroup v2 tree.

    On hybrid cgroups crun takes that tree for the only one and refuses; a mount namespace without it is its way out.
    """

    def __init__(self, hides_unified):
        command = [sys.executable, os.path.abspath(__file__), "--worker"]
        if hides_unified:
            script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", script, "sh"] + command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, argv, log, orphans=False):
        self.process.stdin.write(json.dumps({"argv": argv, "log": log, "orphans": orphans}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def crowd(self, orders, width):
        self.process.stdin.write(json.dumps({"crowd": orders, "width": width}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Contestant:
    """A program and how it is asked for one container."""

    def __init__(self, name, argv, hides_unified=False, orphans=False):
        self.name = name
        self.argv = argv
        # Whether what it leaves in the background counts as its own.
        self.orphans = orphans
        self.hides_unified = hides_unified
        self.samples = {}


class Bench:
    def __init__(self, runs):
        self.runs = runs
        self.directory = tempfile.mkdtemp(prefix="skiff-bench-", dir="/var/tmp")
        # What a reboot may forget lies in memory, for everybody, as /run does on most machines.
        self.memory = tempfile.mkdtemp(prefix="skiff-bench-", dir="/dev/shm")
        self.workers = {False: Worker(False), True: Worker(True)}
        self.number = 0

    def close(self):
        for worker in self.workers.values():
            worker.close()
        for parent, names, _ in os.walk("/sys/fs/cgroup"):
            if "skiff-bench" in names:
                try:
                    os.rmdir(os.path.join(parent, "skiff-bench"))
                except OSError as error:
                    print(f"left behind: {parent}/skiff-bench: {error}", file=sys.stderr)
            if parent.count("/") > 4:
                names.clear()
        shutil.rmtree(self.directory, ignore_errors=True)
        shutil.rmtree(self.memory, ignore_errors=True)

    def once(self, contestant):
        self.number += 1
        log = os.path.join(self.directory, "log")
        result = self.workers[contestant.hides_unified].run(
            contestant.argv(f"bench{self.number}"), log, contestant.orphans)
        if result["code"] != 0:
            with open(log, errors="replace") as file:
                raise SystemExit(f"{contestant.name} failed ({result['code']}): {file.read()}")
        return result

    def interleave(self, title, contestants, spacing):
        """Every contestant once, then every one again: what disturbs the machine disturbs them all."""
        for contestant in contestants:
            contestant.samples = {"wall": [], "cpu": []}
            self.once(contestant)
        for round_number in range(self.runs):
            # In another order each time, so that nobody always follows the same neighbour.
            shift = round_number % len(contestants)
            for contestant in contestants[shift:] + contestants[:shift]:
                if spacing:
                    time.sleep(spacing)
                result = self.once(contestant)
                for key in contestant.samples:
                    contestant.samples[key].append(result[key])
        own = contestants[0]
        print(f"\n### {title}, {'100 ms apart' if spacing else 'back to back'}, {self.runs} rounds\n")
        print("| | wall median ms | wall min ms | CPU median ms | wall: skiff takes | CPU: skiff takes |")
        print("|---|---|---|---|---|---|")
        for contestant in contestants:
            samples = contestant.samples
            ratio = {
                key: "" if contestant is own else f"{median(own.samples[key]) / median(samples[key]):.2f} ×"
                for key in ("wall", "cpu")
            }
            print(
                f"| {contestant.name} | {median(samples['wall']):.1f} | {min(samples['wall']):.1f} "
                f"| {median(samples['cpu']):.1f} | {ratio['wall']} | {ratio['cpu']} |"
            )

    def bundle(self, name, config):
        """A bundle of busybox with one of the configurations here."""
        path = os.path.join(self.directory, name)
        rootfs = os.path.join(path, "rootfs")
        if not os.path.exists(rootfs):
            subprocess.run([os.path.join(HERE, "..", "Scripts", "busybox-tree"), rootfs], check=True)
            for directory in ("binds", "binds/shm"):
                os.mkdir(os.path.join(path, directory))
            for file in ("resolv.conf", "hosts", ".containerenv", "hostname"):
                open(os.path.join(path, "binds", file), "w").close()
        with open(os.path.join(HERE, config)) as file:
            self.template = file.read()
        text = self.template.replace("@BUNDLE@", path).replace("@ID@", name)
        with open(os.path.join(path, "config.json"), "w") as file:
            file.write(text)
        return path

    def waiting_bundle(self):
        """The engine's configuration with a program that stays."""
        self.quick = self.bundle("engine", "engine-config.json")
        path = self.bundle("waiting", "engine-config.json")
        name = os.path.join(path, "config.json")
        with open(name) as file:
            config = json.load(file)
        config["process"]["args"] = ["/bin/sleep", "600"]
        with open(name, "w") as file:
            json.dump(config, file)
        return path

    def runtimes(self, bundle):
        state = os.path.join(self.memory, "state")

        def contestant(name, program, hides_unified=False):
            root = f"{state}-{name.split()[0]}"
            return Contestant(
                name, lambda id: [program, "--root", root, "run", "--bundle", bundle, id], hides_unified)

        found = [contestant("skiff-runtime", os.path.join(PROGRAMS, "skiff-runtime"))]
        floor = self.floor()
        if floor and bundle.endswith("/engine"):
            found.append(Contestant("floor", lambda id: [floor, bundle, id]))
        for name, hides in (("crun", True), ("runc", False)):
            program = shutil.which(name)
            if program:
                found.append(contestant(f"{name} {version(program)}", program, hides))
        return found

    def floor(self):
        """The yardstick (floor.c), where a C compiler is."""
        return self.compiled("floor.c", "floor")

    def compiled(self, source, name):
        program = os.path.join(self.directory, name)
        compiler = shutil.which("cc")
        if compiler and not os.path.exists(program):
            subprocess.run([compiler, "-O2", "-static", "-o", program, os.path.join(HERE, source)], check=True)
        return program if os.path.exists(program) else None

    def engines(self, network):
        store = os.path.join(self.directory, "store")
        skiff = os.path.join(PROGRAMS, "skiff")
        own = [skiff, "--root", store, "--run-root", os.path.join(self.memory, "run")]
        podman = shutil.which("podman")
        peer = [podman, "--root", os.path.join(self.directory, "podman"), "--runroot",
                os.path.join(self.memory, "podman-run")]
        self.own, self.peer = own, peer if podman else None
        image = "localhost/busybox:latest"
        if not os.path.exists(store):
            tree = os.path.join(self.directory, "tree")
            archive = os.path.join(self.directory, "busybox.tar")
            subprocess.run([os.path.join(HERE, "..", "Scripts", "busybox-tree"), tree], check=True)
            subprocess.run(["tar", "-C", tree, "-cf", archive, "."], check=True)
            subprocess.run(own + ["import", archive, image], check=True, stdout=subprocess.DEVNULL)
            if podman:
                subprocess.run(peer + ["import", "--quiet", archive, image], check=True, stdout=subprocess.DEVNULL)
        found = [Contestant("skiff", lambda id: own + ["run", "--rm", "--network", network, image, "/bin/true"])]
        if podman:
            # Without these it asks for limits that a caller without CAP_SYS_RESOURCE may not set.
            limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"]
            theirs = "podman" if network == "bridge" else network
            found.append(
                Contestant(
                    f"podman {version(podman)}",
                    lambda id: peer + ["run", "--rm", "--network", theirs] + limits + [image, "/bin/true"], True))
        return found

    def loggers(self):
        """1 GB of lines of a hundred bytes, written in large pieces, by a container in the background; its start and end included."""
        self.engines("none")
        lines = os.path.join(self.directory, "lines")
        size = 64 << 20
        line = b"2026-11-21T19:00:00 INFO  request handled method=GET path=/api/v1/items/12345 status=200 time=12ms\n"
        with open(lines, "wb") as file:
            file.write(line * (size // len(line)))
        told = "i=0; while [ $i -lt 16 ]; do cat /lines; i=$((i+1)); done"
        image = "localhost/busybox:latest"

        def contestant(name, words, options, hides_unified=False):
            run = words + ["run", "-d", "--network", "none", "-v", f"{lines}:/lines:ro"] + options + [image, "sh", "-c", told]
            script = 'n=$1; shift; id=$("$@") && eval "$n wait \$id && $n rm \$id"'
            command = ["/bin/sh", "-c", script, "sh", " ".join(words)] + run
            return Contestant(name, lambda id: command, hides_unified, orphans=True)

        found = [
            contestant(f"skiff, {driver}", self.own, ["--log-driver", driver]) for driver in ("json-file", "local", "k8s-file")
        ]
        found.append(contestant("skiff, json-file without bound", self.own, ["--log-opt", "max-size=-1"]))
        found.append(contestant("skiff, none", self.own, ["--log-driver", "none"]))
        if self.peer:
            limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096", "--log-driver", "k8s-file"]
            found.append(contestant(f"podman {version(self.peer[0])}, k8s-file", self.peer, limits, True))
        return found

    def verbs(self, bundle):
        """Each verb for itself, on a container that lives; who is asked first changes from round to round."""
        verbs = ["create", "start", "exec", "delete"]
        programs = self.programs()
        samples = {name: {verb: {"wall": [], "cpu": []} for verb in verbs} for name, _, _ in programs}
        for round_number in range(self.runs + 1):
            shift = round_number % len(programs)
            for name, command, hides in programs[shift:] + programs[:shift]:
                self.number += 1
                id = f"bench{self.number}"
                orders = {
                    "create": ["create", "--bundle", bundle, id],
                    "start": ["start", id],
                    "exec": ["exec", id, "/bin/true"],
                    "delete": ["delete", "--force", id],
                }
                for verb in verbs:
                    log = os.path.join(self.directory, "log")
                    result = self.workers[hides].run(command + orders[verb], log)
                    if result["code"] != 0:
                        with open(log, errors="replace") as file:
                            raise SystemExit(f"{name} {verb} failed ({result['code']}): {file.read()}")
                    # The first round is for the caches.
                    if round_number > 0:
                        for key in ("wall", "cpu"):
                            samples[name][verb][key].append(result[key])
        print(f"\n### verbs, an engine's configuration, {self.runs} rounds\n")
        print("| | " + " | ".join(f"{verb}: wall ms | CPU ms" for verb in verbs) + " |")
        print("|---" * (1 + 2 * len(verbs)) + "|")
        own = samples[programs[0][0]]
        for name, _, _ in programs:
            cells = [f"{median(samples[name][verb][key]):.1f}" for verb in verbs for key in ("wall", "cpu")]
            print(f"| {name} | " + " | ".join(cells) + " |")
        for name, _, _ in programs[1:]:
            cells = [
                f"{median(own[verb][key]) / median(samples[name][verb][key]):.2f} ×"
                for verb in verbs for key in ("wall", "cpu")
            ]
            print(f"| skiff-runtime to {name} | " + " | ".join(cells) + " |")

    def crowd(self, bundle):
        """Many containers: the time until the last of them has ended."""
        programs = self.programs()
        print("\n### many runs, an engine's configuration: seconds until the last has ended\n")
        print("| | " + " | ".join(name for name, _, _ in programs) + " | skiff-runtime takes |")
        print("|---" * (len(programs) + 2) + "|")
        for count, width in ((100, 1), (100, 100), (500, 500)):
            times = []
            bundles = [self.crowded_bundle(bundle, i) for i in range(count)]
            for name, command, hides in programs:
                self.number += 1
                orders = [command + ["run", "--bundle", path, f"bench{self.number}-{i}"] for i, path in enumerate(bundles)]
                result = self.workers[hides].crowd(orders, width)
                if result["failed"]:
                    raise SystemExit(f"{name}: {result['failed']} of {count} runs failed: {result['words']}")
                times.append(result["wall"])
            how = "one after the other" if width == 1 else "side by side"
            ratios = ", ".join(
                f"{times[0] / other:.2f} × {name}" for other, (name, _, _) in zip(times[1:], programs[1:]))
            print(f"| {count} {how} | " + " | ".join(f"{wall:.2f}" for wall in times) + f" | {ratios} |")

    def crowded_bundle(self, bundle, number):
        """The same container with a control group of its own: two in one would be refused."""
        path = os.path.join(self.directory, f"crowd-{number}")
        if not os.path.exists(path):
            os.mkdir(path)
            text = self.template.replace("@BUNDLE@", bundle).replace("@ID@", f"crowd-{number}")
            config = json.loads(text)
            config["root"]["path"] = os.path.join(bundle, "rootfs")
            with open(os.path.join(path, "config.json"), "w") as file:
                json.dump(config, file)
        return path

    def memory_of_verbs(self, bundle):
        """The largest resident set of each verb: most of it pages of the program's file, which all of them share."""
        verbs = ["run", "create", "start", "exec", "state", "kill", "delete"]
        program = self.compiled("peak.c", "peak")
        if not program:
            return
        print("\n### the most memory that a verb holds, kB\n")
        print("| | " + " | ".join(verbs) + " |")
        print("|---" * (len(verbs) + 1) + "|")
        for name, command, hides in self.programs():
            cells = []
            id = f"bench-{name.split()[0]}"
            for verb in verbs:
                order = {
                    "run": ["run", "--bundle", self.quick, id + "-run"],
                    "create": ["create", "--bundle", bundle, id],
                    "exec": ["exec", id, "/bin/true"],
                    "kill": ["kill", id, "KILL"],
                    "delete": ["delete", "--force", id],
                }.get(verb, [verb, id])
                report = os.path.join(self.directory, "peak-report")
                log = os.path.join(self.directory, "log")
                result = self.workers[hides].run([program, report] + command + order, log)
                with open(log, errors="replace") as file:
                    words = file.read()
                if result["code"] != 0:
                    raise SystemExit(f"{name} {verb} failed ({result['code']}): {words}")
                with open(report) as file:
                    cells.append(file.read().strip())
            print(f"| {name} | " + " | ".join(cells) + " |")

    def programs(self):
        """The runtimes, with what stands before every verb."""
        state = os.path.join(self.memory, "state")
        found = [("skiff-runtime", os.path.join(PROGRAMS, "skiff-runtime"), False)]
        for name, hides in (("crun", True), ("runc", False)):
            if shutil.which(name):
                found.append((f"{name} {version(name)}", shutil.which(name), hides))
        return [(name, [path, "--root", f"{state}-{name.split()[0]}"], hides) for name, path, hides in found]

    def calls(self, title, contestants):
        if not shutil.which("strace"):
            return
        print(f"\n### {title}: what it takes\n")
        print("| | system calls | processes and threads | programs executed |")
        print("|---|---|---|---|")
        for contestant in contestants:
            self.number += 1
            trace = os.path.join(self.directory, "trace")
            log = os.path.join(self.directory, "log")
            argv = [shutil.which("strace"), "-f", "-o", trace] + contestant.argv(f"bench{self.number}")
            self.workers[contestant.hides_unified].run(argv, log)
            calls, processes, programs = 0, set(), 0
            with open(trace, errors="replace") as file:
                for line in file:
                    match = re.match(r"(\d+) +(<\.\.\. )?(\w+)( resumed>|\()", line)
                    if not match:
                        continue
                    processes.add(match.group(1))
                    if match.group(2):
                        continue
                    calls += 1
                    if match.group(3) in ("execve", "execveat") and "ENOENT" not in line:
                        programs += 1
            print(f"| {contestant.name} | {calls} | {len(processes)} | {programs} |")


def median(values):
    return statistics.median(values)


def version(program):
    text = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    match = re.search(r"\d+\.\d+(\.\d+)?", text)
    return match.group(0) if match else "?"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = ["runtime", "engine", "calls", "verbs", "memory", "crowd", "living", "logs"]
    parser.add_argument("what", nargs="*", choices=what + [[]], default=[])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker()
    what = options.what or ["runtime", "engine", "calls", "verbs", "memory"]
    if os.geteuid() != 0:
        raise SystemExit("the benchmarks need root")
    bench = Bench(options.runs)
    try:
        configurations = [
            ("minimal", "minimal-config.json", "run, minimal configuration"),
            ("engine", "engine-config.json", "run, an engine's configuration"),
        ]
        bundles = [(title, bench.bundle(name, config)) for name, config, title in configurations]
        if "runtime" in what:
            for title, bundle in bundles:
                for spacing in (0, 0.1):
                    bench.interleave(title, bench.runtimes(bundle), spacing)
        if "engine" in what:
            for network in ("none", "bridge"):
                for spacing in (0, 0.1):
                    bench.interleave(f"run --rm --network {network}", bench.engines(network), spacing)
        if "verbs" in what:
            bench.verbs(bench.waiting_bundle())
        if "crowd" in what:
            bench.crowd(bundles[1][1])
        if "memory" in what:
            bench.memory_of_verbs(bench.waiting_bundle())
        if "living" in what:
            living.measure(bench, median)
        if "logs" in what:
            bench.interleave("1 GB of lines", bench.loggers(), 0)
        if "calls" in what:
            for title, bundle in bundles:
                bench.calls(title, bench.runtimes(bundle))
            for network in ("none", "bridge"):
                bench.calls(f"run --rm --network {network}", bench.engines(network))
    finally:
        bench.close()


if __name__ == "__main__":
    main()
