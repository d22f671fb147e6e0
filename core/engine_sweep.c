/* SPDX-License-Identifier: Apache-2.0 */
/* engine_sweep.c – sweeps: submitting, steering, budgets, ends.
 * Owns the identity rule, the failure breaker and every change of a sweep's state.
 * Knows trials by their counts. Does not know agents beyond asking attempts to stop.
 *
 *             budget, target, time, space used up
 *   running ──────────────────────────────────────► finished
 *     │  ▲ ╲                 no point can be found
 *     ▼  │  ╲───────────────────────────────────────► failed
 *   paused ──── stop (also from running) ───────────► stopped
 *
 * An ended sweep runs again only when trials of it are retried (engine_retry.c); these
 * run although a budget is used up, and nothing else does. */
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/engine_internal.h"

#define REPLY_BYTES_MAX 4096u

/* ---- replies ---- */

void engine_reply(
    struct effects *effects,
    uint64_t token,
    enum err_code code,
    /* NOLINTNEXTLINE(readability-non-const-parameter): the effect owns it */
    char *text_taken)
{
    if (token == 0) {
        mem_free(text_taken);
        return;
    }
    struct effect effect = { .kind = FX_REPLY,
                             .after_commit = true,
                             .as.reply = {
                                 .token = token, .code = code, .text = text_taken } };
    vec_push(&effects->list, effect);
}

/* Names of sweeps are plain ASCII without quotes, so they need no escaping. */
static void reply_sweep(struct effects *effects,
                        uint64_t token,
                        const struct sweep *sweep,
                        const char *status)
{
    engine_reply(
        effects, token, ERR_OK,
        mem_printf("{\"id\":\"%s\",\"name\":\"%s\",\"status\":\"%s\",\"state\":\"%s\"}",
                   sweep->run_id.hex, sweep->spec->name, status,
                   sweep_state_name(sweep->state)));
}

/* ---- states ---- */

static void set_state(struct engine *engine,
                      struct sweep *sweep,
                      struct rec_sweep_state to,
                      const char *cause,
                      struct effects *effects)
{
    struct record record = { .kind = REC_SWEEP_STATE,
                             .key = { .sweep = sweep->key },
                             .run_key = sweep->run_key,
                             .cause = cause,
                             .as.sweep_state = to };
    engine_emit(engine, effects, &record);
}

void engine_set_sweep_state(struct engine *engine,
                            struct sweep *sweep,
                            enum sweep_state state,
                            const char *cause,
                            struct effects *effects)
{
    set_state(engine, sweep, (struct rec_sweep_state){ .state = state }, cause,
              effects);
}

int64_t sweep_elapsed_ms(const struct engine *engine, const struct sweep *sweep)
{
    int64_t running =
        sweep->running_since_ms > 0 ? engine->wall.ms - sweep->running_since_ms : 0;
    return sweep->elapsed_ms + (running > 0 ? running : 0);
}

static bool target_reached(const struct sweep *sweep)
{
    const struct budget *budget = &sweep->spec->budget;
    return budget->has_target && sweep->best != NULL
           && !objective_better(&sweep->spec->objective, budget->target,
                                sweep->best->value);
}

static bool time_used_up(const struct engine *engine, const struct sweep *sweep)
{
    int64_t budget_ms = sweep->spec->budget.time_ms;
    return budget_ms > 0 && sweep_elapsed_ms(engine, sweep) >= budget_ms;
}

bool sweep_is_used_up(const struct engine *engine,
                      const struct sweep *sweep,
                      const char **why_out)
{
    const struct budget *budget = &sweep->spec->budget;
    uint32_t done = sweep->counts[TRIAL_FINISHED] + sweep->counts[TRIAL_PRUNED];
    *why_out = NULL;
    if (target_reached(sweep)) {
        *why_out = SWEEP_CAUSE_TARGET;
    } else if (time_used_up(engine, sweep)) {
        *why_out = SWEEP_CAUSE_TIME;
    } else if (budget->trials > 0 && done >= budget->trials) {
        *why_out = SWEEP_CAUSE_TRIALS;
    }
    return *why_out != NULL;
}

bool sweep_is_over(const struct engine *engine,
                   const struct sweep *sweep,
                   const char **why_out)
{
    const char *why = "";
    bool over =
        sweep_state_is_final(sweep->state) || sweep_is_used_up(engine, sweep, &why);
    if (why_out != NULL) {
        *why_out = why;
    }
    return over;
}

/* ---- bringing a sweep to rest ---- */

