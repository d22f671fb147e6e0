/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c – gives the engine back what happened.
 *
 * First every event in order; attempts that were assigned and have not ended are noted
 * on the way. Then, for each of these, its points as REC_POINTS (cut where sequence
 * numbers jump) and one REC_MARK; points also for ended attempts from whose checkpoint
 * a later one may go on. Works on the writer's connection or on a reader's,
 * and writes nothing. Knows which events begin and end an attempt. Does not know what
 * the receiver does with them.
 */
#include "store/store.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "store/reader.h"
#include "store/store_internal.h"

/* One attempt that was assigned. */
struct live {
    uint64_t run;
    struct attempt_key key;
    bool over;
    bool joined;   /* later ones may go on from its checkpoint */
    size_t before; /* joined: index + 1 of the run's joined attempt before; 0: none */
};

/* Points of one attempt, gathered for one record. */
struct point_columns {
    VEC(const char *) names; /* owned by the store's cache of names */
    VEC(uint32_t) name;
    VEC(int64_t) step;
    VEC(int64_t) time_ms;
    VEC(double) value;
    struct map_str index; /* name → index + 1 in names */
    uint64_t first_seq;
};

struct replay {
    struct db *db;
    const char *logs_dir; /* HOME/logs */
    store_replay_fn fn;
    void *ctx;
    struct map_u64 sweeps; /* sweep key → struct run_id, owned */
    VEC(struct live) live;
    struct map_u64 live_index; /* run and attempt → index + 1 in live */
    struct map_u64 joined; /* run → index + 1 in live of its newest joined attempt */
    struct event_scratch scratch;
    struct point_columns points;
};

static uint64_t live_key(const struct record *record)
{
    static_assert(ATTEMPTS_MAX < 1u << 12, "an attempt's number fits 12 bits");
    return record->run_key << 12 | (record->key.attempt & 0xfffu);
}

/* The newest attempt of a run that may go on from the ones before. */
static void join(struct replay *replay, struct live *live)
{
    void *at = map_number((uintptr_t)(live - replay->live.ptr) + 1);
    live->joined = true;
    live->before = (uintptr_t)map_u64_set(&replay->joined, live->run, at);
}

/* The run never goes on. */
static void unjoin(struct replay *replay, uint64_t run)
{
    for (size_t at = (uintptr_t)map_u64_del(&replay->joined, run); at != 0;
         at = replay->live.ptr[at - 1].before) {
        replay->live.ptr[at - 1].joined = false;
    }
}

static void track(struct replay *replay, const struct record *record)
{
    uint64_t key = live_key(record);
    if (record->kind == REC_ASSIGNED) {
        struct live live = { .run = record->run_key, .key = record->key };
        vec_push(&replay->live, live);
        void *at = map_number(replay->live.len);
        IGNORE_ERR(map_u64_set(&replay->live_index, key, at) != NULL,
                   "the newest assignment counts");
        if (record->as.assigned.checkpoint) {
            join(replay, &replay->live.ptr[replay->live.len - 1]);
        }
    } else if (record->kind == REC_ENDED) {
        uintptr_t at = (uintptr_t)map_u64_del(&replay->live_index, key);
        if (at != 0) {
            replay->live.ptr[at - 1].over = true;
        }
        enum trial_state state = record->as.ended.state;
        if (state == TRIAL_FINISHED || state == TRIAL_PRUNED) {
            unjoin(replay, record->run_key);
        }
    }
}

/* The run id of a trial, which follows from its sweep's; empty when the events do not
 * say which sweep that is, and then the receiver refuses the trial. */
static struct run_id trial_run_id(const struct replay *replay, struct attempt_key key)
{
    const struct run_id *sweep = map_u64_get(&replay->sweeps, key.sweep);
    return sweep != NULL ? run_id_of_trial(sweep, key.trial) : (struct run_id){ 0 };
}

static void learn_run_ids(struct replay *replay, struct record *record)
{
    if (record->kind == REC_SWEEP_CREATED) {
        const struct run_id *id = &record->as.sweep_created.run_id;
        mem_free(
            map_u64_set(&replay->sweeps, record->key.sweep, mem_dup(id, sizeof *id)));
    } else if (record->kind == REC_TRIAL_CREATED) {
        record->as.trial_created.run_id = trial_run_id(replay, record->key);
    }
}

static enum err_code replay_events(struct replay *replay, struct err *err)
{
    struct stmt *row = stmt_use(replay->db, SQL_EVENTS);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        struct record record;
        code = events_read(row, &replay->scratch, &record, err);
        if (code == ERR_OK) {
            learn_run_ids(replay, &record);
            track(replay, &record);
            code = replay->fn(replay->ctx, &record, err);
        }
        if (code == ERR_OK) {
            code = stmt_row(row, &more, err);
        }
    }
    stmt_end(row);
    return code;
}

static void columns_reset(struct point_columns *points)
{
    vec_reset(&points->names);
    vec_reset(&points->name);
    vec_reset(&points->step);
    vec_reset(&points->time_ms);
    vec_reset(&points->value);
    map_str_fini(&points->index);
    map_str_init(&points->index);
}

static void columns_fini(struct point_columns *points)
{
    vec_fini(&points->names);
    vec_fini(&points->name);
    vec_fini(&points->step);
    vec_fini(&points->time_ms);
    vec_fini(&points->value);
    map_str_fini(&points->index);
}

static uint32_t column_name(struct point_columns *points, const char *name)
{
    struct str view = str_from(name);
    uintptr_t at = (uintptr_t)map_str_get(&points->index, view);
    if (at != 0) {
        return (uint32_t)(at - 1);
    }
    size_t index = points->names.len;
    vec_push(&points->names, NULL);
    void *old = map_str_set(&points->index, view, map_number(index + 1));
    ASSERT(old == NULL);
    return (uint32_t)index;
}

