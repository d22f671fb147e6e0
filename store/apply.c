/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c – one batch of records, one transaction.
 *
 * Events are inserted in order; effects on runs, attempts and metrics are gathered and
 * written once at the end. Owns the transaction and what happens when it fails. Knows
 * every kind of record. Does not know why a record was made.
 */
#include "store/store.h"

#include "base/assert.h"
#include "base/sys/fsx.h"
#include "store/store_internal.h"

/* Data of one event; a sweep file of YAML_BYTES_MAX with its MLproject fits. */
#define EVENT_BYTES_MAX (4 * YAML_BYTES_MAX)

void batch_init(struct batch *batch)
{
    *batch = (struct batch){ .blob = STRBUF_INIT(EVENT_BYTES_MAX) };
    map_u64_init(&batch->run_index);
}

void batch_reset(struct batch *batch)
{
    if (map_u64_len(&batch->run_index) > 0) {
        map_u64_fini(&batch->run_index);
        map_u64_init(&batch->run_index);
    }
    vec_reset(&batch->runs);
    vec_reset(&batch->attempts);
    vec_reset(&batch->points);
}

void batch_fini(struct batch *batch)
{
    map_u64_fini(&batch->run_index);
    vec_fini(&batch->runs);
    vec_fini(&batch->attempts);
    vec_fini(&batch->points);
    vec_fini(&batch->rows);
    vec_fini(&batch->sorted);
    vec_fini(&batch->keys);
    vec_fini(&batch->dense);
    vec_fini(&batch->starts);
    strbuf_fini(&batch->blob);
}

static enum err_code
put_param(struct store *store, uint64_t run, struct rec_param param, struct err *err)
{
    int64_t key = 0;
    enum err_code code = names_key(store, param.name, &key, err);
    if (code != ERR_OK) {
        return code;
    }
    struct stmt *stmt = stmt_use(&store->db, SQL_PARAM_INSERT);
    bind_u64(stmt, run);
    bind_i64(stmt, key);
    bind_i64(stmt, (int64_t)param.kind);
    bind_text(stmt, param.text == NULL ? "" : param.text);
    return stmt_run(stmt, err);
}

static enum err_code
put_tag(struct store *store, uint64_t run, const struct rec_note *tag, struct err *err)
{
    int64_t key = 0;
    enum err_code code = names_key(store, tag->name, &key, err);
    if (code != ERR_OK) {
        return code;
    }
    struct stmt *stmt = stmt_use(&store->db, SQL_TAG_PUT);
    bind_u64(stmt, run);
    bind_i64(stmt, key);
    bind_text(stmt, tag->value == NULL ? "" : tag->value);
    return stmt_run(stmt, err);
}

static enum err_code
put_params(struct store *store, const struct record *record, struct err *err)
{
    const struct rec_trial_created *created = &record->as.trial_created;
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < created->params_len && code == ERR_OK; i++) {
        code = put_param(store, record->run_key, created->params[i], err);
    }
    return code;
}

static enum err_code
put_notes(struct store *store, const struct record *record, struct err *err)
{
    const struct rec_notes *notes = &record->as.notes;
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < notes->len && code == ERR_OK; i++) {
        const struct rec_note *note = &notes->notes[i];
        if (note->is_tag) {
            code = put_tag(store, record->run_key, note, err);
        } else {
            struct rec_param param = { note->name, VALUE_STR, note->value };
            code = put_param(store, record->run_key, param, err);
        }
    }
    return code;
}

static enum err_code
put_log(struct store *store, const struct record *record, struct err *err)
{
    const struct sweep_ref *sweep = NULL;
    enum err_code code = sweeps_ref(store, record->key.sweep, &sweep, err);
    if (code != ERR_OK) {
        return code;
    }
    struct run_id run_id = run_id_of_trial(&sweep->run_id, record->key.trial);
    return logs_write(&store->logs, &run_id, record, err);
}

/* Remembers points for the end of the batch. */
static void note_points(struct store *store, const struct record *record)
{
    struct points_ref ref = { record->run_key, store->batch.points.len, record, false };
    vec_push(&store->batch.points, ref);
}

static enum err_code
apply_record(struct store *store, const struct record *record, struct err *err)
{
    runs_note(&store->batch, record);
    switch (record->kind) {
    case REC_POINTS:
        note_points(store, record);
        return ERR_OK;
    case REC_NOTES:
        return put_notes(store, record, err);
    case REC_LOG:
        return put_log(store, record, err);
    case REC_MARK:
        return ERR_OK;
    case REC_SESSION:
    case REC_SWEEP_CREATED:
    case REC_SWEEP_STATE:
    case REC_SWEEP_EDITED:
    case REC_AGENT:
    case REC_TRIAL_CREATED:
    case REC_ASSIGNED:
    case REC_STARTED:
    case REC_STOP_REQUESTED:
    case REC_REQUEUED:
    case REC_ADOPTED:
    case REC_ENDED:
    case REC_TRIAL_STATE:
    case REC_AGENT_STATE:
    case REC_PRIOR:
    case REC_RUNG:
        break;
    case RECORD_KIND_NR:
        UNREACHABLE();
    }
    enum err_code code = events_insert(store, record, err);
    if (code != ERR_OK) {
        return code;
    }
    if (record->kind == REC_SWEEP_CREATED) {
        return sweeps_insert(store, record, err);
    }
    if (record->kind == REC_SWEEP_STATE) {
        return sweeps_state(store, record, err);
    }
    if (record->kind == REC_SWEEP_EDITED) {
        return sweeps_edited(store, record, err);
    }
    if (record->kind == REC_AGENT) {
        return agents_put(store, record, err);
    }
    return record->kind == REC_TRIAL_CREATED ? put_params(store, record, err) : ERR_OK;
}

/* Undoes the batch; caches may name rows that are gone. */
static void roll_back(struct store *store)
{
    struct stmt *stmt = stmt_use(&store->db, SQL_ROLLBACK);
    IGNORE_ERR(stmt_run(stmt, NULL), "SQLite may have rolled back by itself");
    map_str_fini(&store->names);
    map_str_init(&store->names);
    sweeps_forget(store);
    logs_forget(&store->logs);
}

static enum err_code apply_all(struct store *store,
                               struct record *const *records,
                               size_t len,
                               struct err *err)
{
    enum err_code code = stmt_run(stmt_use(&store->db, SQL_BEGIN), err);
    for (size_t i = 0; i < len && code == ERR_OK; i++) {
        code = apply_record(store, records[i], err);
    }
    if (code == ERR_OK) {
        code = runs_write(store, err);
    }
    if (code == ERR_OK) {
        code = metrics_write(store, err);
    }
    if (code == ERR_OK) {
        code = joined_write(store, err);
    }
    return code == ERR_OK ? stmt_run(stmt_use(&store->db, SQL_COMMIT), err) : code;
}

/* Readers learn from the lock that nothing can be written. */
static void note_space(struct store *store, bool full)
{
    if (full != store->full) {
        store->full = full;
        IGNORE_ERR(fsx_lock_note(store->lock_fd, full ? STORE_NOTE_FULL : "", NULL),
                   "then they are not told");
    }
}

enum err_code store_apply(struct store *store,
                          struct record *const *records,
                          size_t len,
                          struct err *err)
{
    if (len == 0) {
        return ERR_OK;
    }
    struct err local = { 0 };
    struct err *to = err != NULL ? err : &local;
    batch_reset(&store->batch);
    enum err_code code = apply_all(store, records, len, to);
    if (code != ERR_OK) {
        roll_back(store);
    }
    note_space(store, code == ERR_FULL);
    return code;
}
