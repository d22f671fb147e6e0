/* SPDX-License-Identifier: Apache-2.0 */
/* apply.c – what a record does to the engine's state.
 * Owns every change of sweeps, trials and live attempts; live steps and replay both
 * come through engine_apply. Knows records. Does not know events, effects or
 * connections; does not decide.
 *
 * Life of a trial:
 *
 *   TRIAL_CREATED      ASSIGNED            ENDED: finished, pruned, failed, cancelled
 *   ─────────────► queued ─────► running ─────────────────────────────────────────►
 *                   ▲  │            │
 *                   │  │            │ REQUEUED (the attempt stays, suspect)
 *                   │  │            │ ENDED with state queued (retry)
 *                   └──┼────────────┘
 *                      │ ADOPTED: back to running with the suspect attempt
 *                      └ TRIAL_STATE: cancelled, or failed when it was lost too often
 *
 * Nothing leads out of an end but TRIAL_STATE: from failed and cancelled back to
 * queued, when the user, or what was learned of an agent, says that it should run
 * again. */
#include "core/engine_internal.h"

#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"

/* ---- trials ---- */

static bool trial_edge_is_legal(enum trial_state from, enum trial_state to)
{
    switch (from) {
    case TRIAL_QUEUED:
        return to == TRIAL_RUNNING || to == TRIAL_CANCELLED || to == TRIAL_FAILED;
    case TRIAL_RUNNING:
        return to != TRIAL_RUNNING;
    case TRIAL_FAILED:
    case TRIAL_CANCELLED:
        return to == TRIAL_QUEUED;
    case TRIAL_FINISHED:
    case TRIAL_PRUNED:
    case TRIAL_STATE_NR:
        return false;
    }
    UNREACHABLE();
}

/* Enters the trial's state into the sweep's books, or takes it out of them. */
static void trial_count(const struct trial *trial, uint32_t one)
{
    struct sweep *sweep = trial->sweep;
    sweep->counts[trial->state] += one;
    if (trial->retried) {
        sweep->retried_open += one;
        sweep->retried_queued += trial->state == TRIAL_QUEUED ? one : 0;
    }
}

/* For the failure breaker. */
static void trial_count_end(const struct trial *trial)
{
    struct sweep *sweep = trial->sweep;
    if (trial->state == TRIAL_FAILED) {
        sweep->failed_since++;
    }
    if (trial_state_is_final(trial->state) && trial->state != TRIAL_CANCELLED) {
        sweep->ended_since++;
    }
}

/* The only writer of trial->state. Retried trials go to the head of the queue. */
static enum err_code
trial_move(struct trial *trial, enum trial_state to, struct err *err)
{
    struct sweep *sweep = trial->sweep;
    if (trial->state == to) {
        return ERR_OK;
    }
    if (!trial_edge_is_legal(trial->state, to)) {
        return err_set(err, ERR_CORRUPT, "trial %u cannot go from %s to %s",
                       trial->number, trial_state_name(trial->state),
                       trial_state_name(to));
    }
    if (trial->state == TRIAL_QUEUED) {
        past_unlink(trial);
        sweep->queue_outside -= trial->outside != 0;
    }
    if (trial_state_is_final(to)) {
        past_destroy(trial->past);
        trial->past = NULL;
    }
    trial_count(trial, UINT32_MAX); /* minus one */
    if (trial->joined != NULL && trial->joined->waits) {
        trial->joined->waits = false;
        sweep->waiting--;
    }
    trial->state = to;
    trial->retried = trial->retried && !trial_state_is_final(to);
    trial_count(trial, 1);
    trial_count_end(trial);
    if (to == TRIAL_QUEUED) {
        list_add_head(&sweep->queue, &trial->queue_node);
        sweep->queue_outside += trial->outside != 0;
    }
    if (to == TRIAL_FINISHED || to == TRIAL_PRUNED) {
        joined_destroy(trial->joined); /* it never runs again */
        trial->joined = NULL;
    }
    return ERR_OK;
}

