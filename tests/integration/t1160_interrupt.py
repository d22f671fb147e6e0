# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C: the first drains, the second stops; the sweep stays resumable."""

import os
import signal

from lab import all_cells, cells, equal, grid, main, process_alive, wait_for


def drain(lab):
    hold = lab.write("hold", "")
    script = f"echo value={{x}}{{y}}; while [ -e {hold} ]; do sleep 0.02; done"
    path = lab.write("sweep.yaml", grid("g", 3, 3, script))
    run = lab.start("run", path, "--slots", "2")
    wait_for("two running", lambda: lab.executing() == 2)
    run.signal(signal.SIGINT)
    run.wait_err("nothing new starts")
    assert run.alive()
    os.remove(hold)
    equal(run.wait(), 130)
    equal(lab.counts()["finished"], 2, "running ones could end, no more started")
    equal(lab.state(), "running")
    lab.winnow("run", path)
    equal(cells(lab.json("trials", "--state", "finished")), all_cells(3, 3))
    equal([t["attempts"] for t in lab.json("trials")][:2], [1, 1])


def stop_at_second(lab):
    path = lab.write("sweep.yaml", grid("g", 2, 1, "echo $$; echo value=1; exec sleep 100"))
    run = lab.start("run", path, "--slots", "2")
    wait_for("two running", lambda: lab.executing() == 2)
    pids = [int(wait_for("a log", lambda n=n: lab.winnow("logs", f"last/{n}", status=None)
                         .out).split()[0]) for n in (0, 1)]
    run.signal(signal.SIGINT)
    run.wait_err("nothing new starts")
    run.signal(signal.SIGINT)
    equal(run.wait(20), 130)
    assert not any(map(process_alive, pids)), pids
    equal(lab.state(), "running")
    counts = lab.counts()
    equal((counts["finished"], counts["failed"], counts["running"]), (0, 0, 0))


def term(lab):
    path = lab.write("sweep.yaml", grid("g", 2, 1, "echo value=1; exec sleep 100"))
    run = lab.start("run", path, "--slots", "2")
    wait_for("two running", lambda: lab.executing() == 2)
    equal(run.end(20), 130)
    equal(lab.state(), "running")


main(drain, stop_at_second, term)
