/* SPDX-License-Identifier: Apache-2.0 */
/* joined.c – runs whose newest attempt resumed from a checkpoint.
 *
 * Their history is the newest attempt's points and those of earlier attempts below the
 * first step of every later one, metric by metric (DESIGN §5; core/joined.h is the same
 * rule for the objective). Owns `latest` of such runs: it is computed from all points
 * whenever more than the history's end changed. Does not know objectives.
 */
#include "store/store_internal.h"

#include <math.h>

enum err_code joined_range(struct db *db,
                           uint64_t run,
                           struct joined_range *range_out,
                           struct err *err)
{
    struct stmt *row = stmt_use(db, SQL_JOINED_FROM);
    bind_u64(row, run);
    bool found = false;
    enum err_code code = stmt_row(row, &found, err);
    if (code != ERR_OK) {
        return code;
    }
    *range_out = (struct joined_range){ 0 };
    if (found) {
        range_out->newest = col_u32(row, 0);
        range_out->from = col_u32(row, 1);
        stmt_end(row);
    }
    return ERR_OK;
}

/* `latest` of the metric from its whole history. */
static enum err_code refresh(struct store *store,
                             struct metric_of of,
                             struct joined_range range,
                             struct err *err)
{
    struct latest_sum sum = { .min = (double)NAN, .max = (double)NAN };
    struct stmt *row = stmt_use(&store->db, SQL_JOINED_POINTS);
    bind_u64(row, of.run);
    bind_i64(row, of.key);
    bind_i64(row, range.from);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        sum.last = (struct point_row){ .step = col_i64(row, 0),
                                       .value = col_f64(row, 1),
                                       .time_ms = col_i64(row, 2),
                                       .attempt = col_u32(row, 3),
                                       .seq = col_u64(row, 4) };
        latest_count(&sum, sum.last.value);
        code = stmt_row(row, &more, err);
    }
    return code == ERR_OK && sum.count > 0
               ? latest_put(store, SQL_LATEST_REPLACE, of, &sum, err)
               : code;
}

/* The row that is there is of this attempt and does not lie behind this step. */
static enum err_code goes_on(struct store *store,
                             struct metric_of of,
                             uint32_t attempt,
                             int64_t step,
                             bool *goes_on_out,
                             struct err *err)
{
    struct stmt *row = stmt_use(&store->db, SQL_LATEST_ONE);
    bind_u64(row, of.run);
    bind_i64(row, of.key);
    bool found = false;
    enum err_code code = stmt_row(row, &found, err);
    *goes_on_out = found && col_u32(row, 0) == attempt && col_i64(row, 1) <= step;
    if (found) {
        stmt_end(row);
    }
    return code;
}

enum err_code joined_latest(struct store *store,
                            struct metric_of of,
                            const struct latest_sum *sum,
                            int64_t least_step,
                            struct err *err)
{
    bool appended = false;
    enum err_code code = ERR_OK;
    if (sum->count > 0) {
        code = goes_on(store, of, sum->last.attempt, least_step, &appended, err);
    }
    if (code == ERR_OK && appended) {
        return latest_put(store, SQL_LATEST_PUT, of, sum, err);
    }
    struct joined_range range = { 0 };
    if (code == ERR_OK) {
        code = joined_range(&store->db, of.run, &range, err);
    }
    return code == ERR_OK ? refresh(store, of, range, err) : code;
}

static enum err_code refresh_all(struct store *store, uint64_t run, struct err *err)
{
    struct joined_range range = { 0 };
    enum err_code code = joined_range(&store->db, run, &range, err);
    VEC(int64_t) keys = { 0 };
    bool more = false;
    if (code == ERR_OK) {
        struct stmt *row = stmt_use(&store->db, SQL_METRIC_KEYS_OF);
        bind_u64(row, run);
        code = stmt_row(row, &more, err);
        while (code == ERR_OK && more) {
            vec_push(&keys, col_i64(row, 0));
            code = stmt_row(row, &more, err);
        }
    }
    for (size_t i = 0; i < keys.len && code == ERR_OK; i++) {
        code = refresh(store, (struct metric_of){ run, keys.ptr[i] }, range, err);
    }
    vec_fini(&keys);
    return code;
}

enum err_code joined_write(struct store *store, struct err *err)
{
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < store->batch.runs.len && code == ERR_OK; i++) {
        if (store->batch.runs.ptr[i].rejoin) {
            code = refresh_all(store, store->batch.runs.ptr[i].run, err);
        }
    }
    return code;
}
