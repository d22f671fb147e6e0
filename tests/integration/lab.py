# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: a temporary folder, the program under test, and
waiting for conditions with a deadline. Nothing here sleeps for a fixed time."""

import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

WINNOW = os.environ["WINNOW_UNDER_TEST"]
# Generous: a machine under load and sanitizers; a test that passes does not wait for it.
DEADLINE_S = 60.0


def repo(*parts):
    """Path in the source tree."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", *parts)


def wait_for(what, condition, deadline_s=DEADLINE_S):
    """Asks condition() until it gives something true, and gives that."""
    end = time.monotonic() + deadline_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline_s:.0f} s for {what}")
        time.sleep(0.01)


def equal(got, expected, what=""):
    assert got == expected, f"{what}: got {got!r}, expected {expected!r}"


class Result:
    def __init__(self, args, status, out, err):
        self.args, self.status, self.out, self.err = args, status, out, err

    def __str__(self):
        return f"winnow {' '.join(self.args)}: {self.status}\n{self.out}\n{self.err}"


class Process:
    """A winnow that runs beside the test; its output goes to files."""

    def __init__(self, lab, args, env):
        lab.started += 1
        self.args = args
        self.out_path = lab.path(f"{lab.started}-{args[0]}.out")
        self.err_path = lab.path(f"{lab.started}-{args[0]}.err")
        with open(self.out_path, "w") as out, open(self.err_path, "w") as err:
            self.popen = subprocess.Popen([WINNOW, *args], stdout=out, stderr=err,
                                          stdin=subprocess.DEVNULL, env=env, cwd=lab.folder)

    @property
    def pid(self):
        return self.popen.pid

    def out(self):
        with open(self.out_path) as f:
            return f.read()

    def err(self):
        with open(self.err_path) as f:
            return f.read()

    def alive(self):
        return self.popen.poll() is None

    def signal(self, number):
        self.popen.send_signal(number)

    def kill(self):
        """kill -9, and gone when this returns."""
        self.popen.kill()
        self.popen.wait()

    def wait(self, deadline_s=DEADLINE_S):
        try:
            return self.popen.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"winnow {' '.join(self.args)} did not end\n"
                                 f"{self.out()}\n{self.err()}")

    def end(self, deadline_s=DEADLINE_S):
        """SIGTERM and its orderly end."""
        self.signal(signal.SIGTERM)
        return self.wait(deadline_s)

    def wait_err(self, pattern, deadline_s=DEADLINE_S):
        return wait_for(f"{pattern!r} on stderr of {self.args}",
                        lambda: re.search(pattern, self.err()) or self._gone(pattern),
                        deadline_s)

    def wait_out(self, pattern, deadline_s=DEADLINE_S):
        return wait_for(f"{pattern!r} on stdout of {self.args}",
                        lambda: re.search(pattern, self.out()) or self._gone(pattern),
                        deadline_s)

    def _gone(self, pattern):
        if self.alive():
            return None
        found = re.search(pattern, self.out() + self.err())
        assert found, (f"winnow {' '.join(self.args)} ended with {self.popen.returncode} "
                       f"before {pattern!r}\n{self.out()}\n{self.err()}")
        return found


class Lab:
    """A temporary folder with a home, and everything started from it."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="winnow-test-")
        self.home = self.path("home")
        self.started = 0
        self.spoiled = False  # set by a test that changes the store by hand
        self.processes = []
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("WINNOW_")}
        self.env["WINNOW_HOME"] = self.home
        atexit.register(self.close)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    def read(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def lines(self, name):
        return self.read(name).splitlines() if os.path.exists(self.path(name)) else []

    def winnow(self, *args, status=0, env=None):
        """Runs to the end and checks the exit status (None: any)."""
        done = subprocess.run([WINNOW, *args], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, cwd=self.folder,
                              env={**self.env, **(env or {})}, timeout=DEADLINE_S)
        result = Result(args, done.returncode, done.stdout, done.stderr)
        assert status is None or done.returncode == status, f"expected {status}: {result}"
        return result

    def json(self, *args, env=None):
        return json.loads(self.winnow(*args, "-o", "json", env=env).out)

    def fails(self, *args, status=2, says=()):
        """Fails with exactly one line on stderr that holds all of `says`."""
        result = self.winnow(*args, status=status)
        lines = result.err.splitlines()
        assert len(lines) == 1, f"expected one line: {result}"
        assert lines[0].startswith("winnow: "), str(result)
        for text in [says] if isinstance(says, str) else says:
            assert text in lines[0], f"expected {text!r}: {result}"
        equal(result.out, "", "stdout of an error")
        return result

    def start(self, *args, env=None):
        process = Process(self, args, {**self.env, **(env or {})})
        self.processes.append(process)
        return process

    # ---- a cluster ----

    def coordinator(self, endpoint="tcp://127.0.0.1:*", *args):
        """Starts one on the home and gives (process, endpoint)."""
        process = self.start("coordinator", "--listen", endpoint, *args)
        found = process.wait_out(r"ready: (tcp://[0-9.:]+)")
        return process, found.group(1)

    def agent(self, endpoint, name, *args):
        return self.start("agent", "--connect", endpoint, "--work-dir",
                          self.path("agents", name), *args)

    # ---- questions ----

    def counts(self, sweep="last"):
        result = self.winnow("show", sweep, "-o", "json", status=None)
        return json.loads(result.out)["trials"] if result.status == 0 else {}

    def executing(self, sweep="last"):
        """Trials whose program runs; `preparing` ones wait on their agent."""
        result = self.winnow("trials", sweep, "--state", "running", "-o", "json", status=None)
        trials = json.loads(result.out) if result.status == 0 else []
        return len([t for t in trials if not t.get("phase")])

    def state(self, sweep="last"):
        result = self.winnow("show", sweep, "-o", "json", status=None)
        return json.loads(result.out)["state"] if result.status == 0 else None

    def check_replay(self):
        """Every suggestion of every sweep in the home can be derived again."""
        if self.spoiled or not os.path.exists(os.path.join(self.home, "store.db")):
            return
        for sweep in self.json("ls"):
            self.winnow("replay", sweep["id"], "--check")

    def close(self):
        for process in self.processes:
            if process.alive():
                process.kill()
        if os.environ.get("WINNOW_KEEP"):
            print("kept", self.folder)
            return
        shutil.rmtree(self.folder, ignore_errors=True)


def grid(name, x=3, y=4, script="echo value=$(({x} * 10 + {y}))", more=""):
    """A grid of x times y cells; `script` is a shell line with {x} and {y}."""
    return f"""sweep: 1
name: {name}
command: [sh, -c, {json.dumps(script)}]
objective: {{metric: value, goal: max}}
space:
  x: {{int: [1, {x}]}}
  y: {{int: [1, {y}]}}
search: {{sampler: grid}}
run: {{grace: 1s}}
{more}"""


def cells(trials):
    """The grid's cells among the trials, sorted."""
    return sorted((t["params"]["x"], t["params"]["y"]) for t in trials)


def all_cells(x, y):
    return sorted((i, j) for i in range(1, x + 1) for j in range(1, y + 1))


def process_alive(pid):
    """Runs and is not a zombie."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def main(*tests):
    for test in tests:
        lab = Lab()
        try:
            test(lab)
            lab.check_replay()
        except BaseException:
            print(f"FAILED {test.__name__}", file=sys.stderr)
            for process in lab.processes:
                print(f"---- {process.args}\n{process.out()[-4000:]}\n"
                      f"{process.err()[-8000:]}", file=sys.stderr)
            raise
        finally:
            lab.close()
        print("ok", test.__name__)
