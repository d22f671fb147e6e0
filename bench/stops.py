#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures from a metric line printed by a trial to SIGTERM received by it; see
bench/README.md.

usage: bench/stops.py [BUILD_DIR] [--only N,...] [--stops N] [--folder DIR]
"""
import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SWEEP = """sweep: 1
name: stops
command: {command}
objective: {{metric: loss, goal: min}}
space:
  lines: {{int: [{low}, {high}]}}
  phase: {{float: [0, 1]}}
search: {{sampler: random, seed: 1}}
stop: {{pruner: threshold, upper: 5}}
run: {{resources: {{cpus: 0}}}}
budget: {{trials: {trials}}}
"""
INTERVAL_MS = 100
GOAL_MS = (5, 25)


def start(folder, program, *words, **options):
    with open(os.path.join(folder, words[0] + ".log"), "w") as log:
        return subprocess.Popen([program, *words], stderr=log, text=True, **options)


def stops(winnow, trial, folder, at_once, trials):
    """Microseconds of each stop of a sweep of `trials`, `at_once` of them at a time."""
    home, noted = os.path.join(folder, "home"), os.path.join(folder, "noted")
    low, high = (1, 10) if at_once == 1 else (20, 60)
    command = [trial, "{lines}", "{phase}", str(INTERVAL_MS), noted]
    sweep = os.path.join(folder, "sweep.yaml")
    with open(sweep, "w") as out:
        out.write(SWEEP.format(command=json.dumps(command), low=low, high=high,
                               trials=trials))
    coordinator = start(folder, winnow, "coordinator", "--home", home, "--listen",
                        "tcp://127.0.0.1:*", stdout=subprocess.PIPE)
    agent = None
    try:
        endpoint = re.search(r"tcp://[^\s,]+", coordinator.stdout.readline()).group(0)
        agent = start(folder, winnow, "agent", "--connect", endpoint, "--slots",
                      str(at_once), "--work-dir", os.path.join(folder, "agent"),
                      stdout=subprocess.DEVNULL)
        subprocess.run([winnow, "submit", "--home", home, "--follow", sweep], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    finally:
        for process in filter(None, (agent, coordinator)):
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
    with open(noted) as lines:
        return sorted(int(line) for line in lines)


def share(values, percent):
    """Percentile by nearest rank, in ms."""
    return values[max(0, -(-len(values) * percent // 100) - 1)] / 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--only", default="1,200", help="trials at once")
    parser.add_argument("--stops", type=int, default=0, help="a row; default 100, 1000")
    parser.add_argument("--folder", help="where to put homes and work-dirs")
    args = parser.parse_args()
    winnow, trial = (os.path.abspath(os.path.join(args.build, name))
                     for name in ("winnow", "bench_stopped"))
    missed = False
    print("| trials at once | stops | p50 | p99 | worst | to reach |")
    print("| --- | --- | --- | --- | --- | --- |")
    for at_once in map(int, args.only.split(",")):
        folder = tempfile.mkdtemp(prefix="winnow-stops-", dir=args.folder)
        try:
            trials = args.stops or (100 if at_once == 1 else 1000)
            values = stops(winnow, trial, folder, at_once, trials)
        finally:
            shutil.rmtree(folder)
        assert len(values) == trials and values[0] >= 0, "%d stops" % len(values)
        p50, p99 = share(values, 50), share(values, 99)
        missed = missed or p50 >= GOAL_MS[0] or p99 >= GOAL_MS[1]
        print("| %d | %d | %.2f ms | %.2f ms | %.2f ms | %d, %d ms |"
              % (at_once, trials, p50, p99, values[-1] / 1000, *GOAL_MS), flush=True)
    return 1 if missed else 0


sys.exit(main())
