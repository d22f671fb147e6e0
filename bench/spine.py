#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the spine beside its peers, both in one run; see bench/README.md.

usage: bench/spine.py [BUILD_DIR] [--only NAME,...] [--rounds N] [--folder DIR]
"""
import argparse
import json
import os
import re
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

SWEEP = """sweep: 1
name: bench
command: {command}
objective: {{metric: acc, goal: max}}
space:
  x: {{float: [0, 1]}}
run: {{resources: {{cpus: 0}}}}
budget: {{trials: {trials}}}
"""


def cpu_ns(pid):
    """CPU time of all threads of a process, in ns."""
    total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/schedstat" % (pid, task)) as stat:
                total += int(stat.read().split()[0])
        except FileNotFoundError:
            pass
    return total


def memory_kib(pid):
    """(anonymous, proportional) memory of a process in KiB."""
    found = {}
    with open("/proc/%d/smaps_rollup" % pid) as rollup:
        for line in rollup:
            match = re.match(r"(Anonymous|Pss):\s+(\d+) kB", line)
            if match:
                found[match.group(1)] = int(match.group(2))
    return found["Anonymous"], found["Pss"]


GRID = """sweep: 1
name: bench
command: {command}
objective: {{metric: acc, goal: max}}
space:
  n: {{int: [0, {last}]}}
search: {{sampler: grid}}
budget: {{failures: {{first: 0, max: 100%}}}}
run: {{resources: {{cpus: 0}}}}
"""

RESUME = """sweep: 1
name: bench
command: [date, "+acc=%s.%N x={{n}}"]
objective: {{metric: acc, goal: max}}
space:
  n: {{int: [0, {last}]}}
