/* SPDX-License-Identifier: Apache-2.0 */
/* runs.c – trials as runs, and their attempts.
 *
 * A batch often holds several records of one trial (started, ended); their effect is
 * gathered first and written as one row of `runs` and one of `attempts`.
 * Owns what each record means for these rows. Knows MLflow's statuses. Does not know
 * metrics, and takes the engine's word for what is legal.
 */
#include "store/store_internal.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"

enum run_status runs_trial_status(enum trial_state state)
{
    switch (state) {
    case TRIAL_QUEUED:
        return STATUS_SCHEDULED;
    case TRIAL_RUNNING:
        return STATUS_RUNNING;
    case TRIAL_FINISHED:
        return STATUS_FINISHED;
    case TRIAL_FAILED:
        return STATUS_FAILED;
    case TRIAL_PRUNED:
    case TRIAL_CANCELLED:
        return STATUS_KILLED;
    case TRIAL_STATE_NR:
        break;
    }
    UNREACHABLE();
}

struct run_change *runs_change(struct batch *batch, uint64_t run)
{
    if (batch->runs.len > 0 && batch->runs.ptr[batch->runs.len - 1].run == run) {
        return &batch->runs.ptr[batch->runs.len - 1];
    }
    uintptr_t known = (uintptr_t)map_u64_get(&batch->run_index, run);
    if (known == 0) {
        struct run_change fresh = { .run = run };
        vec_push(&batch->runs, fresh);
        known = batch->runs.len;
        void *old = map_u64_set(&batch->run_index, run, map_number(known));
        ASSERT(old == NULL);
    }
    return &batch->runs.ptr[known - 1];
}

static struct attempt_change *
attempt_change(struct batch *batch, struct run_change *run, uint32_t attempt)
{
    for (uint32_t i = run->first; i != 0; i = batch->attempts.ptr[i - 1].next) {
        if (batch->attempts.ptr[i - 1].attempt == attempt) {
            return &batch->attempts.ptr[i - 1];
        }
    }
    struct attempt_change fresh = {
        .attempt = attempt, .suspect = -1, .reason = -1, .next = run->first
    };
    vec_push(&batch->attempts, fresh);
    run->first = (uint32_t)batch->attempts.len;
    return &batch->attempts.ptr[batch->attempts.len - 1];
}

/* The trial goes to another state; what belonged to the old one is forgotten. */
static void move(struct run_change *run, enum trial_state state, const char *cause)
{
    run->moved = true;
    run->state = state;
    run->phase = PHASE_NONE;
    run->cause = cause;
    run->end = NULL;
    run->end_ms = 0;
}

/* A prefetched attempt waits at its agent for a slot: people see it as queued until its
 * program runs. */
static void note_assigned(struct run_change *run,
                          struct attempt_change *attempt,
                          const struct record *record)
{
    bool waits = record->as.assigned.prefetch;
    move(run, waits ? TRIAL_QUEUED : TRIAL_RUNNING, record->cause);
    run->phase = waits ? PHASE_NONE : PHASE_PREPARING;
    run->attempts = record->key.attempt;
    run->agent = record->as.assigned.agent;
    attempt->assigned = record;
}

static void note_ended(struct run_change *run,
                       struct attempt_change *attempt,
                       const struct record *record)
{
    const struct rec_ended *ended = &record->as.ended;
    attempt->ended = record;
    if (ended->fenced) {
        return;
    }
    move(run, ended->state, record->cause);
    run->end = ended;
    if (ended->start_ms != 0 && run->start_ms == 0) {
        run->start_ms = ended->start_ms;
    }
    if (trial_state_is_final(ended->state)) {
        run->end_ms = ended->end_ms != 0 ? ended->end_ms : record->time.ms;
    }
}

static void note_attempt(struct run_change *run,
                         struct attempt_change *attempt,
                         const struct record *record)
{
    if (record->kind == REC_ASSIGNED) {
        note_assigned(run, attempt, record);
    } else if (record->kind == REC_STARTED) {
        move(run, TRIAL_RUNNING, record->cause);
        run->start_ms = run->start_ms != 0 ? run->start_ms : record->as.started.time_ms;
        attempt->started = record;
        run->rejoin = run->rejoin || record->as.started.resumed;
    } else if (record->kind == REC_STOP_REQUESTED) {
        attempt->reason = (int32_t)record->as.stop_requested.reason;
    } else if (record->kind == REC_REQUEUED) {
        move(run, TRIAL_QUEUED, record->cause);
        run->phase = PHASE_SUSPECT;
        attempt->suspect = 1;
    } else if (record->kind == REC_ADOPTED) {
        move(run, TRIAL_RUNNING, record->cause);
        attempt->suspect = 0;
    } else if (record->kind == REC_ENDED) {
        note_ended(run, attempt, record);
    }
}

