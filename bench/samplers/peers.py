# SPDX-License-Identifier: Apache-2.0
"""Samplers of other programs on the problems of bench_samplers, which are served over a
pipe (`bench_samplers serve`), so that they are defined once."""
import importlib
import json
import os
import random
import subprocess
import sys
import warnings

MARKS = (25, 50, 100, 200, 400, 800)


def problems(build, tables):
    """{name: least value}."""
    words = ["--tables", tables] if tables else []
    out = subprocess.run([os.path.join(build, "bench_samplers"), "list"] + words,
                         stdout=subprocess.PIPE, check=True, text=True)
    return {name: float(least)
            for name, least in (line.split() for line in out.stdout.splitlines())}


class Problem:
    """A problem served by bench_samplers."""

    def __init__(self, build, name, words):
        self.process = subprocess.Popen(
            [os.path.join(build, "bench_samplers"), "serve"] + words
            + ["--problems", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, bufsize=1)
        self.space = json.loads(self.process.stdout.readline())
        self.by_name = {param["name"]: param for param in self.space}

    def is_active(self, param, values):
        """`when` of these problems is `PARENT == CHOICE`."""
        if param["when"] is None:
            return True
        parent, choice = param["when"].split(" == ")
        labels = self.by_name[parent]["labels"]
        return parent in values and labels[values[parent]] == choice.strip("'\"")

    def value(self, values, draw):
        """(value told, value judged by) at {name: internal value}."""
        x = [None] * len(self.space)
        for name, value in values.items():
            x[self.by_name[name]["at"]] = value
        request = {"x": x}
        if draw is not None:
            request["draw"] = draw
        self.process.stdin.write(json.dumps(request) + "\n")
        return tuple(float(v) for v in json.loads(self.process.stdout.readline()))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Peer:
    """TPE of Optuna, or of Rustuna, which has the same interface. `path` is the folder
    the module lies in, or "installed". Ordered choices are choices to them."""

    def __init__(self, module, path, multivariate):
        if path != "installed":
            sys.path.insert(0, path)
        self.module = importlib.import_module(module)
        warnings.simplefilter("ignore")
        if hasattr(self.module, "logging"):
            self.module.logging.set_verbosity(self.module.logging.ERROR)
        self.options = {"multivariate": True, "group": True} if multivariate else {}
        self.label = "%s %s tpe%s" % (module, getattr(self.module, "__version__", "?"),
                                      " multivariate" if multivariate else "")

    def start(self, seed):
        sampler = self.module.samplers.TPESampler(seed=seed, **self.options)
        return self.module.create_study(sampler=sampler)

    def ask(self, study, problem):
        trial = study.ask()
        values = {}
        for param in problem.space:
            if problem.is_active(param, values):
                values[param["name"]] = suggest(trial, param)
        return trial, values

    def tell(self, study, trial, value):
        study.tell(trial, value)


def suggest(trial, param):
    name, low, high = param["name"], param["low"], param["high"]
    if param["kind"] == "choice":
        return trial.suggest_categorical(name, list(range(param["choices"])))
    if param["kind"] == "int":
        return trial.suggest_int(name, int(low), int(high), log=param["log"],
                                 step=int(param["step"] or 1))
    return trial.suggest_float(name, low, high, log=param["log"],
                               step=param["step"] or None)


def run_seed(peer, problem, seed, args):
    """{mark: best value}, with P trials open as bench_samplers does it."""
    study = peer.start(seed)
    noise, durations = random.Random(seed), random.Random("duration%d" % seed)
    waiting, asked, now, told = [], 0, 0.0, 0
    best_told, best, best_at = float("inf"), float("inf"), {}
    while told < args.trials:
        while len(waiting) < args.outstanding and asked < args.trials:
            trial, values = peer.ask(study, problem)
            lasts = durations.uniform(0.5, 1.5) if args.order == "random" else 1.0
            waiting.append((now + lasts, asked, trial, values))
            asked += 1
        waiting.sort(key=lambda item: item[:2])
        now, _, trial, values = waiting.pop(0)
        value, mean = problem.value(values, noise.getrandbits(31) if args.noise else None)
        peer.tell(study, trial, value)
        told += 1
        if value < best_told:
            best_told, best = value, mean
        if told in MARKS:
            best_at[str(told)] = best
    return best_at


def run(peer, args, words):
    """Results of the peer in the form of bench_samplers."""
    known = problems(args.build, args.tables)
    wanted = args.problems.split(",") if args.problems else list(known)
    first, last = (int(part) for part in args.peer_seeds.split(".."))
    tables = ["--tables", args.tables] if args.tables else []
    results = {}
    for name in wanted:
        problem = Problem(args.build, name, tables)
        rows = [run_seed(peer, problem, seed, args) for seed in range(first, last + 1)]
        problem.close()
        results[name] = {peer.label: {
            "seeds": len(rows), "least": known[name],
            "best": {mark: [row[mark] for row in rows] for mark in rows[0]}}}
        print("%s: %s done" % (peer.label, name), file=sys.stderr)
    return results
