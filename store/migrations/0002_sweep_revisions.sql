-- SPDX-License-Identifier: Apache-2.0
-- Schema 2: every version of a sweep's file. `sweeps.text` and `sweeps.mlproject` are
-- the newest one's.

CREATE TABLE sweep_revisions (
    sweep     INTEGER NOT NULL,
    revision  INTEGER NOT NULL, -- from 1, without gaps
    time_ms   INTEGER NOT NULL,
    changed   TEXT,             -- the keys that differ from the one before; 1: NULL
    text      TEXT NOT NULL,
    mlproject TEXT,
    PRIMARY KEY (sweep, revision)
) STRICT, WITHOUT ROWID;
INSERT INTO sweep_revisions
SELECT id, 1, created_ms, NULL, text, mlproject FROM sweeps;

CREATE VIEW v_sweep_revisions AS
SELECT lower(hex(r.uuid)) AS sweep_id, s.id AS sweep, s.name, v.revision, v.time_ms,
       v.changed, v.text
FROM sweep_revisions v JOIN sweeps s ON s.id = v.sweep JOIN runs r ON r.id = s.run;
