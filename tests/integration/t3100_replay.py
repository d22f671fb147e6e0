# SPDX-License-Identifier: Apache-2.0
"""`winnow replay`: every suggestion of a sweep comes out again the same, also of one that
was killed and resumed; what is changed in the events is named."""

import os
import re
import sqlite3

from lab import equal, grid, main, wait_for

SWEEP_STATE, TRIAL_CREATED = 3, 5

SPACE = """space:
  kernel: [linear, rbf, poly]
  C: {float: [1e-3, 1e3], scale: log}
  gamma: {float: [1e-5, 10], scale: log, when: kernel != linear}
  degree: {int: [2, 5], when: kernel == poly}
  drop: {float: [0, 0.5], step: 0.1}
forbid: [kernel == poly and C > 100]
"""
NAMES = "kernel C gamma degree drop".split()


def random_sweep(script, trials=40, seed=11):
    return f"""sweep: 1
name: r
command: [sh, -c, '{script}']
objective: {{metric: value, goal: max}}
{SPACE}search: {{sampler: random, seed: {seed}}}
budget: {{trials: {trials}}}
run: {{grace: 1s}}
enqueue:
  - {{kernel: rbf, C: 1, gamma: 0.01, drop: 0.1}}
  - {{kernel: linear, C: 5, drop: 0}}
"""


def check(lab, sweep="last", status=0):
    """(suggestions, differences, lines of differences)"""
    result = lab.winnow("replay", sweep, "--check", status=status)
    first, *rest = result.out.splitlines()
    found = re.fullmatch(r"(\d+) suggestions derived again, (\d+) differences", first)
    assert found, result
    return int(found.group(1)), int(found.group(2)), rest


def events(lab, sql, *args):
    """Reads or changes the events, which nobody but a test does."""
    lab.spoiled = True
    with sqlite3.connect(os.path.join(lab.home, "store.db")) as db:
        rows = db.execute(sql, args).fetchall()
    db.close()
    return rows


def point(lab, trial):
    """Id and bytes of the event that created the trial."""
    return events(lab, "SELECT id, data FROM events WHERE kind = ? AND trial = ?",
                  TRIAL_CREATED, trial)[0]


def flip(lab, trial, at, bit=0x10):
    """Changes one bit of one byte of a trial's point."""
    row, data = point(lab, trial)
    changed = bytearray(data)
    changed[at] ^= bit
    events(lab, "UPDATE events SET data = ? WHERE id = ?", bytes(changed), row)


def random_holds(lab):
    path = lab.write("sweep.yaml", random_sweep("echo value={C}"))
    lab.winnow("run", path, "--slots", "2")
    equal(check(lab), (40, 0, []))
    equal(check(lab, "r"), (40, 0, []))
    answer = lab.json("replay", "--check")
    equal((answer["derived"], answer["differences"], answer["details"]), (40, 0, []))


def grid_holds(lab):
    more = """forbid: [x == 2 and y > 3]
enqueue: [{x: 3, y: 3}]
"""
    text = grid("g", 4, 5, more=more).replace("y: {int: [1, 5]}",
                                              "y: {int: [1, 5], when: x != 4}")
    text = text.replace("echo value=$(({x} * 10 + {y}))", "echo value={x} [ {y} ]")
    text = text.replace('[sh, -c, "echo value={x} [ {y} ]"]', "'echo value={x} [ {y} ]'")
    lab.winnow("run", lab.write("sweep.yaml", text), "--slots", "2")
    # 3 columns of 5, one without two cells, and x = 4 once; the enqueued one is a cell.
    equal(check(lab), (3 * 5 - 2 + 1, 0, []))


def killed_and_resumed(lab):
    hold = lab.write("hold", "")
    script = f"echo value={{C}}; while [ -e {hold} ]; do sleep 0.02; done"
    path = lab.write("sweep.yaml", random_sweep(script, trials=12))
    for _ in range(3):
        run = lab.start("run", path, "--slots", "2")
        wait_for("trials to run", lambda: lab.executing() == 2)
        held = check(lab)  # while another process writes the home
        assert held[0] >= 2 and held[1:] == (0, []), held
        run.kill()
        equal(check(lab)[1:], (0, []))
    os.remove(hold)
    lab.winnow("run", path, "--slots", "2")
    equal(check(lab), (12, 0, []))
    attempts = sum(t["attempts"] for t in lab.json("trials"))
    assert attempts > 12, attempts