static void trial_set_value(struct trial *trial, double value, int64_t step)
{
    struct sweep *sweep = trial->sweep;
    trial->has_value = true;
    trial->value = value;
    trial->step = step;
    if (trial->state == TRIAL_FINISHED
        && (sweep->best == NULL
            || objective_better(&sweep->spec->objective, value, sweep->best->value))) {
        sweep->best = trial;
    }
}

/* ---- live attempts ---- */

static void attempt_count(struct attempt *attempt)
{
    struct sweep *sweep = attempt->trial->sweep;
    sweep->live++;
    if (!attempt->prefetch) {
        sweep->occupying++;
    }
    agent_take_room(attempt->agent, attempt);
}

static void attempt_uncount(struct attempt *attempt)
{
    struct sweep *sweep = attempt->trial->sweep;
    ASSERT(sweep->live > 0);
    sweep->live--;
    if (!attempt->prefetch) {
        ASSERT(sweep->occupying > 0);
        sweep->occupying--;
    }
    agent_give_room(attempt->agent, attempt);
}

/* The agent starts its oldest prefetched attempt of this sweep in the room that came
 * free; the books follow. */
static void attempt_promote_next(struct agent *agent, const struct sweep *sweep)
{
    LIST_FOREACH (node, &agent->attempts) {
        struct attempt *next = container_of(node, struct attempt, agent_node);
        if (next->prefetch && !next->suspect && next->trial->sweep == sweep) {
            attempt_uncount(next);
            next->prefetch = false;
            attempt_count(next);
            return;
        }
    }
}

static void attempt_remove(struct attempt *attempt)
{
    struct agent *agent = attempt->agent;
    struct sweep *sweep = attempt->trial->sweep;
    bool counted = !attempt->suspect;
    bool held_slot = counted && !attempt->prefetch;
    if (counted) {
        attempt_uncount(attempt);
    }
    attempt->trial->live = NULL;
    list_remove(&agent->attempts, &attempt->agent_node);
    mem_free(attempt);
    if (held_slot) {
        attempt_promote_next(agent, sweep);
    }
}

/* ---- finding what a record names ---- */

/* NULL with the error set when there is none: the record is corrupt. */
static struct sweep *
need_sweep(const struct engine *engine, const struct record *record, struct err *err)
{
    struct sweep *sweep = engine_sweep(engine, record->key.sweep);
    if (sweep == NULL) {
        IGNORE_ERR(err_set(err, ERR_CORRUPT, "%s: no sweep with key %u",
                           record_kind_name(record->kind), record->key.sweep),
                   "NULL says it");
    }
    return sweep;
}

static struct trial *
need_trial(const struct engine *engine, const struct record *record, struct err *err)
{
    const struct sweep *sweep = need_sweep(engine, record, err);
    if (sweep == NULL) {
        return NULL;
    }
    if (record->key.trial >= sweep->trials.len) {
        IGNORE_ERR(err_set(err, ERR_CORRUPT, "%s: sweep '%s' has no trial %u",
                           record_kind_name(record->kind), sweep->spec->name,
                           record->key.trial),
                   "NULL says it");
        return NULL;
    }
    return sweep->trials.ptr[record->key.trial];
}

static struct attempt *
need_attempt(const struct engine *engine, const struct record *record, struct err *err)
{
    const struct trial *trial = need_trial(engine, record, err);
    if (trial == NULL) {
        return NULL;
    }
    if (trial->live == NULL || trial->live->number != record->key.attempt) {
        IGNORE_ERR(err_set(err, ERR_CORRUPT, "%s: attempt %u of trial %u is not live",
                           record_kind_name(record->kind), record->key.attempt,
                           record->key.trial),
                   "NULL says it");
        return NULL;
    }
    return trial->live;
}

/* ---- one function a kind ---- */

static int64_t since(int64_t from_ms, int64_t to_ms)
{
    return from_ms > 0 && to_ms > from_ms ? to_ms - from_ms : 0;
}

