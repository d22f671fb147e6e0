/* SPDX-License-Identifier: Apache-2.0 */
/* query_trials.c – `trials`, `best`, and one trial as `show` gives it.
 * Knows the JSON shape of a trial. Rows are streamed once; params are one look-up a
 * trial.
 */
#include "store/reader.h"

#include <string.h>

#include "core/states.h"

/* Columns of SQL_TRIAL_COLUMNS. */
enum trial_column {
    COL_RUN,
    COL_NUMBER,
    COL_STATE,
    COL_PHASE,
    COL_HAS_VALUE,
    COL_VALUE,
    COL_STEP,
    COL_ATTEMPTS,
    COL_UUID,
    COL_AGENT,
    COL_CAUSE,
    COL_START,
    COL_END,
};

static const char *state_text(int64_t state)
{
    return state >= 0 && state < TRIAL_STATE_NR
               ? trial_state_name((enum trial_state)state)
               : "unknown";
}

static enum err_code push_trial(struct store_reader *reader,
                                struct stmt *row,
                                json_t *array,
                                struct err *err)
{
    json_t *trial = json_object();
    json_push(array, trial);
    json_put_i64(trial, "number", col_i64(row, COL_NUMBER));
    json_put_str(trial, "state", state_text(col_i64(row, COL_STATE)));
    uint32_t phase = col_u32(row, COL_PHASE);
    if (phase != PHASE_NONE && phase < TRIAL_PHASE_NR) {
        json_put_str(trial, "phase", trial_phase_name((enum trial_phase)phase));
    }
    enum err_code code = put_params(reader, trial, col_u64(row, COL_RUN), err);
    if (col_i64(row, COL_HAS_VALUE) != 0) {
        put_col_f64(trial, "value", row, COL_VALUE);
        put_col_i64(trial, "step", row, COL_STEP);
    }
    put_col_i64(trial, "attempts", row, COL_ATTEMPTS);
    put_col_uuid(trial, "run_id", row, COL_UUID);
    put_col_text(trial, "agent", row, COL_AGENT);
    put_col_text(trial, "cause", row, COL_CAUSE);
    put_col_i64(trial, "start_time", row, COL_START);
    put_col_i64(trial, "end_time", row, COL_END);
    return code;
}

enum err_code trials_push(struct store_reader *reader,
                          struct stmt *stmt,
                          json_t *array,
                          struct err *err)
{
    bool more = false;
    enum err_code code = stmt_row(stmt, &more, err);
    while (code == ERR_OK && more) {
        code = push_trial(reader, stmt, array, err);
        if (code == ERR_OK) {
            code = stmt_row(stmt, &more, err);
        }
    }
    return code;
}

/* -1 when the argument is absent. */
static enum err_code arg_state(const json_t *args, int64_t *state_out, struct err *err)
{
    const char *names[TRIAL_STATE_NR];
    const char *text = NULL;
    enum err_code code = json_opt_str(args, "state", "", &text, err);
    *state_out = -1;
    if (code != ERR_OK || text == NULL) {
        return code;
    }
    for (int i = 0; i < TRIAL_STATE_NR; i++) {
        names[i] = trial_state_name((enum trial_state)i);
        if (strcmp(names[i], text) == 0) {
            *state_out = i;
            return ERR_OK;
        }
    }
    const char *near = str_nearest(str_from(text), names, TRIAL_STATE_NR);
    return err_set(err, ERR_INVALID,
                   "no trial state '%s'%s%s%s (queued, running, finished, pruned, "
                   "failed, cancelled)",
                   text, near != NULL ? ", did you mean '" : "",
                   near != NULL ? near : "", near != NULL ? "'?" : "");
}

