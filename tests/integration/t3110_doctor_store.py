# SPDX-License-Identifier: Apache-2.0
"""`winnow doctor --home` says what a resume would stumble over."""

import os
import sqlite3

from lab import grid, main


def spoil(lab, statement):
    lab.spoiled = True
    with sqlite3.connect(os.path.join(lab.home, "store.db")) as db:
        db.execute(statement)
    db.close()


def doctor_names_events_that_do_not_fit(lab):
    lab.write("sweep.yaml", grid("f", 2, 2))
    lab.winnow("run", "sweep.yaml")
    lab.winnow("doctor")
    spoil(lab, "DELETE FROM events WHERE kind = 6 AND trial = 2")
    found = lab.winnow("doctor", "-o", "json", status=1)
    assert "events: " in found.out and "trial 2" in found.out, str(found)


def doctor_names_broken_invariants(lab):
    lab.write("sweep.yaml", grid("f", 2, 2))
    lab.winnow("run", "sweep.yaml")
    spoil(lab, "DELETE FROM metrics")
    found = lab.winnow("doctor", "-o", "json", status=1)
    assert "fewer points than were counted" in found.out, str(found)


main(doctor_names_events_that_do_not_fit, doctor_names_broken_invariants)
