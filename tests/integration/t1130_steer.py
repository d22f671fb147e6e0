# SPDX-License-Identifier: Apache-2.0
"""pause, resume and stop: on `winnow run` from a second process, and on a home that
nobody holds."""

import time

from lab import equal, grid, main, wait_for

SLOW = "echo value={x}{y}; sleep 0.1"
HELD = "echo value={x}{y}; exec sleep 100"


def timed(lab, *args):
    """The verb answers within the second that it has to act."""
    start = time.monotonic()
    result = lab.winnow(*args)
    took = time.monotonic() - start
    assert took < 1, f"{args} took {took:.1f} s"
    return result


def attempts_ended(lab):
    """No attempt is under way, also none that an agent took in advance."""
    trials = [lab.json("show", f"last/{t['number']}") for t in lab.json("trials")]
    return all("end" in a for t in trials for a in t["attempts_list"])


def pause_and_resume(lab):
    run = lab.start("run", lab.write("sweep.yaml", grid("g", 10, 4, SLOW)), "--slots", "2")
    wait_for("progress", lambda: lab.counts().get("finished", 0) >= 3)
    equal(timed(lab, "pause", "last").out, "g paused\n")
    equal(lab.state(), "paused")
    wait_for("running ones to end", lambda: attempts_ended(lab))
    done = lab.counts()["finished"]
    assert done < 40 and run.alive()
    equal(lab.json("pause", "g")["state"], "paused", "again is harmless")
    equal(lab.counts()["finished"], done, "nothing new started")
    equal(timed(lab, "resume", "last").out, "g running\n")
    equal(run.wait(), 0)
    equal(lab.counts()["finished"], 40)


def stop(lab):
    run = lab.start("run", lab.write("sweep.yaml", grid("g", 5, 4, HELD)), "--slots", "2")
    wait_for("two running", lambda: lab.executing() == 2)
    begin = time.monotonic()
    equal(timed(lab, "stop", "last").out, "g stopped\n")
    wait_for("nothing runs", lambda: lab.executing() == 0)
    assert time.monotonic() - begin < 1, "stop acts within a second"
    equal(run.wait(10), 1)
    assert "stopped" in run.err(), run.err()
    counts = lab.counts()
    equal((counts["running"], counts["queued"], counts["finished"]), (0, 0, 0))
    assert counts["cancelled"] >= 2, counts
    equal(lab.state(), "stopped")
    lab.fails("resume", "last", status=1, says="stopped")


def stop_drain(lab):
    run = lab.start("run", lab.write("sweep.yaml", grid("g", 5, 4, "sleep 0.5; " + SLOW)),
                    "--slots", "2")
    wait_for("two running", lambda: lab.executing() == 2)
    lab.winnow("stop", "last", "--drain")
    equal(run.wait(), 1)
    counts = lab.counts()
    assert counts["finished"] >= 2, counts
    equal((counts["running"], counts["queued"]), (0, 0))


def offline(lab):
    run = lab.start("run", lab.write("sweep.yaml", grid("g", 5, 4, HELD)), "--slots", "2")
    wait_for("two running", lambda: lab.executing() == 2)
    run.kill()
    wait_for("the home to be free", lambda: lab.json("doctor") and "none" in next(
        c["detail"] for c in lab.json("doctor") if c["check"] == "holder"))
    equal(lab.json("pause", "last")["state"], "paused")
    equal(lab.state(), "paused")
    equal(lab.json("stop", "last")["state"], "stopped")
    equal(lab.state(), "stopped")
    lab.fails("stop", "gg", says="gg")
    lab.fails("pause", "last", status=1, says="stopped")


main(pause_and_resume, stop, stop_drain, offline)
