/* SPDX-License-Identifier: Apache-2.0 */
/* query_sweeps.c – `ls`, `progress`, `show`, `revisions` and `resolve`.
 * Knows the JSON shape of a sweep. Counts of trials are one pass over the sweep's runs.
 */
#include "store/reader.h"

#include <math.h>

#include "base/mem.h"
#include "base/sys/fsx.h"
#include "core/states.h"

/* `progress` names at most so many running trials. */
#define RUNNING_SHOWN_MAX 1000

/* Columns of SQL_SWEEP_COLUMNS. */
enum sweep_column {
    COL_KEY,
    COL_RUN,
    COL_UUID,
    COL_NAME,
    COL_STATE,
    COL_CAUSE,
    COL_METRIC,
    COL_MAXIMIZE,
    COL_CREATED,
    COL_END,
    COL_DIRECTORY,
    COL_TEXT,
    COL_REVISION,
};

/* Columns of SQL_SWEEP_COUNTS after the six counts. */
enum {
    COL_FINISHED_MIN = TRIAL_STATE_NR,
    COL_FINISHED_MAX,
    COL_PRUNED_MIN,
    COL_PRUNED_MAX,
    COL_FIRST_START,
    COL_LAST_END,
};

static void put_best(json_t *sweep, struct stmt *counts, bool maximize)
{
    double best = col_f64(counts, maximize ? COL_FINISHED_MAX : COL_FINISHED_MIN);
    if (isnan(best)) {
        best = col_f64(counts, maximize ? COL_PRUNED_MAX : COL_PRUNED_MIN);
    }
    if (!isnan(best)) {
        json_put_f64(sweep, "best", best);
    }
}

static enum err_code put_counts(struct store_reader *reader,
                                json_t *sweep,
                                uint64_t run,
                                bool maximize,
                                struct err *err)
{
    struct stmt *row = stmt_use(&reader->db, SQL_SWEEP_COUNTS);
    bind_u64(row, run);
    bool found = false;
    enum err_code code = stmt_row(row, &found, err);
    if (code != ERR_OK) {
        return code;
    }
    put_best(sweep, row, maximize);
    json_t *trials = json_object();
    json_put(sweep, "trials", trials);
    for (int i = 0; i < TRIAL_STATE_NR; i++) {
        json_put_i64(trials, trial_state_name((enum trial_state)i), col_i64(row, i));
    }
    put_col_i64(sweep, "first_start_time", row, COL_FIRST_START);
    put_col_i64(sweep, "last_end_time", row, COL_LAST_END);
    stmt_end(row);
    return ERR_OK;
}

/* The `ls` object of the current row. */
static enum err_code push_sweep(struct store_reader *reader,
                                struct stmt *row,
                                json_t *array,
                                struct err *err)
{
    json_t *sweep = json_object();
    json_push(array, sweep);
    bool maximize = col_i64(row, COL_MAXIMIZE) != 0;
    uint32_t state = col_u32(row, COL_STATE);
    put_col_uuid(sweep, "id", row, COL_UUID);
    put_col_text(sweep, "name", row, COL_NAME);
    json_put_str(sweep, "state",
                 state < SWEEP_STATE_NR ? sweep_state_name((enum sweep_state)state)
                                        : "unknown");
    if (state == SWEEP_RUNNING
        && fsx_lock_is_noted(reader->lock_path, STORE_NOTE_FULL)) {
        json_put_str(sweep, "cause", STORE_NOTE_FULL);
    } else {
        put_col_text(sweep, "cause", row, COL_CAUSE);
    }
    json_put_str(sweep, "goal", maximize ? "max" : "min");
    put_col_text(sweep, "metric", row, COL_METRIC);
    put_col_i64(sweep, "start_time", row, COL_CREATED);
    put_col_i64(sweep, "end_time", row, COL_END);
    return put_counts(reader, sweep, col_u64(row, COL_RUN), maximize, err);
}

enum err_code query_ls(struct store_reader *reader,
                       const json_t *args,
                       json_t **result_out,
                       struct err *err)
{
    UNUSED(args);
    AUTO_JSON json_t *sweeps = json_array();
    struct stmt *row = stmt_use(&reader->db, SQL_SWEEPS);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        code = push_sweep(reader, row, sweeps, err);
        if (code == ERR_OK) {
            code = stmt_row(row, &more, err);
        }
    }
    if (code == ERR_OK) {
        *result_out = json_incref(sweeps);
    }
    return code;
}

