/* SPDX-License-Identifier: Apache-2.0 */
/* engine_limits.c – what agents must know to stop poor trials while nobody is there to
 * ask: what the rule demands at each attempt's next rungs.
 * Owns how often they are told. Knows that an agent keeps what it heard last. Does not
 * know any rule, nor what an agent makes of it.
 *
 * Limits go with the assignment and with each welcome. They are pushed when they have
 * changed, of a sweep at most once in LIMITS_GAP_MS: each report at a rung may change
 * them for all attempts. */
#include <string.h>

#include "base/mem.h"
#include "core/engine_internal.h"

#define LIMITS_GAP_MS 1000

static void send(const struct attempt *attempt,
                 const struct prune_limit *from,
                 size_t len,
                 struct effects *effects)
{
    const struct sweep_spec *spec = attempt->trial->sweep->spec;
    bool maximize = spec->stop_goal == GOAL_MAX;
    struct limit *limits = mem_alloc_array(len, sizeof *limits);
    for (size_t i = 0; i < len; i++) {
        limits[i] = (struct limit){ .rung = from[i].key.number,
                                    .step = from[i].step,
                                    .value = maximize ? -from[i].loss : from[i].loss };
    }
    struct message message = { .kind = TO_AGENT_LIMITS,
                               .as.limits = { .key = attempt_key_of(attempt),
                                              .rule = spec->stop.rules[0].ops->name,
                                              .metric = spec->stop_metric,
                                              .maximize = maximize,
                                              .items = limits,
                                              .len = len } };
    engine_send(effects, attempt->agent->peer, message);
}

void engine_send_limits(const struct attempt *attempt, struct effects *effects)
{
    struct prune_limit limits[PRUNE_RUNGS_MAX];
    if (attempt->agent->peer != 0 && attempt->stop == STOP_NONE
        && sweep_has_limits(attempt->trial->sweep)) {
        send(attempt, limits, trial_limits(attempt->trial, limits, PRUNE_RUNGS_MAX),
             effects);
    }
}

/* FNV-1a of what the limits demand; never 0. */
static uint64_t digest_of(const struct prune_limit *limits, size_t len)
{
    uint64_t digest = 14695981039346656037u;
    for (size_t i = 0; i < len; i++) {
        uint64_t words[2] = { (uint64_t)limits[i].step, 0 };
        memcpy(&words[1], &limits[i].loss, sizeof words[1]);
        for (size_t bit = 0; bit < sizeof words * 8; bit += 8) {
            digest = (digest ^ (words[bit / 64] >> bit % 64 & 0xff)) * 1099511628211u;
        }
    }
    return digest != 0 ? digest : 1;
}

static void push(struct attempt *attempt, struct effects *effects)
{
    struct prune_limit limits[PRUNE_RUNGS_MAX];
    if (attempt->stop != STOP_NONE) {
        return;
    }
    size_t len = trial_limits(attempt->trial, limits, PRUNE_RUNGS_MAX);
    uint64_t digest = digest_of(limits, len);
    if (digest != attempt->limits_told) {
        attempt->limits_told = digest;
        send(attempt, limits, len, effects);
    }
}

static void push_sweep(const struct engine *engine,
                       const struct sweep *sweep,
                       struct effects *effects)
{
    size_t pos = 0;
    void *value = NULL;
    while (map_u64_next(&engine->peers, &pos, NULL, &value)) {
        const struct agent *agent = value;
        LIST_FOREACH (node, &agent->attempts) {
            struct attempt *attempt = container_of(node, struct attempt, agent_node);
            if (attempt->trial->sweep == sweep) {
                push(attempt, effects);
            }
        }
    }
}

bool sweep_limits_due(const struct sweep *sweep, struct mono *at_out)
{
    *at_out = sweep->stopping.limits_at;
    return sweep->stopping.limits_changed && sweep_has_limits(sweep);
}

void engine_push_limits(struct engine *engine, struct effects *effects)
{
    for (size_t i = 0; i < engine->active.len; i++) {
        struct sweep *sweep = engine->active.ptr[i];
        struct mono due;
        if (sweep_limits_due(sweep, &due) && !mono_before(engine->now, due)) {
            sweep->stopping.limits_changed = false;
            sweep->stopping.limits_at = mono_add_ms(engine->now, LIMITS_GAP_MS);
            push_sweep(engine, sweep, effects);
        }
    }
}
