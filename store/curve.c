/* SPDX-License-Identifier: Apache-2.0 */
/* curve.c – the points of one metric of one attempt.
 * Owns nothing. Knows the metric table. Does not know what the curve is for. */
#include "store/store_internal.h"

#include "store/reader.h"
#include "store/store.h"

static enum err_code read_curve(struct db *db,
                                const struct curve_ref *ref,
                                struct curve_points *out,
                                struct err *err)
{
    struct stmt *row = stmt_use(db, SQL_CURVE);
    bind_u64(row, ref->run_key);
    bind_text(row, ref->metric);
    bind_i64(row, ref->attempt);
    bind_u64(row, ref->behind);
    bind_u64(row, ref->upto);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        vec_push(&out->steps, col_i64(row, 0));
        vec_push(&out->values, col_f64(row, 1));
        code = stmt_row(row, &more, err);
    }
    stmt_end(row);
    return code;
}

enum err_code store_curve(struct store *store,
                          const struct curve_ref *ref,
                          struct curve_points *out,
                          struct err *err)
{
    return read_curve(&store->db, ref, out, err);
}

enum err_code store_reader_curve(struct store_reader *reader,
                                 const struct curve_ref *ref,
                                 struct curve_points *out,
                                 struct err *err)
{
    return read_curve(&reader->db, ref, out, err);
}

void curve_points_fini(struct curve_points *points)
{
    vec_fini(&points->steps);
    vec_fini(&points->values);
}
