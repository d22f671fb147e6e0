# SPDX-License-Identifier: Apache-2.0
"""The identity rule: (home, name) and what a second `run` or `submit` does."""

from lab import equal, grid, main, wait_for

import os


def finished(lab):
    path = lab.write("sweep.yaml", grid("g", 2, 2))
    lab.winnow("run", path)
    again = lab.winnow("run", path)
    assert "best trial 3: 22" in again.out, again
    equal(len(lab.json("ls")), 1)
    # Comments and spelling do not make another sweep.
    lab.winnow("run", lab.write("sweep.yaml", "# new\n" + grid("g", 2, 2)))
    equal(len(lab.json("ls")), 1)
    # Finished and different: a new sweep of the same name; --new: always.
    lab.winnow("run", lab.write("sweep.yaml", grid("g", 3, 2)))
    equal(len(lab.json("ls")), 2)
    lab.winnow("run", lab.path("sweep.yaml"), "--new")
    sweeps = lab.json("ls")
    equal([s["trials"]["finished"] for s in sweeps], [6, 6, 4])
    equal(lab.json("show", "g")["id"], sweeps[0]["id"], "a name is the newest of it")


def unfinished(lab):
    hold = lab.write("hold", "")
    script = f"echo value={{x}}; while [ -e {hold} ]; do sleep 0.02; done"
    path = lab.write("sweep.yaml", grid("g", 2, 2, script))
    first = lab.start("run", path)
    wait_for("trials to run", lambda: lab.executing())
    first.kill()
    other = lab.write("other.yaml", grid("g", 2, 5, script, "budget: {trials: 3}\n"))
    result = lab.fails("run", other, says=["'g' is unfinished", "space.y", "budget.trials",
                                           "--new"])
    assert "space.x" not in result.err, result
    equal(len(lab.json("ls")), 1)
    os.remove(hold)
    lab.winnow("run", other, "--new")
    equal(len(lab.json("ls")), 2)
    lab.winnow("run", path, status=0)


main(finished, unfinished)
