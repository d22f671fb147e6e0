# SPDX-License-Identifier: Apache-2.0
"""`winnow retry`: what failed or was cancelled runs again under its own number, through
whoever holds the home or on one that nobody holds."""

import os

from lab import equal, grid, main, wait_for

HELD = "echo value={x}{y}; exec sleep 100"


def sweep(lab, fails, x=2, y=4, more=""):
    """A grid of x * y cells; those for which the shell test `fails` holds exit with 3, as
    long as the file `broken` is there."""
    broken = lab.write("broken", "")
    script = f"if [ -e {broken} ] && {fails}; then exit 3; fi; echo value={{x}}{{y}}"
    more += "budget: {failures: {max: 100%, first: 100}}\n"
    return broken, lab.write("sweep.yaml", grid("g", x, y, script, more))


def states(lab):
    return [t["state"] for t in lab.json("trials")]


def numbers(lab, state):
    return [t["number"] for t in lab.json("trials") if t["state"] == state]


def finished(lab):
    broken, path = sweep(lab, "[ {y} -gt 2 ]")
    lab.winnow("run", path, "--slots", "2")
    equal(lab.state(), "finished")
    failed = numbers(lab, "failed")
    equal(len(failed), 4)
    before = lab.json("trials")
    dry = lab.winnow("retry", "last", "--dry-run")
    equal(([int(n) for n in dry.out.split()], lab.state()), (failed, "finished"))
    assert "4 trials would be retried" in dry.err, dry
    os.remove(broken)
    answer = lab.json("retry", "last")
    equal((answer["retried"], answer["trials"], answer["state"]), (4, failed, "running"))
    trial = lab.json("show", f"last/{failed[0]}")
    equal((trial["state"], trial.get("value"), trial.get("end_time")),
          ("queued", None, None))
    lab.winnow("resume", "last", "--slots", "2")
    equal((lab.state(), set(states(lab))), ("finished", {"finished"}))
    after = lab.json("trials")
    equal([(t["number"], t["params"], t["run_id"]) for t in after],
          [(t["number"], t["params"], t["run_id"]) for t in before])
    trial = lab.json("show", f"last/{failed[0]}")
    equal([(a["number"], a["end"]) for a in trial["attempts_list"]],
          [(1, "failed"), (2, "exited")])
    equal(lab.winnow("retry", "last").out, "g finished: no trial to retry\n")
    lab.check_replay()


def chosen(lab):
    _, path = sweep(lab, "[ {y} -gt 1 ]")
    lab.winnow("run", path, "--slots", "2")
    trials = {t["number"]: t["params"] for t in lab.json("trials")}
    failed = numbers(lab, "failed")

    def dry(*args):
        return [int(n) for n in lab.winnow("retry", "g", "--dry-run", *args).out.split()]

    equal(dry("--where", "x == 2 and end == failed"),
          [n for n in failed if trials[n]["x"] == 2])
    equal(dry("--where", "number > 3"), [n for n in failed if n > 3])
    equal(dry("--state", "cancelled"), [])
    equal(dry("--state", "cancelled,failed"), failed)
    equal(dry(str(failed[0]), f"{failed[-1]}-{failed[-1]}"), [failed[0], failed[-1]])
    ended = numbers(lab, "finished")[0]
    lab.fails("retry", "g", str(ended), status=1, says=[f"trial {ended}", "finished"])
    lab.fails("retry", "g", "99", says="no trial 99")
    lab.fails("retry", "g", "7-3", says="7-3")
    lab.fails("retry", "g", "seven", says="seven")
    lab.fails("retry", "g", "--state", "finished", says="finished")
    lab.fails("retry", "g", "--state", "faild", says="did you mean 'failed'")
    lab.fails("retry", "g", "--where", "z > 1", says="where:1")
    lab.fails("retry", "h", says="h")
    lab.fails("retry")
    equal(lab.state(), "finished", "a refusal changes nothing")


def while_it_runs(lab):
    """A failed trial is retried while others run; a second coordinator's holder does it."""
    broken, path = sweep(lab, "[ {x}{y} = 11 ]", 1, 6)
    with open(path) as file:
        text = file.read().replace("echo value", "sleep 0.2; echo value")
    run = lab.start("run", lab.write("sweep.yaml", text), "--slots", "1")
    wait_for("a failure", lambda: lab.counts().get("failed", 0) == 1)
    os.remove(broken)
    equal(lab.winnow("retry", "last").out, "g running: 1 trial queued again\n")
    equal(run.wait(), 0)
    equal(set(states(lab)), {"finished"})
    equal(sorted(t["attempts"] for t in lab.json("trials")), [1, 1, 1, 1, 1, 2])


def stopped(lab):
    run = lab.start("run", lab.write("sweep.yaml", grid("g", 2, 2, HELD)), "--slots", "2")
    wait_for("two running", lambda: lab.executing() == 2)
    first = lab.json("trials")[0]["number"]
    lab.fails("retry", "last", str(first), status=1, says="running")
    lab.winnow("stop", "last")
    equal(run.wait(10), 1)
    cancelled = numbers(lab, "cancelled")
    assert len(cancelled) >= 2, cancelled
    lab.winnow("retry", "last", str(cancelled[0]))
    equal((lab.state(), lab.counts()["queued"]), ("running", 1))
    run = lab.start("resume", "last", "--slots", "1")
    wait_for("it to run", lambda: lab.executing() == 1)
    equal(lab.json("show", f"last/{cancelled[0]}")["attempts"], 2)
    lab.winnow("stop", "last")
    equal(run.wait(10), 1)


def bad_agent(lab):
    """Everything fails on one agent: it is set aside, and nothing is lost by it."""
    _, endpoint = lab.coordinator()
    script = "if [ -n \"$BAD_NODE\" ]; then exit 3; fi; sleep 0.1; echo value={x}{y}"
    more = "budget: {failures: {max: 100%, first: 100}}\n"
    good = lab.agent(endpoint, "good", "--slots", "1")
    bad = lab.start("agent", "--connect", endpoint, "--work-dir",
                    lab.path("agents", "bad"), "--slots", "2", env={"BAD_NODE": "1"})
    for agent in (good, bad):
        agent.wait_err("connected to")
    lab.winnow("submit", lab.write("g.yaml", grid("g", 3, 5, script, more)), "--connect",
               endpoint, "--follow")
    equal((lab.state(), lab.counts()["finished"], lab.counts()["failed"]),
          ("finished", 15, 0))
    again = [t for t in lab.json("trials") if t["attempts"] > 1]
    assert len(again) >= 5, again
    told = next(c for c in lab.json("doctor") if c["check"] == "agents")
    equal(told["status"], "warn")
    assert "is set aside: its last 5 attempts failed (g/" in told["detail"], told


main(finished, chosen, while_it_runs, stopped, bad_agent)
