# SPDX-License-Identifier: Apache-2.0
"""A 120-cell grid over three agents on loopback TCP; t2000_cluster.py plain|curve."""

import collections
import os
import sys

from lab import all_cells, cells, equal, grid, main

CURVE = sys.argv[1:] == ["curve"]
SCRIPT = "echo step=1 loss={x}; echo value={x}{y}"


def whole_grid(lab):
    keys = {}
    if CURVE:
        for name in ("one", "two", "three", "me"):
            keys[name] = ["--key", lab.winnow("keygen", name).out.strip()]
    coordinator, endpoint = lab.coordinator()
    assert f"keys {'yes' if CURVE else 'no'}" in coordinator.out(), coordinator.out()
    agents = [lab.agent(endpoint, name, "--slots", "2", *keys.get(name, []))
              for name in ("one", "two", "three")]
    for agent in agents:
        agent.wait_err("connected to")
    there = ["--connect", endpoint, *keys.get("me", [])]
    path = lab.write("sweep.yaml", grid("cells", 10, 12, SCRIPT))
    follow = lab.start("submit", path, "--follow", *there)
    equal(follow.wait(), 0)
    sweep = follow.out().strip()
    equal(len(sweep), 32, "stdout is the id and nothing else")
    assert "best trial" in follow.err() and "120/120 done" in follow.err(), follow.err()

    trials = lab.json("trials", sweep, *there)
    equal(trials, lab.json("trials", sweep), "asked over TCP and read from the home")
    equal(cells(trials), all_cells(10, 12), "every cell exactly once")
    equal([t["state"] for t in trials], ["finished"] * 120)
    equal([t["attempts"] for t in trials], [1] * 120)
    by_agent = collections.Counter(t["agent"] for t in trials)
    equal(len(by_agent), 3, f"each agent ran some: {by_agent}")

    tree = lab.json("runs", "--tree", sweep, *there)
    equal([len(r["children"]) for r in tree], [120])
    for number in (0, 17, 119):
        trial = lab.json("show", f"last/{number}", *there)
        x, y = trial["params"]["x"], trial["params"]["y"]
        equal(lab.winnow("logs", f"last/{number}", *there).out,
              f"step=1 loss={x}\nvalue={x}{y}\n")
        equal([p["value"] for p in lab.json("metrics", f"last/{number}", "loss", *there)],
              [x])
        equal(trial["attempts_list"][0]["exit_status"], 0)
    equal(lab.json("ls", *there)[0]["trials"]["finished"], 120)
    equal(lab.winnow("submit", path, *there).out.strip(), sweep, "twice is safe")

    for agent in agents:
        equal(agent.end(), 0)
    equal(coordinator.end(), 0)
    assert not os.path.exists(os.path.join(lab.home, "winnow.sock"))


main(whole_grid)
