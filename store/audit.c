/* SPDX-License-Identifier: Apache-2.0 */
/* audit.c – checks of a store that its schema cannot make (`winnow doctor`).
 *
 * Owns the table of invariants: each is a statement whose rows are violations, a text
 * for people. Reads everything, so it takes a while on a large store. Changes nothing.
 */
#include "store/store.h"

#include <sqlite3.h>
#include <string.h>

#include "store/reader.h"

/* Violations named for each check; the rest are counted. */
#define NAMED_MAX 5

static const struct {
    const char *text; /* what is wrong with the row's first column */
    const char *sql;
} checks[] = {
    { "runs whose parent is missing: run",
      "SELECT r.id FROM runs r LEFT JOIN runs p ON p.id = r.parent"
      " WHERE r.parent IS NOT NULL AND p.id IS NULL" },
    { "runs that are their own ancestor: run",
      "WITH RECURSIVE up (id, at) AS (SELECT id, parent FROM runs WHERE kind = 0 AND"
      " parent IS NOT NULL UNION SELECT up.id, r.parent FROM up JOIN runs r"
      " ON r.id = up.at WHERE r.parent IS NOT NULL) SELECT id FROM up WHERE id = at" },
    { "trials that are not below a sweep: run",
      "SELECT r.id FROM runs r LEFT JOIN sweeps s ON s.run = r.parent"
      " WHERE r.kind = 2 AND s.id IS NULL" },
    { "trials with the same number: run",
      "SELECT max(id) FROM runs WHERE kind = 2 GROUP BY parent, number"
      " HAVING count(*) > 1" },
    { "sweeps without their run: sweep",
      "SELECT s.id FROM sweeps s LEFT JOIN runs r ON r.id = s.run AND r.kind = 1"
      " WHERE r.id IS NULL" },
    { "sweeps whose file is not their newest revision: sweep",
      "SELECT s.id FROM sweeps s LEFT JOIN (SELECT sweep, max(revision) AS last,"
      " count(*) AS n FROM sweep_revisions GROUP BY sweep) m ON m.sweep = s.id"
      " LEFT JOIN sweep_revisions v ON v.sweep = s.id AND v.revision = m.last"
      " WHERE v.text IS NOT s.text OR v.mlproject IS NOT s.mlproject OR m.n <> m.last"
      " OR m.n <> (SELECT count(*) FROM events e WHERE e.sweep = s.id AND e.kind IN"
      " (2, 17))" },
    { "attempts that ended more than once: run",
      "SELECT run FROM events WHERE kind = 11 GROUP BY run, attempt"
      " HAVING count(*) > 1" },
    { "attempts whose end is not in the events, or the other way round: run",
      "SELECT a.run FROM attempts a LEFT JOIN events e ON e.run = a.run AND"
      " e.attempt = a.attempt AND e.kind = 11 WHERE (e.id IS NULL) <> (a.end IS "
      "NULL)" },
    { "finished trials with an attempt that has not ended: run",
      "SELECT r.id FROM runs r JOIN attempts a ON a.run = r.id"
      " WHERE r.kind = 2 AND r.state >= 2 AND a.end IS NULL" },
    { "trials whose state is not what their last event says: run",
      "SELECT r.id FROM (SELECT run, max(id) AS last FROM events"
      " WHERE kind IN (11, 12) AND flags & 32 = 0 GROUP BY run) x"
      " JOIN events e ON e.id = x.last JOIN runs r ON r.id = x.run"
      " WHERE e.state >= 2 AND e.state <> r.state" },
    { "trials that finished without the event: run",
      "SELECT id FROM runs WHERE kind = 2 AND state >= 2 AND id NOT IN"
      " (SELECT run FROM events WHERE kind IN (11, 12))" },
    { "trials created without the event, or the other way round: run",
      "SELECT coalesce(r.id, e.run) FROM (SELECT run FROM events WHERE kind = 5) e"
      " LEFT JOIN runs r ON r.id = e.run WHERE r.id IS NULL UNION ALL"
      " SELECT id FROM runs WHERE kind = 2 AND id NOT IN"
      " (SELECT run FROM events WHERE kind = 5)" },
    { "latest values that differ from the history: run",
      "SELECT l.run FROM (SELECT * FROM latest ORDER BY random() LIMIT 1000) l WHERE "
      "NOT"
      " EXISTS (SELECT 1 FROM metrics m WHERE m.run = l.run AND m.key = l.key AND"
      " m.step = l.step AND m.attempt = l.attempt AND m.seq = l.seq AND"
      " m.value IS l.value) OR EXISTS (SELECT 1 FROM metrics m WHERE m.run = l.run AND"
      " m.key = l.key AND m.attempt = l.attempt AND (m.step, m.seq) > (l.step, "
      "l.seq))" },
    { "metrics with fewer points than were counted: run",
      "SELECT l.run FROM latest l WHERE l.count > (SELECT count(*) FROM metrics m"
      " WHERE m.run = l.run AND m.key = l.key AND (m.attempt = l.attempt OR EXISTS"
      " (SELECT 1 FROM attempts a WHERE a.run = l.run AND a.resumed = 1)))" },
    { "values of metrics, params or tags without a name: key",
      "SELECT DISTINCT key FROM (SELECT key FROM latest UNION SELECT key FROM params"
      " UNION SELECT key FROM tags) WHERE key NOT IN (SELECT id FROM names)" },
    { "values of runs that do not exist: run",
      "SELECT DISTINCT run FROM (SELECT run FROM latest UNION SELECT run FROM params"
      " UNION SELECT run FROM tags UNION SELECT run FROM attempts)"
      " WHERE run NOT IN (SELECT id FROM runs)" },
};

