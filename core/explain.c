/* SPDX-License-Identifier: Apache-2.0 */
/* explain.c – why a sweep or a trial is as it is.
 * Owns which reasons are looked for in which state, and the facts beside them. Knows
 * the engine's state and changes none of it. Does not know what happened before, nor
 * how the answer is shown.
 */
#include "core/explain.h"

#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "core/explain_internal.h"

#define NAME_CASE(suffix, name)                                                        \
    case EXPLAIN_##suffix:                                                             \
        return name;

const char *explain_code_name(enum explain_code code)
{
    switch (code) {
        EXPLAIN_REASONS(NAME_CASE)
    case EXPLAIN_CODE_NR:
        break;
    }
    UNREACHABLE();
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the reason owns them */
void because(const struct asking *ask, enum explain_code code, char *text, char *change)
{
    vec_push(&ask->out->reasons, ((struct explain_reason){ code, text, change }));
}

/* ---- of sweeps ---- */

static bool why_sampler(const struct asking *ask)
{
    const struct sweep *sweep = ask->sweep;
    if (sweep->suggesting && list_is_empty(&sweep->queue)) {
        because(ask, EXPLAIN_SAMPLER,
                mem_printf("waits for the sampler '%s'", sweep->spec->sampler->name),
                NULL);
    }
    return false;
}

static bool why_working(const struct asking *ask)
{
    uint32_t n = ask->sweep->occupying;
    if (n > 0) {
        because(ask, EXPLAIN_WORKING,
                mem_printf("%u attempt%s", n, n == 1 ? " runs" : "s run"), NULL);
    }
    return false;
}

/* ---- of trials that were given out ---- */

static bool why_suspect(const struct asking *ask)
{
    const struct attempt *attempt = ask->trial->live;
    if (attempt != NULL) {
        because(
            ask, EXPLAIN_SUSPECT,
            mem_printf("agent '%s', which has attempt %u, was silent for %lld s; if "
                       "it comes back before the trial is given out again, the "
                       "attempt goes on",
                       attempt->agent->id, attempt->number,
                       (long long)(ask->engine->lease_ms / MS_PER_S)),
            NULL);
    }
    return false;
}

static bool why_stop_asked(const struct asking *ask)
{
    const struct attempt *attempt = ask->trial->live;
    if (attempt->stop != STOP_NONE) {
        because(ask, EXPLAIN_STOP_ASKED,
                mem_printf("attempt %u was asked to stop: %s", attempt->number,
                           stop_reason_name(attempt->stop)),
                NULL);
    }
    return false;
}

static bool why_away(const struct asking *ask)
{
    const struct agent *agent = ask->trial->live->agent;
    if (agent->peer != 0) {
        return false;
    }
    because(ask, EXPLAIN_AWAY,
            mem_printf("agent '%s' is not connected; what it runs goes on there, and "
                       "the trial is queued again when it is silent for %lld s",
                       agent->id, (long long)(ask->engine->lease_ms / MS_PER_S)),
            NULL);
    return true;
}

static bool why_prefetched(const struct asking *ask)
{
    const struct attempt *attempt = ask->trial->live;
    if (!attempt->prefetch) {
        return false;
    }
    because(
        ask, EXPLAIN_PREFETCHED,
        mem_printf("attempt %u waits at agent '%s' and begins when one of this sweep "
                   "ends there",
                   attempt->number, attempt->agent->id),
        NULL);
    return true;
}

static bool why_preparing(const struct asking *ask)
{
    const struct attempt *attempt = ask->trial->live;
    if (attempt->started) {
        return false;
    }
    because(
        ask, EXPLAIN_PREPARING,
        mem_printf("attempt %u was given to agent '%s', which has not said that its "
                   "program runs",
                   attempt->number, attempt->agent->id),
        NULL);
    return true;
}

/* How a live attempt of a sweep with checkpoints began. */
static const char *start_of(const struct trial *trial)
{
    if (trial->resumed) {
        return ", from its checkpoint";
    }
    return trial->live->fresh ? ", anew: the agent that has its checkpoint was not free"
                              : "";
}

static bool why_running(const struct asking *ask)
{
    const struct attempt *attempt = ask->trial->live;
    because(ask, EXPLAIN_RUNNING,
            mem_printf("attempt %u runs at agent '%s'%s", attempt->number,
                       attempt->agent->id, start_of(ask->trial)),
            NULL);
    return true;
}

/* ---- of trials that ended ---- */

/* The command that lets it run again, behind the edit without which it would come to
 * the same end. */
static char *retry_command(const struct asking *ask)
{
    const struct trial *trial = ask->trial;
    const char *edit = NULL;
    if (trial->outside != 0) {
        edit = ", so that the space allows its point";
    } else if (trial->state == TRIAL_FAILED && trial->last_end == END_TIMEOUT) {
        edit = " --set run.time_limit=DURATION";
    } else if (trial->state == TRIAL_FAILED && trial->last_end == END_OOM) {
        edit = " --set run.resources.memory=SIZE";
    }
    return edit == NULL ? mem_printf("winnow retry %s %u", ask->name, trial->number)
                        : mem_printf("winnow edit %s%s; then winnow retry %s %u",
                                     ask->name, edit, ask->name, trial->number);
}

/* The limit of run.retry that the end of its last attempt counts against. */
static const struct explain_retry *limit_of(const struct asking *ask)
{
    enum attempt_end end = (enum attempt_end)ask->trial->last_end;
    const char *name = attempt_end_name(end == END_EXITED ? END_FAILED : end);
    const struct explain_trial *described = &ask->out->trial;
    for (size_t i = 0; i < described->retries_len; i++) {
        if (strcmp(described->retries[i].end, name) == 0) {
            return &described->retries[i];
        }
    }
    return NULL;
}

static bool why_retry_limit(const struct asking *ask)
{
    const struct explain_retry *limit = limit_of(ask);
    if (ask->trial->state != TRIAL_FAILED || limit == NULL
        || limit->used <= limit->limit) {
        return false;
    }
    because(ask, EXPLAIN_RETRY_LIMIT,
            mem_printf("%u attempt%s counted as %s, and run.retry.%s is %u",
                       limit->used, limit->used == 1 ? "" : "s", limit->end, limit->end,
                       limit->limit),
            retry_command(ask));
    return true;
}

static bool why_not_retried(const struct asking *ask)
{
    because(ask, EXPLAIN_NOT_RETRIED,
            mem_printf("a %s trial does not run again by itself",
                       trial_state_name(ask->trial->state)),
            retry_command(ask));
    return true;
}

/* ---- which to look for ---- */

static const why_fn sweep_whys[] = {
    why_over,          why_paused,   why_ask_tell,  why_no_coordinator, why_disk_full,
    why_shutting_down, why_back_off, why_under_way, why_budget,         why_no_agent,
    why_resources,     why_sampler,  why_parallel,  why_agents_full,    why_working,
};

static const why_fn queued_whys[] = {
    why_suspect,   why_over,          why_paused,     why_ask_tell, why_no_coordinator,
    why_disk_full, why_shutting_down, why_back_off,   why_budget,   why_no_agent,
    why_resources, why_behind,        why_checkpoint, why_parallel, why_agents_full,
};

static const why_fn running_whys[] = {
    why_stop_asked, why_ask_tell,  why_no_coordinator, why_away,
    why_prefetched, why_preparing, why_running,
};

static const why_fn ended_whys[] = { why_retry_limit, why_not_retried };

static void look_for(const struct asking *ask, const why_fn *whys, size_t len)
{
    for (size_t i = 0; i < len && !whys[i](ask); i++) {
    }
}

static void find_reasons(const struct asking *ask)
{
    if (ask->trial == NULL) {
        look_for(ask, sweep_whys, ARRAY_LEN(sweep_whys));
        return;
    }
    switch (ask->trial->state) {
    case TRIAL_QUEUED:
        look_for(ask, queued_whys, ARRAY_LEN(queued_whys));
        return;
    case TRIAL_RUNNING:
        look_for(ask, running_whys, ARRAY_LEN(running_whys));
        return;
    case TRIAL_FAILED:
    case TRIAL_CANCELLED:
        look_for(ask, ended_whys, ARRAY_LEN(ended_whys));
        return;
    case TRIAL_FINISHED: /* for good; the store knows how it came to it */
    case TRIAL_PRUNED:
        return;
    case TRIAL_STATE_NR:
        break;
    }
    UNREACHABLE();
}

/* ---- facts ---- */

static uint32_t slots_of_sweep(const struct agent *agent, const struct sweep *sweep)
{
    uint32_t n = 0;
    LIST_FOREACH (node, &agent->attempts) {
        const struct attempt *attempt = container_of(node, struct attempt, agent_node);
        n += attempt->trial->sweep == sweep && !attempt->suspect && !attempt->prefetch
                 ? 1u
                 : 0u;
    }
    return n;
}

static void list_agents(const struct asking *ask)
{
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&ask->engine->peers, &pos, NULL, &item)) {
        const struct agent *agent = item;
        struct explain_agent row = {
            .id = agent->id,
            .host = agent->host,
            .slots = agent->slots,
            .used_slots = agent->used_slots,
            .cpus = agent->cpus,
            .used_cpus = agent->used_cpus,
            .memory_bytes = agent->memory_bytes,
            .used_memory = agent->used_memory,
            .gpus = gpus_in(agent->gpu_mask),
            .used_gpus = gpus_in(agent->used_gpus),
            .of_sweep = slots_of_sweep(agent, ask->sweep),
            .leaving = agent->leaving,
            .aside = agent->aside,
            .aside_cause = agent->aside_cause,
        };
        if (agent->aside) {
            int64_t left_ms = mono_until_ms(agent->probe_at, ask->engine->now);
            row.probe_left_ms = left_ms > 0 ? left_ms : 0;
        }
        vec_push(&ask->out->agents, row);
    }
}

