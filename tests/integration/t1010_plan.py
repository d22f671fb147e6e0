# SPDX-License-Identifier: Apache-2.0
"""winnow plan: defaults, size, commands, and errors with their place."""

import json
import os

from lab import equal, grid, main, repo


def examples(lab):
    folder = repo("examples")
    found = 0
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name, "sweep.yaml")
        if os.path.exists(path):
            found += 1
            text = lab.winnow("plan", path).out
            assert "# space: " in text and "# 0: " in text, text
            assert "parallel: " in text and "retry:" in text, text
            # The plan of the plan is the same: it is a sweep file with every default.
            again = lab.winnow("plan", lab.write(f"{name}/sweep.yaml", text)) \
                if name != "mlproject-digits" else None
            if again is not None:
                equal(again.out, text, name)
    assert found >= 3


def as_json(lab):
    path = lab.write("sweep.yaml", grid("g", 3, 4, "echo value={x}; echo 'a b'"))
    plan = json.loads(lab.winnow("plan", path, "-o", "json").out)
    equal(plan["name"], "g")
    equal(plan["trials"], 12)
    equal(plan["space_size"], 12)
    equal(plan["samples"][0]["params"], {"x": 1, "y": 1})
    equal(plan["samples"][0]["argv"], ["sh", "-c", "echo value=1; echo 'a b'"])
    equal(len(plan["samples"]), 3)
    text = lab.winnow("plan", path).out
    assert "# 0: sh -c 'echo value=1; echo '\\''a b'\\'''" in text, text
    assert "12 points" in text, text


def nothing_is_made(lab):
    lab.winnow("plan", lab.write("sweep.yaml", grid("g")))
    assert not os.path.exists(lab.home)


def errors(lab):
    lab.fails("plan", "missing.yaml", says="missing.yaml")
    lab.fails("plan", lab.folder, says="is a folder")
    path = lab.write("sweep.yaml", grid("g").replace("objective:", "objectiv:"))
    lab.fails("plan", path, says=["sweep.yaml:4:1: ", "objectiv", "objective"])
    path = lab.write("sweep.yaml", "sweep: 1\nname: [\n")
    lab.fails("plan", path, says="sweep.yaml:")
    path = lab.write("sweep.yaml", grid("g").replace("{int: [1, 3]}", "{int: [3, 1]}"))
    lab.fails("plan", path, says="sweep.yaml:6:")
    path = lab.write("sweep.yaml", grid("g", more="project: {path: nowhere}\n"))
    lab.fails("plan", path, says="nowhere")
    # `run` and `submit` say the same and make nothing.
    lab.fails("run", path, says="nowhere")
    lab.fails("submit", path, says="nowhere")
    assert not os.path.exists(lab.home)


main(examples, as_json, nothing_is_made, errors)