/* The ids of violating rows, as one line; nothing when there is none. */
static enum err_code check(struct db *db,
                           const char *text,
                           const char *sql,
                           struct strbuf *out,
                           struct err *err)
{
    sqlite3_stmt *raw = NULL;
    int rc = sqlite3_prepare_v2(db->raw, sql, -1, &raw, NULL);
    size_t count = 0;
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(raw);
        if (rc != SQLITE_ROW) {
            break;
        }
        if (++count <= NAMED_MAX) {
            strbuf_addf(out, "%s%s", count == 1 ? text : ",", " ");
            strbuf_adds(out, (const char *)sqlite3_column_text(raw, 0));
        }
    }
    if (count > NAMED_MAX) {
        strbuf_addf(out, " and %zu more", count - NAMED_MAX);
    }
    if (count > 0) {
        strbuf_addc(out, '\n');
    }
    enum err_code code = rc == SQLITE_DONE ? ERR_OK : db_error(db, rc, "check", err);
    IGNORE_ERR(sqlite3_finalize(raw), "repeats the statement's error");
    return code;
}

/* SQLite's own check gives the row "ok", or one row a problem. */
static enum err_code check_integrity(struct db *db, struct strbuf *out, struct err *err)
{
    sqlite3_stmt *raw = NULL;
    int rc = sqlite3_prepare_v2(db->raw, "PRAGMA integrity_check(20)", -1, &raw, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(raw);
        const char *text =
            rc == SQLITE_ROW ? (const char *)sqlite3_column_text(raw, 0) : NULL;
        if (text != NULL && strcmp(text, "ok") != 0) {
            strbuf_addf(out, "database: %s\n", text);
        }
    }
    enum err_code code = ERR_OK;
    if (rc == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_CORRUPT) {
        strbuf_addf(out, "database: %s\n", sqlite3_errmsg(db->raw));
    } else if (rc != SQLITE_DONE) {
        code = db_error(db, rc, "check", err);
    }
    IGNORE_ERR(sqlite3_finalize(raw), "repeats the statement's error");
    return code;
}

enum err_code
store_audit(struct store_reader *reader, struct strbuf *findings, struct err *err)
{
    size_t before = findings->len;
    enum err_code code = stmt_run(stmt_use(&reader->db, SQL_READ_BEGIN), err);
    if (code != ERR_OK) {
        return code;
    }
    code = check_integrity(&reader->db, findings, err);
    /* On a damaged file the other checks would only repeat it. */
    bool sound = findings->len == before;
    for (size_t i = 0; i < ARRAY_LEN(checks) && code == ERR_OK && sound; i++) {
        code = check(&reader->db, checks[i].text, checks[i].sql, findings, err);
    }
    IGNORE_ERR(stmt_run(stmt_use(&reader->db, SQL_READ_END), NULL), "only read");
    return code;
}
