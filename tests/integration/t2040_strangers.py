# SPDX-License-Identifier: Apache-2.0
"""Connections that must not work, each with a clear message and nothing broken: nobody
there, a wrong or unknown key, no key, garbage on the port, not listening off loopback."""

import os
import shutil
import socket

from lab import all_cells, cells, equal, grid, main, wait_for


def nobody_there(lab):
    """The agent says so, keeps trying, and works when the coordinator comes."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        endpoint = f"tcp://127.0.0.1:{s.getsockname()[1]}"
    agent = lab.agent(endpoint, "a", "--slots", "2")
    agent.wait_err(f"winnow: nobody answers at '{endpoint}'; trying on")
    assert agent.alive()
    coordinator, _ = lab.coordinator(endpoint)
    agent.wait_err("connected to")
    follow = lab.start("submit", lab.write("sweep.yaml", grid("g", 3, 2)), "--follow",
                       "--connect", endpoint)
    equal(follow.wait(), 0)
    equal(cells(lab.json("trials")), all_cells(3, 2))
    equal(agent.end(), 0)
    equal(coordinator.end(), 0)


def keys(lab):
    good = lab.winnow("keygen", "good").out.strip()
    other_home = lab.path("other")
    wrong = lab.winnow("keygen", "good", "--home", other_home).out.strip()
    coordinator, endpoint = lab.coordinator()
    # Keys of another home: this coordinator's own key is not the expected one.
    stranger = lab.agent(endpoint, "stranger", "--key", wrong)
    stranger.wait_err("key")
    # A key this coordinator made and then forgot.
    gone = lab.winnow("keygen", "gone").out.strip()
    os.remove(os.path.join(lab.home, "keys", "agents", "gone.pub"))
    refused = lab.agent(endpoint, "refused", "--key", gone)
    refused.wait_err("key")
    bare = lab.agent(endpoint, "bare")
    bare.wait_err("key")
    lab.fails("ls", "--connect", endpoint, "--key", gone, status=1, says="key")
    open_key = lab.path("open.key")
    shutil.copy(good, open_key)
    os.chmod(open_key, 0o644)
    lab.fails("ls", "--connect", endpoint, "--key", open_key, status=1, says="chmod")
    lab.fails("ls", "--connect", endpoint, "--key", lab.path("none.key"),
              says="none.key")
    agent = lab.agent(endpoint, "fine", "--key", good)
    agent.wait_err("connected to")
    equal(lab.json("ls", "--connect", endpoint, "--key", good), [])
    for process in (stranger, refused, bare, agent):
        assert process.alive()
        equal(process.end(), 0)
    equal(coordinator.end(), 0)


def garbage(lab):
    coordinator, endpoint = lab.coordinator()
    port = int(endpoint.rsplit(":", 1)[1])
    for data in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"\xff" + b"\0" * 8 + b"\x7f",
                 b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL" + b"\0" * 48 + b"\xff" * 200):
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.settimeout(0.2)
            s.sendall(data)
            try:
                s.recv(1024)
            except OSError:
                pass
    assert coordinator.alive()
    equal(lab.json("ls", "--connect", endpoint), [])
    equal(coordinator.end(), 0)


def off_loopback(lab):
    result = lab.winnow("coordinator", "--listen", "tcp://0.0.0.0:*", status=1)
    assert "winnow keygen" in result.err, result
    result = lab.winnow("coordinator", "--listen", "nonsense", status=None)
    assert result.status in (1, 2) and "nonsense" in result.err, result


main(nobody_there, keys, garbage, off_loopback)