/* The sweep's `ls` object; with `details` also what only `show` gives. */
static enum err_code one_sweep(struct store_reader *reader,
                               uint64_t run,
                               bool details,
                               json_t **result_out,
                               struct err *err)
{
    AUTO_JSON json_t *found = json_array();
    struct stmt *row = stmt_use(&reader->db, SQL_SWEEP_ONE);
    bind_u64(row, run);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!more) {
        return err_set(err, ERR_CORRUPT, "sweep has no row");
    }
    code = push_sweep(reader, row, found, err);
    json_t *sweep = json_array_get(found, 0);
    if (code == ERR_OK && details) {
        put_col_text(sweep, "directory", row, COL_DIRECTORY);
        put_col_text(sweep, "text", row, COL_TEXT);
        put_col_i64(sweep, "revision", row, COL_REVISION);
        code = put_tags(reader, sweep, run, err);
    }
    if (code == ERR_OK && details) {
        struct stopped_of of = { .sweep = col_u32(row, COL_KEY),
                                 .run = run,
                                 .metric = col_text(row, COL_METRIC) };
        code = put_stopping(reader, sweep, &of, err);
    }
    stmt_end(row);
    if (code == ERR_OK) {
        *result_out = json_incref(sweep);
    }
    return code;
}

enum err_code query_progress(struct store_reader *reader,
                             const json_t *args,
                             json_t **result_out,
                             struct err *err)
{
    const char *text = NULL;
    AUTO_REF struct ref ref = { 0 };
    AUTO_JSON json_t *sweep = NULL;
    enum err_code code = arg_ref(args, "sweep", &text, err);
    if (code == ERR_OK) {
        code = ref_find_sweep(reader, text, &ref, err);
    }
    if (code == ERR_OK) {
        code = one_sweep(reader, ref.run, false, &sweep, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    json_t *running = json_array();
    json_put(sweep, "running", running);
    struct stmt *stmt = stmt_use(&reader->db, SQL_TRIALS);
    bind_u64(stmt, ref.run);
    bind_i64(stmt, TRIAL_RUNNING);
    bind_i64(stmt, RUNNING_SHOWN_MAX);
    bind_i64(stmt, 0);
    code = trials_push(reader, stmt, running, err);
    if (code == ERR_OK) {
        *result_out = json_incref(sweep);
    }
    return code;
}

enum err_code query_show(struct store_reader *reader,
                         const json_t *args,
                         json_t **result_out,
                         struct err *err)
{
    const char *text = NULL;
    AUTO_REF struct ref ref = { 0 };
    enum err_code code = arg_ref(args, "ref", &text, err);
    if (code == ERR_OK) {
        code = ref_find(reader, text, &ref, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    switch (ref.kind) {
    case RUN_SWEEP:
        return one_sweep(reader, ref.run, true, result_out, err);
    case RUN_TRIAL:
        return trial_show(reader, &ref, result_out, err);
    case RUN_CLIENT:
        return run_show(reader, &ref, result_out, err);
    }
    return err_set(err, ERR_CORRUPT, "run '%s' is of an unknown kind", text);
}

enum err_code query_revisions(struct store_reader *reader,
                              const json_t *args,
                              json_t **result_out,
                              struct err *err)
{
    const char *text = NULL;
    AUTO_REF struct ref ref = { 0 };
    AUTO_JSON json_t *revisions = json_array();
    enum err_code code = arg_ref(args, "sweep", &text, err);
    if (code == ERR_OK) {
        code = ref_find_sweep(reader, text, &ref, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    struct stmt *row = stmt_use(&reader->db, SQL_SWEEP_REVISIONS);
    bind_u64(row, ref.run);
    bool more = false;
    code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        json_t *revision = json_object();
        json_push(revisions, revision);
        put_col_i64(revision, "revision", row, 0);
        put_col_i64(revision, "time", row, 1);
        put_col_text(revision, "changed", row, 2);
        put_col_text(revision, "text", row, 3);
        code = stmt_row(row, &more, err);
    }
    if (code == ERR_OK) {
        *result_out = json_incref(revisions);
    }
    return code;
}

static const char *kind_name(enum run_kind kind)
{
    return kind == RUN_SWEEP ? "sweep" : kind == RUN_TRIAL ? "trial" : "run";
}

enum err_code query_resolve(struct store_reader *reader,
                            const json_t *args,
                            json_t **result_out,
                            struct err *err)
{
    const char *text = NULL;
    AUTO_REF struct ref ref = { 0 };
    enum err_code code = arg_ref(args, "ref", &text, err);
    if (code == ERR_OK) {
        code = ref_find(reader, text, &ref, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    json_t *found = json_object();
    json_put_str(found, "run_id", ref.run_id.hex);
    json_put_str(found, "kind", kind_name(ref.kind));
    json_put_str(found, "name", ref.name);
    if (ref.kind == RUN_SWEEP) {
        json_put_str(found, "sweep_id", ref.run_id.hex);
    } else if (ref.kind == RUN_TRIAL) {
        json_put_str(found, "sweep_id", ref.parent_id.hex);
        json_put_i64(found, "number", ref.number);
    }
    *result_out = found;
    return ERR_OK;
}