static void describe_sweep(const struct asking *ask)
{
    struct explanation *out = ask->out;
    const struct sweep *sweep = ask->sweep;
    engine_summary(ask->engine, sweep->key, &out->sweep);
    if (!out->live && sweep->state == SWEEP_RUNNING
        && ask->engine->last.ms > sweep->running_since_ms) {
        /* The last coordinator ran it up to its last record at least. */
        out->sweep.elapsed_ms =
            sweep->elapsed_ms + ask->engine->last.ms - sweep->running_since_ms;
    }
    out->spec = sweep->spec;
    out->revision = sweep_newest(sweep)->number;
    out->queue_len = sweep->counts[TRIAL_QUEUED];
    out->prefetched = sweep->live - sweep->occupying;
    out->failed = sweep->failed_since;
    out->ended = sweep->ended_since;
}

static uint64_t queue_place(const struct trial *trial)
{
    uint64_t place = 0;
    LIST_FOREACH (node, &trial->sweep->queue) {
        place++;
        if (node == &trial->queue_node) {
            return place;
        }
    }
    return 0;
}

static void describe_attempt(const struct asking *ask,
                             const struct attempt *attempt,
                             struct explain_attempt *out)
{
    const struct agent *agent = attempt->agent;
    *out = (struct explain_attempt){ .number = attempt->number,
                                     .agent = agent->id,
                                     .host = agent->host,
                                     .revision = attempt->revision->number,
                                     .started = attempt->started,
                                     .resumed = attempt->trial->resumed,
                                     .fresh = attempt->fresh,
                                     .suspect = attempt->suspect,
                                     .prefetch = attempt->prefetch,
                                     .connected = agent->peer != 0,
                                     .leased = agent->expected,
                                     .stop = attempt->stop };
    if (out->leased) {
        struct mono end = mono_add_ms(agent->seen, ask->engine->lease_ms);
        out->lease_left_ms = mono_until_ms(end, ask->engine->now);
    }
}

