# SPDX-License-Identifier: Apache-2.0
"""On a terminal: one status line redrawn in place, tables cut to the width."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios

from lab import WINNOW, equal, grid, main

WIDTH = 60


def on_terminal(lab, *args):
    """Everything the program wrote to a terminal of WIDTH columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    process = subprocess.Popen([WINNOW, *args], stdin=slave, stdout=slave, stderr=slave,
                               env=lab.env, cwd=lab.folder)
    os.close(slave)
    data = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        data += piece
    os.close(master)
    equal(process.wait(), 0)
    return data.decode()


def status_line(lab):
    text = on_terminal(lab, "run", lab.write("sweep.yaml", grid(
        "g", 4, 3, "echo value={x}{y}; sleep 0.1")), "--slots", "2")
    drawn = re.findall(r"\r(g: \d+/12 done, [^\r\n\x1b]*)\x1b\[K", text)
    assert 3 <= len(drawn) <= 40, text
    assert all(len(line) < WIDTH for line in drawn), drawn
    assert not re.search(r"\ng: ", text), f"not redrawn in place: {text!r}"
    # What stands at the end is the result, not the status line.
    assert re.search(r"\r\x1b\[Kbest trial 11: 43\r\n", text), text


def cut_tables(lab):
    lab.winnow("run", lab.write("sweep.yaml", grid("a-rather-long-name-for-it", 2, 2)))
    for args in (["ls"], ["trials"], ["runs", "--tree"], ["metrics", "last/0"]):
        lines = on_terminal(lab, *args).split("\r\n")
        assert len(lines) > 2 and all(len(line) <= WIDTH for line in lines), lines
    # What was found stands where a narrow terminal shows it.
    assert "best" in on_terminal(lab, "ls").split("\r\n")[0]
    # JSON is never cut.
    assert "a-rather-long-name-for-it" in on_terminal(lab, "ls", "-o", "json")


main(status_line, cut_tables)
