# SPDX-License-Identifier: Apache-2.0
"""winnow logs: whole, followed while it grows, by attempt; metrics by attempt."""

import os

from lab import equal, grid, main, wait_for


def follow(lab):
    go = lab.path("go")
    script = (f"echo first; echo oops >&2; while [ ! -e {go} ]; do sleep 0.02; done; "
              "echo value={x}; echo last")
    run = lab.start("run", lab.write("sweep.yaml", grid("g", 1, 1, script)))
    wait_for("the trial", lambda: lab.executing() == 1)
    logs = lab.start("logs", "last/0", "-f")
    logs.wait_out("first\noops\n")
    equal(lab.winnow("logs", "last/0").out, "first\noops\n", "without -f it ends")
    assert logs.alive()
    lab.write("go", "")
    equal(run.wait(), 0)
    equal(logs.wait(), 0)
    equal(logs.out(), "first\noops\nvalue=1\nlast\n")


def attempts(lab):
    # Fails once, then works: two attempts, two logs, two histories.
    once = lab.path("once")
    script = f"echo try; echo value=7; [ -e {once} ] || {{{{ : >{once}; exit 3; }}}}"
    path = lab.write("sweep.yaml", grid("g", 1, 1, script).replace(
        "run: {grace: 1s}", "run: {grace: 1s, retry: {failed: 1}}"))
    lab.winnow("run", path)
    shown = lab.json("show", "last/0")
    equal(shown["attempts"], 2)
    equal([(a["number"], a["end"], a["exit_status"]) for a in shown["attempts_list"]],
          [(1, "failed", 3), (2, "exited", 0)])
    for attempt in ("1", "2"):
        equal(lab.winnow("logs", "last/0", "--attempt", attempt).out, "try\nvalue=7\n")
    equal(len(lab.json("metrics", "last/0", "value")), 1)
    equal(len(lab.json("metrics", "last/0", "value", "--attempt", "1")), 1)
    equal(len(lab.json("metrics", "last/0", "value", "--attempt", "all")), 2)


def big(lab):
    """Much output: all of it is kept, in order, and the trial is not held up."""
    script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; echo value=1"
    lab.winnow("run", lab.write("sweep.yaml", grid("g", 1, 1, script)))
    text = lab.winnow("logs", "last/0").out
    equal(text, "".join(f"line {i}\n" for i in range(20000)) + "value=1\n")


main(follow, attempts, big)
