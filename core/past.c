/* SPDX-License-Identifier: Apache-2.0 */
/* past.c – what a trial that is tried again remembers: which attempts counted, and how
 * long it waits.
 * Owns the back-off: a trial that failed, ran out of memory or out of time is queued,
 * but held, in a list and a heap of its sweep's. Knows retry causes. Does not know who
 * decides to try again, nor agents beyond their names.
 *
 * The wait follows from the time of the record, so a restart keeps it; it is measured
 * on the monotonic clock and never longer than the back-off, whatever the wall clock
 * does. That it is over is not recorded: before a restart or after it, time says so.
 */
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/engine_internal.h"

/* What a doubling back-off grows to, unless the file says more to begin with. */
#define BACKOFF_MS_MAX 60000
/* Agents named in a cause, and bytes of each name. */
#define PRINT_AGENTS_MAX 4u
#define PRINT_NAME_BYTES 40

enum retry_cause retry_cause_of(enum attempt_end end)
{
    switch (end) {
    case END_EXITED: /* exit status 0, but no objective */
    case END_FAILED:
        return RETRY_FAILED;
    case END_LOST:
        return RETRY_LOST;
    case END_PREEMPTED:
        return RETRY_PREEMPTED;
    case END_OOM:
        return RETRY_OOM;
    case END_TIMEOUT:
        return RETRY_TIMEOUT;
    case END_NONE:
    case END_PRUNED:
    case END_CANCELLED:
    case ATTEMPT_END_NR:
        return RETRY_CAUSE_NR;
    }
    UNREACHABLE();
}

static const char *retry_cause_text(enum retry_cause cause)
{
    switch (cause) {
    case RETRY_FAILED:
        return "failed";
    case RETRY_LOST:
        return "lost";
    case RETRY_PREEMPTED:
        return "preempted";
    case RETRY_OOM:
        return "out of memory";
    case RETRY_TIMEOUT:
        return "timed out";
    case RETRY_CAUSE_NR:
        break;
    }
    UNREACHABLE();
}

/* ---- which attempts counted ---- */

static struct past *past_of(struct trial *trial)
{
    if (trial->past == NULL) {
        trial->past = mem_alloc(sizeof *trial->past);
        trial->past->trial = trial;
        trial->past->node.tie = trial->number;
    }
    return trial->past;
}

void past_destroy(struct past *past)
{
    if (past == NULL) {
        return;
    }
    ASSERT(!heap_node_is_queued(&past->node));
    vec_fini(&past->tallies);
    mem_free(past);
}

void past_count(struct trial *trial, const struct agent *agent, enum retry_cause cause)
{
    struct past *past = past_of(trial);
    for (size_t i = 0; i < past->tallies.len; i++) {
        struct tally *tally = &past->tallies.ptr[i];
        if (tally->agent == agent && tally->cause == cause) {
            tally->times++;
            return;
        }
    }
    struct tally first = { .agent = agent, .cause = cause, .times = 1 };
    vec_push(&past->tallies, first);
}

/* "a ×8" behind what is there. */
static void
print_agent(const struct agent *agent, uint32_t times, bool first, struct strbuf *out)
{
    strbuf_addf(out, "%s%.*s ×%u", first ? ": " : ", ", PRINT_NAME_BYTES, agent->id,
                times);
}

void past_print(const struct trial *trial,
                const struct agent *agent,
                enum retry_cause cause,
                struct strbuf *out)
{
    uint32_t before = trial->retries[cause];
    if (before == 0) {
        return;
    }
    uint32_t mine = 1;
    size_t named = 0;
    size_t others = 0;
    strbuf_addf(out, "%s %u times", retry_cause_text(cause), before + 1);
    for (size_t i = 0; trial->past != NULL && i < trial->past->tallies.len; i++) {
        const struct tally *tally = &trial->past->tallies.ptr[i];
        if (tally->cause != cause) {
            continue;
        }
        if (tally->agent == agent) {
            mine += tally->times;
        } else if (named < PRINT_AGENTS_MAX - 1) {
            print_agent(tally->agent, tally->times, named++ == 0, out);
        } else {
            others++;
        }
    }
    print_agent(agent, mine, named == 0, out);
    if (others > 0) {
        strbuf_addf(out, ", %zu more agents", others);
    }
}

/* ---- back-off ---- */

static bool backs_off(enum attempt_end end)
{
    enum retry_cause cause = retry_cause_of(end);
    return cause == RETRY_FAILED || cause == RETRY_OOM || cause == RETRY_TIMEOUT;
}

/* Doubled for each time before this one. */
static int64_t backoff_of(int64_t base_ms, uint32_t times)
{
    int64_t most_ms = base_ms > BACKOFF_MS_MAX ? base_ms : BACKOFF_MS_MAX;
    int64_t wait_ms = base_ms;
    for (uint32_t i = 1; i < times && wait_ms < most_ms; i++) {
        wait_ms *= 2;
    }
    return wait_ms < most_ms ? wait_ms : most_ms;
}

/* A clock that jumped cannot make it wait longer than it was told to. */
static struct mono hold_end(const struct engine *engine, const struct past *past)
{
    int64_t left_ms = past->until_ms - engine->wall.ms;
    left_ms = left_ms < past->backoff_ms ? left_ms : past->backoff_ms;
    return mono_add_ms(engine->now, left_ms > 0 ? left_ms : 0);
}

void past_hold(struct engine *engine, struct trial *trial, struct wall since)
{
    struct sweep *sweep = trial->sweep;
    enum attempt_end end = (enum attempt_end)trial->last_end;
    int64_t base_ms = sweep->spec->run.retry.backoff_ms;
    if (base_ms == 0 || !backs_off(end)) {
        return;
    }
    struct past *past = past_of(trial);
    ASSERT(trial->state == TRIAL_QUEUED && !past->held);
    past->backoff_ms = backoff_of(base_ms, trial->retries[retry_cause_of(end)]);
    past->until_ms = since.ms + past->backoff_ms;
    past->held = true;
    list_remove(&sweep->queue, &trial->queue_node);
    list_add_tail(&sweep->held, &trial->queue_node);
    heap_push(&sweep->holds, &past->node, hold_end(engine, past).ns);
}

void past_unlink(struct trial *trial)
{
    struct sweep *sweep = trial->sweep;
    struct past *past = trial->past;
    if (past == NULL || !past->held) {
        list_remove(&sweep->queue, &trial->queue_node);
        return;
    }
    past->held = false;
    heap_remove(&sweep->holds, &past->node);
    list_remove(&sweep->held, &trial->queue_node);
}

void engine_resume_holds(struct engine *engine)
{
    for (size_t i = 0; i < engine->active.len; i++) {
        struct sweep *sweep = engine->active.ptr[i];
        LIST_FOREACH (node, &sweep->held) {
            struct trial *trial = container_of(node, struct trial, queue_node);
            heap_update(&sweep->holds, &trial->past->node,
                        hold_end(engine, trial->past).ns);
        }
    }
}

void engine_release_holds(struct engine *engine)
{
    for (size_t i = 0; i < engine->active.len; i++) {
        struct sweep *sweep = engine->active.ptr[i];
        struct heap_node *node = heap_min(&sweep->holds);
        while (node != NULL && node->key <= engine->now.ns) {
            struct trial *trial = container_of(node, struct past, node)->trial;
            past_unlink(trial);
            list_add_head(&sweep->queue, &trial->queue_node);
            node = heap_min(&sweep->holds);
        }
    }
}
