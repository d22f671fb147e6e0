# SPDX-License-Identifier: Apache-2.0
"""`winnow ask-tell`: requests and answers, wrong requests, the end of a study, and the
same study again after kill -9."""

import json
import subprocess

from lab import WINNOW, equal, main

SPACE = "space:\n  x: {float: [0, 1]}\n  k: [a, b]\n"
BUDGET = "budget: {trials: 4}\n"


def study(lab, name, more=BUDGET, space=SPACE):
    return lab.write(f"{name}.yaml", f"sweep: 1\nname: {name}\n"
                     f"objective: {{metric: loss}}\n{space}{more}")


class Study:
    """The program with pipes at both ends."""

    def __init__(self, lab, path, *args):
        self.popen = subprocess.Popen([WINNOW, "ask-tell", path, *args], cwd=lab.folder,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)

    def send(self, *requests):
        """All at once; then their answers."""
        for request in requests:
            text = request if isinstance(request, str) else json.dumps(request)
            self.popen.stdin.write(text + "\n")
        self.popen.stdin.flush()
        return [json.loads(self.popen.stdout.readline()) for _ in requests]

    def ask(self):
        return self.send({"ask": True})[0]

    def end(self):
        self.popen.stdin.close()
        equal(self.popen.wait(30), 0)
        equal(self.popen.stdout.read(), "", "no more answers than requests")

    def kill(self):
        self.popen.kill()
        self.popen.wait()


def a_whole_study(lab):
    s = Study(lab, study(lab, "whole"))
    first = s.ask()
    equal(first["trial"], 0)
    equal(sorted(first["params"]), ["k", "x"])
    equal(s.send({"report": 0, "value": 0.5}, {"report": 0, "step": 7, "value": 0.4},
                 {"report": 0, "metric": "acc", "value": "Infinity"}),
          [{"trial": 0, "stop": False}] * 3)
    equal(s.send({"tell": 0, "value": 0.93}), [{"ok": True}])
    for number in (1, 2, 3):
        equal(s.ask()["trial"], number)
    equal(s.ask(), {"wait": "outstanding"})
    equal(s.send({"tell": 2, "state": "failed"}), [{"ok": True}])
    equal(s.ask()["trial"], 4, "a failed trial does not count")
    equal(s.send({"report": 3, "value": 2}, {"tell": 3, "state": "pruned"},
                 {"tell": 1, "value": 1}, {"tell": 4, "value": 1}), [
                     {"trial": 3, "stop": False}] + [{"ok": True}] * 3)
    equal(s.send({"ask": True}, {"ask": True}), [{"done": "budget"}] * 2)
    s.end()


def wrong_requests(lab):
    s = Study(lab, study(lab, "wrong"))
    s.ask()
    wrong = ["x", "[]", "1", "{}", '{"ask":true,"tell":0}', '{"ask":1}', '{"tell":0}',
             '{"tell":"a","value":1}', '{"tell":0,"value":"x"}', '{"tell":9,"value":1}',
             '{"tell":-1,"value":1}', '{"tell":0,"state":"lost"}', '{"report":0}',
             '{"report":0,"value":1,"step":-1}', '{"report":0,"value":1,"step":1.5}',
             '{"report":0,"value":1,"metric":""}', '{"ask":true,"n":2}',
             '{"ask":true,"ask":true}', '{"tell":0,"value":1,"state":"failed"}']
    for request, answer in zip(wrong, s.send(*wrong)):
        equal(list(answer), ["error"], request)
    s.popen.stdin.write("\n" + "y" * 300000 + "\n")
    equal("more than" in json.loads(s.popen.stdout.readline())["error"], True)
    # None of them changed anything.
    equal(s.send({"tell": 0, "value": 1}), [{"ok": True}])
    again = s.send({"tell": 0, "value": 1})[0]
    equal("not open" in again["error"], True, again)
    s.end()