/* Names are borrowed from the index, which has stopped growing now. */
static void column_names_borrow(struct point_columns *points)
{
    size_t pos = 0;
    const char *name = NULL;
    void *at = NULL;
    while (map_str_next(&points->index, &pos, &name, &at)) {
        points->names.ptr[(uintptr_t)at - 1] = name;
    }
}

static void column_add(struct point_columns *points, struct stmt *row)
{
    if (points->name.len == 0) {
        points->first_seq = col_u64(row, 0);
    }
    vec_push(&points->name, column_name(points, col_text(row, 1)));
    vec_push(&points->step, col_i64(row, 2));
    vec_push(&points->time_ms, col_i64(row, 3));
    vec_push(&points->value, col_f64(row, 4));
}

/* Hands over what has been gathered, if anything. */
static enum err_code
flush_points(struct replay *replay, const struct live *live, struct err *err)
{
    struct point_columns *points = &replay->points;
    size_t len = points->name.len;
    if (len == 0) {
        return ERR_OK;
    }
    column_names_borrow(points);
    struct record record = { .kind = REC_POINTS,
                             .time.ms = points->time_ms.ptr[len - 1],
                             .key = live->key,
                             .run_key = live->run,
                             .seq = points->first_seq + len - 1 };
    record.as.points = (struct rec_points){
        .first_seq = points->first_seq,
        .len = len,
        .names = points->names.ptr,
        .names_len = points->names.len,
        .name = points->name.ptr,
        .step = points->step.ptr,
        .time_ms = points->time_ms.ptr,
        .value = points->value.ptr,
    };
    enum err_code code = replay->fn(replay->ctx, &record, err);
    columns_reset(points);
    return code;
}

static enum err_code
replay_points(struct replay *replay, const struct live *live, struct err *err)
{
    struct point_columns *points = &replay->points;
    columns_reset(points);
    struct stmt *row = stmt_use(replay->db, SQL_ATTEMPT_POINTS);
    bind_u64(row, live->run);
    bind_i64(row, live->key.attempt);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        size_t len = points->name.len;
        bool jump = len > 0 && col_u64(row, 0) != points->first_seq + len;
        if (jump || len >= BATCH_POINTS_MAX) {
            code = flush_points(replay, live, err);
        }
        column_add(points, row);
        if (code == ERR_OK) {
            code = stmt_row(row, &more, err);
        }
    }
    stmt_end(row);
    return code == ERR_OK ? flush_points(replay, live, err) : code;
}

static enum err_code
replay_mark(struct replay *replay, const struct live *live, struct err *err)
{
    struct run_id run_id = trial_run_id(replay, live->key);
    struct record record = { .kind = REC_MARK, .key = live->key, .run_key = live->run };
    struct log_ref log = { .db = replay->db,
                           .dir = replay->logs_dir,
                           .run_id = &run_id,
                           .run = live->run,
                           .attempt = live->key.attempt };
    enum err_code code = logs_size(&log, &record.as.mark.log_bytes, err);
    if (code != ERR_OK) {
        return code;
    }
    struct stmt *row = stmt_use(replay->db, SQL_ATTEMPT_SEQ);
    bind_u64(row, live->run);
    bind_i64(row, live->key.attempt);
    bool found = false;
    code = stmt_row(row, &found, err);
    if (code != ERR_OK) {
        return code;
    }
    record.seq = found ? col_u64(row, 0) : 0;
    stmt_end(row);
    return replay->fn(replay->ctx, &record, err);
}

static void replay_fini(struct replay *replay)
{
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&replay->sweeps, &pos, NULL, &value)) {
        mem_free(value);
    }
    map_u64_fini(&replay->sweeps);
    columns_fini(&replay->points);
    vec_fini(&replay->scratch.x);
    vec_fini(&replay->scratch.tags);
    vec_fini(&replay->live);
    map_u64_fini(&replay->live_index);
    map_u64_fini(&replay->joined);
}

static enum err_code replay_run(struct replay *replay, struct err *err)
{
    map_u64_init(&replay->sweeps);
    map_u64_init(&replay->live_index);
    map_u64_init(&replay->joined);
    map_str_init(&replay->points.index);
    enum err_code code = replay_events(replay, err);
    for (size_t i = 0; i < replay->live.len && code == ERR_OK; i++) {
        const struct live *live = &replay->live.ptr[i];
        if (!live->over || live->joined) {
            code = replay_points(replay, live, err);
        }
        if (!live->over && code == ERR_OK) {
            code = replay_mark(replay, live, err);
        }
    }
    replay_fini(replay);
    return code;
}

enum err_code
store_replay(struct store *store, store_replay_fn fn, void *ctx, struct err *err)
{
    struct replay replay = {
        .db = &store->db, .logs_dir = store->logs.dir, .fn = fn, .ctx = ctx
    };
    return replay_run(&replay, err);
}

enum err_code store_reader_replay(struct store_reader *reader,
                                  store_replay_fn fn,
                                  void *ctx,
                                  struct err *err)
{
    struct replay replay = {
        .db = &reader->db, .logs_dir = reader->logs_dir, .fn = fn, .ctx = ctx
    };
    enum err_code code = stmt_run(stmt_use(&reader->db, SQL_READ_BEGIN), err);
    if (code != ERR_OK) {
        return code;
    }
    code = replay_run(&replay, err);
    db_reset(&reader->db);
    enum err_code end = stmt_run(stmt_use(&reader->db, SQL_READ_END), NULL);
    if (code == ERR_OK && end != ERR_OK) {
        return err_set(err, end, "cannot end reading '%s'", reader->db.path);
    }
    return code;
}