/* A coordinator's time ends with its last record when it did not say goodbye. */
static void apply_session(struct engine *engine, const struct record *record)
{
    for (size_t i = 0; i < engine->active.len; i++) {
        struct sweep *sweep = engine->active.ptr[i];
        if (sweep->state == SWEEP_RUNNING) {
            sweep->elapsed_ms += since(sweep->running_since_ms, engine->last.ms);
            sweep->running_since_ms = record->time.ms;
        }
    }
}

static enum err_code
apply_sweep_created(struct engine *engine, const struct record *record, struct err *err)
{
    const struct rec_sweep_created *created = &record->as.sweep_created;
    if (map_u64_has(&engine->sweeps, record->key.sweep)) {
        return err_set(err, ERR_CORRUPT, "sweep key %u is taken", record->key.sweep);
    }
    struct sweep_spec *spec = NULL;
    struct sweep_spec_input input =
        engine_spec_input(engine, created->name, created->text, created->mlproject);
    input.command_optional = true; /* it was checked when it was submitted */
    enum err_code code = sweep_spec_parse(&input, &spec, err);
    if (code != ERR_OK) {
        return code;
    }
    struct sweep *sweep = mem_alloc(sizeof *sweep);
    sweep->key = record->key.sweep;
    sweep->run_id = created->run_id;
    sweep->run_key = record->run_key;
    sweep->directory = mem_strdup(created->directory);
    sweep_add_revision(sweep, created->text, created->mlproject, spec);
    sweep->state = SWEEP_RUNNING;
    sweep->running_since_ms = record->time.ms;
    list_init(&sweep->queue);
    list_init(&sweep->held);
    heap_init(&sweep->holds);
    map_str_init(&sweep->names);
    map_u64_set(&engine->sweeps, sweep->key, sweep);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    vec_push(&engine->active, sweep);
    if (sweep->key >= engine->next_sweep) {
        engine->next_sweep = sweep->key + 1;
    }
    return ERR_OK;
}

/* A sweep that had ended is among the active ones again, in order of creation. */
static void sweep_activate(struct engine *engine, struct sweep *sweep)
{
    size_t at = engine->active.len;
    while (at > 0 && engine->active.ptr[at - 1]->key > sweep->key) {
        at--;
    }
    if (at > 0 && engine->active.ptr[at - 1] == sweep) {
        return;
    }
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    vec_push(&engine->active, sweep);
    for (size_t i = engine->active.len - 1; i > at; i--) {
        engine->active.ptr[i] = engine->active.ptr[i - 1];
    }
    engine->active.ptr[at] = sweep;
}

static enum err_code
apply_sweep_state(struct engine *engine, const struct record *record, struct err *err)
{
    struct sweep *sweep = need_sweep(engine, record, err);
    if (sweep == NULL) {
        return ERR_CORRUPT;
    }
    enum sweep_state to = record->as.sweep_state.state;
    bool ended = sweep_state_is_final(sweep->state);
    if (ended && (to != SWEEP_RUNNING || !record->as.sweep_state.by_user)) {
        return err_set(err, ERR_CORRUPT, "sweep '%s' is %s for good", sweep->spec->name,
                       sweep_state_name(sweep->state));
    }
    if (sweep->state == SWEEP_RUNNING) {
        sweep->elapsed_ms += since(sweep->running_since_ms, record->time.ms);
        sweep->running_since_ms = 0;
    }
    if (to == SWEEP_RUNNING) {
        sweep->running_since_ms = record->time.ms;
        if (ended) {
            sweep_activate(engine, sweep);
        } else {
            sweep->failed_since = 0;
            sweep->ended_since = 0;
        }
    }
    sweep->state = to;
    sweep->drain = record->as.sweep_state.drain;
    sweep->paused_by_user = to == SWEEP_PAUSED && record->as.sweep_state.by_user;
    sweep->rest_told = false;
    mem_free(sweep->cause);
    sweep->cause = mem_strdup(record->cause);
    return ERR_OK;
}

