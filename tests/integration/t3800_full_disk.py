# SPDX-License-Identifier: Apache-2.0
"""A full disk below the store, and below an agent: the cause is shown, nothing is lost,
nothing fails for it, and the sweep goes on by itself when there is space."""

import json
import os
import sqlite3

import small_disk
from lab import equal, grid, main, wait_for

POINTS = 2000


FREE = 8


def script(lab):
    """Prints its points and writes down that it ran. All but the first few trials wait
    for open_gate(), so that a slow test does not find the sweep over."""
    return (f"while [ $WINNOW_TRIAL -ge {FREE} ] && [ ! -e {lab.path('gate')} ]; "
            "do sleep 0.05; done; "
            f"echo $WINNOW_TRIAL >>{lab.path('executed')}; "
            f"seq {POINTS} | sed 's/^/value=/'; sleep 0.1")


def open_gate(lab):
    lab.write("gate", "")


def stored(lab):
    """Stored points of each trial."""
    path = os.path.join(lab.home, "store.db")
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as store:
        return dict(store.execute("SELECT trial, count(*) FROM v_metrics GROUP BY trial"))


def given(lab):
    """Trials that were given to an agent, also beforehand."""
    return len([t for t in lab.json("trials", "last") if t["attempts"] > 0])


def check_whole(lab, trials):
    """Each trial ran once and has each of its points once."""
    equal([(t["state"], t["attempts"]) for t in lab.json("trials", "last")],
          [("finished", 1)] * trials)
    equal(sorted(map(int, lab.lines("executed"))), list(range(trials)))
    equal(stored(lab), {n: POINTS for n in range(trials)})
    for number in range(0, trials, 7):
        rows = lab.json("metrics", f"last/{number}", "value")
        equal([(row["step"], row["value"]) for row in rows],
              [(n, n + 1) for n in range(POINTS)])


def store(lab):
    disk = small_disk.SmallDisk(lab.path("small"), "96M")
    lab.home = lab.env["WINNOW_HOME"] = lab.path("small", "home")
    coordinator, endpoint = lab.coordinator()
    agents = [lab.agent(endpoint, f"a{i}", "--slots", "2") for i in range(2)]
    lab.winnow("submit", lab.write("sweep.yaml", grid("g", 6, 10, script(lab))))
    wait_for("some trials", lambda: lab.counts().get("finished", 0) >= FREE)
    disk.fill()
    open_gate(lab)
    wait_for("its cause", lambda: lab.json("show", "last").get("cause") == "disk full")
    equal([s["cause"] for s in lab.json("ls")], ["disk full"])
    assert "disk full" in lab.winnow("ls").out
    coordinator.wait_err("disk_full")
    # What runs goes on, but nothing new is given out.
    wait_for("what is under way", lambda: len(lab.lines("executed")) == given(lab))
    executed, before = lab.lines("executed"), stored(lab)
    # A full disk is nothing that a coordinator dies of, and the cause stays.
    assert coordinator.alive()
    equal(lab.json("show", "last")["state"], "running")
    assert len(executed) < 60, "the sweep is over, nothing was held up"
    disk.make_space()
    wait_for("the sweep", lambda: lab.state() == "finished")
    assert lab.json("show", "last")["cause"] != "disk full"
    after = stored(lab)
    assert all(after[trial] >= points for trial, points in before.items())
    check_whole(lab, 60)
    for process in [*agents, coordinator]:
        equal(process.end(), 0)


def killed_on_it(lab):
    """kill -9 of the coordinator while the disk is full, started again with space."""
    disk = small_disk.SmallDisk(lab.path("small"), "96M")
    lab.home = lab.env["WINNOW_HOME"] = lab.path("small", "home")
    coordinator, endpoint = lab.coordinator()
    agent = lab.agent(endpoint, "a0", "--slots", "4")
    lab.winnow("submit", lab.write("sweep.yaml", grid("g", 4, 10, script(lab))))
    wait_for("some trials", lambda: lab.counts().get("finished", 0) >= FREE)
    disk.fill()
    open_gate(lab)
    wait_for("its cause", lambda: lab.json("show", "last").get("cause") == "disk full")
    coordinator.kill()
    # Nobody holds the home, so nobody waits for space.
    assert lab.json("show", "last").get("cause") != "disk full"
    disk.make_space()
    coordinator, _ = lab.coordinator(endpoint)
    wait_for("the sweep", lambda: lab.state() == "finished")
    check_whole(lab, 40)
    for process in [agent, coordinator]:
        equal(process.end(), 0)


def agent(lab):
    """Its work-dir: what cannot start waits, what runs loses nothing."""
    disk = small_disk.SmallDisk(lab.path("agents"), "8M")
    coordinator, endpoint = lab.coordinator()
    agent = lab.agent(endpoint, "a0", "--slots", "2")
    agent.wait_err("connected to")
    disk.fill()
    lab.winnow("submit", lab.write("sweep.yaml",
                                   grid("g", 2, 6, script(lab))))
    agent.wait_err("No space left on device; what is to start waits for space")
    wait_for("two that prepare", lambda: [t["phase"] for t in lab.json(
        "trials", "last", "--state", "running")][:2] == ["preparing"] * 2)
    disk.make_space()
    wait_for("the first trials", lambda: lab.counts()["finished"] >= FREE)
    # Its spool has no space either, and nobody takes what it holds.
    disk.fill()
    coordinator.kill()
    open_gate(lab)
    agent.wait_err("cannot write the spool: No space left on device.*kept=memory")
    coordinator, _ = lab.coordinator(endpoint)
    disk.make_space()
    wait_for("the sweep", lambda: lab.state() == "finished")
    check_whole(lab, 12)
    equal(json.loads(lab.winnow("show", "last", "-o", "json").out)["trials"]["failed"], 0)
    for process in [agent, coordinator]:
        equal(process.end(), 0)


def chaos(lab):
    """winnow chaos fills it at random."""
    os.mkdir(lab.path("tmp"))
    small_disk.SmallDisk(lab.path("small"), "96M")
    text = grid("g", 4, 10, f"seq {POINTS} | sed 's/^/value=/'; sleep 0.1")
    result = lab.winnow("chaos", lab.write("sweep.yaml", text), "--full-disk", "128MiB",
                        "--home", lab.path("small", "c"), "--lease", "1s", "--seed", "2",
                        "--kills", "3", "--partitions", "2", "-q", "-o", "json",
                        env={"TMPDIR": lab.path("tmp")})
    got = json.loads(result.out)
    equal((got["verdict"], got["violations"]), ("clean", []))
    equal((got["full_disks"], got["trials"]), (1, 40))
    assert got["points"] >= 40 * POINTS, got
    lab.fails("chaos", lab.path("sweep.yaml"), "--full-disk", "1MiB", "--home",
              lab.path("small", "d"), says=["at most 1048576"])
    assert not os.path.exists(lab.path("small", "d"))


small_disk.enter()
main(store, killed_on_it, agent, chaos)
