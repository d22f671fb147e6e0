# SPDX-License-Identifier: Apache-2.0
"""Sweeps that go wrong say why, pause, and can be resumed."""

from lab import equal, grid, main

import os


def no_such_program(lab):
    text = grid("g", 3, 4).replace("command: [sh,", "command: [no-such-program,")
    result = lab.winnow("run", lab.write("sweep.yaml", text), status=1)
    assert "paused: the first 3 trials all failed" in result.err, result
    assert "winnow resume g" in result.err, result
    trial = lab.json("trials", "--state", "failed")[0]
    assert "no-such-program" in trial["cause"], trial
    equal(lab.state(), "paused")


def not_executable(lab):
    lab.write("tool", "not a program")
    text = grid("g", 3, 4).replace("command: [sh,", "command: [./tool,")
    lab.winnow("run", lab.write("sweep.yaml", text), status=1)
    trial = lab.json("trials", "--state", "failed")[0]
    assert "tool" in trial["cause"] and "ermission denied" in trial["cause"], trial


def objective_never_seen(lab):
    path = lab.write("sweep.yaml", grid("g", 3, 4, "echo valeu={x} loss=2"))
    result = lab.winnow("run", path, "--slots", "1", status=1)
    assert "value" in result.err and "valeu" in result.err and "loss" in result.err, result
    counts = lab.counts()
    equal((counts["finished"], counts["failed"]), (0, 1), "it pauses at once")


def some_fail(lab):
    """Failed trials do not fail a sweep; a failed cell has run."""
    path = lab.write("sweep.yaml", grid("g", 3, 4, "echo value={x}{y}; [ {x}{y} != 23 ]"))
    result = lab.winnow("run", path)
    assert "1 failed" in result.err, result
    counts = lab.counts()
    equal((counts["finished"], counts["failed"]), (11, 1))
    failed = lab.json("trials", "--state", "failed")
    equal(failed[0]["params"], {"x": 2, "y": 3})
    assert "exit status 1" in failed[0]["cause"], failed
    assert "value" not in failed[0] or failed[0]["state"] == "failed"


def time_limit(lab):
    text = grid("g", 1, 1, "trap '' TERM; echo value=1; sleep 100").replace(
        "grace: 1s", "grace: 100ms, time_limit: 300ms")
    lab.winnow("run", lab.write("sweep.yaml", text), status=None)
    trial = lab.json("show", "last/0")
    equal((trial["state"], trial["attempts_list"][0]["end"]), ("failed", "timeout"))


def broken_store(lab):
    lab.winnow("run", lab.write("sweep.yaml", grid("g", 1, 1)))
    lab.spoiled = True
    with open(os.path.join(lab.home, "store.db"), "wb") as f:
        f.write(b"not a database" * 1000)
    lab.fails("run", lab.path("sweep.yaml"), status=1, says="store.db")


main(no_such_program, not_executable, objective_never_seen, some_fail, time_limit,
     broken_store)
