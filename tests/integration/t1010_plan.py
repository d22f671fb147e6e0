# SPDX-License-Identifier: Apache-2.0
"""winnow plan: defaults, size, commands, and errors with their place."""

import json
import os

from lab import equal, grid, main, repo


def examples(lab):
    folder = repo("examples")
    found = 0
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name, "sweep.yaml")
        if os.path.exists(path):
            found += 1
            text = lab.winnow("plan", path).out
            assert "# space: " in text and "# 0: " in text, text
            assert "parallel: " in text and "retry:" in text, text
            # The plan of the plan is the same: it is a sweep file with every default.
            again = lab.winnow("plan", lab.write(f"{name}/sweep.yaml", text)) \
                if name != "mlproject-digits" else None
            if again is not None:
                equal(again.out, text, name)
    assert found >= 3


def as_json(lab):
    path = lab.write("sweep.yaml", grid("g", 3, 4, "echo value={x}; echo 'a b'"))
    plan = json.loads(lab.winnow("plan", path, "-o", "json").out)
    equal(plan["name"], "g")
    equal(plan["trials"], 12)
    equal(plan["space_size"], 12)
    equal(plan["samples"][0]["params"], {"x": 1, "y": 1})
    equal(plan["samples"][0]["argv"], ["sh", "-c", "echo value=1; echo 'a b'"])
    equal(len(plan["samples"]), 3)
    text = lab.winnow("plan", path).out
    assert "# 0: sh -c 'echo value=1; echo '\\''a b'\\'''" in text, text
    assert "12 points" in text, text


def nothing_is_made(lab):
    lab.winnow("plan", lab.write("sweep.yaml", grid("g")))
    assert not os.path.exists(lab.home)


def errors(lab):
    lab.fails("plan", "missing.yaml", says="missing.yaml")
    lab.fails("plan", lab.folder, says="is a folder")
    path = lab.write("sweep.yaml", grid("g").replace("objective:", "objectiv:"))
    lab.fails("plan", path, says=["sweep.yaml:4:1: ", "objectiv", "objective"])
    path = lab.write("sweep.yaml", "sweep: 1\nname: [\n")
    lab.fails("plan", path, says="sweep.yaml:")
    path = lab.write("sweep.yaml", grid("g").replace("{int: [1, 3]}", "{int: [3, 1]}"))
    lab.fails("plan", path, says="sweep.yaml:6:")
    path = lab.write("sweep.yaml", grid("g", more="project: {path: nowhere}\n"))
    lab.fails("plan", path, says="nowhere")
    # `run` and `submit` say the same and make nothing.
    lab.fails("run", path, says="nowhere")
    lab.fails("submit", path, says="nowhere")
    assert not os.path.exists(lab.home)


def curves(count, steps):
    """A CSV of trainings that rise to 0.5 … 0.9, in the order of their numbers."""
    rows = ["config,step,value,seconds"]
    for config in range(count):
        top = 0.5 + 0.4 * config / (count - 1)
        rows += [f"{config},{step},{top - 0.3 / step:.6f},{2 * step}"
                 for step in range(1, steps + 1)]
    return "\n".join(rows) + "\n"


def simulated(lab):
    """--simulate tells what each rule saves, and that the best is not lost."""
    table = lab.write("curves.csv", curves(60, 27))
    path = lab.write("sweep.yaml", grid("g", more="stop: {pruner: asha, eta: 3}\n"))
    rows = json.loads(lab.winnow("plan", path, "--simulate", table, "--rules",
                                 "all; asha, eta: 2", "--seeds", "5", "-o", "json").out)
    by_rule = {row["rule"]: row for row in rows}
    assert {"asha of the file", "auto", "median", "hyperband", "asha, eta: 2"} <= set(by_rule)
    equal(by_rule["threshold"]["steps_percent"], 100, "a rule that never stops")
    equal(by_rule["threshold"]["stopped_percent"], 0)
    for rule in ("asha of the file", "asha, eta: 2", "auto"):
        assert by_rule[rule]["steps_percent"] < 60, by_rule[rule]
        assert by_rule[rule]["time_percent"] < 80, by_rule[rule]
        equal(by_rule[rule]["gap_worst_percent"], 0, rule)
        equal(by_rule[rule]["best"], round(0.9 - 0.3 / 27, 6))
    text = lab.winnow("plan", path, "--simulate", table).out
    assert "# 60 curves; 60 trials, 8 at once, 20 seeds" in text, text
    assert "asha of the file" in text and "hyperband" not in text, text


