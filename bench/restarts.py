#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the coordinator over and over, audits the sweep, and compares its time with an
undisturbed one; see bench/README.md.

usage: bench/restarts.py [BUILD_DIR] [--trials N] [--trial-ms MS] [--slots N] [--agents N]
                         [--every-ms MS] [--rounds N] [--ratio-max R] [--folder DIR]

Exits with 1 when a trial or a point is missing or there twice, or when the median round
took longer than RATIO-MAX times the undisturbed one beside it.
"""
import argparse
import collections
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

POINTS = 3  # printed by each trial: at its start, in between, at its end
SWEEP = """sweep: 1
name: restarts
command: [sh, -c, {script}]
objective: {{metric: value, goal: max}}
space:
  n: {{int: [0, {last}]}}
search: {{sampler: grid}}
run: {{resources: {{cpus: 0}}}}
"""
# One line in the log an execution, beside everything winnow keeps.
SCRIPT = """echo $WINNOW_TRIAL >>{log}
echo value={{n}}0 step=0; echo other={{n}}1 step=1; sleep {seconds}; echo value={{n}}2 step=2"""


def values(cell):
    """What the trial of a cell prints: (key, step, value)."""
    return [("other", 1, float(f"{cell}1")), ("value", 0, float(f"{cell}0")),
            ("value", 2, float(f"{cell}2"))]


class Cluster:
    """A coordinator and agents in a folder of their own."""

    def __init__(self, program, folder, args):
        self.program, self.args = program, args
        self.folder = tempfile.mkdtemp(prefix="winnow-restarts-", dir=folder)
        self.home = os.path.join(self.folder, "home")
        self.log = os.path.join(self.folder, "executed")
        self.gaps_ms = []
        self.endpoint = "tcp://127.0.0.1:*"
        self.coordinator = None
        self.agents = []

    def start(self, *words, **options):
        with open(os.path.join(self.folder, words[0] + ".err"), "a") as err:
            return subprocess.Popen([self.program, *words], stderr=err, text=True,
                                    stdin=subprocess.DEVNULL, **options)

    def start_coordinator(self):
        """Returns when it listens; its address stays the same."""
        self.coordinator = self.start("coordinator", "--home", self.home, "--listen",
                                      self.endpoint, stdout=subprocess.PIPE)
        line = self.coordinator.stdout.readline()
        self.endpoint = re.search(r"tcp://[^\s,]+", line).group(0)

    def open(self):
        self.start_coordinator()
        for i in range(self.args.agents):
            self.agents.append(self.start(
                "agent", "--connect", self.endpoint, "--slots",
                str(self.args.slots // self.args.agents), "--work-dir",
                os.path.join(self.folder, f"agent{i}"), stdout=subprocess.DEVNULL))

    def submit(self):
        path = os.path.join(self.folder, "sweep.yaml")
        script = SCRIPT.format(log=self.log, seconds=self.args.trial_ms / 1000)
        with open(path, "w") as out:
            out.write(SWEEP.format(script=json.dumps(script), last=self.args.trials - 1))
        subprocess.run([self.program, "submit", "--home", self.home, path], check=True,
                       stdout=subprocess.DEVNULL)

    def state(self):
        with sqlite3.connect(os.path.join(self.home, "store.db"), timeout=10) as store:
            return store.execute("SELECT state FROM v_sweeps").fetchone()[0]

    def kill_coordinator(self):
        """kill -9 and started again at once."""
        began = time.monotonic()
        self.coordinator.kill()
        self.coordinator.wait()
        self.coordinator.stdout.close()
        self.start_coordinator()
        self.gaps_ms.append(1000 * (time.monotonic() - began))

    def run(self, every_s):
        """Until the sweep has ended; kills every so often, never when 0."""
        began = time.monotonic()
        due = began + every_s
        while self.state() == "running":
            if every_s > 0 and time.monotonic() >= due:
                due += every_s
                self.kill_coordinator()
            time.sleep(0.02)

    def span_s(self):
        with sqlite3.connect(os.path.join(self.home, "store.db")) as store:
            first, last = store.execute(
                "SELECT min(start_ms), max(end_ms) FROM v_trials").fetchone()
        return (last - first) / 1000

    def close(self):
        for process in [*self.agents, self.coordinator]:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        self.coordinator.stdout.close()
        shutil.rmtree(self.folder)

    # ---- the audit ----

    def audit(self):
        """Lines of what is wrong."""
        wrong = []
        with sqlite3.connect(os.path.join(self.home, "store.db")) as store:
            wrong += [f"the sweep is {self.state()}"] if self.state() != "finished" else []
            states = store.execute("SELECT number, state, attempts FROM v_trials "
                                   "ORDER BY number").fetchall()
            points = collections.defaultdict(list)
            for trial, *point in store.execute(
                    "SELECT trial, key, step, value FROM v_metrics"):
                points[trial].append(tuple(point))
            cells = dict(store.execute("SELECT trial, value FROM v_params"))
        with open(self.log) as log:
            executed = collections.Counter(int(line) for line in log)
        expected = [(n, "finished", 1) for n in range(self.args.trials)]
        if states != expected:
            odd = [row for row in states if row not in set(expected)]
            wrong.append(f"{len(states)} trials, not as expected: {odd[:5]}")
        if sorted(map(int, cells.values())) != list(range(self.args.trials)):
            wrong.append("not every cell ran once")
        for trial, cell in cells.items():
            if sorted(points[trial]) != values(cell):
                wrong.append(f"trial {trial}: {sorted(points[trial])}")
        twice = [trial for trial, times in executed.items() if times != 1]
        if twice or len(executed) != self.args.trials:
            wrong.append(f"{len(executed)} trials executed, twice: {twice[:5]}")
        return wrong


def measure(args, every_s):
    """Seconds from the first start to the last end, kills, and what is wrong."""
    cluster = Cluster(os.path.join(os.path.abspath(args.build), "winnow"), args.folder, args)
    try:
        cluster.open()
        cluster.submit()
        cluster.run(every_s)
        return cluster.span_s(), cluster.gaps_ms, cluster.audit()
    finally:
        cluster.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--trial-ms", type=int, default=200)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--agents", type=int, default=2)
    parser.add_argument("--every-ms", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ratio-max", type=float, default=1.3)
    parser.add_argument("--folder", help="where homes are made (default: TMPDIR)")
    args = parser.parse_args()
    ratios, wrong = [], []
    ideal = args.trials * args.trial_ms / 1000 / args.slots
    for _ in range(args.rounds):
        quiet, _, found = measure(args, 0)
        wrong += found
        killed, gaps, found = measure(args, args.every_ms / 1000)
        wrong += found
        ratios.append(killed / quiet)
        print(f"{args.trials} trials of {args.trial_ms} ms, {args.slots} slots: undisturbed "
              f"{quiet:.2f} s (ideal {ideal:.2f}), with {len(gaps)} kills {killed:.2f} s, "
              f"ratio {killed / quiet:.3f}, coordinator away "
              f"{statistics.median(gaps):.0f} ms (median)", flush=True)
    for line in wrong[:20]:
        print("wrong:", line)
    if statistics.median(ratios) > args.ratio_max:
        print(f"wrong: ratio {statistics.median(ratios):.3f} > {args.ratio_max}")
        wrong.append("ratio")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