def ends(lab):
    s = Study(lab, study(lab, "t", "budget: {target: 0.5, trials: 9}\n"))
    s.ask()
    s.ask()
    s.send({"tell": 0, "value": 0.1})
    equal(s.ask(), {"wait": "outstanding"}, "the target is reached, one is open")
    equal(s.send({"report": 1, "value": 3}), [{"trial": 1, "stop": True}])
    s.send({"tell": 1, "value": 3})
    equal(s.ask(), {"done": "target"})
    s.end()
    grid = "search: {sampler: grid}\n"
    for word, more in (("grid", grid), ("space", "budget: {trials: 90}\n")):
        s = Study(lab, study(lab, word, more, "space:\n  k: [a, b, c]\n"))
        seen = set()
        for number in range(3):
            seen.add(s.ask()["params"]["k"])
            s.send({"tell": number, "value": 1})
        equal(seen, {"a", "b", "c"})
        equal(s.ask(), {"done": word})
        s.end()


def nan_and_failures(lab):
    s = Study(lab, study(lab, "nan", "budget: {trials: 30}\n"))
    for number in range(8):  # more failures than a sweep on machines would bear
        equal(s.ask()["trial"], number)
        equal(s.send({"tell": number, "value": "NaN"}), [{"ok": True}])
    equal(s.ask()["trial"], 8)
    s.end()


def open_trials_come_first_after_a_kill(lab):
    path = study(lab, "open", "budget: {trials: 8}\nsearch: {sampler: random}\n")
    s = Study(lab, path, "--home", lab.home)
    points = [s.ask()["params"] for _ in range(3)]
    s.send({"tell": 1, "value": 1})
    s.kill()
    s = Study(lab, path, "--home", lab.home)
    for number in (0, 2):
        equal(s.ask(), {"trial": number, "params": points[number], "attempt": 2})
    error = s.send({"tell": 1, "value": 1})[0]
    equal(list(error), ["error"], "told before the kill")
    equal(s.ask()["trial"], 3)
    s.end()


def the_same_after_a_kill(lab):
    """tpe, killed with a trial open when it has learnt something."""
    path = study(lab, "again", "budget: {trials: 18}\n"
                 "search: {sampler: tpe, seed: 5, startup_trials: 4}\n")

    def go(s, numbers):
        found = []
        for number in numbers:
            answer = s.ask()
            equal(answer["trial"], number)
            found.append(answer["params"])
            s.send({"tell": number, "value": answer["params"]["x"]})
        return found

    plain = Study(lab, path)
    points = go(plain, range(18))
    plain.end()
    s = Study(lab, path, "--home", lab.home)
    equal(go(s, range(9)), points[:9])
    equal(s.ask()["params"], points[9])
    s.kill()
    s = Study(lab, path, "--home", lab.home)
    equal(s.ask(), {"trial": 9, "params": points[9], "attempt": 2})
    s.send({"tell": 9, "value": points[9]["x"]})
    equal(go(s, range(10, 18)), points[10:])
    equal(s.ask(), {"done": "budget"})
    s.end()
    trials = lab.json("trials")
    equal([t["state"] for t in trials], ["finished"] * 18)
    equal([t["params"] for t in trials], points)
    equal(lab.json("best")["params"], min(points, key=lambda p: p["x"]))
    s = Study(lab, path, "--home", lab.home)
    equal(s.ask(), {"done": "budget"})
    s.end()


def wrong_starts(lab):
    path = study(lab, "starts")
    held = Study(lab, path, "--home", lab.home)
    held.ask()
    result = lab.winnow("ask-tell", path, "--home", lab.home, status=None)
    equal(result.status != 0 and "locked by process" in result.err, True, result)
    held.end()
    other = study(lab, "starts", "budget: {trials: 5}\n")
    result = lab.winnow("ask-tell", other, "--home", lab.home, status=None)
    equal((result.status, "budget.trials" in result.err), (2, True), result)
    lab.winnow("ask-tell", lab.path("none.yaml"), status=2)


main(a_whole_study, wrong_requests, ends, nan_and_failures,
     open_trials_come_first_after_a_kill, the_same_after_a_kill, wrong_starts)
