# SPDX-License-Identifier: Apache-2.0
"""`winnow edit`: a sweep's file changes while the sweep lives, through whoever holds the
home or on one that nobody holds; what was tried stays."""

import os
import pty
import subprocess

from lab import WINNOW, equal, grid, main, wait_for

# Its trials wait for the file `go`, so that a test can look at what runs.
SWEEP = """# tune it
sweep: 1
name: s
command: [sh, -c, 'while [ ! -e {go} ]; do sleep 0.02; done; echo value={{x}} run={run}']
objective: {{metric: value, goal: max}}
space: # where to look
  x: {{float: [0, 1]}}
search: {{seed: 3}}
# how long
budget: {{trials: 4}}
run: {{grace: 1s, resources: {{cpus: 0}}}}
"""


def sweep(lab, go=True, run=1):
    if go:
        lab.write("go", "")
    return lab.write("sweep.yaml", SWEEP.format(go=lab.path("go"), run=run))


def values(lab, name):
    return [t["params"].get(name) for t in lab.json("trials")]


def finished(lab):
    """A larger budget wakes a finished sweep; its file is edited in place."""
    lab.winnow("run", sweep(lab), "--slots", "2")
    before = lab.json("trials")
    answer = lab.json("edit", "s", "--set", "budget.trials=7", "--dry-run")
    equal((answer["status"], answer["changed"], answer["revision"]),
          ("would change", "budget.trials", 1))
    equal((lab.state(), lab.json("show", "s")["revision"]), ("finished", 1))
    done = lab.winnow("edit", "s", "--set", "budget.trials=7")
    equal(done.out, "s running, revision 2: changed budget.trials\n")
    assert "winnow resume s" in done.err, done
    lab.winnow("resume", "s", "--slots", "2")
    equal((lab.state(), lab.counts()["finished"]), ("finished", 7))
    equal(lab.json("trials")[:4], before)
    shown = lab.json("show", "s")
    equal(shown["revision"], 2)
    with open(lab.path("sweep.yaml")) as file:
        equal(shown["text"], file.read().replace("{trials: 4}", "{trials: 7}"))
    listed = lab.json("show", "s", "--revisions")
    equal([(r["revision"], r.get("changed")) for r in listed],
          [(1, None), (2, "budget.trials")])
    # The newest file is the sweep: the first one says something else.
    lab.write("sweep.yaml", shown["text"])
    lab.winnow("run", "sweep.yaml", "--slots", "1")
    equal(len(lab.json("ls")), 1)


def live(lab):
    """Narrowed, widened by a parameter and given more slots while it runs; a kill in
    between changes nothing."""
    path = sweep(lab, go=False)
    run = lab.start("run", path, "--slots", "3")
    wait_for("three running", lambda: lab.executing() == 3)
    lab.winnow("edit", "last", "--set", "space.x={float: [0.9, 1]}", "--set",
               "budget.trials=8", "--set", "run.parallel=2")
    equal(lab.executing(), 3)  # they go on
    run.kill()
    equal([r["revision"] for r in lab.json("show", "last", "--revisions")], [1, 2])
    run = lab.start("resume", "last", "--slots", "3")
    wait_for("two running", lambda: lab.executing() == 2)
    for trial in lab.json("trials"):
        outside = trial["params"]["x"] < 0.9
        equal(trial["state"] == "cancelled", outside, trial)
        assert not outside or "outside the space since revision 2" in trial["cause"]
    lab.winnow("edit", "last", "--set", "space.y=[a, b]", "--set",
               "command=[sh, -c, 'echo value={x} y={y}']")
    lab.write("go", "")
    equal(run.wait(), 0)
    done = [t["params"] for t in lab.json("trials", "last", "--state", "finished")]
    equal(len(done), 8)
    equal(len([p for p in done if "y" in p]), 6, done)
    assert all(p["x"] >= 0.9 for p in done), done


