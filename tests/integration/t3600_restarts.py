# SPDX-License-Identifier: Apache-2.0
"""bench/restarts.py at a small size: a coordinator that is killed over and over loses no
trial and no point, runs nothing twice, and costs no more than its absence."""

import os
import subprocess
import sys

from lab import WINNOW, main, repo


def restarts(lab):
    # 96 trials of 0.1 s on 8 slots are 1.2 s. A lease or a long back-off after each kill
    # would be many times that; a busy machine is not.
    done = subprocess.run(
        [sys.executable, repo("bench", "restarts.py"), os.path.dirname(WINNOW), "--trials",
         "96", "--trial-ms", "100", "--every-ms", "250", "--ratio-max", "4", "--folder",
         lab.folder], capture_output=True, text=True, env=lab.env, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "with 0 kills" not in done.stdout, done.stdout
    assert not [name for name in os.listdir(lab.folder) if name.startswith("winnow-")]


main(restarts)
