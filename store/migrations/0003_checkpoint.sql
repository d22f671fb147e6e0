-- SPDX-License-Identifier: Apache-2.0
-- Schema 3: whether an attempt went on from a checkpoint, so that the history of a run
-- can be that of several attempts (docs/store.md).
ALTER TABLE attempts ADD COLUMN resumed INTEGER; -- NULL: not reported

DROP VIEW v_attempts;
CREATE VIEW v_attempts AS
SELECT lower(hex(r.uuid)) AS run_id, r.number AS trial, t.attempt, a.name AS agent,
       a.host, en.name AS end, t.cause, t.assigned_ms, t.start_ms, t.end_ms,
       t.exit_status, t.signal, t.user_cpu_ms, t.system_cpu_ms, t.max_rss_bytes,
       t.points_thinned, t.names_refused, t.fenced, t.counts, t.pid, t.gpu_mask,
       t.resumed, t.run
FROM attempts t JOIN runs r ON r.id = t.run LEFT JOIN agents a ON a.id = t.agent
LEFT JOIN code_names en ON en.family = 'attempt_end' AND en.code = t.end;
