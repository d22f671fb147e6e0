/* SPDX-License-Identifier: Apache-2.0 */
/* engine_aside.c – agents on which everything fails, while it works elsewhere.
 * Owns the decision to set an agent aside and to release it, and gives back what was
 * spoiled there. Knows strikes (strikes.c) and who else could do the work. Does not
 * know why programs fail.
 *
 *              STRIKES_OUT failed in a row, of STRIKES_TRIALS trials or more,
 *              while another agent did well in the same sweep
 *   in use ──────────────────────────────────────────────────────────────► aside
 *     ▲                                                                      │
 *     └──── an attempt ended well there (a probe, or one that ran before) ───┤
 *     └──── its process was started anew (REC_AGENT) ────────────────────────┘
 *
 * An agent that is aside gets nothing of a sweep that another agent can run, but for
 * one attempt at a time, the probe, when it has rested for ASIDE_REST_MS. Trials that
 * failed there for good are queued again, with their limits anew.
 */
#include "base/assert.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/engine_internal.h"

#define NAME_BYTES_SHOWN 40

/* ---- who else could ---- */

/* False only when it is known that the empty agent has not enough. */
static bool could_run(const struct agent *agent, const struct sweep *sweep)
{
    const struct resources *need = &sweep->spec->run.resources;
    return agent->slots == 0 /* not heard since a restart */
           || (agent->cpus >= need->cpus && agent->memory_bytes >= need->memory_bytes
               && gpus_in(agent->gpu_mask) >= need->gpus);
}

/* Some other agent, connected or within its lease, may run attempts of the sweep. */
static bool others_can(const struct engine *engine,
                       const struct agent *agent,
                       const struct sweep *sweep)
{
    for (size_t i = 0; i < engine->leases.len; i++) {
        const struct agent *other =
            container_of(engine->leases.nodes[i], struct agent, lease_node);
        if (other != agent && !other->aside && !other->leaving && other->only_sweep == 0
            && could_run(other, sweep)) {
            return true;
        }
    }
    return false;
}

bool agent_rests(const struct engine *engine,
                 const struct agent *agent,
                 const struct sweep *sweep)
{
    bool probe =
        engine->now.ns >= agent->probe_at.ns && list_is_empty(&agent->attempts);
    return agent->aside && !probe && others_can(engine, agent, sweep);
}

/* ---- setting aside ---- */

/* Another agent did well in the sweep since the agent's first strike; NULL: none did.
 */
static const struct agent *who_did_well(const struct agent *agent,
                                        const struct sweep *sweep)
{
    const struct good_end *good =
        sweep->good[0].agent != agent ? &sweep->good[0] : &sweep->good[1];
    return good->agent != NULL && good->at > agent->strikes.ptr[0].at ? good->agent
                                                                      : NULL;
}

/* The strikes that other agents' good ends tell against. */
struct evidence {
    const struct strike *last[STRIKES_OUT]; /* the newest, newest first */
    size_t len;                             /* of last */
    size_t trials;                          /* different ones among all of them */
    const struct agent *other;              /* who did well */
};

static bool is_first_of_trial(const struct agent *agent, size_t i)
{
    for (size_t j = i + 1; j < agent->strikes.len; j++) {
        if (agent->strikes.ptr[j].trial == agent->strikes.ptr[i].trial) {
            return false;
        }
    }
    return true;
}

static struct evidence gather(const struct engine *engine, const struct agent *agent)
{
    struct evidence found = { .len = 0 };
    for (size_t i = agent->strikes.len; i > 0; i--) {
        const struct strike *strike = &agent->strikes.ptr[i - 1];
        const struct sweep *sweep = strike->trial->sweep;
        const struct agent *other = who_did_well(agent, sweep);
        if (other == NULL || !others_can(engine, agent, sweep)) {
            continue;
        }
        found.other = other;
        found.trials += is_first_of_trial(agent, i - 1) ? 1u : 0u;
        if (found.len < STRIKES_OUT) {
            found.last[found.len++] = strike;
        }
    }
    return found;
}

