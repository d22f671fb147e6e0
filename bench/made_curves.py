#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes made-up learning curves, hard ones above all, as CSVs that
`winnow plan --simulate` reads: bench/made_curves.py FOLDER [--seed S]. Accuracies to maximise.

easy        one length, exponential approach
crossing    one length; what begins well ends worse
crosslong   the same, 20 to 200 steps long
late        some begin to learn only after a tenth to a quarter of their time
noisy       strong noise
diverging   two in five break off, half of those with NaN
few, many   8 reports; 200 reports, every fifth step
schedule    20 to 100 steps; noise from the learning rate until its own schedule ends
cosine      as schedule, 15 to 120 steps, cosine instead of steps
images      15 to 60 steps, warm-up and decay, many good ones
imageslong  the same, 30 to 90 steps
"""
import argparse
import csv
import math
import os
import random

CONFIGS = 600


def log_uniform(r, low, high):
    return math.exp(r.uniform(math.log(low), math.log(high)))


def rising(r, length, tau, top, noise):
    return [top * (1 - math.exp(-s / tau)) + r.gauss(0, noise) for s in range(1, length + 1)]


def easy(r):
    return rising(r, 50, log_uniform(r, 2, 15), 0.75 - 0.6 * r.random() ** 2, 0.003)


def crossing(r, low=60, high=60):
    slow = r.random()
    floor = min(0.99, 0.38 - 0.15 * slow + abs(r.gauss(0, 0.06)))
    tau = log_uniform(r, 0.5, 2) * (1 + 12 * slow)
    power = r.uniform(0.5, 1.2)
    return [1 - floor - (0.95 - floor) * (1 + s / tau) ** -power + r.gauss(0, 0.004)
            for s in range(1, int(log_uniform(r, low, high)) + 1)]


def crosslong(r):
    return crossing(r, 20, 200)


def late(r):
    delay = r.choice([0, 0, 3, 6, 10, 15]) * r.random()
    top = 0.7 - 0.5 * r.random() ** 2 + 0.004 * delay
    tau = log_uniform(r, 0.5, 4)
    return [0.1 + (top - 0.1) * max(0, 1 - math.exp(-max(0, s - delay) / tau))
            + r.gauss(0, 0.004) for s in range(1, 61)]


def noisy(r):
    top = 0.75 - 0.4 * r.random() ** 1.5
    curve = rising(r, 80, log_uniform(r, 1, 20), top, 0)
    return [v + r.gauss(0, 0.03) * (1 - 0.01 * s) for s, v in enumerate(curve)]


def diverging(r):
    top = 0.75 - 0.4 * r.random() ** 1.5
    curve = rising(r, 60, log_uniform(r, 1, 20) / (4 if top > 0.65 else 1), top, 0.004)
    kind = r.random()
    begin = r.randint(2, 50) if kind < 0.4 else len(curve)
    after = math.nan if kind < 0.2 else 0.1
    return curve[:begin] + [after] * (len(curve) - begin)


def few(r):
    return rising(r, 8, log_uniform(r, 0.5, 5), 0.75 - 0.4 * r.random() ** 1.5, 0.003)


def many(r):
    return rising(r, 200, log_uniform(r, 2, 60), 0.75 - 0.4 * r.random() ** 1.5, 0.006)


def schedule(r, low=20, high=100, left=lambda p: 1 if p < 0.5 else 0.25 if p < 0.75 else 0.06):
    length = int(log_uniform(r, low, high))
    rate, decay = r.gauss(0, 1.2), r.gauss(0, 1)
    top = (0.77 - 0.03 * (rate - 0.3) ** 2 - 0.015 * decay ** 2 - 0.1 * (length / 15) ** -0.5
           + r.gauss(0, 0.002))
    if rate > 2:
        top = min(top, 0.1 + 0.4 * r.random())
    tau, lift = 3 * math.exp(-0.5 * rate), 0.18 * math.exp(0.6 * min(rate, 2))
    return [max(0.001, top * (1 - math.exp(-(s / tau) ** 0.8)) - lift * left(s / length) * top
                + r.gauss(0, 0.01 * (0.3 + left(s / length)))) for s in range(1, length + 1)]


def cosine(r):
    return schedule(r, 15, 120, lambda p: 0.5 * (1 + math.cos(math.pi * p)))


def images(r, low=15, high=60, power=0.7):
    length = int(r.uniform(low, high))
    rate, decay, momentum, smooth = r.gauss(0, 1.3), r.gauss(0, 1), r.gauss(0, 1), r.random()
    top = max(0.02, 0.71 - 0.02 * (rate - 0.2) ** 2 - 0.008 * (decay + rate - 0.2) ** 2
              - 0.004 * momentum ** 2 - 0.006 * smooth - 0.22 / length ** 0.5
              + r.gauss(0, 0.0015))
    top = 0.001 if rate > 2.4 else top
    tau, lift = 4 * math.exp(-0.4 * rate), 0.25 * math.exp(0.35 * min(rate, 2))
    curve = []
    for s in range(1, length + 1):
        left = (1 - s / length) ** power * min(1, s / 3)
        curve.append(max(0.001, top * (1 - math.exp(-(s / tau) ** 0.7))
                         - lift * left * top * (0.85 + 0.3 * smooth)
                         + r.gauss(0, 0.012 * left + 0.001)))
    return curve


def imageslong(r):
    return images(r, 30, 90, 1.0)


FAMILIES = {family.__name__: family for family in (
    easy, crossing, crosslong, late, noisy, diverging, few, many, schedule, cosine, images,
    imageslong)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    os.makedirs(args.folder, exist_ok=True)
    for name, family in FAMILIES.items():
        r = random.Random(f"{name} {args.seed}")
        with open(os.path.join(args.folder, name + ".csv"), "w") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(["config", "step", "value"])
            for config in range(CONFIGS):
                stride = 5 if name == "many" else 1
                out.writerows([config, stride * (i + 1), "NaN" if v != v else round(v, 5)]
                              for i, v in enumerate(family(r)))


if __name__ == "__main__":
    main()
