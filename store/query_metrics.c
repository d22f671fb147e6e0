/* SPDX-License-Identifier: Apache-2.0 */
/* query_metrics.c – `metrics`: the history of one key, or the latest of every key.
 *
 * A trial's history is its newest attempt's points and, where that resumed from a
 * checkpoint, those of earlier ones below its first step (DESIGN §5); `attempt` asks
 * for one attempt's own, or for "all". Does not know pruners or objectives.
 */
#include "store/reader.h"

#include <math.h>

#include "base/mem.h"
#include "store/store_internal.h"

/* Values of `attempt` beside numbers from 1. */
enum {
    ATTEMPT_ALL = -1,
    ATTEMPT_JOINED = -2
};

static json_t *point(struct stmt *row, bool with_attempt)
{
    json_t *point = json_object();
    json_put_i64(point, "step", col_i64(row, 0));
    put_col_f64(point, "value", row, 1);
    json_put_i64(point, "timestamp", col_i64(row, 2));
    if (with_attempt) {
        json_put_i64(point, "attempt", col_i64(row, 3));
    }
    return point;
}

/* Names what the run does have. */
static enum err_code no_key(struct store_reader *reader,
                            const struct ref *ref,
                            const char *key,
                            struct err *err)
{
    VEC(char *) names = { 0 };
    struct stmt *row = stmt_use(&reader->db, SQL_METRIC_NAMES_OF);
    bind_u64(row, ref->run);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        vec_push(&names, mem_strdup(col_text(row, 0)));
        code = stmt_row(row, &more, err);
    }
    const char *near =
        str_nearest(str_from(key), (const char *const *)names.ptr, names.len);
    if (code == ERR_OK) {
        code = err_set(err, ERR_NOTFOUND, "run '%s' has no metric '%s'%s%s%s",
                       ref->name[0] != '\0' ? ref->name : ref->run_id.hex, key,
                       near != NULL ? ", did you mean '" : "", near != NULL ? near : "",
                       near != NULL ? "'?" : "");
    }
    for (size_t i = 0; i < names.len; i++) {
        mem_free(names.ptr[i]);
    }
    vec_fini(&names);
    return code;
}

static enum err_code find_key(struct store_reader *reader,
                              const char *name,
                              int64_t *key_out,
                              struct err *err)
{
    struct stmt *row = stmt_use(&reader->db, SQL_METRIC_KEY);
    bind_text(row, name);
    bool found = false;
    enum err_code code = stmt_row(row, &found, err);
    *key_out = found ? col_i64(row, 0) : 0;
    if (found) {
        stmt_end(row);
    }
    return code;
}

static enum err_code history(struct store_reader *reader,
                             const struct ref *ref,
                             const char *name,
                             int64_t attempt,
                             json_t *points,
                             struct err *err)
{
    int64_t key = 0;
    enum err_code code = find_key(reader, name, &key, err);
    if (code != ERR_OK) {
        return code;
    }
    struct joined_range range = { 0 };
    bool joined = attempt == ATTEMPT_JOINED;
    if (joined) {
        code = joined_range(&reader->db, ref->run, &range, err);
        joined = range.from < range.newest;
        attempt = range.newest;
    }
    if (code != ERR_OK) {
        return code;
    }
    struct stmt *row =
        stmt_use(&reader->db, joined ? SQL_JOINED_POINTS : SQL_METRIC_POINTS);
    bind_u64(row, ref->run);
    bind_i64(row, key);
    bind_i64(row, joined ? range.from : attempt);
    bool more = false;
    code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        json_push(points, point(row, joined || attempt == ATTEMPT_ALL));
        code = stmt_row(row, &more, err);
    }
    if (code == ERR_OK && json_array_size(points) == 0) {
        code = no_key(reader, ref, name, err);
    }
    return code;
}

/* The latest of every key of the history, as the table has it. */
static enum err_code latest(struct store_reader *reader,
                            const struct ref *ref,
                            json_t *array,
                            struct err *err)
{
    struct stmt *row = stmt_use(&reader->db, SQL_LATEST_OF);
    bind_u64(row, ref->run);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        json_t *item = json_object();
        json_push(array, item);
        put_col_text(item, "key", row, 0);
        put_col_i64(item, "step", row, 1);
        put_col_f64(item, "value", row, 2);
        put_col_i64(item, "timestamp", row, 3);
        if (!col_is_null(row, 4)) {
            put_col_f64(item, "min", row, 4);
            put_col_f64(item, "max", row, 5);
        }
        put_col_i64(item, "count", row, 6);
        code = stmt_row(row, &more, err);
    }
    return code;
}

/* One key while its points go by. */
struct summary {
    json_t *item; /* borrowed from the array; NULL: none yet */
    int64_t key;
    double min, max; /* NaN: none yet */
    int64_t count;
};

static void summary_close(struct summary *sum)
{
    if (sum->item != NULL && !isnan(sum->min)) {
        json_put_f64(sum->item, "min", sum->min);
        json_put_f64(sum->item, "max", sum->max);
    }
    if (sum->item != NULL) {
        json_put_i64(sum->item, "count", sum->count);
    }
}

static void summary_add(struct summary *sum, struct stmt *row, json_t *array)
{
    if (sum->item == NULL || sum->key != col_i64(row, 0)) {
        summary_close(sum);
        *sum = (struct summary){ .item = json_object(),
                                 .key = col_i64(row, 0),
                                 .min = (double)NAN,
                                 .max = (double)NAN };
        json_push(array, sum->item);
        put_col_text(sum->item, "key", row, 1);
    }
    put_col_i64(sum->item, "step", row, 2);
    put_col_f64(sum->item, "value", row, 3);
    put_col_i64(sum->item, "timestamp", row, 4);
    double value = col_f64(row, 3);
    if (!isnan(value)) {
        sum->min = isnan(sum->min) || value < sum->min ? value : sum->min;
        sum->max = isnan(sum->max) || value > sum->max ? value : sum->max;
    }
    sum->count++;
}

/* The same for another attempt, or all together, from the points themselves. */
static enum err_code latest_of_attempt(struct store_reader *reader,
                                       const struct ref *ref,
                                       int64_t attempt,
                                       json_t *array,
                                       struct err *err)
{
    struct summary sum = { 0 };
    struct stmt *row = stmt_use(&reader->db, SQL_METRIC_ALL);
    bind_u64(row, ref->run);
    bind_i64(row, attempt);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        summary_add(&sum, row, array);
        code = stmt_row(row, &more, err);
    }
    summary_close(&sum);
    return code;
}

enum err_code query_metrics(struct store_reader *reader,
                            const json_t *args,
                            json_t **result_out,
                            struct err *err)
{
    const char *text = NULL;
    const char *key = NULL;
    AUTO_REF struct ref ref = { 0 };
    enum err_code code = arg_ref(args, "run", &text, err);
    if (code == ERR_OK) {
        code = json_opt_str(args, "key", "", &key, err);
    }
    if (code == ERR_OK) {
        code = ref_find(reader, text, &ref, err);
    }
    int64_t attempt = ATTEMPT_JOINED;
    if (code == ERR_OK) {
        code = arg_attempt(args, &attempt, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    AUTO_JSON json_t *array = json_array();
    if (key != NULL) {
        code = history(reader, &ref, key, attempt, array, err);
    } else if (attempt == ATTEMPT_JOINED) {
        code = latest(reader, &ref, array, err);
    } else {
        code = latest_of_attempt(reader, &ref, attempt, array, err);
    }
    if (code == ERR_OK) {
        *result_out = json_incref(array);
    }
    return code;
}
