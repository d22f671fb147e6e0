# SPDX-License-Identifier: Apache-2.0
"""No space: on stdout for every verb that prints, and on the home for a time."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "integration"))
from faulty import faulty_env  # noqa: E402
from lab import WINNOW, Lab, all_cells, cells, equal, grid, main  # noqa: E402

PRINTING = """--help
run --help
version
plan sweep.yaml
run sweep.yaml
ls
ls -o json
ls -o csv
ls -o tsv
show last
show last/0
trials last
best last
runs
runs --tree
metrics last/0
metrics last/0 value
logs last/0
explain last
replay last
replay last --check
doctor"""


def stdout_without_space_is_an_error(lab):
    lab.write("sweep.yaml", grid("f", 2, 1))
    lab.winnow("run", "sweep.yaml")
    for line in PRINTING.splitlines():
        with open("/dev/full", "w") as full:
            done = subprocess.run([WINNOW, *line.split()], stdout=full, text=True,
                                  stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                  cwd=lab.folder, env=lab.env, timeout=60)
        equal(done.returncode, 1, line)
        assert "cannot write to stdout" in done.stderr, f"{line}: {done.stderr}"


def goes_on_by_itself_when_there_is_space(lab):
    lab.write("sweep.yaml", grid("f", 3, 4, "seq 1 5000; echo value={x}"))
    space = lab.path("space")
    run = lab.start("run", "sweep.yaml", "--slots", "2",
                    env=faulty_env(lab, WINNOW_FAULT="write:120:ENOSPC:always",
                                   WINNOW_FAULT_UNTIL=space))
    run.wait_err("disk full|no space|full")
    assert run.alive(), run.err()
    lab.write("space", "")
    equal(run.wait(), 0, run.err())
    trials = lab.json("trials", "last")
    equal(cells(trials), all_cells(3, 4))
    equal({t["state"] for t in trials}, {"finished"})
    for trial in trials:
        equal(len(lab.json("metrics", f"last/{trial['number']}", "value")), 1)
    lab.winnow("doctor")


main(stdout_without_space_is_an_error, goes_on_by_itself_when_there_is_space)