void runs_note(struct batch *batch, const struct record *record)
{
    if (record->run_key == 0 || record->kind == REC_SWEEP_CREATED
        || record->kind == REC_SWEEP_STATE || record->kind == REC_SWEEP_EDITED) {
        return;
    }
    struct run_change *run = runs_change(batch, record->run_key);
    if (record->kind == REC_TRIAL_CREATED) {
        move(run, TRIAL_QUEUED, record->cause);
        run->created = record;
    } else if (record->kind == REC_TRIAL_STATE) {
        move(run, record->as.trial_state.state, record->cause);
        if (trial_state_is_final(run->state)) {
            run->end_ms = record->time.ms;
        }
    }
    if (record->key.attempt != 0) {
        struct attempt_change *attempt =
            attempt_change(batch, run, record->key.attempt);
        attempt->seq = record->seq > attempt->seq ? record->seq : attempt->seq;
        note_attempt(run, attempt, record);
    }
}

static void bind_i64_or_null(struct stmt *stmt, bool given, int64_t value)
{
    if (given) {
        bind_i64(stmt, value);
    } else {
        bind_null(stmt);
    }
}

/* has_value, value, step. */
static void bind_objective(struct stmt *stmt, const struct rec_ended *end)
{
    bool has = end != NULL && end->has_value;
    bind_i64(stmt, has ? 1 : 0);
    bind_f64(stmt, has ? end->value : (double)NAN);
    bind_i64_or_null(stmt, has, has ? end->step : 0);
}

static enum err_code
insert_run(struct store *store, const struct run_change *run, struct err *err)
{
    const struct record *created = run->created;
    const struct sweep_ref *sweep = NULL;
    enum err_code code = sweeps_ref(store, created->key.sweep, &sweep, err);
    if (code != ERR_OK) {
        return code;
    }
    uint8_t uuid[16];
    uuid_from_hex(created->as.trial_created.run_id.hex, uuid);
    struct stmt *stmt = stmt_use(&store->db, SQL_RUN_TRIAL_INSERT);
    bind_u64(stmt, run->run);
    bind_blob(stmt, uuid, sizeof uuid);
    bind_u64(stmt, sweep->run);
    bind_i64(stmt, created->key.trial);
    bind_i64(stmt, (int64_t)runs_trial_status(run->state));
    bind_i64(stmt, (int64_t)run->state);
    bind_i64(stmt, (int64_t)run->phase);
    bind_i64(stmt, run->attempts);
    bind_i64_or_null(stmt, run->agent != 0, run->agent);
    bind_objective(stmt, run->end);
    bind_text(stmt, run->cause);
    bind_i64(stmt, created->time.ms);
    bind_i64_or_null(stmt, run->start_ms != 0, run->start_ms);
    bind_i64_or_null(stmt, run->end_ms != 0, run->end_ms);
    return stmt_run(stmt, err);
}

static enum err_code
update_run(struct store *store, const struct run_change *run, struct err *err)
{
    struct stmt *stmt = stmt_use(&store->db, SQL_RUN_TRIAL_UPDATE);
    bind_u64(stmt, run->run);
    bind_i64(stmt, (int64_t)runs_trial_status(run->state));
    bind_i64(stmt, (int64_t)run->state);
    bind_i64(stmt, (int64_t)run->phase);
    bind_i64(stmt, run->attempts);
    bind_i64_or_null(stmt, run->agent != 0, run->agent);
    bind_objective(stmt, run->end);
    bind_text(stmt, run->cause);
    bind_i64_or_null(stmt, run->start_ms != 0, run->start_ms);
    bind_i64_or_null(stmt, run->end_ms != 0, run->end_ms);
    return stmt_run(stmt, err);
}

/* When the program started, as the end's report says, else as its start did; 0: it
 * never did or that is not known yet. */
static int64_t start_of(const struct attempt_change *attempt)
{
    int64_t reported = attempt->ended != NULL ? attempt->ended->as.ended.start_ms : 0;
    bool known = reported != 0 || attempt->started == NULL;
    return known ? reported : attempt->started->as.started.time_ms;
}

static void bind_resumed(struct stmt *stmt, const struct record *started)
{
    bool known = started != NULL;
    bind_i64_or_null(stmt, known, known && started->as.started.resumed ? 1 : 0);
}

/* agent … resumed, the columns shared by the statements that insert an attempt. */
static void bind_attempt(struct stmt *stmt,
                         const struct run_change *run,
                         const struct attempt_change *attempt)
{
    const struct record *assigned = attempt->assigned;
    const struct record *started = attempt->started;
    bool given = assigned != NULL;
    bind_u64(stmt, run->run);
    bind_i64(stmt, attempt->attempt);
    bind_i64_or_null(stmt, given, given ? assigned->as.assigned.agent : 0);
    bind_i64_or_null(stmt, given, given ? (int64_t)assigned->as.assigned.boot : 0);
    bind_i64_or_null(stmt, given, given ? (int64_t)assigned->as.assigned.gpu_mask : 0);
    bind_i64_or_null(stmt, given, given && assigned->as.assigned.prefetch ? 1 : 0);
    bind_i64_or_null(stmt, given, given ? assigned->time.ms : 0);
    bind_i64_or_null(stmt, started != NULL,
                     started != NULL ? started->as.started.pid : 0);
    bind_u64(stmt, attempt->seq);
    bind_i64_or_null(stmt, attempt->suspect >= 0, attempt->suspect);
    bind_i64_or_null(stmt, attempt->reason >= 0, attempt->reason);
    int64_t start_ms = start_of(attempt);
    bind_i64_or_null(stmt, start_ms != 0, start_ms);
    bind_resumed(stmt, started);
}

