#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes recorded learning curves as the CSV that `winnow plan --simulate` reads.

Takes files of JSON lines, one training a line: `id`, values by report under --metric
(default: acc or val_correct, whichever is there), optional `step` (else 1, 2, …) and
`sec` (time of the whole training, spread evenly). Prints to standard output.
"""
import argparse
import csv
import json
import sys


def rows(training, metric):
    name = metric or ("acc" if "acc" in training else "val_correct")
    values = training[name]
    steps = training.get("step", range(1, len(values) + 1))
    for step, value in zip(steps, values):
        row = [training["id"], step, "NaN" if value is None else value]
        if "sec" in training:
            row.append(round(training["sec"] * step / steps[-1], 6))
        yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=argparse.FileType())
    parser.add_argument("--metric")
    args = parser.parse_args()
    trainings = [json.loads(line) for line in args.file]
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["config", "step", "value"]
                 + (["seconds"] if "sec" in trainings[0] else []))
    for training in trainings:
        out.writerows(rows(training, args.metric))


if __name__ == "__main__":
    main()
