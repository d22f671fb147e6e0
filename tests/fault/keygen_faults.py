# SPDX-License-Identifier: Apache-2.0
"""`winnow keygen` while each of its system calls fails in turn: it says so and leaves no
half of a pair behind, so that the next one makes it."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "integration"))
from faulty import faulty_env  # noqa: E402
from lab import Lab, equal, main  # noqa: E402


def keygen(lab, **fault):
    return lab.winnow("keygen", "node7", status=None, env=faulty_env(lab, **fault))


def counted():
    lab = Lab()
    equal(keygen(lab, WINNOW_FAULT_COUNTS=lab.path("counts")).status, 0)
    counts = {name: int(n) for name, n in (line.split() for line in lab.lines("counts"))}
    lab.close()
    return counts


def try_one(call, n):
    lab = Lab()
    failed = keygen(lab, WINNOW_FAULT=f"{call}:{n}:EIO")
    where = f"{call}:{n}: {failed}"
    equal(failed.status, 1, where)
    assert failed.err.startswith("winnow: "), where
    again = lab.winnow("keygen", "node7", status=None)
    equal(again.status, 0, f"{where}\nthen: {again}")
    keys = os.path.join(lab.home, "keys")
    equal(sorted(os.listdir(keys)),
          ["agents", "coordinator.key", "coordinator.pub", "node7.key"], where)
    equal(os.listdir(os.path.join(keys, "agents")), ["node7.pub"], where)
    lab.close()


def no_half_of_a_pair_is_left(lab):
    counts = counted()
    for call in ("write", "sync", "open", "rename", "mkdir"):
        assert counts[call] > 0, f"no {call} at all: is the library loaded?"
        for n in range(1, counts[call] + 1):
            try_one(call, n)


main(no_half_of_a_pair_is_left)
