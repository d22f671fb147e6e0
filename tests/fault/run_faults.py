# SPDX-License-Identifier: Apache-2.0
"""`winnow run` while the n-th system call of one kind on its home fails: it ends well or
with a clear error, and the next run without faults completes the sweep, with nothing for
`winnow doctor` to find and every suggestion derived again."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "integration"))
from faulty import faulty_env  # noqa: E402
from lab import Lab, all_cells, cells, equal, grid  # noqa: E402

# What is printed goes beyond the part of a log that is kept in the database.
SCRIPT = "seq 1 5000; echo value=$(({x} * 10 + {y}))"
CASES_MAX = int(os.environ.get("WINNOW_FAULT_CASES", "24"))


def counted(sweep_args=("run", "sweep.yaml", "--slots", "2")):
    """Calls of each kind that an undisturbed run makes."""
    lab = Lab()
    lab.write("sweep.yaml", grid("f", 2, 2, SCRIPT))
    lab.winnow(*sweep_args, env=faulty_env(lab, WINNOW_FAULT_COUNTS=lab.path("counts")))
    counts = {name: int(n) for name, n in
              (line.split() for line in lab.lines("counts"))}
    lab.close()
    return counts


def try_one(call, n, how):
    lab = Lab()
    lab.write("sweep.yaml", grid("f", 2, 2, SCRIPT))
    result = lab.winnow("run", "sweep.yaml", "--slots", "2", status=None,
                        env=faulty_env(lab, WINNOW_FAULT=f"{call}:{n}:{how}"))
    where = f"{call}:{n}:{how}\n{result}"
    assert result.status in (0, 1, 2), where
    if result.status != 0:
        assert result.err.strip(), f"silent failure: {where}"
    again = lab.winnow("run", "sweep.yaml", "--slots", "2", status=None)
    assert again.status == 0, f"{where}\nthen: {again}"
    trials = lab.json("trials", "last")
    equal(cells(trials), all_cells(2, 2), where)
    for trial in trials:
        # An attempt that could not be prepared has failed, and says why.
        assert trial["state"] == "finished" or "cannot" in trial["cause"], f"{where}\n{trial}"
    doctor = lab.winnow("doctor", status=None)
    assert doctor.status == 0, f"{where}\nthen: {doctor}"
    lab.check_replay()
    lab.close()


def chosen(count):
    """All of them, or as many as there is time for: the first and the last ones, and
    some between that differ from kind to kind but not from run to run."""
    every = list(range(1, count + 1))
    if len(every) <= CASES_MAX:
        return every
    third = CASES_MAX // 3
    between = random.Random(count).sample(every[third:-third], CASES_MAX - 2 * third)
    return every[:third] + sorted(between) + every[-third:]


def main():
    call, hows = sys.argv[1], sys.argv[2:]
    count = counted()[call]
    assert count > 0, f"no {call} at all: is the library loaded?"
    cases = [(n, hows[i % len(hows)]) for i, n in enumerate(chosen(count))]
    for n, how in cases:
        try_one(call, n, how)
    print(f"{call}: {len(cases)} of {count} calls failed in turn")


main()
