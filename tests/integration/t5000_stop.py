# SPDX-License-Identifier: Apache-2.0
"""Early stopping of real programs: poor trials get TERM, their grace, KILL, and end
`pruned` with their last value and the reason; rungs outlive the coordinator; every stop
comes out again from what is stored."""

import json
import os
import re
import sqlite3

from lab import equal, main, process_alive, wait_for

STOP_REQUESTED, RUNG = 8, 19
HANG = "while :; do sleep 0.02; done"


def sweep(script, trials, stop, name="s", more=""):
    """A grid over n = 0…; the program sees it as $n."""
    return f"""sweep: 1
name: {name}
command: [sh, -c, {json.dumps("n={n}; " + script)}]
objective: {{metric: value, goal: max}}
space:
  n: {{int: [0, {trials - 1}]}}
search: {{sampler: grid}}
stop: {stop}
run: {{grace: 300ms}}
{more}"""


def events(lab, sql, *args):
    """Reads or changes the events, which nobody but a test does."""
    with sqlite3.connect(os.path.join(lab.home, "store.db")) as db:
        rows = db.execute(sql, args).fetchall()
    db.close()
    return rows


def run(lab, text, slots=1):
    return lab.winnow("run", lab.write("sweep.yaml", text), "--slots", str(slots))


def differences(lab, status=1):
    answer = json.loads(
        lab.winnow("replay", "--check", "-o", "json", status=status).out)
    return answer["stops"], [(d["what"], d["trial"], d["stored"], d["derived"])
                             for d in answer["details"]]


# The first trial sets the pace; each later one is worse from its first step on and does
# not end by itself.
def stubborn_programs(lab):
    pids = lab.path("pids")
    # What each does about TERM is settled before the line that brings it.
    script = f"""
case $n in
1) trap '' TERM;;
2) sleep 300 & echo $! >>{pids}; sleep 300 & echo $! >>{pids};;
3) trap 'exit 0' TERM;;
4) trap 'echo step=4 value=7; exit 3' TERM;;
esac
v=$((100 - n)); printf "step=1 value=$v\\nstep=2 value=$v\\nstep=3 value=$v\\n"
[ $n = 0 ] && exit 0
{HANG}"""
    result = run(lab, sweep(script, 5, "{pruner: asha, min: 1, eta: 2}"))
    assert "of them pruned" in result.err, result
    trials = lab.json("trials")
    equal([t["state"] for t in trials], ["finished"] + 4 * ["pruned"])
    for trial in trials[1:4]:
        # The three lines come at once: the last of them counts.
        equal((trial["value"], trial["step"]), (100 - trial["number"], 3))
    for n in range(1, 5):
        shown = lab.json("show", f"last/{n}")
        (attempt,) = shown["attempts_list"]
        equal(attempt["end"], "pruned")
        said = f"asha at rung 0: value {100 - n} at step 1 is worse than 99"
        if n == 1:
            said = "asha at rung 0: value 99 at step 1 is worse than 100 (1 compared)"
        assert shown["cause"].startswith(said.split(" than ")[0]), shown
        if n == 1:
            equal(shown["cause"], said)
    children = lab.lines("pids")
    equal(len(children), 2)
    wait_for("children to be gone",
             lambda: not any(process_alive(int(pid)) for pid in children))
    show = lab.json("show")
    equal(show["rungs"][0], {"rule": 0, "bracket": 0, "rung": 0, "step": 1,
                             "reached": 5, "went_on": 1})
    equal([r["reached"] for r in show["rungs"]], [5, 1])
    assert set(show["saved"]) == {"steps", "time"}, show
    table = lab.winnow("show").out
    assert re.search(r"\nrule +bracket +rung +step +reached +went on\n", table), table
    best = lab.json("best")
    equal((best["number"], best["value"]), (0, 100))
    equal(differences(lab, status=0), (4, []))


def not_a_number(lab):
    run(lab, sweep(f"echo step=1 value=nan; {HANG}", 2, "{pruner: median}"))
    for trial in lab.json("trials"):
        equal(trial["state"], "pruned")
        equal(trial["cause"], "diverged: value NaN at step 1")
        assert "value" not in trial, trial
    equal(differences(lab, status=0), (2, []))