static enum err_code
apply_edited(struct engine *engine, const struct record *record, struct err *err)
{
    struct sweep *sweep = need_sweep(engine, record, err);
    return sweep != NULL ? apply_sweep_edited(engine, sweep, record, err) : ERR_CORRUPT;
}

static void apply_agent(struct engine *engine, const struct record *record)
{
    const struct rec_agent *said = &record->as.agent;
    struct agent *agent = map_u64_get(&engine->agents, said->agent);
    if (agent == NULL) {
        agent = mem_alloc(sizeof *agent);
        agent->key = said->agent;
        agent->id = mem_strdup(said->id);
        agent->lease_node.tie = said->agent;
        list_init(&agent->attempts);
        map_u64_init(&agent->sweeps_sent);
        map_u64_set(&engine->agents, agent->key, agent);
        map_str_set(&engine->agents_by_id, str_from(agent->id), agent);
        if (agent->key >= engine->next_agent) {
            engine->next_agent = agent->key + 1;
        }
    }
    mem_free(agent->host);
    agent->host = mem_strdup(said->host);
    agent->boot = said->boot;
    strikes_forget(engine, agent);
}

static enum err_code
apply_agent_state(struct engine *engine, const struct record *record, struct err *err)
{
    const struct rec_agent_state *said = &record->as.agent_state;
    struct agent *agent = map_u64_get(&engine->agents, said->agent);
    if (agent == NULL) {
        return err_set(err, ERR_CORRUPT, "no agent with key %u", said->agent);
    }
    agent_set_aside(engine, agent, said->aside, record->cause, record->time);
    return ERR_OK;
}

/* At the end, or before all that the user did not ask for. */
static void queue_new(struct trial *trial)
{
    struct list *queue = &trial->sweep->queue;
    struct list_node *at = &queue->head;
    if (trial->retried) {
        at = queue->head.next;
        while (at != &queue->head
               && container_of(at, struct trial, queue_node)->retried) {
            at = at->next;
        }
    }
    list_insert_before(queue, at, &trial->queue_node);
}

static enum err_code
apply_prior(struct engine *engine, const struct record *record, struct err *err)
{
    struct sweep *sweep = need_sweep(engine, record, err);
    if (sweep == NULL) {
        return ERR_CORRUPT;
    }
    if (record->as.prior.x_len != sweep->spec->space->len) {
        return err_set(err, ERR_CORRUPT, "an imported point of sweep '%s' does not fit",
                       sweep->spec->name);
    }
    sweep_learn_prior(sweep, &record->as.prior);
    return ERR_OK;
}

static enum err_code
apply_trial_created(struct engine *engine, const struct record *record, struct err *err)
{
    const struct rec_trial_created *created = &record->as.trial_created;
    struct sweep *sweep = need_sweep(engine, record, err);
    if (sweep == NULL) {
        return ERR_CORRUPT;
    }
    if (record->key.trial != sweep->trials.len
        || created->x_len != sweep->spec->space->len) {
        return err_set(err, ERR_CORRUPT, "trial %u of sweep '%s' is out of order",
                       record->key.trial, sweep->spec->name);
    }
    size_t bytes = created->x_len * sizeof(double);
    struct trial *trial = mem_alloc(sizeof *trial + bytes);
    trial->sweep = sweep;
    trial->revision = sweep_newest(sweep);
    trial->number = record->key.trial;
    trial->run_key = record->run_key;
    trial->state = TRIAL_QUEUED;
    memcpy(trial->x, created->x, bytes);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    vec_push(&sweep->trials, trial);
    trial->retried = created->by_user;
    queue_new(trial);
    trial_count(trial, 1);
    if (!created->enqueued) {
        sweep->cursor = created->cursor;
    } else if (!created->by_user) {
        sweep->enqueued_used++;
    }
    return ERR_OK;
}