static void cancel_trial(struct engine *engine,
                         struct trial *trial,
                         const char *cause,
                         struct effects *effects)
{
    struct record record = { .key = { .sweep = trial->sweep->key,
                                      .trial = trial->number },
                             .run_key = trial->run_key,
                             .cause = cause };
    if (trial->live != NULL) { /* a suspect attempt: nobody waits for it any more */
        record.kind = REC_ENDED;
        record.key.attempt = trial->live->number;
        record.as.ended = (struct rec_ended){ .end = END_LOST,
                                              .state = TRIAL_CANCELLED,
                                              .end_ms = engine->wall.ms };
    } else {
        record.kind = REC_TRIAL_STATE;
        record.as.trial_state.state = TRIAL_CANCELLED;
    }
    engine_emit(engine, effects, &record);
}

/* What the user asked for again outlives a used-up budget. */
static bool is_spared(const struct trial *trial)
{
    return trial->retried && trial->sweep->state == SWEEP_RUNNING;
}

static void cancel_listed(struct engine *engine,
                          const struct list *list,
                          const char *cause,
                          struct effects *effects)
{
    LIST_FOREACH_SAFE (node, next, list) {
        struct trial *trial = container_of(node, struct trial, queue_node);
        if (!is_spared(trial)) {
            cancel_trial(engine, trial, cause, effects);
        }
    }
}

/* Calls for each live attempt of the sweep that is neither suspect nor spared. */
static void stop_live(struct engine *engine,
                      struct sweep *sweep,
                      enum stop_reason reason,
                      bool only_prefetched,
                      const char *cause,
                      struct effects *effects)
{
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->agents, &pos, NULL, &item)) {
        struct agent *agent = item;
        LIST_FOREACH (node, &agent->attempts) {
            struct attempt *attempt = container_of(node, struct attempt, agent_node);
            if (attempt->trial->sweep == sweep && !attempt->suspect
                && !is_spared(attempt->trial)
                && (attempt->prefetch || !only_prefetched)) {
                engine_stop_attempt(engine, attempt, reason, cause, effects);
            }
        }
    }
}

void engine_recall_sweep(struct engine *engine,
                         struct sweep *sweep,
                         const char *cause,
                         struct effects *effects)
{
    stop_live(engine, sweep, STOP_RECALLED, true, cause, effects);
}

static void tell_rest(struct sweep *sweep, struct effects *effects)
{
    if (sweep->rest_told) {
        return;
    }
    sweep->rest_told = true;
    struct effect effect = { .kind = FX_SWEEP_ENDED,
                             .after_commit = true,
                             .as.sweep_ended = { .sweep = sweep->key,
                                                 .state = sweep->state } };
    vec_push(&effects->list, effect);
}

static void wind_down(struct engine *engine,
                      struct sweep *sweep,
                      const char *cause,
                      bool drain,
                      struct effects *effects)
{
    bool spares = sweep->state == SWEEP_RUNNING;
    uint32_t queued = spares ? sweep->retried_queued : 0;
    uint32_t running = spares ? sweep->retried_open - sweep->retried_queued : 0;
    if (sweep->counts[TRIAL_QUEUED] > queued) {
        cancel_listed(engine, &sweep->queue, cause, effects);
        cancel_listed(engine, &sweep->held, cause, effects);
    }
    if (sweep->live > running) {
        stop_live(engine, sweep, drain ? STOP_RECALLED : STOP_CANCELLED, drain, cause,
                  effects);
    }
}

static void
cancel_outside(struct engine *engine, struct list *list, struct effects *effects)
{
    LIST_FOREACH_SAFE (node, next, list) {
        struct trial *trial = container_of(node, struct trial, queue_node);
        if (trial->outside != 0) {
            AUTO_FREE char *cause =
                mem_printf("outside the space since revision %u", trial->outside);
            cancel_trial(engine, trial, cause, effects);
        }
    }
}

/* What waits at an agent takes over a place there, so the number would stay. */
static bool above_parallel(const struct sweep *sweep)
{
    uint32_t parallel = sweep->spec->run.parallel;
    return parallel > 0 && sweep->occupying > parallel;
}

