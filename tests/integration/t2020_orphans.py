# SPDX-License-Identifier: Apache-2.0
"""An agent killed by kill -9 leaves none of its trials' processes behind, also those
that called setsid or daemonised."""

from lab import equal, main, process_alive, wait_for

# Writes the pids of itself and of three descendants: a child, one in a session of its
# own, and one that double-forked as a daemon does and ignores TERM.
TREE = """
import os, signal, sys, time

def note():
    with open(sys.argv[1], "a") as f:
        f.write(f"{os.getpid()}\\n")

def stay():
    note()
    while True:
        time.sleep(100)

if os.fork() == 0:
    stay()
if os.fork() == 0:
    os.setsid()
    stay()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.chdir("/")
        for fd in (0, 1, 2):
            os.close(fd)
        stay()
    os._exit(0)
stay()
"""


def killed(lab):
    lab.write("tree.py", TREE)
    path = lab.write("sweep.yaml", f"""sweep: 1
name: tree
command: [python3, tree.py, {lab.path('pids')}]
objective: {{metric: value, goal: max}}
space: {{x: {{int: [1, 2]}}}}
search: {{sampler: grid}}
run: {{grace: 200ms}}
""")
    coordinator, endpoint = lab.coordinator()
    agent = lab.agent(endpoint, "a", "--slots", "2")
    lab.winnow("submit", path, "--connect", endpoint)
    wait_for("two trees of four", lambda: len(lab.lines("pids")) == 8)
    pids = [int(line) for line in lab.lines("pids")]
    equal([p for p in pids if not process_alive(p)], [])
    agent.kill()
    wait_for("all of them to end", lambda: not any(map(process_alive, pids)))
    equal(coordinator.end(), 0)


main(killed)
