# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the coordinator, and of the coordinator and an agent, mid-sweep."""

import collections
import os

from lab import all_cells, cells, equal, grid, main, wait_for


def start(lab, endpoint="tcp://127.0.0.1:*", agents=3):
    coordinator, endpoint = lab.coordinator(endpoint, "--lease", "3s")
    agents = [lab.agent(endpoint, f"a{i}", "--slots", "2") for i in range(agents)]
    return coordinator, endpoint, agents


def script(lab):
    return (f"echo {{x}}-{{y}} >>{lab.path('started')}; echo value={{x}}{{y}}; sleep 0.1; "
            f"echo {{x}}-{{y}} >>{lab.path('ended')}")


def coordinator_only(lab):
    """Agents keep running what they run: nothing twice, nothing missing."""
    coordinator, endpoint, agents = start(lab)
    sweep = lab.winnow("submit", lab.write("sweep.yaml", grid("g", 10, 12, script(lab))),
                       "--connect", endpoint).out.strip()
    wait_for("the middle", lambda: len(lab.lines("ended")) >= 40)
    coordinator.kill()
    # What runs goes on without it.
    wait_for("running trials to end", lambda: len(lab.lines("ended"))
             == len(lab.lines("started")))
    again, _ = lab.coordinator(endpoint, "--lease", "3s")
    wait_for("the sweep", lambda: lab.state(sweep) == "finished")
    trials = lab.json("trials", sweep)
    equal(cells(trials), all_cells(10, 12), "cells")
    equal([t["state"] for t in trials], ["finished"] * 120)
    equal([t["number"] for t in trials], list(range(120)))
    ran = collections.Counter(lab.lines("started"))
    equal([c for c, n in ran.items() if n != 1], [], "cells that ran twice")
    equal(len(ran), 120)
    for trial in trials[::15]:
        equal(len(lab.json("metrics", trial["run_id"], "value")), 1)
    for agent in agents:
        equal(agent.end(), 0)
    equal(again.end(), 0)


def coordinator_and_agent(lab):
    coordinator, endpoint, agents = start(lab)
    sweep = lab.winnow("submit", lab.write("sweep.yaml", grid("g", 10, 12, script(lab))),
                       "--connect", endpoint).out.strip()
    wait_for("the middle", lambda: len(lab.lines("ended")) >= 40)
    agents[0].kill()
    coordinator.kill()
    again, _ = lab.coordinator(endpoint, "--lease", "3s")
    agents[0] = lab.agent(endpoint, "a0", "--slots", "2")
    wait_for("the sweep", lambda: lab.state(sweep) == "finished")
    trials = lab.json("trials", sweep)
    equal(cells(trials), all_cells(10, 12), "cells")
    equal([t["state"] for t in trials], ["finished"] * 120)
    # Only what the killed agent ran was started again, at most its two slots and what
    # it had prefetched.
    again_started = [t for t in trials if t["attempts"] > 1]
    assert len(again_started) <= 4, again_started
    for agent in agents:
        equal(agent.end(), 0)
    equal(again.end(), 0)


main(coordinator_only, coordinator_and_agent)
