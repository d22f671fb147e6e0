#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes functions.json: values of the benchmark's functions by a reference written in
Python.

usage: functions.py REFERENCE.py > functions.json

REFERENCE.py has PROBLEMS, a dict of name -> (function of a dict of parameters, list of
parameters, least value); a parameter has name, type (float, int, cat), low, high, log,
choices, if. Points are internal values in the order of the parameters, null where
inactive.
"""
import importlib.util
import json
import math
import random
import sys

POINTS = 12


def draw(rng, spec):
    if spec["type"] == "cat":
        return rng.randrange(len(spec["choices"]))
    low, high = spec["low"], spec["high"]
    if spec["log"]:
        value = math.exp(rng.uniform(math.log(low), math.log(high)))
        return value if spec["type"] == "float" else min(max(round(value), low), high)
    if spec["step"]:
        steps = round((high - low) / spec["step"])
        value = low + spec["step"] * rng.randint(0, steps)
        return value if spec["type"] == "int" else round(value, 6)
    return rng.uniform(low, high)


def point(rng, space):
    indexes, values = [], {}
    for spec in space:
        parent = spec["if"]
        if parent is not None and values[parent[0]] != parent[1]:
            indexes.append(None)
            continue
        v = draw(rng, spec)
        indexes.append(v)
        values[spec["name"]] = spec["choices"][v] if spec["type"] == "cat" else v
    return indexes, values


def main():
    spec = importlib.util.spec_from_file_location("reference", sys.argv[1])
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    rng = random.Random(4)
    out = {}
    for name, (function, space, least) in reference.PROBLEMS.items():
        rows = []
        for _ in range(POINTS):
            x, values = point(rng, space)
            rows.append({"x": x, "value": function(values)})
        out[name] = {"least": least, "rows": rows}
    lines = ['"%s": {"least": %r, "rows": [\n%s]}'
             % (name, entry["least"], ",\n".join(json.dumps(row) for row in entry["rows"]))
             for name, entry in out.items()]
    print("{" + ",\n".join(lines) + "}")


main()