def killed_and_resumed(lab):
    """What trials reached before counts after."""
    hold = lab.write("hold", "")
    script = f"""
for s in 1 2 3; do
  echo step=$s value=$((50 + (n < 2) * 10 * (n + 1)));
  while [ $n = 1 ] && [ -e {hold} ]; do sleep 0.02; done
done
if [ $n = 2 ]; then {HANG}; fi"""
    path = lab.write("sweep.yaml", sweep(script, 3, "{pruner: asha, min: 1, eta: 2}"))
    for _ in range(2):
        started = lab.start("run", path, "--slots", "1")
        wait_for("the second trial", lambda: lab.executing() == 1
                 and lab.counts()["finished"] == 1)
        started.kill()
    os.remove(hold)
    lab.winnow("run", path, "--slots", "1")
    trials = lab.json("trials")
    equal([t["state"] for t in trials], ["finished", "finished", "pruned"])
    assert trials[1]["attempts"] > 1, trials
    equal(trials[2]["cause"],
          "asha at rung 0: value 50 at step 1 is worse than 70 (2 compared)")
    equal(differences(lab, status=0), (1, []))


def a_rule_without_rungs(lab):
    """It compares with the curves of finished trials, which a restart reads again."""
    hold = lab.write("hold", "")
    script = f"""
v=$((100 - n + 5 * (n == 1))); echo step=1 value=$v; echo step=2 value=$v
while [ $n = 1 ] && [ -e {hold} ]; do sleep 0.02; done
if [ $n -ge 2 ]; then {HANG}; fi"""
    stop = "{pruner: median, startup_trials: 1, warmup: 1}"
    path = lab.write("sweep.yaml", sweep(script, 3, stop))
    started = lab.start("run", path, "--slots", "1")
    wait_for("the second trial", lambda: lab.executing() == 1
             and lab.counts()["finished"] == 1)
    started.kill()
    os.remove(hold)
    lab.winnow("run", path, "--slots", "1")
    last = lab.json("trials")[2]
    equal(last["state"], "pruned")
    assert last["cause"].startswith("median: value 98 at step "), last
    equal(differences(lab, status=0)[1], [])


def changed_events_are_named(lab):
    """One event changed, removed or added at a time, and put back."""
    script = f"for s in 1 2 3; do echo step=$s value=$((100 - n)); done; [ $n = 0 ] || {HANG}"
    run(lab, sweep(script, 3, "{pruner: asha, min: 1, eta: 2}"))
    lab.spoiled = True
    stop = "asha at rung 0, step 1, value 98, threshold 100, compared 2"
    rung = "rung 0 at step 1, value 98"
    where = "kind = ? AND trial = 2"

    def changed(kind, assignment):
        events(lab, "CREATE TABLE kept AS SELECT * FROM events")
        events(lab, f"UPDATE events SET {assignment} WHERE {where}", kind)
        found = differences(lab)
        events(lab, "DELETE FROM events")
        events(lab, "INSERT INTO events SELECT * FROM kept")
        events(lab, "DROP TABLE kept")
        return found[1]

    equal(changed(STOP_REQUESTED, "number = 3"),
          [("stop", 2, stop.replace("step 1", "step 3"), stop)])
    equal(changed(STOP_REQUESTED, "value = 97"),
          [("stop", 2, stop.replace("value 98", "value 97"), stop)])
    equal(changed(STOP_REQUESTED, "number2 = 5"),
          [("stop", 2, stop.replace("compared 2", "compared 5"), stop)])
    equal(changed(RUNG, "value = 98.5"), [("rung", 2, rung + ".5", rung)])
    (kept,) = events(lab, f"SELECT * FROM events WHERE {where}", STOP_REQUESTED)
    events(lab, "DELETE FROM events WHERE id = ?", kept[0])
    equal(differences(lab)[1], [("stop", 2, "nothing", stop)])
    line = lab.winnow("replay", "--check", status=1).out.splitlines()[1]
    equal(line, f"trial 2, stop: stored nothing, derived {stop}")


main(stubborn_programs, not_a_number, killed_and_resumed, a_rule_without_rungs,
     changed_events_are_named)
