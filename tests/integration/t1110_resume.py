# SPDX-License-Identifier: Apache-2.0
"""`winnow run` killed by kill -9 and started again comes to the same sweep."""

import os

from lab import all_cells, cells, equal, grid, main, process_alive, wait_for


def kill_and_run_again(lab):
    # Each trial leaves its mark when it has ended; in the first life they are slow.
    slow = lab.write("slow", "")
    script = (f"echo pid $$; echo value={{x}}{{y}}; "
              f"while [ -e {slow} ] && [ {{x}}{{y}} -gt 15 ]; do sleep 0.02; done; "
              f"echo {{x}}{{y}} >>{lab.path('ended')}")
    path = lab.write("sweep.yaml", grid("g", 6, 5, script))
    first = lab.start("run", path, "--slots", "2")
    wait_for("the first trials to end", lambda: len(lab.lines("ended")) >= 5)
    wait_for("two more to run", lambda: lab.executing() == 2
             and lab.counts()["finished"] == 5)
    pids = []
    for number in (5, 6):
        text = wait_for("the log", lambda n=number: lab.winnow(
            "logs", f"last/{n}", status=None).out)
        pids.append(int(text.split()[1]))
    before = lab.json("show", "last")
    first.kill()
    wait_for("the trials' processes to end", lambda: not any(map(process_alive, pids)))
    equal(lab.state(), "running", "a killed sweep stays resumable")
    os.remove(slow)
    result = lab.winnow("run", path, "--slots", "2")
    assert "resuming sweep g" in result.err, result
    after = lab.json("show", "last")
    equal((after["id"], after["state"]), (before["id"], "finished"))
    trials = lab.json("trials")
    equal(cells(trials), all_cells(6, 5), "cells")
    equal([t["number"] for t in trials], list(range(30)))
    equal([t["state"] for t in trials], ["finished"] * 30)
    equal(len(lab.json("ls")), 1)
    # What had ended did not run again.
    equal(sorted(lab.lines("ended")), sorted(f"{x}{y}" for x, y in all_cells(6, 5)))
    equal([t["attempts"] for t in trials[:7]], [1] * 5 + [2] * 2)


def resume_verb(lab):
    hold = lab.write("hold", "")
    script = f"echo value={{x}}{{y}}; while [ -e {hold} ]; do sleep 0.02; done"
    path = lab.write("sweep.yaml", grid("g", 2, 3, script))
    first = lab.start("run", path, "--slots", "2")
    wait_for("trials to run", lambda: lab.executing() == 2)
    first.kill()
    os.remove(hold)
    result = lab.winnow("resume", "last")
    assert "best trial 5: 23" in result.out, result
    equal(cells(lab.json("trials", "--state", "finished")), all_cells(2, 3))
    lab.fails("resume", "last", status=1, says="finished")


main(kill_and_run_again, resume_verb)
