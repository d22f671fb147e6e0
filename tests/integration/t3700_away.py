# SPDX-License-Identifier: Apache-2.0
"""Agents without their coordinator lose no metric and start nothing twice; an agent that
was frozen past its lease changes nothing of the attempt that took over.

    t3700_away.py [SECONDS]     how long the coordinator is away (default 10)"""

import os
import signal
import sqlite3
import sys
import time

from lab import equal, grid, main, process_alive, wait_for

AWAY_S = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0


def query(lab, sql, *args):
    path = os.path.join(lab.home, "store.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as store:
        return store.execute(sql, args).fetchall()


def stored(lab, attempt):
    """(step, value) of an attempt of trial 0."""
    return query(lab, "SELECT step, value FROM v_metrics WHERE trial = 0 AND attempt = ? "
                 "ORDER BY step", attempt)


def given(lab):
    """Trials that were given to an agent, also beforehand."""
    return len([t for t in lab.json("trials", "last") if t["attempts"] > 0])


def coordinator_away(lab):
    """Each slot ends what it runs, and what it holds beforehand, in the meantime."""
    ticks = 20
    body = (f"echo $WINNOW_TRIAL >>{lab.path('executed')}; "
            f"for i in $(seq {ticks}); do echo value={{x}}{{y}}$i step=$i; "
            f"sleep {0.25 * AWAY_S / ticks}; done")
    coordinator, endpoint = lab.coordinator("tcp://127.0.0.1:*", "--lease", "2s")
    agents = [lab.agent(endpoint, f"a{i}", "--slots", "2") for i in range(2)]
    sweep = lab.winnow("submit", lab.write("sweep.yaml", grid("g", 4, 4, body))).out.strip()
    # Four have ended, four run, and each slot holds one more.
    wait_for("all slots", lambda: given(lab) == 12 and lab.executing(sweep) == 4
             and lab.counts(sweep)["finished"] == 4)
    coordinator.kill()
    gone = time.monotonic()
    executed = len(lab.lines("executed"))
    equal(executed, 8)
    wait_for("what was held beforehand", lambda: len(lab.lines("executed")) == 12)
    wait_for("the time to be over", lambda: time.monotonic() - gone >= AWAY_S,
             AWAY_S + 10)
    equal(len(lab.lines("executed")), 12, "executed while it was away")
    coordinator, _ = lab.coordinator(endpoint, "--lease", "2s")
    wait_for("the sweep", lambda: lab.state(sweep) == "finished")
    trials = lab.json("trials", sweep)
    equal([(t["number"], t["state"], t["attempts"]) for t in trials],
          [(n, "finished", 1) for n in range(16)])
    equal(sorted(map(int, lab.lines("executed"))), list(range(16)))
    for trial in trials:
        cell = f"{trial['params']['x']}{trial['params']['y']}"
        rows = query(lab, "SELECT step, value FROM v_metrics WHERE run_id = ? ORDER BY step",
                     trial["run_id"])
        equal(rows, [(i, float(f"{cell}{i}")) for i in range(1, ticks + 1)])
    for process in [*agents, coordinator]:
        equal(process.end(), 0)


# ---- frozen ----

def tree(pid):
    """The process and all below it."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat:
                parents[int(name)] = int(stat.read().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            pass
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def attempt_body(lab):
    """Prints points, each written down before, until its attempt may end."""
    written, go = lab.path("written."), lab.path("go.")
    return ("i=0; while [ ! -e " + go + "$WINNOW_ATTEMPT ]; do "
            "echo $i >>" + written + "$WINNOW_ATTEMPT; "
            "echo value=$WINNOW_ATTEMPT$i step=$i; i=$((i+1)); sleep 0.05; done")


def printed(lab, attempt):
    """(step, value) as the attempt itself wrote them down."""
    return [(int(i), float(f"{attempt}{i}")) for i in lab.lines(f"written.{attempt}")]


def second_attempt(lab):
    return query(lab, "SELECT attempt, end, cause, assigned_ms, start_ms, end_ms, exit_status "
                 "FROM v_attempts WHERE trial = 0 AND attempt = 2")


def frozen(lab, whole_tree, thaw_while_it_runs):
    coordinator, endpoint = lab.coordinator("tcp://127.0.0.1:*", "--lease", "1s")
    old = lab.agent(endpoint, "old", "--slots", "1")
    lab.winnow("submit", lab.write("sweep.yaml", grid("g", 1, 1, attempt_body(lab))))
    wait_for("its points", lambda: len(stored(lab, 1)) >= 3)
    pids = tree(old.pid)
    assert len(pids) >= 4, pids  # agent, helper, its watcher, the shell
    hurt = pids if whole_tree else [old.pid]
    for pid in hurt:
        os.kill(pid, signal.SIGSTOP)
    new = lab.agent(endpoint, "new", "--slots", "1")
    wait_for("the second attempt", lambda: len(stored(lab, 2)) >= 3)
    if not thaw_while_it_runs:
        lab.write("go.2", "")
        wait_for("its end", lambda: lab.state() == "finished")
        record = second_attempt(lab), stored(lab, 2), lab.json("trials", "last")
    for pid in reversed(hurt):
        os.kill(pid, signal.SIGCONT)
    # It hears that it was superseded, ends its trial and says all it has to say.
    wait_for("its trial to end", lambda: not any(process_alive(p) for p in pids[-2:]))
    if thaw_while_it_runs:
        more = len(stored(lab, 2)) + 3
        wait_for("the second one to go on", lambda: len(stored(lab, 2)) >= more)
        lab.write("go.2", "")
        wait_for("its end", lambda: lab.state() == "finished")
    equal(old.end(), 0)  # all it had to say is acknowledged
    if not thaw_while_it_runs:
        equal((second_attempt(lab), stored(lab, 2), lab.json("trials", "last")), record)
    equal(stored(lab, 2), printed(lab, 2), "points of the second attempt")
    first = stored(lab, 1)
    equal(first, printed(lab, 1)[:len(first)], "points of the first attempt")
    trial, = lab.json("trials", "last")
    equal((trial["state"], trial["attempts"], trial["value"]),
          ("finished", 2, printed(lab, 2)[-1][1]))
    equal([(a["number"], a["end"]) for a in lab.json("show", "last/0")["attempts_list"]],
          [(1, "lost"), (2, "exited")])
    rows = lab.json("metrics", "last/0", "value")
    equal([(row["step"], row["value"]) for row in rows], printed(lab, 2))
    for process in [new, coordinator]:
        equal(process.end(), 0)


def agent_frozen(lab):
    frozen(lab, whole_tree=False, thaw_while_it_runs=False)


def agent_frozen_thaws_early(lab):
    frozen(lab, whole_tree=False, thaw_while_it_runs=True)


def tree_frozen(lab):
    frozen(lab, whole_tree=True, thaw_while_it_runs=False)


def tree_frozen_thaws_early(lab):
    frozen(lab, whole_tree=True, thaw_while_it_runs=True)


main(coordinator_away, agent_frozen, agent_frozen_thaws_early, tree_frozen,
     tree_frozen_thaws_early)
