# SPDX-License-Identifier: Apache-2.0
"""Stores of every released schema: the real program takes each of them, and what the
file beside it says holds (tests/fixtures/stores/README.md)."""

import json
import os
import shutil
import sqlite3

from lab import equal, main, repo, wait_for

STORES = repo("tests", "fixtures", "stores")


def check(got, expected, where):
    """Objects may have more members than expected; nothing else may differ."""
    if isinstance(expected, dict):
        assert isinstance(got, dict), f"{where}: {got!r}"
        for key, value in expected.items():
            check(got.get(key), value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert isinstance(got, list) and len(got) == len(expected), f"{where}: {got!r}"
        for i, value in enumerate(expected):
            check(got[i], value, f"{where}[{i}]")
    else:
        equal(got, expected, where)


def check_all(lab, name, answers):
    for answer in answers:
        check(lab.json(*answer["ask"]), answer["is"], f"{name}: {' '.join(answer['ask'])}")


def schema(path):
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as store:
        return store.execute("PRAGMA user_version").fetchone()[0]


def fixtures(folder):
    """(name, expectations) of each store; one without expectations is a mistake."""
    for name in sorted(os.listdir(os.path.join(STORES, folder))):
        if name.endswith(".db"):
            with open(os.path.join(STORES, folder, name[:-3] + ".json")) as text:
                yield os.path.join(folder, name), json.load(text)


def take(lab, name):
    """A fresh home with this store in it."""
    lab.home = lab.env["WINNOW_HOME"] = lab.path(name + ".home")
    os.makedirs(lab.home)
    shutil.copy(os.path.join(STORES, name), os.path.join(lab.home, "store.db"))


def valid(lab):
    lab.spoiled = True  # the text of v1.db is no sweep file; the others are checked here
    for name, expected in fixtures("valid"):
        take(lab, name)
        # Whoever holds the home first brings its schema up to date.
        coordinator, endpoint = lab.coordinator("tcp://127.0.0.1:*", "--lease", "1s")
        check_all(lab, name, expected["holds"])
        if "resumes" in expected:
            agent = lab.agent(endpoint, name, "--slots", "2")
            wait_for(f"{name} to end", lambda: lab.state(expected["resumes"]) == "finished")
            check_all(lab, name, expected["then"])
            lab.winnow("replay", expected["resumes"], "--check")
            equal(agent.end(), 0)
        equal(coordinator.end(), 0)
        if "resumes" in expected:
            lab.winnow("doctor")


def every_schema(lab):
    """Each version before ours has a store that is resumed."""
    ours = lab.json("version")["store"]
    resumed = {schema(os.path.join(STORES, name)) for name, expected in fixtures("valid")
               if "resumes" in expected}
    missing = set(range(1, max(ours, 2))) - resumed
    assert not missing, f"no store of schema {sorted(missing)} that is resumed"


def invalid(lab):
    lab.spoiled = True
    for name, expected in fixtures("invalid"):
        take(lab, name)
        before = open(os.path.join(lab.home, "store.db"), "rb").read()
        lab.fails("coordinator", "--listen", "tcp://127.0.0.1:*", status=1,
                  says=expected["refused"])
        lab.fails("ls", status=1, says=expected["refused"])
        assert open(os.path.join(lab.home, "store.db"), "rb").read() == before


main(valid, every_schema, invalid)
