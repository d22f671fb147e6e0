# SPDX-License-Identifier: Apache-2.0
"""A sweep in one process, and every way to look at it."""

import csv
import io
import os

from lab import all_cells, cells, equal, grid, main

SCRIPT = "for i in 1 2 3; do echo step=$i loss=$((i * {x})); done; echo value={x}{y}"


def run_and_look(lab):
    result = lab.winnow("run", lab.write("sweep.yaml", grid("g", 3, 4, SCRIPT)),
                        "--slots", "2")
    assert "best trial 11: 34" in result.out, result
    assert "12/12 done" in result.err, result

    trials = lab.json("trials", "g")
    equal(cells(trials), all_cells(3, 4), "cells")
    equal([t["number"] for t in trials], list(range(12)))
    for trial in trials:
        equal(trial["state"], "finished")
        equal(trial["value"], trial["params"]["x"] * 10 + trial["params"]["y"])
        equal(trial["attempts"], 1)
        equal(len(trial["run_id"]), 32)
        assert 0 < trial["start_time"] <= trial["end_time"], trial
        assert trial["agent"], trial
    equal(lab.json("trials", "--state", "failed"), [])
    equal(len(lab.json("trials", "-n", "5")), 5)

    best = lab.json("best", "last")
    equal((best["number"], best["value"], best["params"]), (11, 34, {"x": 3, "y": 4}))

    sweeps = lab.json("ls")
    equal(len(sweeps), 1)
    sweep = sweeps[0]
    equal((sweep["name"], sweep["state"], sweep["goal"], sweep["best"]),
          ("g", "finished", "max", 34))
    equal(sweep["trials"], {"queued": 0, "running": 0, "finished": 12, "pruned": 0,
                            "failed": 0, "cancelled": 0})
    equal(lab.json("show", sweep["id"])["id"], sweep["id"])
    equal(lab.json("show", sweep["id"][:6])["id"], sweep["id"])
    equal(lab.json("show", "last")["id"], sweep["id"])

    shown = lab.json("show", "last/7")
    equal(shown["number"], 7)
    attempt = shown["attempts_list"][0]
    equal((attempt["number"], attempt["end"], attempt["exit_status"]), (1, "exited", 0))
    equal(lab.json("show", shown["run_id"])["number"], 7)

    points = lab.json("metrics", "last/7", "loss")
    x = shown["params"]["x"]
    equal([(p["step"], p["value"]) for p in points], [(i, i * x) for i in (1, 2, 3)])
    latest = {m["key"]: m["value"] for m in lab.json("metrics", "last/7")}
    equal(latest, {"loss": 3 * x, "value": shown["value"]})
    equal(lab.winnow("logs", "g/7").out,
          "".join(f"step={i} loss={i * x}\n" for i in (1, 2, 3))
          + f"value={int(shown['value'])}\n")


def runs(lab):
    lab.winnow("run", lab.write("sweep.yaml", grid("g", 2, 2, more="tags: {team: a}\n")))
    listed = lab.json("runs", "g")
    parents = [r for r in listed if not r.get("parent_id")]
    equal(len(parents), 1)
    equal(parents[0]["name"], "g")
    equal(parents[0]["tags"]["team"], "a")
    children = [r for r in listed if r.get("parent_id") == parents[0]["run_id"]]
    equal(len(children), 4)
    for run in children:
        assert run["status"], run
        equal(sorted(run["params"]), ["x", "y"])
        assert "value" in run["metrics"], run
    tree = lab.json("runs", "--tree", "g")
    equal([len(r["children"]) for r in tree], [4])
    lines = lab.winnow("runs", "--tree", "g").out.splitlines()
    equal(len(lines), 6)
    assert lines[1].startswith("g ") and all(s.startswith("  ") for s in lines[2:]), lines


def formats(lab):
    lab.winnow("run", lab.write("sweep.yaml", grid("g", 2, 2)), "-q")
    for name, separator in (("csv", ","), ("tsv", "\t")):
        text = lab.winnow("trials", "-o", name).out
        rows = list(csv.DictReader(io.StringIO(text), delimiter=separator))
        equal(len(rows), 4)
        equal(sorted((r["params.x"], r["params.y"]) for r in rows),
              [("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")])
        assert all(r["state"] == "finished" for r in rows)
    table = lab.winnow("trials").out.splitlines()
    equal(len(table), 5)
    equal(table[0].split()[:2], ["trial", "state"])
    assert "x" in table[0].split() and "y" in table[0].split(), table[0]
    text = lab.winnow("runs", "-o", "csv").out
    assert "metrics.value" in text.splitlines()[0], text


def no_such_things(lab):
    lab.winnow("run", lab.write("sweep.yaml", grid("digits", 1, 2)))
    lab.fails("show", "digist", says=["digist", "digits"])
    lab.fails("trials", "nothing-like-it", says="nothing-like-it")
    lab.fails("show", "last/99", says="99")
    lab.fails("metrics", "last/0", "valeu", says=["valeu", "value"])
    lab.fails("logs", "last/0", "--attempt", "7", says="7")


def quiet(lab):
    result = lab.winnow("run", lab.write("sweep.yaml", grid("g", 1, 2)), "-q")
    equal(result.err, "")


def where(lab):
    lab.winnow("run", lab.write("sweep.yaml", grid("g", 1, 2)), "--home", lab.path("other"))
    assert not os.path.exists(lab.home)
    equal(len(lab.json("ls", "--home", lab.path("other"))), 1)
    equal(len(lab.json("ls", env={"WINNOW_HOME": lab.path("other")})), 1)
    env = {k: v for k, v in lab.env.items() if k != "WINNOW_HOME"}
    lab.env = env
    lab.winnow("run", lab.path("sweep.yaml"))
    assert os.path.exists(lab.path(".winnow", "store.db"))
    equal(len(lab.json("ls")), 1)


main(run_and_look, runs, formats, no_such_things, quiet, where)
