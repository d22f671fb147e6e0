/* SPDX-License-Identifier: Apache-2.0 */
/* core_limits.c – stopping poor attempts while the coordinator is away.
 *
 * Owns: what each attempt was told that the sweep's rule demands, and which of its
 * points are held against that here. Knows: when nobody is there to ask. Does not know:
 * rules; where the limits come from.
 *
 * A limit is met by the first report from its step on, as at the coordinator: each step
 * counts once and only ahead of all before. Reports that reach the coordinator are its
 * to judge; those made while it is away are marked, so that it records what is decided
 * here and decides nothing about them again. After a stop here it stays so. */
#include "agent/agent_core_internal.h"

#include "base/num.h"

#include <math.h>
#include <string.h>

void limits_fini(struct attempt_limits *limits)
{
    mem_free(limits->rule);
    mem_free(limits->metric);
    vec_fini(&limits->items);
}

void on_limits(struct agent_core *core, const struct limits *ev)
{
    struct attempt *attempt = attempt_by_key(core, ev->key);
    if (attempt == NULL || core->session != SESSION_READY) {
        return;
    }
    struct attempt_limits *limits = &attempt->limits;
    vec_reset(&limits->items);
    if (limits->rule == NULL) {
        limits->rule = mem_strdup(ev->rule);
        limits->metric = mem_strdup(ev->metric);
        limits->maximize = ev->maximize;
    } else if (strcmp(limits->rule, ev->rule) != 0
               || strcmp(limits->metric, ev->metric) != 0
               || limits->maximize != ev->maximize) {
        limits->outdated =
            true; /* where it stands in the new one's metric is unknown */
        return;
    }
    for (size_t i = 0; i < ev->len; i++) {
        vec_push(&limits->items, ev->items[i]);
    }
}

/* Nobody takes in what the attempt reports. */
static bool is_alone(const struct agent_core *core, const struct attempt *attempt)
{
    int64_t alone_at =
        num_add_sat_i64(attempt->silent_since, AGENT_ALONE_MS * NS_PER_MS);
    return core->session != SESSION_READY
           || (!list_is_empty(&attempt->reports) && core->now.ns >= alone_at);
}

static bool is_worse(const struct attempt_limits *limits, double value, double limit)
{
    return isnan(value) || (limits->maximize ? value < limit : value > limit);
}

static void stop_by(struct agent_core *core,
                    struct attempt *attempt,
                    const struct limit *limit,
                    const struct agent_point *point)
{
    struct attempt_limits *limits = &attempt->limits;
    char value[NUM_TEXT_SIZE];
    char threshold[NUM_TEXT_SIZE];
    num_format_f64(point->value, value);
    num_format_f64(limit->value, threshold);
    AUTO_FREE char *cause =
        mem_printf("%s at rung %u: %s %s at step %lld is worse than %s (by the agent, "
                   "while the coordinator was away)",
                   limits->rule, limit->rung, limits->metric, value,
                   (long long)point->step, threshold);
    limits->stopped = true;
    limits->rung = limit->rung;
    limits->step = point->step;
    limits->value = point->value;
    limits->threshold = limit->value;
    core_note(core, "%s attempt %u: %s", attempt->run_id.hex, attempt->key.attempt,
              cause);
    attempt_stop(core, attempt, ATTEMPT_STOP_PRUNED, cause);
}

/* The limit that the point does not meet, or NULL. */
static const struct limit *unmet(const struct attempt_limits *limits,
                                 const struct agent_point *point)
{
    for (size_t i = 0; i < limits->items.len; i++) {
        const struct limit *limit = &limits->items.ptr[i];
        if (limit->step > limits->last_step && limit->step <= point->step
            && is_worse(limits, point->value, limit->value)) {
            return limit;
        }
    }
    return NULL;
}

static void look_at(struct agent_core *core,
                    struct attempt *attempt,
                    const struct agent_point *point)
{
    struct attempt_limits *limits = &attempt->limits;
    if (point->step <= limits->last_step || strcmp(point->name, limits->metric) != 0) {
        return;
    }
    const struct limit *limit = limits->judged ? unmet(limits, point) : NULL;
    limits->last_step = point->step;
    if (limit != NULL && attempt->state == ATTEMPT_RUNNING) {
        stop_by(core, attempt, limit, point);
    }
}

void limits_points(struct agent_core *core,
                   struct attempt *attempt,
                   const struct agent_ev_points *ev)
{
    struct attempt_limits *limits = &attempt->limits;
    bool judged = limits->rule != NULL && !limits->outdated
                  && (limits->stopped || is_alone(core, attempt));
    if (judged != limits->judged) {
        report_close(core, attempt); /* a report is judged whole or not at all */
        limits->judged = judged;
    }
    report_points(core, attempt, ev);
    for (size_t i = 0; i < ev->len && limits->rule != NULL; i++) {
        look_at(core, attempt, &ev->points[i]);
    }
}

void limits_ended(const struct attempt_limits *limits, struct agent_ended *ended)
{
    if (limits->stopped && ended->end == END_PRUNED) {
        ended->rule = mem_strdup(limits->rule);
        ended->rung = limits->rung;
        ended->step = limits->step;
        ended->value = limits->value;
        ended->threshold = limits->threshold;
    }
}
