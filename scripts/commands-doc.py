#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the part of docs/commands.md that the program itself knows, or with --write
puts it there: scripts/commands-doc.py build/winnow [--write]"""

import os
import re
import subprocess
import sys

MARK = "<!-- from here on written by scripts/commands-doc.py -->\n"


def ask(program, *args):
    return subprocess.run([program, *args], check=True, capture_output=True, text=True).stdout


def pages(program):
    verbs = re.findall(r"^  ([a-z-]+) ", ask(program, "--help"), re.M)
    parts = [MARK]
    for verb in verbs:
        parts.append(f"\n## {verb}\n\n```text\n{ask(program, verb, '--help')}```\n")
    return "".join(parts)


def main():
    program = os.path.abspath(sys.argv[1])
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs",
                        "commands.md")
    if sys.argv[2:] != ["--write"]:
        sys.stdout.write(pages(program))
        return
    with open(path) as f:
        head = f.read().split(MARK)[0]
    with open(path, "w") as f:
        f.write(head + pages(program))


main()