static enum err_code
apply_assigned(struct engine *engine, const struct record *record, struct err *err)
{
    const struct rec_assigned *assigned = &record->as.assigned;
    struct trial *trial = need_trial(engine, record, err);
    if (trial == NULL) {
        return ERR_CORRUPT;
    }
    struct agent *agent = map_u64_get(&engine->agents, assigned->agent);
    size_t revisions = trial->sweep->revisions.len;
    if (agent == NULL || trial->live != NULL || assigned->revision == 0
        || assigned->revision > revisions
        || record->key.attempt != trial->attempts + 1) {
        return err_set(err, ERR_CORRUPT, "attempt %u of trial %u cannot be assigned",
                       record->key.attempt, trial->number);
    }
    enum err_code code = trial_move(trial, TRIAL_RUNNING, err);
    if (code != ERR_OK) {
        return code;
    }
    struct attempt *attempt = mem_alloc(sizeof *attempt);
    attempt->trial = trial;
    attempt->agent = agent;
    attempt->revision = trial->sweep->revisions.ptr[assigned->revision - 1];
    attempt->number = record->key.attempt;
    attempt->boot = assigned->boot;
    attempt->gpu_mask = assigned->gpu_mask;
    attempt->prefetch = assigned->prefetch;
    attempt->fresh = assigned->fresh;
    if (assigned->checkpoint) {
        trial->joined = trial->joined != NULL ? trial->joined : joined_create();
        joined_assigned(trial->joined, attempt->number);
    }
    trial->resumed = false;
    trial->attempts = attempt->number;
    trial->live = attempt;
    trial->curve_old = true;
    list_add_tail(&agent->attempts, &attempt->agent_node);
    attempt_count(attempt);
    return ERR_OK;
}

static void apply_started(struct attempt *attempt, const struct rec_started *started)
{
    struct joined *joined = attempt->trial->joined;
    attempt->started = true;
    attempt->trial->resumed = started->resumed;
    if (joined != NULL) {
        joined->holder = attempt->agent;
        joined_started(joined, attempt->number, started->resumed);
    }
}

static enum err_code apply_requeued(struct attempt *attempt, struct err *err)
{
    if (attempt->suspect) {
        return err_set(err, ERR_CORRUPT, "attempt %u of trial %u is suspect already",
                       attempt->number, attempt->trial->number);
    }
    attempt_uncount(attempt);
    attempt->suspect = true;
    return trial_move(attempt->trial, TRIAL_QUEUED, err);
}

static enum err_code apply_adopted(struct attempt *attempt, struct err *err)
{
    if (!attempt->suspect) {
        return err_set(err, ERR_CORRUPT, "attempt %u of trial %u is not suspect",
                       attempt->number, attempt->trial->number);
    }
    enum err_code code = trial_move(attempt->trial, TRIAL_RUNNING, err);
    if (code == ERR_OK) {
        attempt->suspect = false;
        attempt_count(attempt);
    }
    return code;
}

static enum err_code apply_ended(struct engine *engine,
                                 struct attempt *attempt,
                                 const struct record *record,
                                 struct err *err)
{
    const struct rec_ended *ended = &record->as.ended;
    struct trial *trial = attempt->trial;
    const struct agent *agent = attempt->agent;
    enum retry_cause cause = retry_cause_of(ended->end);
    bool counts = ended->counts && cause != RETRY_CAUSE_NR;
    strikes_note(engine, attempt, ended, record->time);
    trial->last_end = (uint8_t)ended->end;
    if (counts && trial->retries[cause] < UINT16_MAX) {
        trial->retries[cause]++;
    }
    attempt_remove(attempt);
    enum err_code code = trial_move(trial, ended->state, err);
    if (code == ERR_OK && ended->has_value) {
        trial_set_value(trial, ended->value, ended->step);
    }
    if (code == ERR_OK && counts && trial->state == TRIAL_QUEUED) {
        past_count(trial, agent, cause);
        past_hold(engine, trial, record->time);
    }
    if (code == ERR_OK && trial_state_is_final(trial->state)) {
        sweep_learn(trial->sweep, trial);
        trial_end_curve(trial);
    } else if (code == ERR_OK && trial->joined == NULL) {
        trial_drop_curve(trial); /* no attempt goes on from it */
    }
    return code;
}

