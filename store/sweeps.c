/* SPDX-License-Identifier: Apache-2.0 */
/* sweeps.c – sweeps: their row, their run, and the writer's cache from key to run.
 * Knows REC_SWEEP_CREATED, REC_SWEEP_STATE and REC_SWEEP_EDITED. Does not know trials.
 */
#include "store/store_internal.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static enum run_status sweep_status(enum sweep_state state)
{
    switch (state) {
    case SWEEP_RUNNING:
    case SWEEP_PAUSED:
        return STATUS_RUNNING;
    case SWEEP_FINISHED:
        return STATUS_FINISHED;
    case SWEEP_STOPPED:
        return STATUS_KILLED;
    case SWEEP_FAILED:
        return STATUS_FAILED;
    case SWEEP_STATE_NR:
        break;
    }
    UNREACHABLE();
}

static enum err_code
insert_run(struct store *store, const struct record *record, struct err *err)
{
    const struct rec_sweep_created *sweep = &record->as.sweep_created;
    uint8_t uuid[16];
    uuid_from_hex(sweep->run_id.hex, uuid);
    struct stmt *stmt = stmt_use(&store->db, SQL_RUN_SWEEP_INSERT);
    bind_u64(stmt, record->run_key);
    bind_blob(stmt, uuid, sizeof uuid);
    bind_text(stmt, or_empty(sweep->name));
    bind_text(stmt, record->cause);
    bind_i64(stmt, record->time.ms);
    return stmt_run(stmt, err);
}

/* Sets each tag of the run; one without a value is removed. */
static enum err_code put_sweep_tags(struct store *store,
                                    uint64_t run,
                                    const struct rec_note *tags,
                                    size_t len,
                                    struct err *err)
{
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < len && code == ERR_OK; i++) {
        bool removed = tags[i].value == NULL;
        int64_t key = 0;
        code = names_key(store, tags[i].name, &key, err);
        if (code != ERR_OK) {
            break;
        }
        struct stmt *stmt =
            stmt_use(&store->db, removed ? SQL_TAG_DELETE : SQL_TAG_PUT);
        bind_u64(stmt, run);
        bind_i64(stmt, key);
        if (!removed) {
            bind_text(stmt, tags[i].value);
        }
        code = stmt_run(stmt, err);
    }
    return code;
}

static enum err_code insert_revision(struct store *store,
                                     const struct record *record,
                                     const struct rec_sweep_edited *revision,
                                     struct err *err)
{
    struct stmt *stmt = stmt_use(&store->db, SQL_SWEEP_REVISION_INSERT);
    bind_i64(stmt, record->key.sweep);
    bind_i64(stmt, revision->revision);
    bind_i64(stmt, record->time.ms);
    bind_text(stmt, revision->revision == 1 ? NULL : record->cause);
    bind_text(stmt, or_empty(revision->text));
    bind_text(stmt, revision->mlproject);
    return stmt_run(stmt, err);
}

static void remember(struct store *store, uint32_t sweep, struct sweep_ref ref)
{
    struct sweep_ref *owned = mem_dup(&ref, sizeof ref);
    mem_free(map_u64_set(&store->sweeps, sweep, owned));
}

enum err_code
sweeps_insert(struct store *store, const struct record *record, struct err *err)
{
    const struct rec_sweep_created *sweep = &record->as.sweep_created;
    struct stmt *stmt = stmt_use(&store->db, SQL_SWEEP_INSERT);
    bind_i64(stmt, record->key.sweep);
    bind_u64(stmt, record->run_key);
    bind_text(stmt, or_empty(sweep->name));
    bind_text(stmt, or_empty(sweep->metric));
    bind_i64(stmt, sweep->maximize ? 1 : 0);
    bind_text(stmt, record->cause);
    bind_text(stmt, or_empty(sweep->text));
    bind_text(stmt, sweep->mlproject);
    bind_text(stmt, or_empty(sweep->directory));
    bind_i64(stmt, record->time.ms);
    enum err_code code = stmt_run(stmt, err);
    if (code == ERR_OK) {
        code = insert_run(store, record, err);
    }
    if (code == ERR_OK) {
        remember(store, record->key.sweep,
                 (struct sweep_ref){ .run = record->run_key, .run_id = sweep->run_id });
        code =
            put_sweep_tags(store, record->run_key, sweep->tags, sweep->tags_len, err);
    }
    if (code == ERR_OK) {
        struct rec_sweep_edited first = { .revision = 1,
                                          .text = sweep->text,
                                          .mlproject = sweep->mlproject };
        code = insert_revision(store, record, &first, err);
    }
    return code;
}