enum err_code query_trials(struct store_reader *reader,
                           const json_t *args,
                           json_t **result_out,
                           struct err *err)
{
    const char *text = NULL;
    int64_t state = -1;
    int64_t limit = 0;
    int64_t offset = 0;
    AUTO_REF struct ref sweep = { 0 };
    enum err_code code = arg_ref(args, "sweep", &text, err);
    if (code == ERR_OK) {
        code = arg_state(args, &state, err);
    }
    if (code == ERR_OK) {
        code = arg_page(args, &limit, &offset, err);
    }
    if (code == ERR_OK) {
        code = ref_find_sweep(reader, text, &sweep, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    AUTO_JSON json_t *trials = json_array();
    struct stmt *stmt = stmt_use(&reader->db, SQL_TRIALS);
    bind_u64(stmt, sweep.run);
    bind_i64(stmt, state);
    bind_i64(stmt, limit);
    bind_i64(stmt, offset);
    code = trials_push(reader, stmt, trials, err);
    if (code == ERR_OK) {
        *result_out = json_incref(trials);
    }
    return code;
}

/* The best trial of the sweep in one state, appended to `array`. */
static enum err_code push_best(struct store_reader *reader,
                               uint64_t sweep,
                               bool maximize,
                               enum trial_state state,
                               json_t *array,
                               struct err *err)
{
    struct stmt *stmt =
        stmt_use(&reader->db, maximize ? SQL_TRIAL_BEST_MAX : SQL_TRIAL_BEST_MIN);
    bind_u64(stmt, sweep);
    bind_i64(stmt, (int64_t)state);
    return trials_push(reader, stmt, array, err);
}

static enum err_code
sweep_maximize(struct store_reader *reader, uint64_t run, bool *out, struct err *err)
{
    struct stmt *row = stmt_use(&reader->db, SQL_SWEEP_ONE);
    bind_u64(row, run);
    bool found = false;
    enum err_code code = stmt_row(row, &found, err);
    *out = found && col_i64(row, 7) != 0;
    if (found) {
        stmt_end(row);
    }
    return code;
}

enum err_code query_best(struct store_reader *reader,
                         const json_t *args,
                         json_t **result_out,
                         struct err *err)
{
    const char *text = NULL;
    bool maximize = false;
    AUTO_REF struct ref sweep = { 0 };
    AUTO_JSON json_t *found = json_array();
    enum err_code code = arg_ref(args, "sweep", &text, err);
    if (code == ERR_OK) {
        code = ref_find_sweep(reader, text, &sweep, err);
    }
    if (code == ERR_OK) {
        code = sweep_maximize(reader, sweep.run, &maximize, err);
    }
    if (code == ERR_OK) {
        code = push_best(reader, sweep.run, maximize, TRIAL_FINISHED, found, err);
    }
    if (code == ERR_OK && json_array_size(found) == 0) {
        code = push_best(reader, sweep.run, maximize, TRIAL_PRUNED, found, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (json_array_size(found) == 0) {
        return err_set(err, ERR_NOTFOUND,
                       "sweep '%s' has no finished trial with a value", sweep.name);
    }
    *result_out = json_incref(json_array_get(found, 0));
    return ERR_OK;
}

/* ---- show ---- */

/* Columns of SQL_ATTEMPTS_OF. */
static void push_attempt(struct stmt *row, json_t *array)
{
    json_t *attempt = json_object();
    json_push(array, attempt);
    put_col_i64(attempt, "number", row, 0);
    put_col_text(attempt, "agent", row, 1);
    put_col_text(attempt, "host", row, 2);
    uint32_t end = col_u32(row, 3);
    if (end != END_NONE && end < ATTEMPT_END_NR) {
        json_put_str(attempt, "end", attempt_end_name((enum attempt_end)end));
    }
    put_col_text(attempt, "cause", row, 4);
    put_col_i64(attempt, "start_time", row, 5);
    put_col_i64(attempt, "end_time", row, 6);
    put_col_i64(attempt, "exit_status", row, 7);
    if (col_i64(row, 8) != 0) {
        put_col_i64(attempt, "signal", row, 8);
    }
    put_col_i64(attempt, "assigned_time", row, 9);
    put_col_i64(attempt, "user_cpu_ms", row, 10);
    put_col_i64(attempt, "system_cpu_ms", row, 11);
    put_col_i64(attempt, "max_rss_bytes", row, 12);
    put_col_i64(attempt, "points_thinned", row, 13);
    put_col_i64(attempt, "names_refused", row, 14);
    if (end == END_NONE && col_i64(row, 15) == 1) {
        json_put_bool(attempt, "suspect", true);
    }
    uint32_t reason = col_u32(row, 16);
    if (reason != STOP_NONE && reason < STOP_REASON_NR) {
        json_put_str(attempt, "stop_reason",
                     stop_reason_name((enum stop_reason)reason));
    }
    if (col_i64(row, 17) == 1) {
        json_put_bool(attempt, "resumed", true);
    }
}

static enum err_code
put_attempts(struct store_reader *reader, json_t *trial, uint64_t run, struct err *err)
{
    json_t *list = json_array();
    json_put(trial, "attempts_list", list);
    struct stmt *row = stmt_use(&reader->db, SQL_ATTEMPTS_OF);
    bind_u64(row, run);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        push_attempt(row, list);
        code = stmt_row(row, &more, err);
    }
    return code;
}

enum err_code trial_show(struct store_reader *reader,
                         const struct ref *ref,
                         json_t **result_out,
                         struct err *err)
{
    AUTO_JSON json_t *found = json_array();
    struct stmt *stmt = stmt_use(&reader->db, SQL_TRIAL_ONE);
    bind_u64(stmt, ref->run);
    enum err_code code = trials_push(reader, stmt, found, err);
    json_t *trial = json_array_get(found, 0);
    if (code != ERR_OK || trial == NULL) {
        return code != ERR_OK ? code : err_set(err, ERR_CORRUPT, "trial has no row");
    }
    json_put_str(trial, "name", ref->name);
    json_put_str(trial, "sweep_id", ref->parent_id.hex);
    code = put_metrics(reader, trial, ref->run, err);
    if (code == ERR_OK) {
        code = put_tags(reader, trial, ref->run, err);
    }
    if (code == ERR_OK) {
        code = put_attempts(reader, trial, ref->run, err);
    }
    if (code == ERR_OK) {
        *result_out = json_incref(trial);
    }
    return code;
}
