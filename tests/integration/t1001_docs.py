# SPDX-License-Identifier: Apache-2.0
"""docs/commands.md says what the program says."""

import subprocess
import sys

from lab import WINNOW, main, repo


def commands(lab):
    made = subprocess.run([sys.executable, repo("scripts", "commands-doc.py"), WINNOW],
                          check=True, capture_output=True, text=True).stdout
    with open(repo("docs", "commands.md")) as f:
        kept = f.read()
    assert kept.endswith(made), "run scripts/commands-doc.py build/winnow --write"


main(commands)
