# SPDX-License-Identifier: Apache-2.0
"""Two sweeps at once share the agents fairly; pausing one leaves all to the other."""

from lab import equal, grid, main, wait_for

SLOW = "echo value={x}{y}; sleep 0.1"


def share(lab):
    coordinator, endpoint = lab.coordinator()
    agents = [lab.agent(endpoint, name, "--slots", "2") for name in ("one", "two")]
    for agent in agents:
        agent.wait_err("connected to")
    there = ["--connect", endpoint]
    lab.winnow("submit", lab.write("a.yaml", grid("a", 20, 10, SLOW)), *there)
    wait_for("the first to run", lambda: lab.counts("a").get("finished", 0) >= 4)
    lab.winnow("submit", lab.write("b.yaml", grid("b", 20, 10, SLOW)), *there)
    # As soon as both run, the second gets its half.
    wait_for("both", lambda: lab.counts("b").get("finished", 0) >= 4)
    before = (lab.counts("a")["finished"], lab.counts("b")["finished"])
    wait_for("more", lambda: lab.counts("b")["finished"] >= before[1] + 20)
    after = (lab.counts("a")["finished"], lab.counts("b")["finished"])
    gained = (after[0] - before[0], after[1] - before[1])
    assert 0.6 <= gained[0] / gained[1] <= 1.7, f"unfair: {gained}"
    lab.winnow("pause", "a", *there)
    wait_for("a to rest", lambda: lab.counts("a")["running"] == 0)
    held = lab.counts("a")["finished"]
    wait_for("all slots for b", lambda: lab.executing("b") == 4
             or lab.state("b") == "finished")
    equal(lab.counts("a")["finished"], held)
    for sweep in ("a", "b"):
        lab.winnow("stop", sweep, *there)
        equal(lab.state(sweep), "stopped")
    for agent in agents:
        equal(agent.end(), 0)
    equal(coordinator.end(), 0)


main(share)
