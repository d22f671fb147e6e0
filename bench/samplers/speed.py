#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures one suggestion after so many trials, and prints a table in Markdown.

usage: speed.py BUILD [--samplers tpe,random] [--dims 20] [--history 100,1000,…]
                [--optuna PATH|installed] [--rustuna PATH|installed] [--peer-history …]

CPU time of the thread, the median of several. Instructions are those of the suggestion
alone, where valgrind is installed. A peer's is its ask and its suggest_float calls, with
multivariate TPE, after as many finished trials at random points.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402


def measure(args, sampler, history):
    """(median time of one suggestion in microseconds, instructions or None)."""
    command = [os.path.join(args.build, "bench_samplers"), "speed", "--sampler", sampler,
               "--dims", str(args.dims), "--history", str(history), "--repeat"]
    out = subprocess.run(command + ["51"], stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout)["us_median"], instructions(command, 5)


def instructions(command, repeat):
    """Of one suggestion, by callgrind, which counts bench_suggest alone; filling the
    history with `random` goes through it too, so two runs are subtracted."""
    if shutil.which("valgrind") is None:
        return None
    counts = []
    for times in (1, 1 + repeat):
        with tempfile.TemporaryDirectory() as folder:
            run = subprocess.run(
                ["valgrind", "--tool=callgrind", "--toggle-collect=bench_suggest",
                 "--callgrind-out-file=" + os.path.join(folder, "out")]
                + command + [str(times)],
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True)
        counts.append(int(re.search(r"Collected : (\d+)", run.stderr).group(1)))
    return (counts[1] - counts[0]) / repeat


def measure_peer(peer, args, history):
    """Median CPU time of ask and suggest in microseconds."""
    module = peer.module
    study = peer.start(1)
    tpe = study.sampler
    study.sampler = module.samplers.RandomSampler(seed=1)
    names = ["x%d" % i for i in range(args.dims)]

    def one():
        trial = study.ask()
        return trial, [trial.suggest_float(name, 0.0, 1.0) for name in names]

    times = []
    for i in range(history + 11):
        if i == history:
            study.sampler = tpe
        begin = time.process_time()
        trial, x = one()
        times.append(time.process_time() - begin)
        study.tell(trial, sum((v - 0.3) ** 2 for v in x))
    return sorted(times[-11:])[5] * 1e6


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("usage: ", 1)[1])
    p.add_argument("build")
    p.add_argument("--samplers", default="tpe,random")
    p.add_argument("--dims", type=int, default=20)
    p.add_argument("--history", default="100,1000,10000,100000")
    p.add_argument("--peer-history", default="100,1000")
    p.add_argument("--optuna", default="")
    p.add_argument("--rustuna", default="")
    args = p.parse_args()
    print("| sampler | trials | CPU time of one suggestion | instructions |")
    print("| --- | --- | --- | --- |")
    for sampler in args.samplers.split(","):
        for history in args.history.split(","):
            us, count = measure(args, sampler, int(history))
            print("| winnow %s | %s | %.1f us | %s |" % (
                sampler, history, us, "–" if count is None else "%.4g" % count),
                flush=True)
    for module, path in (("optuna", args.optuna), ("rustuna", args.rustuna)):
        if path:
            peer = peers.Peer(module, path, True)
            for history in args.peer_history.split(","):
                print("| %s | %s | %.0f us | – |" % (
                    peer.label, history, measure_peer(peer, args, int(history))),
                    flush=True)


if __name__ == "__main__":
    main()