def simulated_lines(lab):
    """Whole curves as JSON lines; without a rule in the file all are compared."""
    lines = lab.write("curves.jsonl", "".join(
        json.dumps({"id": i, "steps": [10, 20], "values": [i, "NaN" if i == 0 else i + 1]})
        + "\n" for i in range(4)))
    path = lab.write("sweep.yaml", grid("g"))
    rows = json.loads(lab.winnow("plan", path, "--simulate", lines, "-o", "json").out)
    assert len(rows) > 5 and rows[0]["rule"] == "auto", rows


def simulated_sweep(lab):
    """--from replays what an earlier sweep's trials reported."""
    script = "for s in 1 2 3 4 5 6 7 8 9; do echo step=$s value={x}.$s; done"
    path = lab.write("sweep.yaml", grid("g", 4, 3, script))
    lab.winnow("run", path, "-q")
    text = lab.winnow("plan", path, "--from", "last", "--rules", "asha; none").out
    assert "# 12 curves; 12 trials" in text, text
    rows = json.loads(lab.winnow("plan", path, "--from", "g", "--rules", "asha; none",
                                 "--parallel", "1", "-o", "json").out)
    by_rule = {row["rule"]: row for row in rows}
    equal(by_rule["none"]["steps_percent"], 100)
    assert by_rule["asha"]["steps_percent"] < 90, rows
    equal(by_rule["asha"]["best"], 4.9)
    lab.fails("plan", path, "--from", "nothing", says="nothing")


def simulated_errors(lab):
    path = lab.write("sweep.yaml", grid("g"))
    table = lab.write("curves.csv", curves(3, 3))
    lab.fails("plan", path, "--rules", "all", says="--rules needs --simulate")
    lab.fails("plan", path, "--simulate", table, "--from", "last", says="not both")
    lab.fails("plan", path, "--from", "last", says="no winnow home")
    lab.fails("plan", path, "--simulate", "none.csv", says="none.csv")
    lab.fails("plan", path, "--simulate", table, "--rules", "ashe", says="did you mean 'asha'")
    lab.fails("plan", path, "--simulate", table, "--rules", "asha, eta: 1", says="stop.eta")
    lab.fails("plan", path, "--simulate", table, "--parallel", "0", says="--parallel")
    for text, says in (("config,step,value\n1,1,0.5\n1,1,0.6\n", "row 2: step 1"),
                       ("config,step,value\n1,-1,0.5\n", "row 1: step -1"),
                       ("config,step,value\n1,1.5,0.5\n", "row 1: 'step'"),
                       ("config,step,value\n1,1,good\n", "row 1: 'value'"),
                       ("step,value\n1,0.5\n", "row 1: 'config'"),
                       ("config,step,value,seconds\n1,1,2,3\n1,2,2,\n", "'seconds'"),
                       ("config,step,value,seconds\n1,1,2,3\n1,2,2,1\n", "'seconds'"),
                       ("config,step,value\n", "no curve")):
        lab.fails("plan", path, "--simulate", lab.write("bad.csv", text), says=says)
    bad = lab.write("bad.jsonl", '{"id": 1, "steps": [1, 2], "values": [1]}\n')
    lab.fails("plan", path, "--simulate", bad, says="row 1: 'steps'")


def rungs(lab):
    def lines(stop):
        text = grid("g").replace("run: ", f"stop: {stop}\nrun: ", 1)
        out = lab.winnow("plan", lab.write("sweep.yaml", text)).out
        return [line for line in out.splitlines() if line.startswith("# rungs")]

    equal(lines("{pruner: median}"), [])
    equal(lines("{pruner: asha, min: 2, max: 50, eta: 3}"), ["# rungs of asha: step 2, 6, 18"])
    equal(lines("{pruner: asha, eta: 2}"),
          ["# rungs of asha: step 1, 2, 4, 8, 16, 32, 64, 128, …"])
    equal(lines("{pruner: asha, min: 0}"),
          ["# rungs of asha: known when the first trial has finished"])
    equal(lines("{pruner: hyperband, min: 1, max: 27}"),
          ["# rungs of hyperband, bracket 0: step 1, 3, 9",
           "# rungs of hyperband, bracket 1: step 3, 9",
           "# rungs of hyperband, bracket 2: step 9"])
    plan = lab.json("plan", lab.path("sweep.yaml"))
    equal(plan["rungs"][1],
          {"rule": "hyperband", "bracket": 1, "steps": [3, 9], "more": False})


main(examples, rungs, as_json, nothing_is_made, errors, simulated, simulated_lines,
     simulated_sweep, simulated_errors)
