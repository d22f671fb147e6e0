# SPDX-License-Identifier: Apache-2.0
"""One process writes a home; who else wants to is told by which."""

from lab import equal, grid, main, wait_for


def second_run(lab):
    path = lab.write("sweep.yaml", grid("g", 2, 1, "echo value=1; exec sleep 100"))
    run = lab.start("run", path)
    wait_for("it runs", lambda: lab.executing())
    result = lab.winnow("run", path, status=1)
    assert str(run.pid) in result.err and "winnow submit" in result.err, result
    result = lab.winnow("coordinator", "--listen", "tcp://127.0.0.1:*", status=1)
    assert str(run.pid) in result.err, result
    holder = [c for c in lab.json("doctor") if c["check"] == "holder"][0]
    assert str(run.pid) in holder["detail"], holder
    # But a second sweep can be given to it.
    other = lab.write("other.yaml", grid("other", 1, 1))
    name = lab.winnow("submit", other).out.strip()
    equal(lab.json("show", name)["name"], "other")
    equal(lab.winnow("submit", other).out.strip(), name, "sending twice is safe")
    lab.winnow("stop", "g")
    equal(run.wait(), 1)


def nobody(lab):
    path = lab.write("sweep.yaml", grid("g", 1, 1))
    lab.fails("submit", path, status=1, says=["no process holds", "winnow run"])
    lab.fails("submit", path, "--connect", "tcp://127.0.0.1:1", status=1,
              says="127.0.0.1:1")
    lab.fails("ls", "--connect", "nonsense", says="nonsense")


main(second_run, nobody)
