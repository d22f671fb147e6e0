/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.c – points of a batch into the metric table, in the table's own order.
 *
 * Rows are clustered by (run, key, step), so a batch is sorted first: records by run,
 * the points of a run by key with a counting sort (they arrive in order of step nearly
 * always), and only a key whose steps are out of order is sorted again. One upsert of
 * `latest` a (run, key) and batch. Resent points are ignored by the primary key and
 * counted nowhere. Where a history is that of several attempts, joined.c keeps
 * `latest`. Does not know trials or states.
 */
#include "store/store_internal.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static int compare_refs(const void *a, const void *b)
{
    const struct points_ref *x = a;
    const struct points_ref *y = b;
    if (x->run != y->run) {
        return x->run < y->run ? -1 : 1;
    }
    return x->index < y->index ? -1 : x->index > y->index;
}

static int compare_keys(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* The table's order within one (run, key). */
static int compare_rows(const void *a, const void *b)
{
    const struct point_row *x = a;
    const struct point_row *y = b;
    if (x->step != y->step) {
        return x->step < y->step ? -1 : 1;
    }
    if (x->attempt != y->attempt) {
        return x->attempt < y->attempt ? -1 : 1;
    }
    return x->seq < y->seq ? -1 : x->seq > y->seq;
}

/* The distinct keys of the run's records, ascending, into batch->keys. */
static enum err_code collect_keys(struct store *store,
                                  const struct points_ref *refs,
                                  size_t len,
                                  struct err *err)
{
    struct batch *batch = &store->batch;
    vec_reset(&batch->keys);
    for (size_t i = 0; i < len; i++) {
        const struct rec_points *points = &refs[i].record->as.points;
        for (size_t k = 0; k < points->names_len; k++) {
            int64_t key = 0;
            enum err_code code = names_key(store, points->names[k], &key, err);
            if (code != ERR_OK) {
                return code;
            }
            vec_push(&batch->keys, key);
        }
    }
    if (batch->keys.len < 2) {
        return ERR_OK;
    }
    qsort(batch->keys.ptr, batch->keys.len, sizeof *batch->keys.ptr, compare_keys);
    size_t kept = 1;
    for (size_t i = 1; i < batch->keys.len; i++) {
        if (batch->keys.ptr[i] != batch->keys.ptr[kept - 1]) {
            batch->keys.ptr[kept++] = batch->keys.ptr[i];
        }
    }
    batch->keys.len = kept;
    return ERR_OK;
}

/* batch->dense: for each name of the record, its index in batch->keys. */
static enum err_code
map_names(struct store *store, const struct rec_points *points, struct err *err)
{
    struct batch *batch = &store->batch;
    vec_reset(&batch->dense);
    for (size_t k = 0; k < points->names_len; k++) {
        int64_t key = 0;
        enum err_code code = names_key(store, points->names[k], &key, err);
        if (code != ERR_OK) {
            return code;
        }
        const int64_t *at =
            bsearch(&key, batch->keys.ptr, batch->keys.len, sizeof key, compare_keys);
        ASSERT(at != NULL);
        vec_push(&batch->dense, (uint32_t)(at - batch->keys.ptr));
    }
    return ERR_OK;
}

/* Appends the record's points to batch->rows. */
static enum err_code
gather(struct store *store, const struct points_ref *ref, struct err *err)
{
    struct batch *batch = &store->batch;
    const struct rec_points *points = &ref->record->as.points;
    enum err_code code = map_names(store, points, err);
    if (code != ERR_OK) {
        return code;
    }
    vec_reserve(&batch->rows, batch->rows.len + points->len);
    for (size_t i = 0; i < points->len; i++) {
        ASSERT(points->name[i] < points->names_len);
        struct point_row row = {
            .key = batch->dense.ptr[points->name[i]],
            .attempt = ref->record->key.attempt,
            .step = points->step[i],
            .seq = points->first_seq + i,
            .time_ms = points->time_ms[i],
            .value = points->value[i],
            .fenced = points->fenced || ref->behind,
            .joined = points->joined,
        };
        vec_push(&batch->rows, row);
    }
    return ERR_OK;
}

/* Rows of the run by key, order of arrival kept, into batch->sorted; batch->starts
 * holds where each key begins, and the end. */
static void sort_by_key(struct batch *batch)
{
    size_t keys = batch->keys.len;
    vec_reserve(&batch->starts, keys + 1);
    batch->starts.len = keys + 1;
    memset(batch->starts.ptr, 0, (keys + 1) * sizeof *batch->starts.ptr);
    for (size_t i = 0; i < batch->rows.len; i++) {
        batch->starts.ptr[batch->rows.ptr[i].key]++;
    }
    size_t sum = 0;
    for (size_t k = 0; k <= keys; k++) {
        size_t count = batch->starts.ptr[k];
        batch->starts.ptr[k] = sum;
        sum += count;
    }
    vec_reserve(&batch->sorted, batch->rows.len);
    batch->sorted.len = batch->rows.len;
    for (size_t i = 0; i < batch->rows.len; i++) {
        size_t to = batch->starts.ptr[batch->rows.ptr[i].key]++;
        batch->sorted.ptr[to] = batch->rows.ptr[i];
    }
    /* Each start has moved to its key's end, which is the next key's start. */
    memmove(batch->starts.ptr + 1, batch->starts.ptr, keys * sizeof *batch->starts.ptr);
    batch->starts.ptr[0] = 0;
}

static void sort_steps(struct point_row *rows, size_t len)
{
    for (size_t i = 1; i < len; i++) {
        if (compare_rows(&rows[i - 1], &rows[i]) > 0) {
            qsort(rows, len, sizeof *rows, compare_rows);
            return;
        }
    }
}

static bool is_later(const struct point_row *a, const struct point_row *b)
{
    if (a->attempt != b->attempt) {
        return a->attempt > b->attempt;
    }
    return a->step != b->step ? a->step > b->step : a->seq > b->seq;
}

void latest_count(struct latest_sum *sum, double value)
{
    if (!isnan(value)) {
        sum->min = isnan(sum->min) || value < sum->min ? value : sum->min;
        sum->max = isnan(sum->max) || value > sum->max ? value : sum->max;
    }
    sum->count++;
}

static void sum_add(struct latest_sum *sum, const struct point_row *row)
{
    if (sum->count > 0 && row->attempt < sum->last.attempt) {
        return;
    }
    if (sum->count == 0 || row->attempt > sum->last.attempt) {
        *sum =
            (struct latest_sum){ .last = *row, .min = row->value, .max = row->value };
    }
    if (is_later(row, &sum->last)) {
        sum->last = *row;
    }
    latest_count(sum, row->value);
}

enum err_code latest_put(struct store *store,
                         enum sql_id how,
                         struct metric_of of,
                         const struct latest_sum *sum,
                         struct err *err)
{
    struct stmt *stmt = stmt_use(&store->db, how);
    bind_u64(stmt, of.run);
    bind_i64(stmt, of.key);
    bind_i64(stmt, EXPERIMENT_DEFAULT);
    bind_i64(stmt, sum->last.attempt);
    bind_i64(stmt, sum->last.step);
    bind_u64(stmt, sum->last.seq);
    bind_i64(stmt, sum->last.time_ms);
    bind_f64(stmt, sum->last.value);
    bind_i64(stmt, isnan(sum->last.value) ? 1 : 0);
    bind_f64(stmt, sum->min);
    bind_f64(stmt, sum->max);
    bind_u64(stmt, sum->count);
    return stmt_run(stmt, err);
}

/* Inserts the rows of one (run, key). Run and key stay bound from row to row. */
static enum err_code write_key(struct store *store,
                               struct metric_of of,
                               const struct point_row *rows,
                               size_t len,
                               struct err *err)
{
    struct latest_sum sum = { 0 };
    bool joined = false;
    struct stmt *stmt = stmt_use(&store->db, SQL_METRIC_INSERT);
    bind_u64(stmt, of.run);
    bind_i64(stmt, of.key);
    int fixed = stmt->at;
    for (size_t i = 0; i < len; i++) {
        stmt->at = fixed;
        bind_i64(stmt, rows[i].step);
        bind_i64(stmt, rows[i].attempt);
        bind_u64(stmt, rows[i].seq);
        bind_i64(stmt, rows[i].time_ms);
        bind_f64(stmt, rows[i].value);
        bind_i64(stmt, isnan(rows[i].value) ? 1 : 0);
        enum err_code code = stmt_run(stmt, err);
        if (code != ERR_OK) {
            return code;
        }
        joined = joined || rows[i].joined;
        if (!rows[i].fenced && sqlite3_changes(store->db.raw) > 0) {
            sum_add(&sum, &rows[i]);
        }
    }
    if (joined) {
        return joined_latest(store, of, &sum, rows[0].step, err);
    }
    return sum.count == 0 ? ERR_OK : latest_put(store, SQL_LATEST_PUT, of, &sum, err);
}

/* All records of points of one run. */
static enum err_code write_run(struct store *store,
                               const struct points_ref *refs,
                               size_t len,
                               struct err *err)
{
    struct batch *batch = &store->batch;
    enum err_code code = collect_keys(store, refs, len, err);
    vec_reset(&batch->rows);
    for (size_t i = 0; i < len && code == ERR_OK; i++) {
        code = gather(store, &refs[i], err);
    }
    if (code != ERR_OK) {
        return code;
    }
    sort_by_key(batch);
    for (size_t k = 0; k < batch->keys.len && code == ERR_OK; k++) {
        size_t from = batch->starts.ptr[k];
        size_t count = batch->starts.ptr[k + 1] - from;
        sort_steps(batch->sorted.ptr + from, count);
        struct metric_of of = { refs[0].run, batch->keys.ptr[k] };
        code = write_key(store, of, batch->sorted.ptr + from, count, err);
    }
    return code;
}

enum err_code metrics_write(struct store *store, struct err *err)
{
    struct points_ref *refs = store->batch.points.ptr;
    size_t len = store->batch.points.len;
    if (len > 1) {
        qsort(refs, len, sizeof *refs, compare_refs);
    }
    enum err_code code = ERR_OK;
    for (size_t from = 0; from < len && code == ERR_OK;) {
        const struct run_change *run = runs_change(&store->batch, refs[from].run);
        size_t to = from;
        for (; to < len && refs[to].run == refs[from].run; to++) {
            refs[to].behind = refs[to].record->key.attempt < run->attempts;
        }
        code = write_run(store, refs + from, to - from, err);
        from = to;
    }
    return code;
}
