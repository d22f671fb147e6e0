# SPDX-License-Identifier: Apache-2.0
"""A trial is stopped at once when it has printed what its rule does not let pass: no
step on the way of a number waits for company. bench/stops.py measures how quickly; the
bounds here only tell waiting from work."""

import statistics

from lab import equal, main

MEDIAN_S, WORST_S = 0.25, 5.0

TRIAL = """import os, signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
for step in range(3):
    print("loss=1", flush=True)
    signal.sigtimedwait([signal.SIGTERM], 0.1)
begin = time.monotonic()
print("loss=9", flush=True)
came = signal.sigtimedwait([signal.SIGTERM], 60)
took = time.monotonic() - begin
with open(sys.argv[1], "a") as out:
    out.write("%s %f\\n" % ("TERM" if came else "nothing", took))
"""


def stops(lab):
    lab.write("trial.py", TRIAL)
    path = lab.write("sweep.yaml", f"""sweep: 1
name: stops
command: [python3, trial.py, {lab.path("noted")}]
objective: {{metric: loss, goal: min}}
space: {{x: {{float: [0, 1]}}}}
stop: {{pruner: threshold, upper: 5}}
run: {{parallel: 2, resources: {{cpus: 0}}}}
budget: {{trials: 8}}
""")
    coordinator, endpoint = lab.coordinator()
    agent = lab.agent(endpoint, "a", "--slots", "2")
    lab.winnow("submit", path, "--follow")
    noted = [line.split() for line in lab.lines("noted")]
    equal([what for what, _ in noted], ["TERM"] * 8)
    took = [float(seconds) for _, seconds in noted]
    assert statistics.median(took) < MEDIAN_S and max(took) < WORST_S, took
    for trial in lab.json("trials", "last"):
        equal((trial["state"], trial["value"], trial["step"]), ("pruned", 9, 3))
        assert "threshold: loss 9 at step 3 is worse than 5" in trial["cause"], trial
    for process in [agent, coordinator]:
        equal(process.end(), 0)


main(stops)
