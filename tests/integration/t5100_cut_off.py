# SPDX-License-Identifier: Apache-2.0
"""While the coordinator is away, agents stop poor trials by the limits it told them
last; when it is back, its store says what they decided.

    t5100_cut_off.py [SECONDS]     how long it is away at least (default 0)"""

import json
import os
import sqlite3
import sys
import time

from lab import equal, main, wait_for

AWAY_S = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0
STEPS = 9  # rungs at 1, 3 and 9
BY_AGENT = 1 << 11  # of events.flags

# Each trial notes what it printed and how it ended. `x` tells how good it is; those
# that are to report while the coordinator is away wait for a file.
TRIAL = """import json, os, signal, sys, time
folder, x = sys.argv[1], float(sys.argv[2])
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
number, printed, stopped = os.environ["WINNOW_TRIAL"], [], False
def note(end):
    path = os.path.join(folder, "noted", number)
    with open(path + ".new", "w") as out:
        json.dump({"printed": printed, "end": end}, out)
    os.rename(path + ".new", path)
note("running")
while int(number) >= 3 and not os.path.exists(os.path.join(folder, "go")):
    time.sleep(0.01)
for step in range(1, 10):
    value = x + (0.5 if 0.3 < x < 0.5 and step >= 3 else 0)
    print("loss=%r step=%d" % (value, step), flush=True)
    printed.append([step, value])
    stopped = signal.sigtimedwait([signal.SIGTERM], float(sys.argv[3])) is not None
    if stopped:
        break
note("stopped" if stopped else "whole")
"""

# Three that set the limits; then some that are good, bad at once (above 0.5) and bad from
# the second rung on (0.3 to 0.5).
VALUES = [0.5] * 3 + [0.1, 0.9, 0.4, 0.65, 0.05, 0.8, 0.15, 0.35, 0.7, 0.02]


def sweep_file(lab):
    points = "".join(f"  - {{x: {x}}}\n" for x in VALUES)
    return lab.write("sweep.yaml", f"""sweep: 1
name: s
command: [python3, trial.py, {lab.folder}, "{{x}}", "0.1"]
objective: {{metric: loss, goal: min}}
space: {{x: {{float: [0, 1]}}}}
search: {{sampler: random, seed: 1}}
stop: {{pruner: asha, min: 1, eta: 3}}
run: {{resources: {{cpus: 0}}, grace: 2s}}
budget: {{trials: {len(VALUES)}}}
enqueue:
{points}""")


def noted(lab):
    found = {}
    for name in os.listdir(lab.path("noted")):
        if name.isdigit():
            found[int(name)] = json.loads(lab.read(os.path.join("noted", name)))
    return found


def ends(lab, *numbers):
    said = noted(lab)
    return [said[n]["end"] if n in said else None for n in numbers]


def query(lab, sql, *args):
    path = os.path.join(lab.home, "store.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as store:
        return store.execute(sql, args).fetchall()


def check_stored(lab):
    """States and points are those that the trials themselves noted."""
    said = noted(lab)
    trials = lab.json("trials", "last")
    equal([t["number"] for t in trials], sorted(said))
    for trial in trials:
        mine = said[trial["number"]]
        state = "pruned" if mine["end"] == "stopped" else "finished"
        equal((trial["state"], trial["attempts"]), (state, 1), f"trial {trial['number']}")
        rows = query(lab, "SELECT step, value FROM v_metrics WHERE run_id = ? ORDER BY step",
                     trial["run_id"])
        equal([list(row) for row in rows], mine["printed"], f"trial {trial['number']}")
    return trials


def cut_off(lab):
    os.mkdir(lab.path("noted"))
    lab.write("trial.py", TRIAL)
    coordinator, endpoint = lab.coordinator()
    agents = [lab.agent(endpoint, f"a{i}", "--slots", "3") for i in range(2)]
    sweep = lab.winnow("submit", sweep_file(lab)).out.strip()
    # Each slot holds one more beforehand, if there is one.
    wait_for("the first three and six that wait",
             lambda: len([t for t in lab.json("trials", sweep) if t["attempts"]]) == 13
             and ends(lab, 0, 1, 2) == ["whole"] * 3
             and ends(lab, *range(3, 13)).count("running") == 6
             and lab.counts(sweep)["finished"] == 3)
    gone = time.monotonic()
    coordinator.kill()
    for agent in agents:  # what they pass on before they know is the coordinator's to judge
        agent.wait_err("connection lost")
    lab.write("go", "")
    # Those that wait beforehand take the places of those that ended.
    wait_for("trials to be stopped", lambda: all(
        end in ("stopped", "whole") for end in ends(lab, *range(3, 13))))
    away = noted(lab)
    wait_for("its time to be over", lambda: time.monotonic() - gone >= AWAY_S, AWAY_S + 10)
    coordinator, _ = lab.coordinator(endpoint)
    wait_for("the sweep", lambda: lab.state(sweep) == "finished")
    trials = check_stored(lab)
    equal(noted(lab), away)
    stopped = {n for n in range(3, 13) if away[n]["end"] == "stopped"}
    equal(stopped, {4, 5, 6, 8, 10, 11})  # worse than what the first three had
    for number in stopped:
        trial = trials[number]
        assert "by the agent" in trial["cause"], trial
        step, value = away[number]["printed"][-1]
        asked = [event for event in lab.json("explain", f"{sweep}/{number}")["events"]
                 if event["kind"] == "STOP_REQUESTED"]
        equal([event["by_agent"] for event in asked], [True])
        assert f"loss {value!r} at step {step} is worse than" in asked[0]["cause"], asked
    flags = query(lab, "SELECT count(*) FROM events WHERE kind = 8 AND flags & ?", BY_AGENT)
    equal(flags, [(len(stopped),)])
    for process in [*agents, coordinator]:
        equal(process.end(), 0)


main(cut_off)
