# SPDX-License-Identifier: Apache-2.0
"""`winnow enqueue`: points of the user's own, live and while nobody holds the home."""

from lab import equal, main

SWEEP = ("sweep: 1\nname: s\ncommand: [sh, -c, 'echo v={n}']\n"
         "objective: {metric: v, goal: max}\nspace:\n  n: {int: [0, 1000]}\n"
         "  k: [a, b]\nbudget: {trials: 3}\n")


def live(lab):
    _, endpoint = lab.coordinator()
    path = lab.write("s.yaml", SWEEP)
    lab.winnow("submit", path)
    equal(lab.winnow("enqueue", "last", "n=777", "k=b").out, "s/0\n")
    lab.agent(endpoint, "one", "--slots", "1")
    lab.winnow("submit", path, "--follow")
    trials = lab.json("trials")
    equal(trials[0]["params"], {"n": 777, "k": "b"})
    equal(lab.json("show", "last")["state"], "finished")
    lab.fails("enqueue", "last", "n=1", status=2,
              says=["point 1: the point needs a value for 'k'"])
    lab.fails("enqueue", "last", "n=1", "n=2", says=["given twice"])
    lab.fails("enqueue", "last", "n", says=["NAME=VALUE"])
    lab.fails("enqueue", "last", says=["--file"])


def while_nobody_holds_it(lab):
    path = lab.write("s.yaml", SWEEP)
    lab.winnow("run", path, "-q")
    points = lab.write("points.jsonl", '{"n": 1, "k": "a"}\n\n{"n": 2, "k": "b"}\n')
    table = lab.write("points.csv", "n,k\n3,a\n")
    result = lab.winnow("enqueue", "last", "--file", points)
    equal(result.out, "s/3\ns/4\n")
    equal("winnow resume last" in result.err, True, result)
    lab.winnow("enqueue", "last", "--file", table)
    lab.winnow("resume", "last", "-q")
    trials = lab.json("trials")
    equal([t["params"]["n"] for t in trials[3:]], [1, 2, 3])
    equal({t["state"] for t in trials}, {"finished"})


def imported(lab):
    """Results of one sweep, by its name and as the file `winnow trials` prints, are what
    another one starts from."""
    path = lab.write("s.yaml", SWEEP)
    lab.winnow("run", path, "-q")
    wide = SWEEP.replace("name: s", "name: wide").replace("[0, 1000]", "[0, 100000]")
    hold = lab.write("hold", "")
    wide = wide.replace("echo v={n}", f"while [ -e {hold} ]; do sleep 0.02; done; echo v={{n}}")
    coordinator, _ = lab.coordinator()
    lab.winnow("submit", lab.write("wide.yaml", wide + "search: {sampler: tpe}\n"))
    equal(lab.winnow("import", "wide", "--from", "s").out,
          "wide: 3 imported, 0 outside the space, 0 without a value\n")
    table = lab.write("trials.csv", lab.winnow("trials", "s", "-o", "csv").out
                      + "9,finished,,7,1,a,,,\n")
    lines = lab.write("more.jsonl", '{"params": {"n": 5, "k": "a"}, "value": 5}\n'
                      '{"params": {"n": 5, "k": "z"}, "value": 5}\n'
                      '{"params": {"n": 5, "k": "a"}, "value": "NaN"}\n')
    answer = lab.json("import", "wide", table)
    equal(answer["imported"], 3, answer)
    result = lab.winnow("import", "wide", lines)
    equal(result.out, "wide: 1 imported, 1 outside the space, 1 without a value\n")
    equal("'k'" in result.err, True, result)
    lab.fails("import", "wide", says=["--from"])
    # A wrong value or none at all is no result: nothing of the file is taken.
    for text, says in (("n,k,value\n5,a,1\n6,a,abc\n", ["result 2", "'abc'"]),
                       ("n,k,v\n5,a,1\n", ["no result has a 'value'"])):
        lab.fails("import", "wide", lab.write("wrong.csv", text), says=says)
    lab.fails("import", "s", lines, status=1, says=["finished"])
    coordinator.end()


main(live, while_nobody_holds_it, imported)
