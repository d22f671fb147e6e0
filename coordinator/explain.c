/* SPDX-License-Identifier: Apache-2.0 */
/* explain.c – the engine's answer to `explain` as JSON.
 *
 * Owns: the names of its members. Knows: core/explain.h. Does not know: who asks, or
 * how it is shown. */
#include "coordinator/explain.h"

#include "core/explain.h"

static json_t *counts_json(const struct sweep_summary *summary)
{
    json_t *counts = json_object();
    for (int i = 0; i < TRIAL_STATE_NR; i++) {
        json_put_i64(counts, trial_state_name((enum trial_state)i), summary->counts[i]);
    }
    return counts;
}

static json_t *objective_json(const struct objective *objective)
{
    static const char *const reads[READ_NR] = {
        [READ_LAST] = "last",
        [READ_BEST] = "best",
        [READ_MIN] = "min",
        [READ_MAX] = "max",
    };
    json_t *object = json_object();
    json_put_str(object, "metric", objective->metric);
    json_put_str(object, "goal", objective->goal == GOAL_MAX ? "max" : "min");
    json_put_str(object, "read", reads[objective->read]);
    return object;
}

static json_t *budget_json(const struct explanation *found)
{
    const struct budget *budget = &found->spec->budget;
    const uint32_t *counts = found->sweep.counts;
    json_t *object = json_object();
    json_put_i64(object, "done",
                 (int64_t)counts[TRIAL_FINISHED] + counts[TRIAL_PRUNED]);
    if (found->sweep.trials_total > 0) {
        json_put_i64(object, "trials", (int64_t)found->sweep.trials_total);
    }
    json_put_i64(object, "elapsed_ms", found->sweep.elapsed_ms);
    if (budget->time_ms > 0) {
        json_put_i64(object, "time_ms", budget->time_ms);
    }
    if (budget->has_target) {
        json_put_f64(object, "target", budget->target);
    }
    return object;
}

/* How near the failure breaker is. */
static json_t *failures_json(const struct explanation *found)
{
    const struct budget *budget = &found->spec->budget;
    json_t *object = json_object();
    json_put_i64(object, "failed", found->failed);
    json_put_i64(object, "ended", found->ended);
    json_put_i64(object, "first", budget->failures_first);
    json_put_f64(object, "max_share", budget->failures_share);
    json_put_i64(object, "share_from", FAILURES_SHARE_FROM);
    return object;
}

static json_t *sweep_json(const struct explanation *found)
{
    const struct sweep_summary *summary = &found->sweep;
    const struct sweep_spec *spec = found->spec;
    json_t *object = json_object();
    json_put_str(object, "id", summary->run_id.hex);
    json_put_str(object, "name", summary->name);
    json_put_str(object, "state", sweep_state_name(summary->state));
    if (summary->cause != NULL) {
        json_put_str(object, "cause", summary->cause);
    }
    json_put(object, "trials", counts_json(summary));
    json_put_i64(object, "queue_length", (int64_t)found->queue_len);
    json_put_i64(object, "prefetched", found->prefetched);
    json_put_i64(object, "revision", found->revision);
    if (summary->has_best) {
        json_put_f64(object, "best", summary->best_value);
        json_put_i64(object, "best_trial", summary->best_trial);
    }
    json_put(object, "budget", budget_json(found));
    json_put(object, "failures", failures_json(found));
    json_put(object, "objective", objective_json(&spec->objective));
    json_put_bool(object, "ask_tell", spec->command == NULL);
    json_put_str(object, "sampler", spec->sampler->name);
    json_put(object, "seed", json_integer((json_int_t)spec->seed));
    return object;
}

static json_t *attempt_json(const struct explain_attempt *attempt)
{
    json_t *object = json_object();
    json_put_i64(object, "number", attempt->number);
    json_put_str(object, "agent", attempt->agent);
    if (attempt->host != NULL) {
        json_put_str(object, "host", attempt->host);
    }
    json_put_i64(object, "revision", attempt->revision);
    json_put_bool(object, "started", attempt->started);
    json_put_bool(object, "resumed", attempt->resumed);
    json_put_bool(object, "fresh", attempt->fresh);
    json_put_bool(object, "suspect", attempt->suspect);
    json_put_bool(object, "prefetched", attempt->prefetch);
    json_put_bool(object, "connected", attempt->connected);
    if (attempt->leased) {
        json_put_i64(object, "lease_left_ms", attempt->lease_left_ms);
    }
    if (attempt->stop != STOP_NONE) {
        json_put_str(object, "stop_reason", stop_reason_name(attempt->stop));
    }
    return object;
}

