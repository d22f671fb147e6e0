/* SPDX-License-Identifier: Apache-2.0 */
/* query_stop.c – what early stopping did to a sweep: its rungs, and what it saved.
 * Owns the estimate. Knows the events of rules and the last steps of trials. Does not
 * know rules. */
#include "store/reader.h"

#include "core/states.h"

static enum err_code
put_rungs(struct store_reader *reader, json_t *sweep, uint32_t key, struct err *err)
{
    struct stmt *row = stmt_use(&reader->db, SQL_RUNGS);
    bind_i64(row, key);
    bind_i64(row, STOP_PRUNED);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    json_t *rungs = json_array();
    while (code == ERR_OK && more) {
        json_t *rung = json_object();
        int64_t reached = col_i64(row, 4);
        json_put_i64(rung, "rule", col_i64(row, 0));
        json_put_i64(rung, "bracket", col_i64(row, 1));
        json_put_i64(rung, "rung", col_i64(row, 2));
        json_put_i64(rung, "step", col_i64(row, 3));
        json_put_i64(rung, "reached", reached);
        json_put_i64(rung, "went_on", reached - col_i64(row, 5));
        json_push(rungs, rung);
        code = stmt_row(row, &more, err);
    }
    if (json_array_size(rungs) > 0) {
        json_put(sweep, "rungs", rungs);
    } else {
        json_decref(rungs);
    }
    return code;
}

struct used {
    double trials, steps, time_ms;
};

/* Part of what all would have taken, had each been as long as the mean finished one. */
static double saved_of(double all, double mean, double used)
{
    double whole = all * mean;
    return whole > used ? 1 - used / whole : 0;
}

static void put_saved(json_t *sweep, struct used finished, struct used pruned)
{
    if (finished.trials == 0 || pruned.trials == 0) {
        return;
    }
    double all = finished.trials + pruned.trials;
    json_t *saved = json_object();
    json_put_f64(
        saved, "steps",
        saved_of(all, finished.steps / finished.trials, finished.steps + pruned.steps));
    json_put_f64(saved, "time",
                 saved_of(all, finished.time_ms / finished.trials,
                          finished.time_ms + pruned.time_ms));
    json_put(sweep, "saved", saved);
}

enum err_code put_stopping(struct store_reader *reader,
                           json_t *sweep,
                           const struct stopped_of *of,
                           struct err *err)
{
    struct used finished = { 0 };
    struct used pruned = { 0 };
    struct stmt *row = stmt_use(&reader->db, SQL_STEPS_USED);
    bind_u64(row, of->run);
    bind_text(row, of->metric);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        struct used *used = col_i64(row, 0) == TRIAL_FINISHED ? &finished : &pruned;
        *used = (struct used){ .trials = (double)col_i64(row, 1),
                               .steps = col_f64(row, 2),
                               .time_ms = col_f64(row, 3) };
        code = stmt_row(row, &more, err);
    }
    put_saved(sweep, finished, pruned);
    return code == ERR_OK && pruned.trials > 0
               ? put_rungs(reader, sweep, of->sweep, err)
               : code;
}