def whole_file(lab):
    """The next attempts run by the new file, also at an agent of a coordinator."""
    go = sweep(lab, go=False)
    coordinator, endpoint = lab.coordinator()
    lab.agent(endpoint, "a", "--slots", "1")
    lab.winnow("submit", go)
    wait_for("one running", lambda: lab.executing() == 1)
    changed = sweep(lab, go=False, run=2)
    answer = lab.json("edit", "last", changed, "--connect", endpoint)
    equal((answer["changed"], answer["state"]), ("command", "running"))
    lab.write("go", "")
    wait_for("the end", lambda: lab.state() == "finished")
    runs = [lab.json("metrics", f"last/{t['number']}", "run")[-1]["value"]
            for t in lab.json("trials")]
    equal(sorted(runs), [1, 2, 2, 2])
    equal(lab.json("edit", "last", changed)["status"], "unchanged")
    with open(changed) as file:
        done = subprocess.run([WINNOW, "edit", "last", "-"], stdin=file, env=lab.env,
                              capture_output=True, text=True, timeout=20)
    equal((done.returncode, done.stdout), (0, "s finished, unchanged\n"))
    coordinator.end()


def refused(lab):
    lab.winnow("run", sweep(lab), "--slots", "2")
    before = lab.json("show", "s")
    for args, says in [
            (["--set", "name=t"], "'name' cannot be edited"),
            (["--set", "objective.goal=min"], "'objective.goal' cannot be edited"),
            (["--set", "objective.metric=other"], "--new"),
            (["--set", "space.x={float: [2, 1]}"], "sweep.yaml:"),
            (["--set", "budget.trails=9"], "did you mean 'trials'"),
            (["--set", "budget.trials=many"], "budget.trials"),
            (["--set", "budget.trials"], "KEY=VALUE"),
            (["--unset", "budget.target"], "'budget.target' is not in the file"),
            (["--unset", "budget.trials"], "no bound"),
            (["--set", "budget.trials={1"], "budget.trials:"),
            ([lab.path("none.yaml")], "none.yaml"),
            ([lab.path("sweep.yaml"), "--set", "budget.trials=9"], "not both"),
            ([], "needs a terminal")]:
        result = lab.winnow("edit", "s", *args, status=None)
        assert result.status in (1, 2) and says in result.err, (says, result)
        equal(lab.json("show", "s"), before)
    lab.fails("edit", "s/1", "--set", "budget.trials=9", says="not a sweep")
    lab.winnow("run", lab.write("g.yaml", grid("g", 2, 2)), "--slots", "2")
    lab.fails("edit", "g", "--set", "space.x={int: [1, 9]}", status=1,
              says=["'grid'", "--new"])
    equal(lab.json("show", "g")["revision"], 1)


def stopped(lab):
    """A grid that was stopped goes on with --resume: every cell, once."""
    run = lab.start("run", lab.write("g.yaml", grid("g", 2, 3, "sleep 100")),
                    "--slots", "2")
    wait_for("two running", lambda: lab.executing() == 2)
    lab.winnow("stop", "last")
    equal(run.wait(10), 1)
    quick = "command=[sh, -c, 'echo value={x}{y}']"
    lab.fails("edit", "last", "--set", quick, status=1, says="--resume")
    lab.winnow("edit", "last", "--set", quick, "--resume")
    lab.winnow("resume", "last", "--slots", "2")
    done = lab.json("trials", "last", "--state", "finished")
    equal((lab.state(), sorted((t["params"]["x"], t["params"]["y"]) for t in done)),
          ("finished", [(x, y) for x in (1, 2) for y in (1, 2, 3)]))


def editor(lab):
    """$VISUAL on a terminal; a mistake keeps the text."""
    lab.winnow("run", sweep(lab), "--slots", "2")

    def edit(program, status):
        tool = lab.write("tool", f"#!/bin/sh\n{program}\n")
        os.chmod(tool, 0o755)
        env = {**lab.env, "VISUAL": f"{tool} now", "TMPDIR": lab.folder}
        master, slave = pty.openpty()
        done = subprocess.run([WINNOW, "edit", "s"], stdin=slave, stdout=slave,
                              stderr=subprocess.PIPE, env=env, text=True, timeout=20)
        os.close(slave)
        os.close(master)
        equal(done.returncode, status, done)
        return done.stderr

    edit('[ "$1" = now ] && sed -i "s/trials: 4/trials: 5/" "$2"', 0)
    equal(lab.json("show", "s")["revision"], 2)
    edit("true", 0)
    edit("exit 3", 1)
    said = edit('sed -i "s/trials: 5/trials: none/" "$2"', 2)
    kept = said.split("kept in ")[1].strip()
    assert "trials: none" in open(kept).read()
    equal(lab.json("show", "s")["revision"], 2)


main(finished, live, whole_file, refused, stopped, editor)