/* end_ms … names_refused. Nobody saw how the program of a lost attempt ended. */
static void bind_usage(struct stmt *stmt, const struct record *record)
{
    const struct rec_ended *ended = &record->as.ended;
    bool seen = ended->end != END_LOST;
    bind_i64(stmt, ended->end_ms != 0 ? ended->end_ms : record->time.ms);
    bind_i64_or_null(stmt, seen, ended->exit_status);
    bind_i64_or_null(stmt, seen, ended->signal);
    bind_i64_or_null(stmt, seen, (int64_t)ended->user_cpu_ms);
    bind_i64_or_null(stmt, seen, (int64_t)ended->system_cpu_ms);
    bind_i64_or_null(stmt, seen, (int64_t)ended->max_rss_bytes);
    bind_u64(stmt, ended->points_thinned);
    bind_u64(stmt, ended->names_refused);
}

/* Why it was given out as it was, unless its end says something. */
static const char *cause_of(const struct attempt_change *attempt)
{
    const char *cause = attempt->ended != NULL ? attempt->ended->cause : NULL;
    return cause == NULL && attempt->assigned != NULL ? attempt->assigned->cause
                                                      : cause;
}

static void bind_end(struct stmt *stmt, const struct attempt_change *attempt)
{
    const struct record *record = attempt->ended;
    bind_i64(stmt, (int64_t)record->as.ended.end);
    bind_i64(stmt, record->as.ended.fenced ? 1 : 0);
    bind_i64(stmt, record->as.ended.counts ? 1 : 0);
    bind_text(stmt, cause_of(attempt));
}

static enum err_code end_attempt(struct store *store,
                                 const struct run_change *run,
                                 const struct attempt_change *attempt,
                                 struct err *err)
{
    struct stmt *stmt = stmt_use(&store->db, SQL_ATTEMPT_END);
    const struct record *started = attempt->started;
    int64_t start_ms = start_of(attempt);
    bind_u64(stmt, run->run);
    bind_i64(stmt, attempt->attempt);
    bind_end(stmt, attempt);
    bind_i64_or_null(stmt, start_ms != 0, start_ms);
    bind_usage(stmt, attempt->ended);
    bind_u64(stmt, attempt->seq);
    bind_i64_or_null(stmt, started != NULL,
                     started != NULL ? started->as.started.pid : 0);
    bind_i64_or_null(stmt, attempt->reason >= 0, attempt->reason);
    bind_i64_or_null(stmt, attempt->suspect >= 0, attempt->suspect);
    bind_resumed(stmt, started);
    return stmt_run(stmt, err);
}

static enum err_code write_attempt(struct store *store,
                                   const struct run_change *run,
                                   const struct attempt_change *attempt,
                                   struct err *err)
{
    if (attempt->ended != NULL && attempt->assigned == NULL) {
        return end_attempt(store, run, attempt, err);
    }
    bool whole = attempt->ended != NULL;
    struct stmt *stmt =
        stmt_use(&store->db, whole ? SQL_ATTEMPT_INSERT_ENDED : SQL_ATTEMPT_PUT);
    bind_attempt(stmt, run, attempt);
    if (whole) {
        bind_end(stmt, attempt);
        bind_usage(stmt, attempt->ended);
    } else {
        bind_text(stmt, cause_of(attempt));
    }
    return stmt_run(stmt, err);
}

static enum err_code
write_run(struct store *store, const struct run_change *run, struct err *err)
{
    enum err_code code = ERR_OK;
    if (run->created != NULL) {
        code = insert_run(store, run, err);
    } else if (run->moved) {
        code = update_run(store, run, err);
    }
    if (code == ERR_OK && run->attempts > 1) {
        /* From now on the run's history is the new attempt's. */
        struct stmt *stmt = stmt_use(&store->db, SQL_LATEST_DELETE);
        bind_u64(stmt, run->run);
        code = stmt_run(stmt, err);
    }
    const struct attempt_change *all = store->batch.attempts.ptr;
    for (uint32_t i = run->first; i != 0 && code == ERR_OK; i = all[i - 1].next) {
        code = write_attempt(store, run, &all[i - 1], err);
    }
    return code;
}

enum err_code runs_write(struct store *store, struct err *err)
{
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < store->batch.runs.len && code == ERR_OK; i++) {
        code = write_run(store, &store->batch.runs.ptr[i], err);
    }
    return code;
}
