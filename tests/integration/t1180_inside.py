# SPDX-License-Identifier: Apache-2.0
"""winnow log and should-stop inside a trial, by PATH and by full path."""

from lab import WINNOW, equal, grid, main


def log(lab):
    script = ("winnow log metric loss 0.5 --step 3; winnow log metric loss 0.25; "
              "winnow log param seed 11; winnow log tag note 'a b'; "
              f"{WINNOW} log metric value 4; "
              f"if winnow should-stop; then echo stop; else echo go; fi; "
              f"{WINNOW} should-stop || echo go")
    lab.winnow("run", lab.write("sweep.yaml", grid("g", 1, 1, script)))
    equal(lab.winnow("logs", "last/0").out, "go\ngo\n")
    equal([(p["step"], p["value"]) for p in lab.json("metrics", "last/0", "loss")][-1][1]
          in (0.5, 0.25), True)
    equal(len(lab.json("metrics", "last/0", "loss")), 2)
    equal(lab.json("show", "last/0")["value"], 4)
    runs = [r for r in lab.json("runs", "g") if r.get("parent_id")]
    equal(str(runs[0]["params"]["seed"]), "11")
    equal(runs[0]["tags"]["note"], "a b")


def outside(lab):
    result = lab.winnow("log", "metric", "a", "1", status=2)
    assert "not inside a trial" in result.err, result
    result = lab.winnow("should-stop", status=2)
    assert "not inside a trial" in result.err, result


def environment(lab):
    script = ("echo trial=$WINNOW_TRIAL attempt=$WINNOW_ATTEMPT; echo x $WINNOW_PARAM_X; "
              "cat $WINNOW_PARAMS; pwd; cd $WINNOW_TMP && echo tmp; echo value=1")
    lab.winnow("run", lab.write("sweep.yaml", grid("g", 1, 2, script)))
    lines = lab.winnow("logs", "last/1").out.splitlines()
    equal(lines[:2], ["trial=1 attempt=1", "x 1"])
    equal(lines[3:], [lab.folder, "tmp", "value=1"])
    import json
    equal(json.loads(lines[2]), {"x": 1, "y": 2})


main(log, outside, environment)
