# SPDX-License-Identifier: Apache-2.0
"""Trials that write checkpoints go on from them: at the agent that has them, elsewhere
with an empty folder or from a shared one, and after Ctrl-C."""

import os
import signal

from lab import equal, main, wait_for

# Ten steps, a checkpoint after every second one and at TERM. Waits at step HOLD as long
# as the file `hold` is there.
PROGRAM = """
import os, signal, sys, time
folder = os.environ["WINNOW_CHECKPOINT_DIR"]
path = os.path.join(folder, "step")
step = int(open(path).read()) if os.environ["WINNOW_RESUME"] == "1" else 0
attempt = int(os.environ["WINNOW_ATTEMPT"])
print(f"begins at {step} resume {os.environ['WINNOW_RESUME']} in {folder}", flush=True)
def save():
    with open(path + ".new", "w") as f:
        f.write(str(step))
    os.rename(path + ".new", path)
def stop(*_):
    save()
    sys.exit(1)
signal.signal(signal.SIGTERM, signal.SIG_IGN if DEAF else stop)
while step < 10:
    # Attempt 1 is better at every step, so that one can tell whose points count.
    print(f"step={step} acc={(10 * step + 5 if attempt == 1 else step) / 1000}", flush=True)
    step += 1
    if step % 2 == 0:
        save()
    while step == 7 and attempt == 1 and os.path.exists(HOLD):
        time.sleep(0.01)
"""


def sweep(lab, checkpoint, deaf=False):
    lab.write("hold", "")
    program = lab.write("train.py", PROGRAM.replace("HOLD", repr(lab.path("hold")))
                        .replace("DEAF", str(deaf)))
    return lab.write("sweep.yaml", f"""sweep: 1
name: c
command: [python3, {program}, '{{x}}']
objective: {{metric: acc, goal: max, read: best}}
space: {{x: {{int: [1, 1]}}}}
search: {{sampler: grid}}
run: {{grace: 1s, checkpoint: {checkpoint}}}
""")


def log(lab, attempt):
    return lab.winnow("logs", "last/0", "--attempt", str(attempt), status=None).out


def reaches_hold(lab):
    wait_for("the middle of the trial", lambda: lab.executing() == 1
             and "step=6" in lab.winnow("logs", "last/0", status=None).out)


def points(lab, *args):
    return [(p["step"], p["value"]) for p in lab.json("metrics", "last/0", "acc", *args)]


def check_joined(lab, at):
    """Attempt 2 went on at this step; attempt 1 had reported 0 to 6."""
    first = [(s, (10 * s + 5) / 1000) for s in range(7)]
    second = [(s, s / 1000) for s in range(at, 10)]
    best = first[at - 1][1]
    equal(points(lab), first[:at] + second, "joined")
    equal(points(lab, "--attempt", "1"), first)
    equal(points(lab, "--attempt", "2"), second)
    equal(sorted(points(lab, "--attempt", "all")), sorted(first + second))
    trial = lab.json("show", "last/0")
    equal((trial["state"], trial["value"], trial["step"]), ("finished", best, at - 1))
    latest = lab.json("metrics", "last/0")[0]
    equal((latest["step"], latest["count"], latest["max"]), (9, 10, best), "latest")
    equal([a.get("resumed", False) for a in trial["attempts_list"]], [False, True])
    equal(lab.winnow("doctor").status, 0)


def same_agent_returns(lab):
    """The program of the killed agent ignores TERM and goes only after its grace: the
    next attempt does not start beside it."""
    coordinator, endpoint = lab.coordinator("tcp://127.0.0.1:*", "--lease", "3s")
    lab.winnow("submit", sweep(lab, "local", deaf=True), "--connect", endpoint)
    agent = lab.agent(endpoint, "a0", "--slots", "1")
    reaches_hold(lab)
    # An idle agent that could take it at once is not asked.
    other = lab.agent(endpoint, "a1", "--slots", "1")
    other.wait_err("ready|connected")
    agent.kill()
    agent = lab.agent(endpoint, "a0", "--slots", "1")
    wait_for("the trial", lambda: lab.state() == "finished")
    folder = lab.path("agents", "a0", "checkpoints")
    assert f"begins at 0 resume 0 in {folder}" in log(lab, 1), log(lab, 1)
    assert f"begins at 6 resume 1 in {folder}" in log(lab, 2), log(lab, 2)
    check_joined(lab, 6)
    wait_for("the folder to go", lambda: os.listdir(folder) == [])
    for process in (agent, other, coordinator):
        equal(process.end(), 0)