static void describe_retries(const struct trial *trial, struct explain_trial *out)
{
    const struct retry_limits *limits = &trial->sweep->spec->run.retry;
    const struct explain_retry rows[] = {
        { "failed", trial->retries[RETRY_FAILED], limits->failed },
        { "lost", trial->retries[RETRY_LOST], limits->lost },
        { "preempted", trial->retries[RETRY_PREEMPTED], limits->preempted },
        { "oom", trial->retries[RETRY_OOM], limits->oom },
        { "timeout", trial->retries[RETRY_TIMEOUT], limits->timeout },
    };
    static_assert(ARRAY_LEN(rows) == RETRY_CAUSE_NR
                      && ARRAY_LEN(rows) <= EXPLAIN_RETRIES_MAX,
                  "one row a cause");
    memcpy(out->retries, rows, sizeof rows);
    if (trial->state == TRIAL_FINISHED) {
        out->retries[0].used--; /* its last attempt ended well */
    }
    out->retries_len = ARRAY_LEN(rows);
}

static void describe_trial(const struct asking *ask)
{
    const struct trial *trial = ask->trial;
    struct explain_trial *out = &ask->out->trial;
    out->number = trial->number;
    out->state = trial->state;
    out->asked = trial->retried;
    out->outside = trial->outside;
    if (trial->state == TRIAL_QUEUED) {
        const struct agent *holder = trial_holder(trial);
        out->queue_place = queue_place(trial);
        out->holder = holder != NULL ? holder->id : NULL;
    }
    if (trial->live != NULL) {
        describe_attempt(ask, trial->live, &out->attempt);
    }
    describe_retries(trial, out);
}

/* ---- asking ---- */

enum err_code engine_explain(const struct engine *engine,
                             const char *ref,
                             const uint32_t *trial,
                             struct explanation *out,
                             struct err *err)
{
    *out = (struct explanation){ .live = engine->started, .is_trial = trial != NULL };
    const struct sweep *sweep = engine_sweep_by_ref(engine, ref, err);
    if (sweep == NULL) {
        return ERR_NOTFOUND;
    }
    if (trial != NULL && *trial >= sweep->trials.len) {
        return err_set(err, ERR_NOTFOUND, "sweep '%s' has no trial %u",
                       sweep->spec->name, *trial);
    }
    bool newest = engine_sweep_by_name(engine, sweep->spec->name) == sweep;
    struct asking ask = {
        .engine = engine,
        .sweep = sweep,
        .trial = trial != NULL ? sweep->trials.ptr[*trial] : NULL,
        .name = newest ? sweep->spec->name : sweep->run_id.hex,
        .out = out,
    };
    describe_sweep(&ask);
    if (ask.trial != NULL) {
        describe_trial(&ask);
    } else {
        list_agents(&ask);
    }
    find_reasons(&ask);
    return ERR_OK;
}

void explanation_fini(struct explanation *explanation)
{
    for (size_t i = 0; i < explanation->reasons.len; i++) {
        mem_free(explanation->reasons.ptr[i].text);
        mem_free(explanation->reasons.ptr[i].change);
    }
    vec_fini(&explanation->reasons);
    vec_fini(&explanation->agents);
}