static void
reconcile_running(struct engine *engine, struct sweep *sweep, struct effects *effects)
{
    const char *why = NULL;
    if (sweep_is_used_up(engine, sweep, &why)) {
        /* More can run than the budget has only after it was lowered: they may end. */
        bool drain = !target_reached(sweep) && !time_used_up(engine, sweep);
        wind_down(engine, sweep, why, drain, effects);
    } else if (sweep_wants(engine, sweep) == 0 && sweep->exhausted) {
        why = SWEEP_CAUSE_TRIED;
    }
    if (why != NULL && sweep->live == 0 && sweep->counts[TRIAL_QUEUED] == 0) {
        engine_set_sweep_state(engine, sweep, SWEEP_FINISHED, why, effects);
    }
}

static void
reconcile_sweep(struct engine *engine, struct sweep *sweep, struct effects *effects)
{
    if (sweep->queue_outside > 0) { /* an edited space does not allow their points */
        cancel_outside(engine, &sweep->queue, effects);
        cancel_outside(engine, &sweep->held, effects);
    }
    if (sweep->state == SWEEP_RUNNING) {
        reconcile_running(engine, sweep, effects);
    }
    if (sweep_state_is_final(sweep->state)) {
        wind_down(engine, sweep, sweep->cause, sweep->drain, effects);
    } else if (sweep->state == SWEEP_PAUSED && sweep->live > sweep->occupying) {
        stop_live(engine, sweep, STOP_RECALLED, true, "sweep paused", effects);
    }
    if (above_parallel(sweep) && sweep->live > sweep->occupying) {
        stop_live(engine, sweep, STOP_RECALLED, true, "more run than run.parallel",
                  effects);
    }
    bool rests = sweep_state_is_final(sweep->state)
                 || (sweep->state == SWEEP_PAUSED && !sweep->paused_by_user);
    if (rests && sweep->live == 0) {
        tell_rest(sweep, effects);
    }
}

void engine_reconcile_sweeps(struct engine *engine, struct effects *effects)
{
    size_t kept = 0;
    for (size_t i = 0; i < engine->active.len; i++) {
        struct sweep *sweep = engine->active.ptr[i];
        reconcile_sweep(engine, sweep, effects);
        if (!sweep_state_is_final(sweep->state) || sweep->live > 0) {
            engine->active.ptr[kept++] = sweep;
        }
    }
    engine->active.len = kept;
}

/* ---- the failure breaker ---- */

void engine_check_failures(struct engine *engine,
                           struct sweep *sweep,
                           struct effects *effects)
{
    const struct budget *budget = &sweep->spec->budget;
    if (sweep->state != SWEEP_RUNNING) {
        return;
    }
    uint32_t failed = sweep->failed_since;
    uint32_t ended = sweep->ended_since;
    AUTO_FREE char *cause = NULL;
    if (budget->failures_first > 0 && failed == ended
        && failed >= budget->failures_first) {
        cause = mem_printf("the first %u trials all failed", failed);
    } else if (ended >= FAILURES_SHARE_FROM
               && (double)failed > budget->failures_share * (double)ended) {
        cause = mem_printf("%u of %u trials failed", failed, ended);
    }
    if (cause != NULL) {
        engine_set_sweep_state(engine, sweep, SWEEP_PAUSED, cause, effects);
    }
}

/* ---- submitting ---- */

static struct sweep *create_sweep(struct engine *engine,
                                  const struct ev_submit *submit,
                                  const struct sweep_spec *spec,
                                  struct effects *effects)
{
    AUTO_FREE struct rec_note *tags = mem_alloc_array(spec->tags_len, sizeof *tags);
    for (size_t i = 0; i < spec->tags_len; i++) {
        tags[i] = (struct rec_note){ .is_tag = true,
                                     .name = spec->tags[i].key,
                                     .value = spec->tags[i].value };
    }
    struct record record = {
        .kind = REC_SWEEP_CREATED,
        .key = { .sweep = engine->next_sweep },
        .run_key = engine->next_run_key,
        .as.sweep_created = { .run_id = submit->run_id,
                              .name = spec->name,
                              .metric = spec->objective.metric,
                              .maximize = spec->objective.goal == GOAL_MAX,
                              .tags = tags,
                              .tags_len = spec->tags_len,
                              .text = spec->text,
                              .mlproject = submit->mlproject,
                              .directory = submit->directory },
    };
    engine_emit(engine, effects, &record);
    return engine_sweep(engine, record.key.sweep);
}

