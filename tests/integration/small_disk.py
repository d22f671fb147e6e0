# SPDX-License-Identifier: Apache-2.0
"""File systems that a test may fill: small ones in memory, in a mount namespace of the
test's own, so that nobody needs to be root and nothing outside sees them."""

import os
import shutil
import subprocess
import sys

MARK = "WINNOW_TEST_NAMESPACE"


def enter():
    """Starts this test again in a namespace; says so and ends where there are none."""
    if os.environ.get(MARK):
        return
    words = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None:
        print("skipped: no unshare program")
        sys.exit(0)
    tried = subprocess.run([*words, "mount", "-t", "tmpfs", "none", "/mnt"],
                           capture_output=True, text=True)
    if tried.returncode != 0:
        print("skipped: no user namespaces:", tried.stderr.strip())
        sys.exit(0)
    os.environ[MARK] = "1"
    sys.stdout.flush()
    os.execvp("unshare", [*words, sys.executable, *sys.argv])


class SmallDisk:
    """A tmpfs at `path`; it goes with the namespace."""

    def __init__(self, path, size):
        os.makedirs(path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path],
                       check=True)
        self.path = path

    def free(self):
        """Bytes that are left."""
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize

    def fill(self):
        """Takes what is free."""
        with open(os.path.join(self.path, "ballast"), "ab", buffering=0) as ballast:
            piece = 1 << 20
            while piece > 0:
                try:
                    ballast.write(b"x" * piece)
                except OSError:
                    piece //= 2

    def make_space(self):
        os.remove(os.path.join(self.path, "ballast"))