/* Records that concern a live attempt. */
static enum err_code
apply_to_attempt(struct engine *engine, const struct record *record, struct err *err)
{
    struct attempt *attempt = need_attempt(engine, record, err);
    if (attempt == NULL) {
        return ERR_CORRUPT;
    }
    if (record->seq > attempt->seq) {
        attempt->seq = record->seq;
    }
    switch (record->kind) {
    case REC_STARTED:
        apply_started(attempt, &record->as.started);
        return ERR_OK;
    case REC_STOP_REQUESTED:
        attempt->stop = record->as.stop_requested.reason;
        return ERR_OK;
    case REC_REQUEUED:
        return apply_requeued(attempt, err);
    case REC_ADOPTED:
        return apply_adopted(attempt, err);
    case REC_ENDED:
        return apply_ended(engine, attempt, record, err);
    case REC_POINTS:
        points_take(attempt->trial, attempt, record);
        return ERR_OK;
    case REC_LOG:
        attempt->log_bytes = record->as.log.offset + record->as.log.len;
        return ERR_OK;
    case REC_MARK:
        attempt->log_bytes = record->as.mark.log_bytes;
        return ERR_OK;
    case REC_RUNG:
        trial_reached_rung(attempt->trial, &record->as.rung);
        return ERR_OK;
    case REC_NOTES:
        return ERR_OK;
    case REC_SESSION:
    case REC_SWEEP_CREATED:
    case REC_SWEEP_STATE:
    case REC_SWEEP_EDITED:
    case REC_AGENT:
    case REC_TRIAL_CREATED:
    case REC_ASSIGNED:
    case REC_TRIAL_STATE:
    case REC_AGENT_STATE:
    case REC_PRIOR:
    case RECORD_KIND_NR:
        break;
    }
    UNREACHABLE();
}

/* Kept of an attempt without touching its trial: late words of a superseded attempt,
 * the rest of an ended attempt's log. Its points count where a later attempt went on
 * from its checkpoint. */
static void apply_aside(struct engine *engine, const struct record *record)
{
    struct trial *trial = engine_trial(engine, record->key);
    if (record->kind == REC_POINTS && trial != NULL && trial->joined != NULL) {
        points_take(trial, NULL, record);
    }
}

static bool record_is_aside(const struct engine *engine, const struct record *record)
{
    const struct trial *trial = engine_trial(engine, record->key);
    bool live = trial != NULL && trial->live != NULL
                && trial->live->number == record->key.attempt;
    return !live
           && (record->kind == REC_POINTS || record->kind == REC_NOTES
               || record->kind == REC_LOG || record->kind == REC_MARK);
}

/* Runs again as a new attempt, its limits and its value forgotten. */
static enum err_code trial_retry(struct trial *trial, bool by_user, struct err *err)
{
    struct sweep *sweep = trial->sweep;
    if (sweep_state_is_final(sweep->state)) {
        return err_set(err, ERR_CORRUPT,
                       "trial %u of sweep '%s', which is %s, is queued", trial->number,
                       sweep->spec->name, sweep_state_name(sweep->state));
    }
    bool failed = trial->state == TRIAL_FAILED;
    enum err_code code = trial_move(trial, TRIAL_QUEUED, err);
    if (code != ERR_OK) {
        return code;
    }
    memset(trial->retries, 0, sizeof trial->retries);
    trial->has_value = false;
    trial->value = 0;
    trial->step = 0;
    trial_count(trial, UINT32_MAX);
    trial->retried = by_user;
    trial_count(trial, 1);
    if (failed && sweep->failed_since > 0) { /* forgiven */
        sweep->failed_since--;
        sweep->ended_since--;
    }
    return ERR_OK;
}

