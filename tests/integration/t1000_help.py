# SPDX-License-Identifier: Apache-2.0
"""Overview, --help of every verb, and errors of the command line."""

import re

from lab import equal, main

VERBS = """run plan coordinator agent submit ask-tell pause resume stop edit enqueue import retry ls show trials best runs
metrics logs explain replay log should-stop keygen doctor chaos version""".split()


def overview(lab):
    for args in ([], ["--help"], ["-h"], ["help"]):
        text = lab.winnow(*args).out
        listed = re.findall(r"^  ([a-z-]+) ", text, re.M)
        equal(sorted(listed), sorted(VERBS), "verbs of the overview")


def help_of_each(lab):
    for verb in VERBS:
        text = lab.winnow(verb, "--help").out
        assert f"winnow {verb}" in text, text
        if verb not in ("log", "should-stop"):
            assert text.startswith("usage: ") and "--help" in text, text
            assert "example:" in text, text
            for line in text.splitlines():
                assert len(line) <= 100, line


def wrong_verbs(lab):
    lab.fails("tirals", says=["unknown verb 'tirals'", "did you mean 'trials'?"])
    lab.fails("sumbit", says="did you mean 'submit'?")
    lab.fails("frobnicate", says=["unknown verb 'frobnicate'", "winnow --help"])
    lab.fails("help", "bset", says="did you mean 'best'?")


def wrong_options(lab):
    lab.fails("trials", "--stat=failed", "--ouptut", "json",
              says=["unknown option '--ouptut'", "did you mean '--output'?"])
    lab.fails("ls", "--frobnicate", says=["unknown option '--frobnicate'", "ls --help"])
    lab.fails("ls", "-z", says="unknown option '-z'")
    lab.fails("ls", "--home", says=["'--home' needs a value", "--home DIR"])
    lab.fails("runs", "--tree=yes", says="'--tree' takes no value")
    lab.fails("ls", "extra", says="unexpected argument 'extra'")
    lab.fails("run", says=["run: expected FILE"])
    lab.fails("metrics", "a", "b", "c", says="unexpected argument 'c'")
    lab.fails("ls", "-o", "jsn", says=["'jsn'", "did you mean 'json'?"])
    lab.fails("trials", "--state", "finishd", says="did you mean 'finished'?")
    lab.fails("trials", "--limit", "many", says="whole number")
    lab.fails("run", "x.yaml", "--slots", "0", says="whole number from 1")
    lab.fails("coordinator", "--lease", "30", says=["--lease is '30'", "unit"])
    lab.fails("agent", says="--connect is missing")
    lab.fails("agent", "--connect", "tcp://127.0.0.1:1", "--gpus", "0,x", says="--gpus")


def nothing_there(lab):
    for verb in (["ls"], ["show", "last"], ["trials"], ["best"], ["runs"],
                 ["metrics", "last/0"], ["logs", "last/0"], ["pause", "last"],
                 ["resume", "last"], ["stop", "last"]):
        lab.fails(*verb, says=["no winnow home at", lab.home])


main(overview, help_of_each, wrong_verbs, wrong_options, nothing_there)