def two_sweeps(lab):
    for name in ("one", "two"):
        text = random_sweep("echo value={C}", 6).replace("name: r", f"name: {name}")
        lab.winnow("run", lab.write("sweep.yaml", text), "--slots", "2")
    equal(check(lab, "one"), (6, 0, []))
    equal(check(lab, "two"), (6, 0, []))
    first = events(lab, "SELECT min(sweep) FROM events WHERE kind = ?", TRIAL_CREATED)
    events(lab, "UPDATE events SET data = zeroblob(40) WHERE kind = ? AND trial = 3 "
           "AND sweep = ?", TRIAL_CREATED, first[0][0])
    equal(check(lab, "two"), (6, 0, []))
    equal(check(lab, "one", status=1)[0], 6)


def one_byte(lab):
    path = lab.write("sweep.yaml", random_sweep("echo value={C}", trials=8))
    lab.winnow("run", path, "--slots", "2")
    params = [t["params"] for t in lab.json("trials")]
    for trial, name in ((0, "C"), (3, "C"), (5, "drop"), (7, "kernel")):
        for byte in (0, 5):
            at = 8 * NAMES.index(name) + byte
            flip(lab, trial, at)
            derived, differences, lines = check(lab, status=1)
            equal((derived, differences, len(lines)), (8, 1, 1))
            assert lines[0].startswith(f"trial {trial}, {name}: stored "), lines
            is_ = params[trial][name]
            told = lines[0].rsplit(" derived ", 1)[1]
            if name != "kernel":
                equal(float(told), float(is_))
            else:
                equal(told, is_)
            answer = lab.winnow("replay", "-o", "json", "--check", status=1)
            assert f'"parameter": "{name}"' in answer.out, answer
            flip(lab, trial, at)
    equal(check(lab), (8, 0, []))


def a_record_that_does_not_fit(lab):
    path = lab.write("sweep.yaml", random_sweep("echo value={C}", trials=8))
    lab.winnow("run", path, "--slots", "2")
    events(lab, "UPDATE events SET state = 0 WHERE kind = ?", SWEEP_STATE)
    equal(check(lab), (8, 0, []))  # running is no less true to the suggestions
    events(lab, "DELETE FROM events WHERE kind = ? AND trial = 7", TRIAL_CREATED)
    derived, differences, lines = check(lab, status=1)
    equal((derived, differences), (7, 1))
    assert lines[0].startswith("trial 7, record ASSIGNED: "), lines


def an_event_that_cannot_be_read(lab):
    path = lab.write("sweep.yaml", random_sweep("echo value={C}", trials=3))
    lab.winnow("run", path)
    row, data = point(lab, 1)
    events(lab, "UPDATE events SET data = ? WHERE id = ?", data[:-1], row)
    lab.fails("replay", "last", "--check", status=1,
              says=f"event {row} of the store cannot be read")


def the_log(lab):
    path = lab.write("sweep.yaml", grid("g", 1, 2))
    lab.winnow("run", path, "--slots", "1")
    rows = lab.json("replay", "last")
    kinds = [row["kind"] for row in rows]
    equal((kinds[0], kinds[-1]), ("SWEEP_CREATED", "SWEEP_STATE"))
    equal(kinds.count("TRIAL_CREATED"), 2)
    ends = [row for row in rows if row["kind"] == "ENDED"]
    equal([(r["trial"], r["attempt"], r["end"], r["state"]) for r in ends],
          [(0, 1, "exited", "finished"), (1, 1, "exited", "finished")])
    assert all(row["agent"] for row in rows if row["kind"] == "ASSIGNED"), rows
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows), rows
    assert rows[-1]["cause"], rows[-1]
    table = lab.winnow("replay").out.splitlines()
    equal(len(table), 1 + len(rows))


def wrong_use(lab):
    lab.fails("replay", status=2, says="no winnow home")
    path = lab.write("sweep.yaml", grid("g", 1, 1))
    lab.winnow("run", path)
    lab.fails("replay", "last/0", "--check", says="expected a sweep")
    lab.fails("replay", "h", "--check", says="no sweep or run 'h'")


main(random_holds, grid_holds, killed_and_resumed, two_sweeps, one_byte,
     a_record_that_does_not_fit, an_event_that_cannot_be_read, the_log, wrong_use)
