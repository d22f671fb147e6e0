# SPDX-License-Identifier: Apache-2.0
"""SIGTERM to an agent: its trials end, are reported, and wait for another agent."""

from lab import equal, grid, main, process_alive, wait_for


def goodbye(lab):
    """An orderly end leaves nobody either, and its trials are queued at once."""
    path = lab.write("sweep.yaml", grid("g", 2, 1, f"echo $$ >>{lab.path('pids')}; "
                                        "echo value={x}; exec sleep 100"))
    coordinator, endpoint = lab.coordinator()
    agent = lab.agent(endpoint, "a", "--slots", "2")
    lab.winnow("submit", path, "--connect", endpoint)
    wait_for("two trials", lambda: len(lab.lines("pids")) == 2)
    equal(agent.end(), 0)
    equal([p for p in map(int, lab.lines("pids")) if process_alive(p)], [])
    trials = lab.json("trials")
    equal([t["state"] for t in trials], ["queued", "queued"])
    equal([len(lab.json("show", f"last/{n}")["attempts_list"]) for n in (0, 1)], [1, 1])
    equal(coordinator.end(), 0)


main(goodbye)