search: {{sampler: {sampler}}}
{bound}
"""


class Bench:
    def __init__(self, build, rounds, folder):
        self.build = os.path.abspath(build)
        self.rounds = rounds
        self.folder = tempfile.mkdtemp(prefix="winnow-bench-", dir=folder)
        self.serial = 0
        self.live = []

    def program(self, name):
        return os.path.join(self.build, name)

    def new(self, stem):
        self.serial += 1
        return os.path.join(self.folder, "%s%d" % (stem, self.serial))

    @staticmethod
    def row(what, ours, peer="", ratio="", goal=""):
        print("| %s | %s | %s | %s | %s |" % (what, ours, peer, ratio, goal), flush=True)

    # ---- processes ----

    def start(self, *words, **options):
        log = open(self.new("log"), "w")
        proc = subprocess.Popen([self.program("winnow"), *words], stderr=log, text=True,
                                **options)
        proc.log = log.name
        self.live.append(proc)
        return proc

    def stop(self, *procs):
        for proc in procs:
            proc.send_signal(signal.SIGTERM)
            proc.wait(timeout=60)
            self.live.remove(proc)

    def kill(self, proc):
        proc.kill()
        proc.wait()
        self.live.remove(proc)

    def close(self):
        for proc in self.live:
            proc.kill()
        shutil.rmtree(self.folder)

    def coordinator(self):
        home = self.new("home")
        proc = self.start("coordinator", "--home", home, "--listen", "tcp://127.0.0.1:*",
                          stdout=subprocess.PIPE)
        ready = proc.stdout.readline()
        return proc, home, re.search(r"tcp://[^\s,]+", ready).group(0)

    def agent(self, endpoint, slots):
        return self.start("agent", "--connect", endpoint, "--slots", str(slots),
                          "--work-dir", self.new("agent"), stdout=subprocess.DEVNULL)

    def write_sweep(self, text):
        path = self.new("sweep") + ".yaml"
        with open(path, "w") as out:
            out.write(text)
        return path

    def sweep_file(self, trials, command):
        return self.write_sweep(SWEEP.format(command=json.dumps(command), trials=trials))

    def winnow(self, *words):
        return subprocess.run([self.program("winnow"), *words], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def peer(self, name, *words):
        out = subprocess.run([self.program(name), *map(str, words)], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
        return json.loads(out)

    # ---- measurements ----

    def trials_a_second(self, in_flight, total, sweep):
        proc, home, endpoint = self.coordinator()
        agent = self.agent(endpoint, in_flight)
        subprocess.run([self.program("winnow"), "submit", "--home", home, "--follow",
                        sweep], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        trials = json.loads(self.winnow("trials", "last", "--home", home, "-o", "json"))
        assert len(trials) == total
        begin = min(trial["start_time"] for trial in trials)
        end = max(trial["end_time"] for trial in trials)
        self.stop(agent, proc)
        return 1000 * total / (end - begin)

    def trials(self):
        """Trivial programs through everything, beside posix_spawn and wait of the same."""
        total = 4000
        nothing = self.program("bench_nothing")
        kinds = (("nothing, like `true`", [nothing, "64"],
                  GRID.format(command=json.dumps([nothing, "{n}"]), last=total - 1)),
                 ("`echo` with a metric", ["/bin/echo", "acc=0.123456"],
                  SWEEP.format(command=json.dumps(["/bin/echo", "acc={x}"]),
                               trials=total)))
        for what, bare_command, text in kinds:
            sweep = self.write_sweep(text)
            for in_flight in (2, 8, 64):
                pairs = []
                for _ in range(self.rounds):
                    bare = self.peer("bench_bare", in_flight, total, *bare_command)
                    ours = self.trials_a_second(in_flight, total, sweep)
                    pairs.append((ours, bare["per_second"]))
                ratio = statistics.median(ours / bare for ours, bare in pairs)
                self.row("trials/s of %s, %d at once" % (what, in_flight),
                         "%.0f" % statistics.median(p[0] for p in pairs),
                         "posix_spawn+wait %.0f" % statistics.median(
                             p[1] for p in pairs),
                         "%.0f %%" % (100 * ratio), "70 %")

    def helper(self):
        out = subprocess.run([self.program("bench_spawn"), self.program("winnow-trial")],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        ratio = re.search(r"ratio\s+([\d.]+)", out).group(1)
        log = re.search(r"winnow log\s+([\d.]+) ms", out).group(1)
        self.row("helper alone, `true`", "", "posix_spawn+wait", ratio, "")
        self.row("start of `winnow log` in a trial", log + " ms", "", "", "1.5 ms")

    def coordinator_cpu(self):
        for total in (1024, 16384, 65536):
            proc, home, endpoint = self.coordinator()
            self.winnow("submit", "--home", home,
                        self.sweep_file(total, ["true", "{x}"]))
            before = cpu_ns(proc.pid)
            load = self.peer("bench_generator", endpoint, 64, 1, 1, 1, total)
            used = cpu_ns(proc.pid) - before
            self.row("coordinator CPU a trial, 64 at once, %d trials" % total,
                     "%.1f us (%.0f trials/s)" % (used / 1e3 / total,
                                                  total / load["seconds"]),
                     "", "", "50 us")
            self.stop(proc)

    def ingest(self):
        slots, points, batch, window = 8, 100000, 500, 16
        pairs = []
        for _ in range(self.rounds):
            proc, home, endpoint = self.coordinator()
            self.winnow("submit", "--home", home,
                        self.sweep_file(slots, ["true", "{x}"]))
            load = self.peer("bench_generator", endpoint, slots, points, batch, window,
                             slots)
            self.stop(proc)
            commits = int(re.search(r"commits=(\d+)", open(proc.log).read()).group(1))
            rows = slots * points // commits
            bare = self.peer("bench_insert", self.new("bare"), slots, rows, commits)
            pairs.append((load["points"] / load["seconds"],
                          bare["points"] / bare["seconds"], rows))
        ratio = statistics.median(ours / bare for ours, bare, _ in pairs)
        self.row("metric points/s into the committed store",
                 "%.0f" % statistics.median(p[0] for p in pairs),
                 "bare SQLite, %d a commit: %.0f" % (
                     statistics.median(p[2] for p in pairs),
                     statistics.median(p[1] for p in pairs)),
                 "%.0f %%" % (100 * ratio), "50 %")

    def start_up(self):
        times = []
        for _ in range(max(5, self.rounds)):
            home = self.new("home")
            sweep = self.sweep_file(1, ["date", "+acc=%s.%N x={x}"])
            begin = time.time()
            subprocess.run([self.program("winnow"), "run", "--home", home, sweep],
                           check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            best = json.loads(self.winnow("best", "last", "--home", home, "-o", "json"))
            times.append(1000 * (best["value"] - begin))
        self.row("start of `winnow run` to first trial", "%.0f ms" %
                 statistics.median(times), "", "", "100 ms")

    def first_after(self, home, begin):
        """Until a trial ran whose value is a later time; that time."""
        while True:
            with sqlite3.connect(os.path.join(home, "store.db"), timeout=10) as store:
                first = store.execute("SELECT min(value) FROM v_trials WHERE value > ?",
                                      (begin,)).fetchone()[0]
            if first is not None:
                return first
            time.sleep(0.02)

    def resume(self):
        """A coordinator killed after so many trials, until an agent that waits for it
        executes the next one."""
        total = 100000
        for sampler, bound in (("random", "budget: {trials: %d}" % (2 * total)),
                               ("grid", "")):
            proc, home, endpoint = self.coordinator()
            text = RESUME.format(sampler=sampler, last=2 * total, bound=bound)
            self.winnow("submit", "--home", home, self.write_sweep(text))
            self.peer("bench_generator", endpoint, 64, 1, 1, 1, total)
            times = []
            for _ in range(self.rounds):
                self.kill(proc)
                agent = self.agent(endpoint, 1)
                time.sleep(0.5)
                begin = time.time()
                proc = self.start("coordinator", "--home", home, "--listen", endpoint,
                                  stdout=subprocess.DEVNULL)
                times.append(self.first_after(home, begin) - begin)
                self.kill(agent)
            self.stop(proc)
            self.row("resume of %d trials (%s) to the first one executed" % (total, sampler),
                     "%.2f s" % statistics.median(times), "", "", "2 s")

    def idle(self):
        proc, _, endpoint = self.coordinator()
        agent = self.agent(endpoint, 2)
        time.sleep(3)
        before = cpu_ns(proc.pid), cpu_ns(agent.pid)
        time.sleep(20)
        after = cpu_ns(proc.pid), cpu_ns(agent.pid)
        for name, pid, used, goal in (
                ("coordinator", proc.pid, after[0] - before[0], "12 MiB, 0.1 %"),
                ("agent", agent.pid, after[1] - before[1], "4 MiB, 0.1 %")):
            anonymous, pss = memory_kib(pid)
            self.row("idle %s, anonymous memory" % name, "%.1f MiB (PSS %.1f), CPU %.3f %%"
                     % (anonymous / 1024, pss / 1024, used / 20e9 * 100), "", "", goal)
        self.stop(agent, proc)


MEASUREMENTS = ("trials", "helper", "coordinator_cpu", "ingest", "start_up", "resume",
                "idle")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--only", default=",".join(MEASUREMENTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where homes are made (default: TMPDIR)")
    args = parser.parse_args()
    chosen = args.only.split(",")
    unknown = [name for name in chosen if name not in MEASUREMENTS]
    if unknown:
        parser.error("unknown measurement '%s' (known: %s)"
                     % (unknown[0], ", ".join(MEASUREMENTS)))
    bench = Bench(args.build, args.rounds, args.folder)
    try:
        bench.row("what", "winnow", "beside it", "ratio", "to reach")
        bench.row("---", "---", "---", "---", "---")
        for name in chosen:
            getattr(bench, name)()
    finally:
        bench.close()


if __name__ == "__main__":
    sys.exit(main())
