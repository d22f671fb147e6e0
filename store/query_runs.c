/* SPDX-License-Identifier: Apache-2.0 */
/* query_runs.c – `runs`: sweeps, trials and clients' runs alike, as MLflow sees them.
 * Knows the JSON shape of a run. Does not know what its state means for a sweep.
 */
#include "store/reader.h"

/* Columns of SQL_RUN_COLUMNS. */
enum run_column {
    COL_RUN,
    COL_UUID,
    COL_PARENT,
    COL_NAME,
    COL_KIND,
    COL_NUMBER,
    COL_STATUS,
    COL_LIFECYCLE,
    COL_EXPERIMENT,
    COL_CREATED,
    COL_START,
    COL_END,
};

static enum err_code
push_run(struct store_reader *reader, struct stmt *row, json_t *array, struct err *err)
{
    json_t *run = json_object();
    json_push(array, run);
    put_col_uuid(run, "run_id", row, COL_UUID);
    put_col_uuid(run, "parent_id", row, COL_PARENT);
    put_col_text(run, "name", row, COL_NAME);
    put_col_text(run, "status", row, COL_STATUS);
    put_col_text(run, "kind", row, COL_KIND);
    put_col_i64(run, "number", row, COL_NUMBER);
    put_col_text(run, "experiment_id", row, COL_EXPERIMENT);
    json_put_str(run, "lifecycle_stage",
                 col_i64(row, COL_LIFECYCLE) == 0 ? "active" : "deleted");
    put_col_i64(run, "created_time", row, COL_CREATED);
    put_col_i64(run, "start_time", row, COL_START);
    put_col_i64(run, "end_time", row, COL_END);
    uint64_t key = col_u64(row, COL_RUN);
    enum err_code code = put_params(reader, run, key, err);
    if (code == ERR_OK) {
        code = put_metrics(reader, run, key, err);
    }
    return code == ERR_OK ? put_tags(reader, run, key, err) : code;
}

static enum err_code
push_runs(struct store_reader *reader, struct stmt *row, json_t *array, struct err *err)
{
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        code = push_run(reader, row, array, err);
        if (code == ERR_OK) {
            code = stmt_row(row, &more, err);
        }
    }
    return code;
}

/* Chooses the statement and binds what it starts from. */
static enum err_code choose(struct store_reader *reader,
                            const json_t *args,
                            struct stmt **stmt_out,
                            struct err *err)
{
    const char *sweep = NULL;
    const char *parent = NULL;
    enum err_code code = json_opt_str(args, "sweep", "", &sweep, err);
    if (code == ERR_OK) {
        code = json_opt_str(args, "parent", "", &parent, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (sweep != NULL && parent != NULL) {
        return err_set(err, ERR_USAGE, "runs: give 'sweep' or 'parent', not both");
    }
    if (sweep == NULL && parent == NULL) {
        *stmt_out = stmt_use(&reader->db, SQL_RUNS);
        return ERR_OK;
    }
    AUTO_REF struct ref ref = { 0 };
    code = sweep != NULL ? ref_find_sweep(reader, sweep, &ref, err)
                         : ref_find(reader, parent, &ref, err);
    if (code == ERR_OK) {
        *stmt_out =
            stmt_use(&reader->db, sweep != NULL ? SQL_RUNS_BELOW : SQL_RUNS_CHILDREN);
        bind_u64(*stmt_out, ref.run);
    }
    return code;
}

enum err_code query_runs(struct store_reader *reader,
                         const json_t *args,
                         json_t **result_out,
                         struct err *err)
{
    int64_t limit = 0;
    int64_t offset = 0;
    struct stmt *stmt = NULL;
    enum err_code code = arg_page(args, &limit, &offset, err);
    if (code == ERR_OK) {
        code = choose(reader, args, &stmt, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    AUTO_JSON json_t *runs = json_array();
    bind_i64(stmt, limit);
    bind_i64(stmt, offset);
    code = push_runs(reader, stmt, runs, err);
    if (code == ERR_OK) {
        *result_out = json_incref(runs);
    }
    return code;
}

enum err_code run_show(struct store_reader *reader,
                       const struct ref *ref,
                       json_t **result_out,
                       struct err *err)
{
    AUTO_JSON json_t *runs = json_array();
    struct stmt *stmt = stmt_use(&reader->db, SQL_RUN_ONE);
    bind_u64(stmt, ref->run);
    enum err_code code = push_runs(reader, stmt, runs, err);
    if (code == ERR_OK && json_array_size(runs) == 0) {
        return err_set(err, ERR_CORRUPT, "run has no row");
    }
    if (code == ERR_OK) {
        *result_out = json_incref(json_array_get(runs, 0));
    }
    return code;
}
