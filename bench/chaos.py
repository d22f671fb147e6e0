#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `winnow chaos` over many seeds on a grid of 120 cells and a random sweep of 300
trials, with 3 agents; see bench/README.md.

usage: bench/chaos.py [BUILD_DIR] [--seeds A..B] [--only grid,random] [--kills N]

Prints one row a run. Exits with 1 unless every audit was clean and every run had at
least --kills kills.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

SCRIPT = "echo value={x} step=0; sleep 0.15; echo value={x} loss={y} step=1"
SWEEPS = {
    "grid": """sweep: 1
name: grid
command: [sh, -c, "%s"]
objective: {metric: value, goal: max}
space:
  x: {int: [1, 10]}
  y: {int: [1, 12]}
search: {sampler: grid}
run: {grace: 1s, resources: {cpus: 0}}
""" % SCRIPT,
    "random": """sweep: 1
name: random
command: [sh, -c, "%s"]
objective: {metric: value, goal: max}
space:
  x: {float: [0, 1]}
  y: {float: [1e-3, 1e3], scale: log}
search: {sampler: random, seed: 7}
budget: {trials: 300}
run: {grace: 1s, resources: {cpus: 0}}
""" % SCRIPT,
}
COLUMNS = ("verdict", "kills", "stops", "partitions", "trials", "attempts", "points",
           "elapsed_ms")


def run(winnow, path, seed, kills):
    """The verdict as an object; what is violated goes to stderr."""
    # A kill that is due when the sweep ends is not done, so a few more are asked for.
    done = subprocess.run([winnow, "chaos", path, "--seed", str(seed), "--agents", "3",
                           "--kills", str(kills + 2), "--quiet", "-o", "json"],
                          stdout=subprocess.PIPE, text=True)
    got = json.loads(done.stdout) if done.stdout else {"verdict": "did not run"}
    for line in got.get("violations", []):
        print("violated:", line, file=sys.stderr)
    return got


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?", default="build")
    parser.add_argument("--seeds", default="1..20")
    parser.add_argument("--only", default=",".join(SWEEPS))
    parser.add_argument("--kills", type=int, default=10)
    args = parser.parse_args()
    first, _, last = args.seeds.partition("..")
    bad = runs = 0
    print("| sweep | seed | %s |" % " | ".join(COLUMNS))
    print("| --- " * (len(COLUMNS) + 2) + "|")
    with tempfile.TemporaryDirectory(prefix="winnow-chaos-") as folder:
        for name in args.only.split(","):
            path = os.path.join(folder, name + ".yaml")
            with open(path, "w") as out:
                out.write(SWEEPS[name])
            for seed in range(int(first), int(last or first) + 1):
                got = run(os.path.join(args.build, "winnow"), path, seed, args.kills)
                good = got["verdict"] == "clean" and got["kills"] >= args.kills
                runs += 1
                bad += not good
                print("| %s | %d | %s |" % (name, seed, " | ".join(
                    str(got.get(column, "")) for column in COLUMNS)), flush=True)
    print("%d of %d runs clean with at least %d kills" % (runs - bad, runs, args.kills))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
