-- SPDX-License-Identifier: Apache-2.0
-- Schema 1. docs/store.md explains it; the views at the end are the public part.
-- No foreign keys on the tables written for every trial: each would cost a look-up per
-- row. `winnow doctor` checks what they would have guarded.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('home_id', lower(hex(randomblob(16))));

-- What happened, in order: the truth that a restart replays. The meaning of number,
-- number2, flags and data depends on the kind, see store/events.c.
CREATE TABLE events (
    id      INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    kind    INTEGER NOT NULL,
    sweep   INTEGER NOT NULL,
    trial   INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    run     INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    agent   INTEGER NOT NULL,
    state   INTEGER NOT NULL,
    reason  INTEGER NOT NULL,
    flags   INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    number2 INTEGER NOT NULL,
    value   REAL,
    cause   TEXT,
    data    BLOB
) STRICT;

-- Names of metrics, parameters and tags.
CREATE TABLE names (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE experiments (
    id                INTEGER PRIMARY KEY,
    name              TEXT NOT NULL UNIQUE,
    artifact_location TEXT,
    lifecycle         INTEGER NOT NULL, -- 0 active, 1 deleted
    created_ms        INTEGER NOT NULL,
    updated_ms        INTEGER NOT NULL
) STRICT;
INSERT INTO experiments VALUES (0, 'Default', NULL, 0, 0, 0);

CREATE TABLE agents (
    id       INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    host     TEXT NOT NULL,
    boot     INTEGER NOT NULL,
    pid      INTEGER NOT NULL,
    slots    INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE sweeps (
    id         INTEGER PRIMARY KEY,
    run        INTEGER NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    metric     TEXT NOT NULL,
    maximize   INTEGER NOT NULL,
    state      INTEGER NOT NULL,
    by_user    INTEGER NOT NULL,
    cause      TEXT,
    text       TEXT NOT NULL,
    mlproject  TEXT,
    directory  TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    state_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX sweeps_name ON sweeps (name, id);

-- Runs are a tree of any depth by `parent`. Trials have a number within their parent.
CREATE TABLE runs (
    id         INTEGER PRIMARY KEY,
    uuid       BLOB NOT NULL,    -- 16 bytes; the public id is its hexadecimal text
    experiment INTEGER NOT NULL,
    parent     INTEGER,
    kind       INTEGER NOT NULL, -- 0 made by a client, 1 sweep, 2 trial
    number     INTEGER,
    name       TEXT,
    status     INTEGER NOT NULL, -- MLflow's numbers
    lifecycle  INTEGER NOT NULL, -- 0 active, 1 deleted
    state      INTEGER NOT NULL, -- of the sweep or trial
    phase      INTEGER NOT NULL,
    attempts   INTEGER NOT NULL, -- number of the newest attempt, 0: none
    agent      INTEGER,          -- of the newest attempt
    has_value  INTEGER NOT NULL, -- the objective is known; value NULL is then NaN
    value      REAL,
    step       INTEGER,
    cause      TEXT,
    created_ms INTEGER NOT NULL,
    start_ms   INTEGER,
    end_ms     INTEGER
) STRICT;
-- A trial's id follows from its sweep's and its number (core/ids.h), so trials need no
-- index, which would cost a page of its own for nearly every trial.
CREATE UNIQUE INDEX runs_uuid ON runs (uuid) WHERE kind <> 2;
CREATE INDEX runs_parent ON runs (parent, number);

CREATE TABLE attempts (
    run             INTEGER NOT NULL,
    attempt         INTEGER NOT NULL,
    agent           INTEGER,
    boot            INTEGER,
    gpu_mask        INTEGER,
    prefetch        INTEGER,
    assigned_ms     INTEGER,
    pid             INTEGER,
    seq             INTEGER NOT NULL, -- entries up to here are stored
    suspect         INTEGER,
    stop_reason     INTEGER,
    end             INTEGER,          -- NULL: has not ended
    fenced          INTEGER,
    counts          INTEGER,
    cause           TEXT,
    start_ms        INTEGER,
    end_ms          INTEGER,
    exit_status     INTEGER,
    signal          INTEGER,
    user_cpu_ms     INTEGER,
    system_cpu_ms   INTEGER,
    max_rss_bytes   INTEGER,
    points_thinned  INTEGER,
    names_refused   INTEGER,
    PRIMARY KEY (run, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE params (
    run   INTEGER NOT NULL,
    key   INTEGER NOT NULL,
    kind  INTEGER NOT NULL, -- how value is to be read: 1 boolean, 2 int, 3 float, 4 text
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE tags (
    run   INTEGER NOT NULL,
    key   INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

-- The first 16 KiB of each attempt's output, in pieces; what follows is in the file
-- HOME/logs/RUN_ID/ATTEMPT.log. Most trials print little, and a file for each would cost
-- more than the trial.
CREATE TABLE log_heads (
    run     INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at      INTEGER NOT NULL, -- bytes before this piece
    data    BLOB NOT NULL,
    PRIMARY KEY (run, attempt, at)
) STRICT, WITHOUT ROWID;

-- Every point of every attempt. A NaN is value NULL with is_nan 1.
CREATE TABLE metrics (
    run     INTEGER NOT NULL,
    key     INTEGER NOT NULL,
    step    INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    value   REAL,
    is_nan  INTEGER NOT NULL,
    PRIMARY KEY (run, key, step, attempt, seq)
) STRICT, WITHOUT ROWID;

-- The newest attempt's last point of each metric by (step, seq), with least and greatest
-- value (NaN aside) and the number of points. `experiment` is a copy, so that searching
-- and sorting the runs of an experiment is a walk over one index.
CREATE TABLE latest (
    run        INTEGER NOT NULL,
    key        INTEGER NOT NULL,
    experiment INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    step       INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    time_ms    INTEGER NOT NULL,
    value      REAL,
    is_nan     INTEGER NOT NULL,
    min        REAL,
    max        REAL,
    count      INTEGER NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX latest_value ON latest (experiment, key, value);

CREATE TABLE code_names (
    family TEXT NOT NULL,
    code   INTEGER NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (family, code)
) STRICT, WITHOUT ROWID;

CREATE VIEW v_sweeps AS
SELECT lower(hex(r.uuid)) AS sweep_id, s.id AS sweep, s.name, st.name AS state, s.cause,
       s.metric, iif(s.maximize, 'max', 'min') AS goal, s.created_ms, s.state_ms, s.text
FROM sweeps s JOIN runs r ON r.id = s.run
LEFT JOIN code_names st ON st.family = 'sweep_state' AND st.code = s.state;

CREATE VIEW v_runs AS
SELECT lower(hex(r.uuid)) AS run_id, lower(hex(p.uuid)) AS parent_id, e.name AS experiment,
       k.name AS kind, r.number,
       coalesce(r.name, p.name || '/' || r.number) AS name, st.name AS status,
       iif(r.lifecycle, 'deleted', 'active') AS lifecycle_stage,
       r.created_ms, r.start_ms, r.end_ms, r.id AS run
FROM runs r LEFT JOIN runs p ON p.id = r.parent
JOIN experiments e ON e.id = r.experiment
LEFT JOIN code_names st ON st.family = 'status' AND st.code = r.status
LEFT JOIN code_names k ON k.family = 'run_kind' AND k.code = r.kind;

CREATE VIEW v_trials AS
SELECT s.name AS sweep, lower(hex(p.uuid)) AS sweep_id, r.number,
       lower(hex(r.uuid)) AS run_id, st.name AS state, nullif(ph.name, '') AS phase,
       r.value, r.step, r.attempts, a.name AS agent, r.cause, r.created_ms, r.start_ms,
       r.end_ms, r.id AS run
FROM runs r JOIN runs p ON p.id = r.parent JOIN sweeps s ON s.run = p.id
LEFT JOIN agents a ON a.id = r.agent
LEFT JOIN code_names st ON st.family = 'trial_state' AND st.code = r.state
LEFT JOIN code_names ph ON ph.family = 'phase' AND ph.code = r.phase
WHERE r.kind = 2;

CREATE VIEW v_attempts AS
SELECT lower(hex(r.uuid)) AS run_id, r.number AS trial, t.attempt, a.name AS agent,
       a.host, en.name AS end, t.cause, t.assigned_ms, t.start_ms, t.end_ms,
       t.exit_status, t.signal, t.user_cpu_ms, t.system_cpu_ms, t.max_rss_bytes,
       t.points_thinned, t.names_refused, t.fenced, t.counts, t.pid, t.gpu_mask, t.run
FROM attempts t JOIN runs r ON r.id = t.run LEFT JOIN agents a ON a.id = t.agent
LEFT JOIN code_names en ON en.family = 'attempt_end' AND en.code = t.end;

CREATE VIEW v_metrics AS
SELECT lower(hex(r.uuid)) AS run_id, r.number AS trial, n.name AS key, m.step, m.value,
       m.is_nan, m.time_ms, m.attempt, m.attempt = r.attempts AS current, m.seq, m.run
FROM metrics m JOIN runs r ON r.id = m.run JOIN names n ON n.id = m.key;

CREATE VIEW v_latest AS
SELECT lower(hex(r.uuid)) AS run_id, r.number AS trial, n.name AS key, l.step, l.value,
       l.is_nan, l.time_ms, l.min, l.max, l.count, l.attempt, l.run
FROM latest l JOIN runs r ON r.id = l.run JOIN names n ON n.id = l.key;

CREATE VIEW v_params AS
SELECT lower(hex(r.uuid)) AS run_id, r.number AS trial, n.name AS key, x.value, x.run
FROM params x JOIN runs r ON r.id = x.run JOIN names n ON n.id = x.key;

CREATE VIEW v_tags AS
SELECT lower(hex(r.uuid)) AS run_id, r.number AS trial, n.name AS key, x.value, x.run
FROM tags x JOIN runs r ON r.id = x.run JOIN names n ON n.id = x.key;

CREATE VIEW v_events AS
SELECT e.id, e.time_ms, k.name AS kind, s.name AS sweep, e.trial,
       nullif(e.attempt, 0) AS attempt, a.name AS agent, e.state, e.reason, e.value,
       e.cause, nullif(e.run, 0) AS run
FROM events e
LEFT JOIN code_names k ON k.family = 'event' AND k.code = e.kind
LEFT JOIN sweeps s ON s.id = e.sweep
LEFT JOIN agents a ON a.id = e.agent;
