# SPDX-License-Identifier: Apache-2.0
"""Each sampler end to end: the same seed gives the same points through `run` with one
slot, through `ask-tell` and across kill -9 and a resume; no point twice where duplicates
are avoided, and an exhausted space ends the sweep."""

import json
import os
import subprocess

from lab import WINNOW, equal, main, wait_for

SAMPLERS = ("random", "qmc", "qmc, sequence: halton", "grid", "tpe")

# Values are small integers, so that a shell and this file compute the same objective.
MIXED = """space:
  a: {int: [1, 9]}
  k: [1, 2, 4, 8]
  mode: [plain, deep]
  depth: {int: [2, 5], when: mode == deep}
forbid: [a == 9 and k > 2]
"""
SMALL = """space:
  a: {int: [1, 5]}
  k: [1, 2, 4, 8]
forbid: [a == 5 and k > 2]
enqueue: [{a: 2, k: 4}, {a: 3, k: 1}]
"""
VALUE = "v=$(( ({a} - 4) * ({a} - 4) + {k} ))"


def value(params):
    return (params["a"] - 4) ** 2 + params["k"]


def sweep(lab, name, sampler, space, trials, script=f"echo {VALUE}"):
    return lab.write(f"{name}.yaml", f"""sweep: 1
name: {name}
command: [sh, -c, '{script}']
objective: {{metric: v}}
{space}search: {{sampler: {sampler}, seed: 5}}
budget: {{trials: {trials}}}
run: {{grace: 1s}}
""")


def points(lab, name):
    trials = sorted(lab.json("trials", name), key=lambda trial: trial["number"])
    return [trial["params"] for trial in trials]


def asked(lab, path, trials):
    """Points of that many trials, each told before the next is asked."""
    popen = subprocess.Popen([WINNOW, "ask-tell", path], cwd=lab.folder, text=True,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def send(request):
        popen.stdin.write(json.dumps(request) + "\n")
        popen.stdin.flush()
        return json.loads(popen.stdout.readline())

    found = []
    for number in range(trials):
        answer = send({"ask": True})
        equal(answer["trial"], number)
        found.append(answer["params"])
        equal(send({"tell": number, "value": value(answer["params"])}), {"ok": True})
    equal(send({"ask": True}), {"done": "budget"})
    popen.stdin.close()
    equal(popen.wait(30), 0)
    return found


def one_seed_one_sweep(lab):
    for i, sampler in enumerate(SAMPLERS):
        name = f"s{i}"
        path = sweep(lab, name, sampler, MIXED, 25)
        lab.winnow("run", path, "--slots", "1")
        found = points(lab, name)
        equal(len(found), 25, sampler)
        equal(asked(lab, path, 25), found, sampler)


def killed_and_resumed(lab):
    hold = lab.path("hold")
    for i, sampler in enumerate(SAMPLERS):
        name = f"k{i}"
        lab.write("hold", "")
        script = f"while [ -e {hold} ] && [ {{a}} -gt 0 ]; do sleep 0.02; done; echo {VALUE}"
        path = sweep(lab, name, sampler, MIXED, 8, script)
        run = lab.start("run", path, "--slots", "1")
        wait_for("a trial to run", lambda: lab.executing(name) == 1)
        run.kill()
        os.remove(hold)
        lab.winnow("run", path, "--slots", "1")
        equal(points(lab, name), asked(lab, path, 8), sampler)


def every_point_once(lab):
    for i, sampler in enumerate(SAMPLERS):
        name = f"d{i}"
        lab.winnow("run", sweep(lab, name, sampler, SMALL, 100), "--slots", "2")
        found = points(lab, name)
        equal(found[:2], [{"a": 2, "k": 4}, {"a": 3, "k": 1}])
        equal(len(found), 18, sampler)
        equal(len({json.dumps(params) for params in found}), 18, sampler)
        shown = lab.json("show", name)
        equal((shown["state"], shown["cause"]), ("finished", "every point tried"))


if __name__ == "__main__":
    main(one_seed_one_sweep, killed_and_resumed, every_point_once)