enum err_code
sweeps_edited(struct store *store, const struct record *record, struct err *err)
{
    const struct rec_sweep_edited *edited = &record->as.sweep_edited;
    struct stmt *stmt = stmt_use(&store->db, SQL_SWEEP_TEXT);
    bind_i64(stmt, record->key.sweep);
    bind_text(stmt, or_empty(edited->text));
    bind_text(stmt, edited->mlproject);
    enum err_code code = stmt_run(stmt, err);
    if (code == ERR_OK) {
        code = insert_revision(store, record, edited, err);
    }
    return code == ERR_OK ? put_sweep_tags(store, record->run_key, edited->tags,
                                           edited->tags_len, err)
                          : code;
}

enum err_code
sweeps_state(struct store *store, const struct record *record, struct err *err)
{
    const struct sweep_ref *ref = NULL;
    enum err_code code = sweeps_ref(store, record->key.sweep, &ref, err);
    if (code != ERR_OK) {
        return code;
    }
    ASSERT(ref != NULL);
    enum sweep_state state = record->as.sweep_state.state;
    struct stmt *stmt = stmt_use(&store->db, SQL_SWEEP_STATE);
    bind_i64(stmt, record->key.sweep);
    bind_i64(stmt, (int64_t)state);
    bind_i64(stmt, record->as.sweep_state.by_user ? 1 : 0);
    bind_text(stmt, record->cause);
    bind_i64(stmt, record->time.ms);
    code = stmt_run(stmt, err);
    if (code != ERR_OK) {
        return code;
    }
    stmt = stmt_use(&store->db, SQL_RUN_SWEEP_STATE);
    bind_u64(stmt, ref->run);
    bind_i64(stmt, (int64_t)state);
    bind_i64(stmt, (int64_t)sweep_status(state));
    bind_text(stmt, record->cause);
    if (sweep_state_is_final(state)) {
        bind_i64(stmt, record->time.ms);
    } else {
        bind_null(stmt);
    }
    return stmt_run(stmt, err);
}

enum err_code sweeps_ref(struct store *store,
                         uint32_t sweep,
                         const struct sweep_ref **ref_out,
                         struct err *err)
{
    const struct sweep_ref *known = map_u64_get(&store->sweeps, sweep);
    if (known != NULL) {
        *ref_out = known;
        return ERR_OK;
    }
    struct stmt *stmt = stmt_use(&store->db, SQL_SWEEP_RUN);
    bind_i64(stmt, sweep);
    bool row = false;
    enum err_code code = stmt_row(stmt, &row, err);
    if (code != ERR_OK) {
        return code;
    }
    if (!row) {
        return err_set(err, ERR_NOTFOUND, "no sweep with key %u", (unsigned)sweep);
    }
    struct sweep_ref ref = { .run = col_u64(stmt, 0) };
    size_t len = 0;
    const uint8_t *uuid = col_blob(stmt, 1, &len);
    if (len == 16) {
        uuid_to_hex(uuid, ref.run_id.hex);
    }
    stmt_end(stmt);
    remember(store, sweep, ref);
    known = map_u64_get(&store->sweeps, sweep);
    ASSERT(known != NULL);
    *ref_out = known;
    return ERR_OK;
}

void sweeps_forget(struct store *store)
{
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&store->sweeps, &pos, NULL, &value)) {
        mem_free(value);
    }
    map_u64_fini(&store->sweeps);
    map_u64_init(&store->sweeps);
}
