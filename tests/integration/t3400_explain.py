# SPDX-License-Identifier: Apache-2.0
"""winnow explain: why a sweep or trial is as it is, since when, and what would change it;
from whoever holds the home, over --connect, and from a home that nobody holds."""

import json

from lab import equal, grid, main, wait_for

HELD = "echo value={x}{y}; exec sleep 100"


def codes(found):
    return [reason["code"] for reason in found["now"]["reasons"]]


def kinds(found):
    return [event["kind"] for event in found["events"]]


def says(text, *pieces):
    for piece in pieces:
        assert piece in text, f"expected {piece!r} in\n{text}"


def explained_as(lab, what, *expected):
    """Waits until the trial or sweep exists and these are its reasons."""
    def found():
        result = lab.winnow("explain", what, "-o", "json", status=None)
        return result.status == 0 and codes(json.loads(result.out)) == list(expected)
    wait_for(f"{what} to be {expected}", found)


def finished_and_failed(lab):
    script = "echo first; echo value={x}; if [ {x} = 2 ]; then echo why >&2; exit 3; fi"
    lab.winnow("run", lab.write("sweep.yaml", grid("g", 3, 1, script)), "--slots", "1", "-q")
    # failed: its end, which limit decided, the end of its log
    found = lab.json("explain", "g/1")
    equal((found["kind"], found["state"], found["cause"]), ("trial", "failed", "exit status 3"))
    end = found["events"][-1]
    equal((end["kind"], end["end"], end["exit_status"], end["counts"], end["state"]),
          ("ENDED", "failed", 3, True, "failed"))
    equal(found["since"], end["time"], "since its end")
    equal(found["log_tail"], {"attempt": 1, "text": "first\nvalue=2\nwhy\n"})
    equal(found["now"]["trial"]["retries"]["failed"], {"used": 1, "limit": 0})
    says(lab.winnow("explain", "g/1").out, "g/1 is failed since ", ": exit status 3",
         "suggested by sampler 'grid', seed ", "attempt 1 given to agent '",
         "1 attempt counted as failed, and run.retry.failed is 0", "changed by: winnow retry g 1",
         "last lines of attempt 1\n  | first\n  | value=2\n  | why\n")
    # finished: which point is its value
    text = lab.winnow("explain", "g/2").out
    says(text, "g/2 is finished since ", "3 at step 0: the last of 'value' (objective.read)")
    assert "last lines" not in text and "retries" not in text, text
    # the sweep, by name, by `last` and by a prefix of its id
    found = lab.json("explain", "last")
    equal(codes(found), ["over"])
    equal(kinds(found), ["SWEEP_CREATED", "SWEEP_STATE"])
    equal(found["now"]["sweep"]["best"], 3)
    equal(lab.json("explain", found["id"][:8])["id"], found["id"])
    says(lab.winnow("explain").out, "g is finished since ", "every point tried", "2 finished",
         "1 failed", "3 by trial 2", "winnow run FILE")
    lab.fails("explain", "g/3", status=2, says="no trial 3")
    lab.fails("explain", "gg", status=2, says="did you mean 'g'")
    lab.fails("explain", "g", "-o", "yaml", status=2, says="yaml")


def no_home(lab):
    lab.fails("explain", says="no winnow home")


def waiting(lab):
    run = lab.start("run", lab.write("sweep.yaml", grid("g", 9, 1, HELD)), "--slots", "2")
    wait_for("two running", lambda: lab.executing() == 2)
    wait_for("two more to wait", lambda: lab.counts().get("queued", 0) == 2)
    found = lab.json("explain", "g/2")
    equal((found["state"], found["now"]["live"]), ("queued", True))
    equal(codes(found), ["agents_full"])
    equal(found["now"]["trial"]["queue_place"], 1)
    says(lab.winnow("explain", "g/2").out, "g/2 is queued since ",
         "2 of 2 slots at 1 agent are taken, 2 by this sweep",
         "changed by: the next attempt that ends", "place 1 of 2")
    found = lab.json("explain", "g/0")
    equal(codes(found), ["running"])
    assert 0 < found["now"]["trial"]["attempt"]["lease_left_ms"] <= 30000, found
    says(lab.winnow("explain", "g").out, "g is running", "2 of 2 slots taken, 2 by this sweep",
         "0 of 9 trials")
    lab.winnow("edit", "g", "--set", "run.parallel=2")
    equal(codes(lab.json("explain", "g/2")), ["parallel"])
    says(lab.winnow("explain", "g/2").out,
         "changed by: the next attempt that ends, or winnow edit g --set run.parallel=N")
    says(lab.winnow("explain", "g/0").out, "file      runs with revision 1, the newest is 2")
    says(lab.winnow("explain", "g").out, "file      revision 2",
         "edited, revision 2: run.parallel")
    lab.winnow("pause", "g")
    equal(codes(lab.json("explain", "g/2")), ["paused"])
    says(lab.winnow("explain", "g").out, "g is paused since ", "changed by: winnow resume g")
    run.kill()
    # nobody holds the home any more
    wait_for("the home to be free", lambda: not lab.json("explain", "g")["now"]["live"])
    equal(codes(lab.json("explain", "g")), ["paused", "no_coordinator"])
    says(lab.winnow("explain", "g/0").out, "no coordinator is running; attempt 1 stays with",
         "changed by: winnow resume g")


