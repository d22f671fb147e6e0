/* SPDX-License-Identifier: Apache-2.0 */
/* digest.c – whether two engines hold the same recorded state.
 * Owns nothing. Knows the engine's private structures; the only part of the simulation
 * that does. */
#include "tests/sim/digest.h"

#include <stdio.h>
#include <string.h>

#include "core/engine_internal.h"

struct compare {
    char *text;
    size_t size;
    bool same, logs_lead;
    uint64_t place[3]; /* sweep, trial, attempt */
};

static void expect(struct compare *compare, const char *what, int64_t a, int64_t b)
{
    if (compare->same && a != b) {
        compare->same = false;
        IGNORE_ERR(snprintf(compare->text, compare->size,
                            "%s of %llu/%llu.%llu is %lld, by the records %lld", what,
                            (unsigned long long)compare->place[0],
                            (unsigned long long)compare->place[1],
                            (unsigned long long)compare->place[2], (long long)a,
                            (long long)b)
                       < 0,
                   "cut is fine");
    }
}

static int64_t bits_of(double value)
{
    int64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void compare_attempts(struct compare *compare,
                             const struct attempt *a,
                             const struct attempt *b)
{
    expect(compare, "live attempt", a != NULL, b != NULL);
    if (a == NULL || b == NULL) {
        return;
    }
    compare->place[2] = a->number;
    expect(compare, "number", a->number, b->number);
    expect(compare, "agent", a->agent->key, b->agent->key);
    expect(compare, "boot", (int64_t)a->boot, (int64_t)b->boot);
    expect(compare, "started", a->started, b->started);
    expect(compare, "suspect", a->suspect, b->suspect);
    expect(compare, "prefetch", a->prefetch, b->prefetch);
    expect(compare, "fresh", a->fresh, b->fresh);
    expect(compare, "stop", a->stop, b->stop);
    expect(compare, "seq", (int64_t)a->seq, (int64_t)b->seq);
    if (!compare->logs_lead || a->log_bytes < b->log_bytes) {
        expect(compare, "log bytes", (int64_t)a->log_bytes, (int64_t)b->log_bytes);
    }
    expect(compare, "gpus", (int64_t)a->gpu_mask, (int64_t)b->gpu_mask);
    expect(compare, "revision", a->revision->number, b->revision->number);
    expect(compare, "objective seen", a->seen.any, b->seen.any);
    expect(compare, "last step", a->seen.last_step, b->seen.last_step);
    expect(compare, "last", bits_of(a->seen.last), bits_of(b->seen.last));
    expect(compare, "least", bits_of(a->seen.min), bits_of(b->seen.min));
    expect(compare, "greatest", bits_of(a->seen.max), bits_of(b->seen.max));
    compare->place[2] = 0;
}

/* `a` may have let it go where `b`, which knows no time, holds it still. */
static void
compare_pasts(struct compare *compare, const struct past *a, const struct past *b)
{
    expect(compare, "past", a != NULL, b != NULL);
    if (a == NULL || b == NULL) {
        return;
    }
    expect(compare, "back-off", a->backoff_ms, b->backoff_ms);
    expect(compare, "held until", a->until_ms, b->until_ms);
    expect(compare, "held", a->held && !b->held, 0);
    expect(compare, "tallies", (int64_t)a->tallies.len, (int64_t)b->tallies.len);
    for (size_t i = 0; i < a->tallies.len && compare->same; i++) {
        expect(compare, "tally", a->tallies.ptr[i].times, b->tallies.ptr[i].times);
        expect(compare, "tally's agent", a->tallies.ptr[i].agent->key,
               b->tallies.ptr[i].agent->key);
    }
}

static void compare_parts(struct compare *compare,
                          const struct joined_part *a,
                          const struct joined_part *b)
{
    compare->place[2] = a->attempt;
    expect(compare, "joined attempt", a->attempt, b->attempt);
    expect(compare, "went on", a->resumed, b->resumed);
    expect(compare, "joined points", a->any, b->any);
    expect(compare, "first step", a->first_step, b->first_step);
    expect(compare, "last step", a->last_step, b->last_step);
    expect(compare, "last entry", (int64_t)a->last_seq, (int64_t)b->last_seq);
    expect(compare, "last value", bits_of(a->last), bits_of(b->last));
    expect(compare, "best points", (int64_t)a->best.len, (int64_t)b->best.len);
    for (size_t i = 0; i < a->best.len && compare->same; i++) {
        expect(compare, "best step", a->best.ptr[i].step, b->best.ptr[i].step);
        expect(compare, "best value", bits_of(a->best.ptr[i].value),
               bits_of(b->best.ptr[i].value));
    }
    compare->place[2] = 0;
}

static void
compare_joined(struct compare *compare, const struct joined *a, const struct joined *b)
{
    expect(compare, "joined", a != NULL, b != NULL);
    if (a == NULL || b == NULL) {
        return;
    }
    expect(compare, "agent with its checkpoint",
           a->holder != NULL ? (int64_t)a->holder->key : 0,
           b->holder != NULL ? (int64_t)b->holder->key : 0);
    expect(compare, "joined attempts", (int64_t)a->parts.len, (int64_t)b->parts.len);
    for (size_t i = 0; i < a->parts.len && compare->same; i++) {
        compare_parts(compare, &a->parts.ptr[i], &b->parts.ptr[i]);
    }
}

static void
compare_curves(struct compare *compare, const struct curve *a, const struct curve *b)
{
    size_t len = a != NULL ? a->len : 0;
    expect(compare, "curve's steps", (int64_t)len, b != NULL ? (int64_t)b->len : 0);
    for (size_t i = 0; i < len && compare->same; i++) {
        expect(compare, "curve's step", a->steps[i], b->steps[i]);
        expect(compare, "curve's value", bits_of(a->losses[i]), bits_of(b->losses[i]));
    }
}

static void
compare_trials(struct compare *compare, const struct trial *a, const struct trial *b)
{
    compare->place[1] = a->number;
    expect(compare, "state", a->state, b->state);
    expect(compare, "attempts", a->attempts, b->attempts);
    expect(compare, "revision", a->revision->number, b->revision->number);
    expect(compare, "runs as", a->revision->runs_as->number,
           b->revision->runs_as->number);
    expect(compare, "outside", a->outside, b->outside);
    expect(compare, "retried", a->retried, b->retried);
    expect(compare, "last end", a->last_end, b->last_end);
    expect(compare, "has value", a->has_value, b->has_value);
    expect(compare, "value", bits_of(a->value), bits_of(b->value));
    expect(compare, "step", a->step, b->step);
    for (size_t cause = 0; cause < RETRY_CAUSE_NR; cause++) {
        expect(compare, "retries", a->retries[cause], b->retries[cause]);
    }
    compare_pasts(compare, a->past, b->past);
    expect(compare, "resumed", a->resumed, b->resumed);
    compare_joined(compare, a->joined, b->joined);
    if (a->live != NULL && a->curve != NULL) {
        expect(compare, "old curve", a->curve_old, b->curve_old);
        expect(compare, "curve begins", a->curve_from, b->curve_from);
    }
    compare_curves(compare, a->curve, b->curve);
    compare_attempts(compare, a->live, b->live);
}

static int64_t queue_head_of(const struct sweep *sweep)
{
    struct list_node *node = list_first(&sweep->queue);
    return node != NULL ? (int64_t)container_of(node, struct trial, queue_node)->number
                        : -1;
}

/* The order of the ends; rows that wait at the running side come last in it. */
static uint32_t history_trial(const struct history *history, size_t i)
{
    return i < history->len ? history->trial[i]
                            : history->waiting[i - history->len].trial;
}

static void compare_histories(struct compare *compare,
                              const struct history *a,
                              const struct history *b)
{
    size_t len = history_total(a);
    expect(compare, "rows of the history", (int64_t)len, (int64_t)history_total(b));
    for (size_t i = 0; i < len && compare->same; i++) {
        expect(compare, "row of the history", history_trial(a, i), history_trial(b, i));
    }
}

/* What trials are compared with. */
static void compare_stopping(struct compare *compare,
                             const struct stopping *a,
                             const struct stopping *b)
{
    expect(compare, "rungs", (int64_t)a->rungs.rungs.len, (int64_t)b->rungs.rungs.len);
    for (size_t i = 0; i < a->rungs.rungs.len && compare->same; i++) {
        const struct rung *x = &a->rungs.rungs.ptr[i];
        const struct rung *y = &b->rungs.rungs.ptr[i];
        expect(compare, "rung", x->key.number, y->key.number);
        expect(compare, "bracket", x->key.bracket, y->key.bracket);
        expect(compare, "rule", x->key.leaf, y->key.leaf);
        expect(compare, "entries", (int64_t)x->entries.len, (int64_t)y->entries.len);
        for (size_t k = 0; k < x->entries.len && compare->same; k++) {
            expect(compare, "entry", x->entries.ptr[k].trial, y->entries.ptr[k].trial);
            expect(compare, "entry's value", bits_of(x->entries.ptr[k].loss),
                   bits_of(y->entries.ptr[k].loss));
        }
    }
    expect(compare, "finished", (int64_t)a->finished.len, (int64_t)b->finished.len);
    for (size_t i = 0; i < a->finished.len && compare->same; i++) {
        expect(compare, "who finished", a->finished_trials.ptr[i],
               b->finished_trials.ptr[i]);
        expect(compare, "finished value", bits_of(a->finished_losses.ptr[i]),
               bits_of(b->finished_losses.ptr[i]));
    }
}

static void
compare_sweeps(struct compare *compare, const struct sweep *a, const struct sweep *b)
{
    compare->place[0] = a->key;
    expect(compare, "state", a->state, b->state);
    expect(compare, "paused by user", a->paused_by_user, b->paused_by_user);
    expect(compare, "drain", a->drain, b->drain);
    expect(compare, "revisions", (int64_t)a->revisions.len, (int64_t)b->revisions.len);
    expect(compare, "queued outside", a->queue_outside, b->queue_outside);
    expect(compare, "trials in all", (int64_t)a->trials_total,
           (int64_t)b->trials_total);
    expect(compare, "cursor", (int64_t)a->cursor, (int64_t)b->cursor);
    expect(compare, "enqueued", a->enqueued_used, b->enqueued_used);
    expect(compare, "occupying", a->occupying, b->occupying);
    expect(compare, "live", a->live, b->live);
    expect(compare, "elapsed", a->elapsed_ms, b->elapsed_ms);
    expect(compare, "running since", a->running_since_ms, b->running_since_ms);
    expect(compare, "failed since", a->failed_since, b->failed_since);
    expect(compare, "ended since", a->ended_since, b->ended_since);
    expect(compare, "retried", a->retried_open, b->retried_open);
    if (a->spec->run.retry.backoff_ms == 0) { /* that one is over is not recorded */
        expect(compare, "head of the queue", queue_head_of(a), queue_head_of(b));
    }
    expect(compare, "best", a->best != NULL ? (int64_t)a->best->number : -1,
           b->best != NULL ? (int64_t)b->best->number : -1);
    expect(compare, "cause",
           strcmp(a->cause != NULL ? a->cause : "", b->cause != NULL ? b->cause : ""),
           0);
    expect(compare, "trials", (int64_t)a->trials.len, (int64_t)b->trials.len);
    for (size_t i = 0; i < a->trials.len && compare->same; i++) {
        compare_trials(compare, a->trials.ptr[i], b->trials.ptr[i]);
    }
    compare->place[1] = 0;
    compare_stopping(compare, &a->stopping, &b->stopping);
    if (compare->same) {
        compare_histories(compare, &a->known->history, &b->known->history);
    }
}

static void
compare_agents(struct compare *compare, const struct agent *a, const struct agent *b)
{
    compare->place[0] = a->key;
    expect(compare, "agent's boot", (int64_t)a->boot, (int64_t)b->boot);
    expect(compare, "agent's slots in use", a->used_slots, b->used_slots);
    expect(compare, "agent's prefetched", a->prefetched, b->prefetched);
    expect(compare, "agent's gpus in use", (int64_t)a->used_gpus,
           (int64_t)b->used_gpus);
    expect(compare, "agent's strikes", (int64_t)a->strikes.len,
           (int64_t)b->strikes.len);
    expect(compare, "agent aside", a->aside, b->aside);
    expect(compare, "agent's rest", a->aside_ms, b->aside_ms);
    expect(compare, "agent's attempts", (int64_t)a->attempts.len,
           (int64_t)b->attempts.len);
}

bool digest_equal(const struct engine *a,
                  const struct engine *b,
                  bool logs_lead,
                  char *difference,
                  size_t difference_size)
{
    struct compare compare = { .text = difference,
                               .size = difference_size,
                               .same = true,
                               .logs_lead = logs_lead };
    expect(&compare, "sweeps", (int64_t)map_u64_len(&a->sweeps),
           (int64_t)map_u64_len(&b->sweeps));
    expect(&compare, "agents", (int64_t)map_u64_len(&a->agents),
           (int64_t)map_u64_len(&b->agents));
    expect(&compare, "next run key", (int64_t)a->next_run_key,
           (int64_t)b->next_run_key);
    size_t pos = 0;
    uint64_t key = 0;
    void *item = NULL;
    while (compare.same && map_u64_next(&a->sweeps, &pos, &key, &item)) {
        const struct sweep *other = map_u64_get(&b->sweeps, key);
        expect(&compare, "sweep", 1, other != NULL);
        if (other != NULL) {
            compare_sweeps(&compare, item, other);
        }
    }
    pos = 0;
    while (compare.same && map_u64_next(&a->agents, &pos, &key, &item)) {
        const struct agent *other = map_u64_get(&b->agents, key);
        expect(&compare, "agent", 1, other != NULL);
        if (other != NULL) {
            compare_agents(&compare, item, other);
        }
    }
    return compare.same;
}