static json_t *trial_json(const struct explain_trial *trial)
{
    json_t *object = json_object();
    json_put_i64(object, "number", trial->number);
    json_put_str(object, "state", trial_state_name(trial->state));
    if (trial->queue_place > 0) {
        json_put_i64(object, "queue_place", (int64_t)trial->queue_place);
    }
    json_put_bool(object, "by_user", trial->asked);
    if (trial->outside != 0) {
        json_put_i64(object, "outside_since", trial->outside);
    }
    if (trial->holder != NULL) {
        json_put_str(object, "checkpoint_agent", trial->holder);
    }
    if (trial->attempt.number > 0) {
        json_put(object, "attempt", attempt_json(&trial->attempt));
    }
    json_t *retries = json_object();
    json_put(object, "retries", retries);
    for (size_t i = 0; i < trial->retries_len; i++) {
        json_t *retry = json_object();
        json_put_i64(retry, "used", trial->retries[i].used);
        json_put_i64(retry, "limit", trial->retries[i].limit);
        json_put(retries, trial->retries[i].end, retry);
    }
    return object;
}

static json_t *agent_json(const struct explain_agent *agent)
{
    json_t *object = json_object();
    json_put_str(object, "id", agent->id);
    if (agent->host != NULL) {
        json_put_str(object, "host", agent->host);
    }
    json_put_i64(object, "slots", agent->slots);
    json_put_i64(object, "used_slots", agent->used_slots);
    json_put_i64(object, "of_sweep", agent->of_sweep);
    json_put_i64(object, "cpus", agent->cpus);
    json_put_i64(object, "used_cpus", agent->used_cpus);
    json_put_i64(object, "memory_bytes", (int64_t)agent->memory_bytes);
    json_put_i64(object, "used_memory_bytes", (int64_t)agent->used_memory);
    json_put_i64(object, "gpus", agent->gpus);
    json_put_i64(object, "used_gpus", agent->used_gpus);
    json_put_bool(object, "leaving", agent->leaving);
    json_put_bool(object, "aside", agent->aside);
    if (agent->aside) {
        json_put_i64(object, "probe_left_ms", agent->probe_left_ms);
    }
    if (agent->aside_cause != NULL) {
        json_put_str(object, "aside_cause", agent->aside_cause);
    }
    return object;
}

static json_t *reasons_json(const struct explanation *found)
{
    json_t *reasons = json_array();
    for (size_t i = 0; i < found->reasons.len; i++) {
        const struct explain_reason *reason = &found->reasons.ptr[i];
        json_t *object = json_object();
        json_put_str(object, "code", explain_code_name(reason->code));
        json_put_str(object, "text", reason->text);
        if (reason->change != NULL) {
            json_put_str(object, "change", reason->change);
        }
        json_push(reasons, object);
    }
    return reasons;
}

enum err_code explain_json(const struct engine *engine,
                           const char *sweep,
                           const uint32_t *trial,
                           json_t **out,
                           struct err *err)
{
    AUTO_EXPLANATION struct explanation found = { 0 };
    enum err_code code = engine_explain(engine, sweep, trial, &found, err);
    if (code != ERR_OK) {
        return code;
    }
    json_t *answer = json_object();
    json_put_bool(answer, "live", found.live);
    json_put(answer, "sweep", sweep_json(&found));
    if (found.is_trial) {
        json_put(answer, "trial", trial_json(&found.trial));
    } else {
        json_t *agents = json_array();
        json_put(answer, "agents", agents);
        for (size_t i = 0; i < found.agents.len; i++) {
            json_push(agents, agent_json(&found.agents.ptr[i]));
        }
    }
    json_put(answer, "reasons", reasons_json(&found));
    *out = answer;
    return ERR_OK;
}