/* The sweep of that name goes on, unless its file says something else. */
static void submit_again(struct engine *engine,
                         struct sweep *sweep,
                         const struct sweep_spec *spec,
                         uint64_t token,
                         struct effects *effects)
{
    AUTO_STRBUF struct strbuf keys = STRBUF_INIT(CAUSE_BYTES_MAX);
    if (sweep_spec_diff(sweep->spec, spec, &keys) > 0) {
        engine_reply(
            effects, token, ERR_EXISTS,
            mem_printf(
                "sweep '%s' is unfinished and its file differs in %s; change the "
                "sweep with winnow edit, give back the old values, or start "
                "another one with --new",
                spec->name, strbuf_cstr(&keys)));
        return;
    }
    if (sweep->state == SWEEP_PAUSED) {
        set_state(engine, sweep,
                  (struct rec_sweep_state){ .state = SWEEP_RUNNING, .by_user = true },
                  "submitted again", effects);
    }
    reply_sweep(effects, token, sweep, "resumed");
}

static void submit_spec(struct engine *engine,
                        const struct event *event,
                        const struct sweep_spec *spec,
                        struct effects *effects)
{
    const struct ev_submit *submit = &event->as.submit;
    struct sweep *same =
        submit->force_new ? NULL : engine_sweep_by_name(engine, spec->name);
    if (same != NULL && !sweep_state_is_final(same->state)) {
        submit_again(engine, same, spec, event->token, effects);
        return;
    }
    AUTO_STRBUF struct strbuf keys = STRBUF_INIT(CAUSE_BYTES_MAX);
    if (same != NULL && same->state == SWEEP_FINISHED
        && sweep_spec_diff(same->spec, spec, &keys) == 0) {
        reply_sweep(effects, event->token, same, "finished");
        return;
    }
    reply_sweep(effects, event->token, create_sweep(engine, submit, spec, effects),
                "created");
}

void engine_on_submit(struct engine *engine,
                      const struct event *event,
                      struct effects *effects)
{
    const struct ev_submit *submit = &event->as.submit;
    struct sweep_spec_input input = {
        .text = submit->text,
        .text_len = submit->text_len,
        .source = submit->source,
        .mlproject = submit->mlproject,
        .mlproject_len = submit->mlproject != NULL ? strlen(submit->mlproject) : 0,
        .mlproject_source = "MLproject",
        .samplers = engine->samplers,
        .pruners = engine->pruners,
        .command_optional = submit->command_optional,
    };
    struct err err = { 0 };
    struct sweep_spec *spec = NULL;
    enum err_code code = sweep_spec_parse(&input, &spec, &err);
    if (code != ERR_OK) {
        engine_reply(effects, event->token, code, mem_strdup(err.msg));
        return;
    }
    submit_spec(engine, event, spec, effects);
    sweep_spec_destroy(spec);
}

/* ---- steering ---- */

static enum sweep_state steer_target(enum steer_verb verb)
{
    switch (verb) {
    case STEER_PAUSE:
        return SWEEP_PAUSED;
    case STEER_RESUME:
        return SWEEP_RUNNING;
    case STEER_STOP:
        return SWEEP_STOPPED;
    case STEER_RETRY:
    case STEER_ENQUEUE:
    case STEER_IMPORT:
    case STEER_EDIT:
    case STEER_VERB_NR:
        break;
    }
    UNREACHABLE();
}

void engine_on_steer(struct engine *engine,
                     const struct event *event,
                     struct effects *effects)
{
    const struct ev_steer *steer = &event->as.steer;
    struct err err = { 0 };
    struct sweep *sweep = engine_sweep_by_ref(engine, steer->sweep, &err);
    if (sweep == NULL) {
        engine_reply(effects, event->token, err.code, mem_strdup(err.msg));
        return;
    }
    if (steer->verb == STEER_RETRY) {
        engine_on_retry(engine, sweep, event, effects);
        return;
    }
    if (steer->verb == STEER_ENQUEUE || steer->verb == STEER_IMPORT) {
        engine_on_points(engine, sweep, event, effects);
        return;
    }
    if (steer->verb == STEER_EDIT) {
        engine_on_edit(engine, sweep, event, effects);
        return;
    }
    enum sweep_state to = steer_target(steer->verb);
    if (sweep_state_is_final(sweep->state) && sweep->state != to) {
        engine_reply(effects, event->token, ERR_STATE,
                     mem_printf("sweep '%s' is %s", sweep->spec->name,
                                sweep_state_name(sweep->state)));
        return;
    }
    if (sweep->state != to) {
        struct rec_sweep_state state = { .state = to,
                                         .by_user = true,
                                         .drain = steer->drain };
        set_state(engine, sweep, state, steer->cause, effects);
    }
    reply_sweep(effects, event->token, sweep, "ok");
}