def other_agent_after_a_lease(lab):
    coordinator, endpoint = lab.coordinator("tcp://127.0.0.1:*", "--lease", "1s")
    lab.winnow("submit", sweep(lab, "local"), "--connect", endpoint)
    agent = lab.agent(endpoint, "a0", "--slots", "1")
    reaches_hold(lab)
    agent.kill()
    other = lab.agent(endpoint, "a1", "--slots", "1")
    wait_for("what it waits for", lambda: "has its checkpoint and is not connected"
             in lab.winnow("explain", "last/0", status=None).out
             or lab.json("show", "last/0")["attempts"] == 2)
    wait_for("the trial", lambda: lab.state() == "finished")
    folder = lab.path("agents", "a1", "checkpoints")
    assert f"begins at 0 resume 0 in {folder}" in log(lab, 2), log(lab, 2)
    trial = lab.json("show", "last/0")
    second = trial["attempts_list"][1]
    assert second["agent"] != trial["attempts_list"][0]["agent"], trial
    assert "resumed" not in second, second
    assert "empty checkpoint folder" in second["cause"], second
    equal(points(lab), [(s, s / 1000) for s in range(10)])
    equal(trial["value"], 0.009)
    # What the first agent has of it is of no use: it learns that when it returns.
    stale = lab.path("agents", "a0", "checkpoints")
    equal(len(os.listdir(stale)), 1)
    agent = lab.agent(endpoint, "a0", "--slots", "1")
    wait_for("the stale folder to go", lambda: os.listdir(stale) == [])
    for process in (agent, other, coordinator):
        equal(process.end(), 0)


def shared_folder(lab):
    coordinator, endpoint = lab.coordinator("tcp://127.0.0.1:*", "--lease", "1s")
    os.mkdir(lab.path("shared"))
    # Relative: below the sweep file's folder.
    lab.winnow("submit", sweep(lab, "{path: shared}"), "--connect", endpoint)
    agent = lab.agent(endpoint, "a0", "--slots", "1")
    reaches_hold(lab)
    agent.kill()
    other = lab.agent(endpoint, "a1", "--slots", "1")
    wait_for("the trial", lambda: lab.state() == "finished")
    agent = lab.agent(endpoint, "a0", "--slots", "1")
    # The first agent's last points come with it, and are joined late.
    wait_for("all points", lambda: len(points(lab)) == 10)
    check_joined(lab, 7)
    sweep_id = lab.json("show", "last")["id"]
    wait_for("the folder to go", lambda: [n for n in os.listdir(lab.path("shared"))
                                          if n != sweep_id] == []
             and os.listdir(lab.path("shared", sweep_id)) == [])
    for process in (agent, other, coordinator):
        equal(process.end(), 0)


def missing_shared_folder(lab):
    lab.winnow("run", sweep(lab, "{path: nowhere}"))
    trial = lab.json("show", "last/0")
    equal(trial["state"], "failed")
    assert "nowhere' is not there on this agent's machine" in trial["cause"], trial


def interrupted_run(lab):
    """TERM lets the program write a checkpoint."""
    path = sweep(lab, "local")
    first = lab.start("run", path, "--slots", "1")
    reaches_hold(lab)
    first.signal(signal.SIGINT)
    first.wait_err("Ctrl-C again")
    first.signal(signal.SIGINT)
    wait_for("the end", lambda: not first.alive())
    result = lab.winnow("run", path, "--slots", "1")
    assert "begins at 7 resume 1" in log(lab, 2), (result, log(lab, 2))
    equal(points(lab), [(s, (10 * s + 5) / 1000) for s in range(7)]
          + [(s, s / 1000) for s in range(7, 10)])
    trial = lab.json("show", "last/0")
    equal([a["end"] for a in trial["attempts_list"]], ["preempted", "exited"])
    equal(trial["value"], 0.065)


def retried_failure(lab):
    """A failed trial keeps its checkpoint, also for `winnow retry`."""
    path = sweep(lab, "local")
    program = lab.read("train.py").replace("while step == 7 and attempt == 1",
                                           "if step == 7 and attempt == 1:\n"
                                           "        sys.exit(3)\n"
                                           "    while False")
    lab.write("train.py", program)
    lab.winnow("run", path, "--slots", "1", status=None)
    equal(lab.json("show", "last/0")["state"], "failed")
    lab.winnow("retry", "last")
    lab.winnow("resume", "last", "--slots", "1", status=None)
    assert "begins at 6 resume 1" in log(lab, 2), log(lab, 2)
    check_joined(lab, 6)


main(same_agent_returns, other_agent_after_a_lease, shared_folder, missing_shared_folder,
     interrupted_run, retried_failure)
