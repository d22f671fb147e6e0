#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares samplers over problems and seeds, and prints a table in Markdown.

usage: compare.py BUILD [options]

  --sampler NAME        of winnow (tpe); --options 'KEY: VALUE, …' of it
  --seeds A..B          of winnow's sampler (1..100)
  --trials N            (200)      --marks N,N,…  compared after so many (100,200)
  --problems A,B        (all the peer has)         --tables DIR  real tables too
  --outstanding P       (1)        --order fifo|random   --noise
  --save FILE           keeps all results, in the form of --peer-results

peers, one of them:
  --peer-results FILE LABEL   stored results {problem: {label: {"best": {"100": […]}}}}
  --peer-sampler NAME [--peer-options …]   another sampler of winnow
  --optuna PATH|installed     Optuna's TPE; PATH is the folder the package lies in
  --rustuna PATH|installed    Rustuna's
  --multivariate              either with multivariate and group
  --peer-seeds A..B           (1..20)

bench/README.md describes the method.
"""
import argparse
import json
import math
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import peers  # noqa: E402


# ---- statistics ----

def rank_test(ours, theirs):
    """(probability that a value of ours is lower, ties half; its standard error; the
    two-sided p of Mann and Whitney's test, normal approximation with ties corrected)."""
    n, m = len(ours), len(theirs)
    joined = sorted([(v, 0) for v in ours] + [(v, 1) for v in theirs])
    ranks, ties, i = 0.0, 0.0, 0
    while i < n + m:
        j = i
        while j < n + m and joined[j][0] == joined[i][0]:
            j += 1
        ranks += sum((i + j + 1) / 2 for k in range(i, j) if joined[k][1] == 0)
        ties += (j - i) ** 3 - (j - i)
        i = j
    u = ranks - n * (n + 1) / 2  # pairs in which ours is higher
    total = n + m
    spread = math.sqrt(n * m / 12 * ((total + 1) - ties / (total * (total - 1))))
    better = 1 - u / (n * m)
    if spread == 0:
        return better, 0.0, 1.0
    z = max(abs(u - n * m / 2) - 0.5, 0) / spread
    return better, standard_error(ours, theirs), math.erfc(z / math.sqrt(2))


def standard_error(ours, theirs):
    """Of the probability of superiority, from the spread of each side's placements
    among the other (DeLong)."""
    def placements(one, other):
        return [sum(1.0 if b > a else 0.5 if b == a else 0.0 for b in other)
                / len(other) for a in one]

    def variance(values):
        mean = sum(values) / len(values)
        return sum((v - mean) ** 2 for v in values) / max(len(values) - 1, 1)

    return math.sqrt(variance(placements(ours, theirs)) / len(ours)
                     + variance(placements(theirs, ours)) / len(theirs))


def holm(ps):
    """Holm's adjusted p values, in the order given."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    adjusted, least = [0.0] * len(ps), 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, (len(ps) - rank) * ps[i]))
        adjusted[i] = least
    return adjusted


def median(values):
    values = sorted(values)
    half = len(values) // 2
    return values[half] if len(values) % 2 else (values[half - 1] + values[half]) / 2


# ---- tables ----

def compare(ours, theirs, marks):
    """Lines of Markdown, one table for each mark."""
    lines = []
    for mark in marks:
        rows = []
        for problem, (least, mine) in ours.items():
            other = theirs.get(problem, {}).get(mark)
            if other and mine.get(mark):
                rows.append((problem, least, mine[mark], other)
                            + rank_test(mine[mark], other))
        if rows:
            lines += table(mark, rows)
    return lines


def table(mark, rows):
    adjusted = holm([row[6] for row in rows])
    lines = ["", "After %s trials, %d seeds against %d:" % (
        mark, len(rows[0][2]), len(rows[0][3])), "",
        "| problem | median regret | peer's | P(better) | s.e. | p | p (Holm) |",
        "| --- | --- | --- | --- | --- | --- | --- |"]
    for row, p_all in zip(rows, adjusted):
        problem, least, mine, other, better, error, p = row
        lines.append("| %s | %.4g | %.4g | %.3f | %.3f | %.4f | %.4f%s |" % (
            problem, median(mine) - least, median(other) - least, better, error, p, p_all,
            "" if p_all >= 0.01 else " better" if better > 0.5 else " **worse**"))
    mean = sum(row[4] for row in rows) / len(rows)
    error = math.sqrt(sum(row[5] ** 2 for row in rows)) / len(rows)
    lines += ["", "Mean P(better) %.3f, standard error %.3f. At p < 0.01 after Holm's "
              "correction: better on %d, worse on %d of %d." % (
                  mean, error,
                  sum(1 for r, p in zip(rows, adjusted) if p < 0.01 and r[4] > 0.5),
                  sum(1 for r, p in zip(rows, adjusted) if p < 0.01 and r[4] < 0.5),
                  len(rows))]
    return lines


# ---- results ----

def program_arguments(args):
    words = ["--trials", str(args.trials), "--outstanding", str(args.outstanding),
             "--order", args.order, "--noise", "1" if args.noise else "0"]
    if args.problems:
        words += ["--problems", args.problems]
    return words + (["--tables", args.tables] if args.tables else [])


def run_ours(args, sampler, options, seeds, label):
    command = [os.path.join(args.build, "bench_samplers"), "quality", "--sampler", sampler,
               "--options", options, "--seeds", seeds, "--label", label]
    out = subprocess.run(command + program_arguments(args), stdout=subprocess.PIPE,
                         check=True)
    return json.loads(out.stdout)


def by_mark(results, label):
    return {problem: entry[label]["best"] for problem, entry in results.items()
            if label in entry}


def peer_results(args):
    """(label, {problem: {mark: values}}, results to save)."""
    if args.peer_results:
        path, label = args.peer_results
        with open(path, encoding="utf-8") as file:
            stored = json.load(file)
        return label, by_mark(stored, label), {}
    if args.peer_sampler:
        label = "peer " + args.peer_sampler
        stored = run_ours(args, args.peer_sampler, args.peer_options, args.peer_seeds,
                          label)
        return label, by_mark(stored, label), stored
    module = "optuna" if args.optuna else "rustuna"
    peer = peers.Peer(module, args.optuna or args.rustuna, args.multivariate)
    stored = peers.run(peer, args, program_arguments(args))
    return peer.label, by_mark(stored, peer.label), stored


def parse(argv):
    p = argparse.ArgumentParser(usage=__doc__.split("usage: ", 1)[1])
    p.add_argument("build")
    for name, preset in (("sampler", "tpe"), ("options", ""), ("seeds", "1..100"),
                         ("marks", "100,200"), ("problems", ""), ("tables", ""),
                         ("order", "fifo"), ("save", ""), ("peer-sampler", ""),
                         ("peer-options", ""), ("optuna", ""), ("rustuna", ""),
                         ("peer-seeds", "1..20")):
        p.add_argument("--" + name, default=preset)
    p.add_argument("--trials", type=int, default=200)
    p.add_argument("--outstanding", type=int, default=1)
    p.add_argument("--noise", action="store_true")
    p.add_argument("--multivariate", action="store_true")
    p.add_argument("--peer-results", nargs=2, metavar=("FILE", "LABEL"))
    args = p.parse_args(argv)
    if not (args.peer_results or args.peer_sampler or args.optuna or args.rustuna):
        p.error("name a peer: --peer-results, --peer-sampler, --optuna or --rustuna")
    return args


def main(argv):
    args = parse(argv)
    label, theirs, saved = peer_results(args)
    if not args.problems and args.peer_results:
        known = peers.problems(args.build, args.tables)
        args.problems = ",".join(name for name in known if name in theirs)
    ours = run_ours(args, args.sampler, args.options, args.seeds, "winnow")
    print("winnow %s%s beside %s, %d outstanding" % (
        args.sampler, " {%s}" % args.options if args.options else "", label,
        args.outstanding))
    pairs = {name: (entry["winnow"]["least"], entry["winnow"]["best"])
             for name, entry in ours.items()}
    for line in compare(pairs, theirs, args.marks.split(",")):
        print(line)
    if args.save:
        for name, entry in ours.items():
            saved.setdefault(name, {}).update(entry)
        with open(args.save, "w", encoding="utf-8") as file:
            json.dump(saved, file)


if __name__ == "__main__":
    main(sys.argv[1:])
