# SPDX-License-Identifier: Apache-2.0
"""winnow chaos: clean where winnow keeps its promises, and it sees what is not so."""

import json
import os

from lab import equal, grid, main

# The recorder's own file of this execution; a trial that writes to it lies.
RECORD = '"$WINNOW_CHAOS_RECORD/$WINNOW_TRIAL.$WINNOW_ATTEMPT.$PPID"'


def chaos(lab, text, *args, status=0):
    result = lab.winnow("chaos", lab.write("sweep.yaml", text), "--home", lab.path("c"),
                        "--lease", "1s", "-q", "-o", "json", *args, status=status)
    return json.loads(result.out)


def clean(lab):
    """Everything is killed; the result is as if nothing had been."""
    script = "echo value={x}{y}; echo loss=0.5 step=7 >&2; sleep 0.1; echo value={x}"
    got = chaos(lab, grid("g", 4, 6, script), "--seed", "1", "--kills", "5",
                "--partitions", "2")
    equal(got["violations"], [])
    equal((got["verdict"], got["trials"]), ("clean", 24))
    # So short a sweep may be over before the last of them is due.
    assert got["kills"] >= 3, got
    # Whatever else superseded attempts said, each trial has its three points.
    assert got["points"] >= 24 * 3, got
    assert got["attempts"] >= 24, got
    equal(lab.json("show", "last", "--home", lab.path("c"))["trials"]["finished"], 24)


def partitions(lab):
    """Nothing dies, but connections do."""
    script = "echo value={x}{y}; sleep 0.1; echo value={x}"
    got = chaos(lab, grid("g", 4, 6, script), "--seed", "3", "--kills", "0",
                "--partitions", "6")
    equal((got["verdict"], got["violations"], got["kills"], got["stops"]),
          ("clean", [], 0, 0))
    assert got["partitions"] >= 4, got
    equal(got["trials"], 24)
    said = "".join(lab.read(f"c/chaos/agent-{i}.err") for i in (1, 2, 3))
    assert "connection lost" in said, said


def direct(lab):
    """Without partitions agents connect to the coordinator itself."""
    got = chaos(lab, grid("g", 1, 2, "echo value=1"), "--kills", "0", "--partitions", "0")
    equal((got["verdict"], got["partitions"]), ("clean", 0))
    listens = lab.read("c/chaos/coordinator.out").split(",")[0].removeprefix("ready: ")
    assert f"connected to {listens} " in lab.read("c/chaos/agent-1.err")


def sees(lab, script, *expected):
    got = chaos(lab, grid("g", 1, 1, script), "--kills", "0", "--partitions", "0", status=1)
    equal(got["verdict"], "violated")
    equal(len(got["violations"]), len(expected), got["violations"])
    for text in expected:
        assert any(text in line for line in got["violations"]), (text, got["violations"])


def lost_point(lab):
    """The record says it was printed; the store has no such point."""
    sees(lab, f"echo value=1 step=0; echo 'O value=2 step=9' >>{RECORD}",
         "trial 0 attempt 1: value step 9 = 2 was printed and is not stored")


def invented_point(lab):
    """It came to the store by another way than the output."""
    sees(lab, "echo value=1; winnow log metric other 3 --step 2",
         "trial 0 attempt 1: other step 2 = 3 is stored once too often")


def ran_twice(lab):
    sees(lab, f"echo value=1; echo 'S ' >>{RECORD}", "trial 0 attempt 1: started 2 times")


def failed_sweep(lab):
    """Ends paused: not what the file asks for."""
    got = chaos(lab, grid("g", 2, 2, "exit 3"), "--kills", "0", "--partitions", "0",
                status=1)
    assert any("the sweep is paused" in line for line in got["violations"]), got


def bad_input(lab):
    lab.fails("chaos", lab.path("none.yaml"), says="none.yaml")
    os.mkdir(lab.path("there"))
    lab.fails("chaos", lab.write("s.yaml", grid("g")), "--home", lab.path("there"),
              says=["there", "exists"])
    equal(os.listdir(lab.path("there")), [])
    lab.fails("chaos", lab.path("s.yaml"), "--agents", "0", says="--agents")
    lab.fails("chaos", lab.path("s.yaml"), "--full-disk", "9 apples", says="--full-disk")
    lab.fails("chaos", lab.path("s.yaml"), "--full-disk", "64MiB", says="beside --home")
    lab.fails("chaos", lab.path("s.yaml"), "--full-disk", "9999TiB", "--home",
              lab.path("full"), says=["file system of", "expected one of its own"])
    assert not os.path.exists(lab.path("full"))
    lab.fails("chaos-trial", "--", "true", says="only `winnow chaos`")


main(clean, partitions, direct, lost_point, invented_point, ran_twice, failed_sweep, bad_input)