static enum err_code
apply_trial_state(struct engine *engine, const struct record *record, struct err *err)
{
    const struct rec_trial_state *to = &record->as.trial_state;
    struct trial *trial = need_trial(engine, record, err);
    if (trial == NULL) {
        return ERR_CORRUPT;
    }
    if (trial->live != NULL) {
        return err_set(err, ERR_CORRUPT, "trial %u has a live attempt", trial->number);
    }
    enum err_code code = to->state == TRIAL_QUEUED
                             ? trial_retry(trial, to->by_user, err)
                             : trial_move(trial, to->state, err);
    if (code == ERR_OK) {
        sweep_learn(trial->sweep, trial);
    }
    return code;
}

static enum err_code
apply_kind(struct engine *engine, const struct record *record, struct err *err)
{
    switch (record->kind) {
    case REC_SESSION:
        apply_session(engine, record);
        return ERR_OK;
    case REC_SWEEP_CREATED:
        return apply_sweep_created(engine, record, err);
    case REC_SWEEP_STATE:
        return apply_sweep_state(engine, record, err);
    case REC_SWEEP_EDITED:
        return apply_edited(engine, record, err);
    case REC_AGENT:
        apply_agent(engine, record);
        return ERR_OK;
    case REC_TRIAL_CREATED:
        return apply_trial_created(engine, record, err);
    case REC_PRIOR:
        return apply_prior(engine, record, err);
    case REC_ASSIGNED:
        return apply_assigned(engine, record, err);
    case REC_TRIAL_STATE:
        return apply_trial_state(engine, record, err);
    case REC_AGENT_STATE:
        return apply_agent_state(engine, record, err);
    case REC_STARTED:
    case REC_STOP_REQUESTED:
    case REC_REQUEUED:
    case REC_ADOPTED:
    case REC_ENDED:
    case REC_POINTS:
    case REC_NOTES:
    case REC_LOG:
    case REC_MARK:
    case REC_RUNG:
        if (record_is_aside(engine, record)) {
            apply_aside(engine, record);
            return ERR_OK;
        }
        return apply_to_attempt(engine, record, err);
    case RECORD_KIND_NR:
        break;
    }
    UNREACHABLE();
}

/* False for what a store gives back behind all events: a time that depended on it would
 * not be the same after every restart. */
static bool record_is_event(enum record_kind kind)
{
    return kind != REC_POINTS && kind != REC_NOTES && kind != REC_LOG
           && kind != REC_MARK;
}

enum err_code
engine_apply(struct engine *engine, const struct record *record, struct err *err)
{
    enum err_code code = apply_kind(engine, record, err);
    if (code != ERR_OK) {
        return code;
    }
    if (record->run_key >= engine->next_run_key) {
        engine->next_run_key = record->run_key + 1;
    }
    if (record_is_event(record->kind) && record->time.ms > engine->last.ms) {
        engine->last = record->time;
    }
    return ERR_OK;
}

void engine_emit(struct engine *engine, struct effects *effects, struct record *record)
{
    record->time = engine->wall;
    struct err err = { 0 };
    enum err_code code = engine_apply(engine, record, &err);
    ASSERT(code == ERR_OK);
    struct effect effect = { .kind = FX_PERSIST, .as.record = record_clone(record) };
    vec_push(&effects->list, effect);
}

void sweep_destroy(struct sweep *sweep)
{
    if (sweep == NULL) {
        return;
    }
    heap_fini(&sweep->holds);
    for (size_t i = 0; i < sweep->trials.len; i++) {
        past_destroy(sweep->trials.ptr[i]->past);
        mem_free(sweep->trials.ptr[i]->live);
        joined_destroy(sweep->trials.ptr[i]->joined);
        trial_drop_curve(sweep->trials.ptr[i]);
        mem_free(sweep->trials.ptr[i]);
    }
    vec_fini(&sweep->trials);
    map_str_fini(&sweep->names);
    knowledge_destroy(sweep->known);
    knowledge_destroy(sweep->lent);
    stopping_fini(&sweep->stopping);
    sweep_free_revisions(sweep);
    mem_free(sweep->directory);
    mem_free(sweep->cause);
    mem_free(sweep);
}