def cluster(lab):
    _, endpoint = lab.coordinator("tcp://127.0.0.1:*", "--lease", "1s")
    big = lab.write("big.yaml", grid("big", 2, 1, HELD, "").replace(
        "run: {grace: 1s}", "run: {resources: {cpus: 1000}}"))
    lab.winnow("submit", big, "--connect", endpoint)
    equal(codes(lab.json("explain", "big", "--connect", endpoint)), ["no_agent"])
    a = lab.agent(endpoint, "a", "--slots", "1")
    wait_for("trials", lambda: lab.counts("big").get("queued", 0) > 0)
    equal(codes(lab.json("explain", "big/0", "--connect", endpoint)), ["resources"])
    says(lab.winnow("explain", "big/0").out, "1000 cpus asked for, the biggest offer is ",
         "winnow edit big --set run.resources.cpus=")
    lab.winnow("stop", "big")
    # an agent that vanishes: silent, suspect, its trial queued again, lost when given out
    lab.winnow("submit", lab.write("g.yaml", grid("g", 1, 1, HELD)), "--connect", endpoint)
    explained_as(lab, "g/0", "running")
    a.kill()
    explained_as(lab, "g/0", "suspect", "no_agent")
    says(lab.winnow("explain", "g/0").out, "g/0 is queued (suspect) since", "suspect, queued again: agent",
         "silent for 1 s", "changed by: another agent: winnow agent --connect")
    lab.agent(endpoint, "b", "--slots", "1")
    explained_as(lab, "g/0", "running")
    found = lab.json("explain", "g/0")
    assert "REQUEUED" in kinds(found), found
    # A slow machine may be silent for a lease: queued again, and adopted.
    passing = ["STARTED", "REQUEUED", "ADOPTED"]
    equal([kind for kind in kinds(found) if kind not in passing],
          ["TRIAL_CREATED", "ASSIGNED", "ENDED", "ASSIGNED"])
    equal(found["now"]["trial"]["retries"]["lost"], {"used": 1, "limit": 10})
    agents = [event["agent"] for event in found["events"] if event["kind"] == "ASSIGNED"]
    assert agents[0] != agents[1], agents
    equal(found["now"]["trial"]["attempt"]["agent"], agents[1])
    says(lab.winnow("explain", "g/0").out, "attempt 1 ended lost: ",
         "counts against run.retry.lost; queued again", "1 counted as lost; run.retry.lost is 10")


def checkpoints(lab):
    """Waits for the agent that has its files, begins anew elsewhere, goes on there."""
    script = "echo value=$WINNOW_RESUME; : >$WINNOW_CHECKPOINT_DIR/f; exec sleep 100"
    coordinator, endpoint = lab.coordinator("tcp://127.0.0.1:*", "--lease", "2s")
    lab.winnow("submit", lab.write("c.yaml", grid("c", 1, 1, script).replace(
        "{grace: 1s}", "{grace: 1s, checkpoint: local}")), "--connect", endpoint)
    a = lab.agent(endpoint, "a", "--slots", "1")
    explained_as(lab, "c/0", "running")
    wait_for("its checkpoint", lambda: lab.json("metrics", "c/0", "value"))
    equal(a.end(), 0)
    explained_as(lab, "c/0", "no_agent")
    name = lab.json("explain", "c/0")["now"]["trial"]["checkpoint_agent"]
    says(lab.winnow("explain", "c/0").out, f"files     its checkpoint is at agent '{name}'")
    b = lab.agent(endpoint, "b", "--slots", "1")
    explained_as(lab, "c/0", "running")
    found = lab.json("explain", "c/0")
    equal(found["now"]["trial"]["attempt"]["fresh"], True)
    equal([e["fresh"] for e in found["events"] if e["kind"] == "ASSIGNED"], [False, True])
    says(lab.winnow("explain", "c/0").out, ": begins with an empty checkpoint folder: the agent",
         "', anew: the agent that has its checkpoint was not free")
    wait_for("its checkpoint", lambda: lab.json("metrics", "c/0", "value"))
    equal(b.end(), 0)
    lab.agent(endpoint, "b", "--slots", "1")
    explained_as(lab, "c/0", "running")
    found = lab.json("explain", "c/0")
    equal([e["resumed"] for e in found["events"] if e["kind"] == "STARTED"],
          [False, False, True])
    says(lab.winnow("explain", "c/0").out, "attempt 3 runs, from its checkpoint")


def asked_for(lab):
    """By `retry` and `enqueue`."""
    script = f"if [ {{x}} = 1 ] && [ ! -e {lab.path('go')} ]; then exit 3; fi; echo value={{x}}"
    text = grid("g", 9, 1, script).replace("sampler: grid", "sampler: random")
    lab.winnow("run", lab.write("sweep.yaml", text + "enqueue: [{x: 1, y: 1}]\nbudget: {trials: 1}\n"),
               "--slots", "1", "-q")
    says(lab.winnow("explain", "g/0").out, "created from `enqueue` of the sweep file",
         "changed by: winnow retry g 0")
    says(lab.winnow("explain", "g").out, "the sweep is finished: trial budget used up",
         "changed by: winnow edit g --set budget.trials=N, or a new sweep: winnow run FILE")
    lab.write("go", "")
    lab.winnow("retry", "g", "0")
    lab.winnow("enqueue", "g", "x=7", "y=1")
    for trial in lab.json("trials", "g", "--state", "queued"):
        found = lab.json("explain", f"g/{trial['number']}")
        equal(found["now"]["trial"]["by_user"], True)
        equal(codes(found), ["no_coordinator"])
    says(lab.winnow("explain", "g/0").out, "queued again by `winnow retry`: ",
         "asked for by a user, so it runs whatever the budgets")
    lab.winnow("resume", "g", "-q")
    equal(lab.counts("g")["finished"], 3)
    says(lab.winnow("explain", "g/2").out, "created by `winnow enqueue`")


main(finished_and_failed, no_home, waiting, cluster, checkpoints, asked_for)
