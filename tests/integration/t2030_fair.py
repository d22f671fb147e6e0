# SPDX-License-Identifier: Apache-2.0
"""Two sweeps at once share the agents fairly; pausing one leaves all to the other."""

from lab import equal, grid, main, wait_for

SLOW = "echo value={x}{y}; sleep 0.1"


def finished(lab):
    """Of both sweeps at one moment."""
    return {s["name"]: s["trials"]["finished"] for s in lab.json("ls")}


def share(lab):
    coordinator, endpoint = lab.coordinator()
    agents = [lab.agent(endpoint, name, "--slots", "2") for name in ("one", "two")]
    for agent in agents:
        agent.wait_err("connected to")
    there = ["--connect", endpoint]
    lab.winnow("submit", lab.write("a.yaml", grid("a", 40, 25, SLOW)), *there)
    wait_for("the first to run", lambda: lab.counts("a").get("finished", 0) >= 4)
    lab.winnow("submit", lab.write("b.yaml", grid("b", 40, 25, SLOW)), *there)
    # As soon as both run, the second gets its half.
    wait_for("both", lambda: lab.counts("b").get("finished", 0) >= 4)
    before = finished(lab)
    after = wait_for("more", lambda: (lambda now: now["b"] >= before["b"] + 40 and now)(
        finished(lab)))
    gained = {name: after[name] - before[name] for name in after}
    assert 0.5 <= gained["a"] / gained["b"] <= 2, f"unfair: {gained}"
    lab.winnow("pause", "a", *there)
    wait_for("a to rest", lambda: lab.counts("a")["running"] == 0)
    held = lab.counts("a")["finished"]
    wait_for("more than its half for b", lambda: lab.executing("b") >= 3)
    equal(lab.counts("a")["finished"], held)
    for sweep in ("a", "b"):
        lab.winnow("stop", sweep, *there)
        equal(lab.state(sweep), "stopped")
    for agent in agents:
        equal(agent.end(), 0)
    equal(coordinator.end(), 0)


main(share)