/* "the last 5 attempts failed (svm/3, svm/4, …) while agent 'b' did well" */
static char *print_evidence(const struct evidence *found)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(CAUSE_BYTES_MAX);
    strbuf_addf(&text, "its last %zu attempts failed (", found->len);
    for (size_t i = found->len; i > 0; i--) {
        const struct trial *trial = found->last[i - 1]->trial;
        strbuf_addf(&text, "%s%.*s/%u", i < found->len ? ", " : "", NAME_BYTES_SHOWN,
                    trial->sweep->spec->name, trial->number);
    }
    strbuf_addf(&text, ") while trials ended well at agent '%.*s'", NAME_BYTES_SHOWN,
                found->other->id);
    return strbuf_take(&text);
}

static void set_aside(struct engine *engine,
                      struct agent *agent,
                      bool aside,
                      const char *cause,
                      struct effects *effects)
{
    struct record record = { .kind = REC_AGENT_STATE,
                             .cause = cause,
                             .as.agent_state = { .agent = agent->key,
                                                 .aside = aside } };
    engine_emit(engine, effects, &record);
    engine_warn(effects,
                mem_printf("agent %s id=%s cause=\"%s\"",
                           aside ? "set aside" : "released", agent->id, cause));
}

static void judge(struct engine *engine, struct agent *agent, struct effects *effects)
{
    struct evidence found = gather(engine, agent);
    if (found.len == STRIKES_OUT && found.trials >= STRIKES_TRIALS) {
        AUTO_FREE char *cause = print_evidence(&found);
        set_aside(engine, agent, true, cause, effects);
    }
}

/* ---- while it is aside ---- */

/* What failed there for good, and nowhere since, runs again where others can run it. */
static void
give_back(struct engine *engine, const struct agent *agent, struct effects *effects)
{
    for (size_t i = 0; i < agent->strikes.len; i++) {
        const struct trial *trial = agent->strikes.ptr[i].trial;
        const struct sweep *sweep = trial->sweep;
        if (trial->state != TRIAL_FAILED
            || trial->attempts != agent->strikes.ptr[i].attempt
            || trial->attempts >= ATTEMPTS_MAX || sweep_is_over(engine, sweep, NULL)
            || !others_can(engine, agent, sweep)) {
            continue;
        }
        AUTO_FREE char *cause =
            mem_printf("it failed at agent '%.*s', which was set aside",
                       NAME_BYTES_SHOWN, agent->id);
        struct record record = { .kind = REC_TRIAL_STATE,
                                 .key = { .sweep = sweep->key, .trial = trial->number },
                                 .run_key = trial->run_key,
                                 .cause = cause,
                                 .as.trial_state.state = TRIAL_QUEUED };
        engine_emit(engine, effects, &record);
    }
}

static void recall_waiting(struct engine *engine,
                           const struct agent *agent,
                           struct effects *effects)
{
    LIST_FOREACH (node, &agent->attempts) {
        struct attempt *attempt = container_of(node, struct attempt, agent_node);
        if (attempt->prefetch && !attempt->suspect && attempt->stop == STOP_NONE) {
            engine_stop_attempt(engine, attempt, STOP_RECALLED,
                                "its agent was set aside", effects);
        }
    }
}

void engine_watch_agents(struct engine *engine, struct effects *effects)
{
    LIST_FOREACH_SAFE (node, next, &engine->watched) {
        struct agent *agent = container_of(node, struct agent, watched_node);
        if (agent->aside && agent->strikes.len == 0) {
            set_aside(engine, agent, false, "an attempt ended well there", effects);
            continue;
        }
        if (!agent->aside && agent->only_sweep == 0) {
            judge(engine, agent, effects);
        }
        if (agent->aside) {
            give_back(engine, agent, effects);
            recall_waiting(engine, agent, effects);
        }
    }
}

bool engine_next_probe(const struct engine *engine, struct mono *at_out)
{
    bool any = false;
    LIST_FOREACH (node, &engine->watched) {
        const struct agent *agent = container_of(node, struct agent, watched_node);
        if (agent->aside && agent->peer != 0 && list_is_empty(&agent->attempts)
            && mono_before(engine->now, agent->probe_at)
            && (!any || mono_before(agent->probe_at, *at_out))) {
            *at_out = agent->probe_at;
            any = true;
        }
    }
    return any;
}
