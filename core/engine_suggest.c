/* SPDX-License-Identifier: Apache-2.0 */
/* engine_suggest.c – asking a sweep's sampler, and making trials of its answers.
 * Owns what a suggestion may know: the rows of the history, the open trials, the points
 * that were tried. Knows trials by their states. Does not know when more are wanted
 * (sched.c), nor any algorithm.
 *
 * One request a sweep is out at a time. Its history stands still meanwhile, so that a
 * sampler may read it on another thread; and the number of rows it saw is stored with
 * each trial, so that the suggestion can be derived again.
 */
#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/engine_internal.h"

/* ---- what is known ---- */

void sweep_learn(struct sweep *sweep, const struct trial *trial)
{
    bool maximize = sweep->spec->objective.goal == GOAL_MAX;
    bool counts = trial->has_value
                  && (trial->state == TRIAL_FINISHED || trial->state == TRIAL_PRUNED);
    double value = maximize ? -trial->value : trial->value;
    struct history_row row = { .trial = trial->number,
                               .state = trial->state,
                               .loss = counts ? value : (double)NAN,
                               .step = counts ? trial->step : 0 };
    history_add(&sweep->history, row, trial->x);
}

void sweep_learn_prior(struct sweep *sweep, const struct rec_prior *prior)
{
    bool maximize = sweep->spec->objective.goal == GOAL_MAX;
    struct history_row row = { .trial = HISTORY_PRIOR,
                               .state = prior->state,
                               .loss = maximize ? -prior->value : prior->value,
                               .step = prior->step };
    history_add(&sweep->history, row, prior->x);
}

/* Imported points are tried too. */
static void catch_up_prior(struct sweep *sweep)
{
    const struct history *history = &sweep->history;
    AUTO_FREE double *x = mem_alloc_array(history->dims, sizeof *x);
    for (; sweep->tried_rows < history->len; sweep->tried_rows++) {
        if (history->trial[sweep->tried_rows] != HISTORY_PRIOR) {
            continue;
        }
        for (size_t i = 0; i < history->dims; i++) {
            x[i] = history->x[i][sweep->tried_rows];
        }
        tried_add_prior(&sweep->tried, x);
    }
}

/* Brings the tried points up to the trials that exist. Not done when a trial is made:
 * a sampler may be reading them then. */
static void catch_up(struct sweep *sweep)
{
    while (sweep->tried_upto < sweep->trials.len) {
        const struct trial *trial = sweep->trials.ptr[sweep->tried_upto++];
        tried_add(&sweep->tried, trial->x, trial->number);
    }
    catch_up_prior(sweep);
}

struct suggest_known engine_known(struct engine *engine, uint32_t key)
{
    struct sweep *sweep = engine_sweep(engine, key);
    ASSERT(sweep != NULL);
    if (!sweep->history.frozen && sweep->spec->avoid_duplicates) {
        catch_up(sweep);
    }
    return (struct suggest_known){ .spec = sweep->spec,
                                   .history = &sweep->history,
                                   .tried = sweep->spec->avoid_duplicates
                                                ? &sweep->tried
                                                : NULL };
}

/* Which of the trials below `before` were open when the history had so many rows: the
 * present states, with the later rows taken back. */
static bool *open_flags(const struct sweep *sweep, size_t rows, uint32_t before)
{
    const struct history *history = &sweep->history;
    bool *open = mem_alloc_array(before, sizeof *open);
    for (uint32_t i = 0; i < before; i++) {
        open[i] = !trial_state_is_final(sweep->trials.ptr[i]->state);
    }
    for (size_t i = history->len; i > rows; i--) {
        if (history->trial[i - 1] < before) {
            open[history->trial[i - 1]] =
                trial_state_is_final((enum trial_state)history->state[i - 1]);
        }
    }
    return open;
}

double *engine_open_points(const struct engine *engine,
                           uint32_t key,
                           struct open_points_of of,
                           size_t *len_out)
{
    const struct sweep *sweep = engine_sweep(engine, key);
    ASSERT(sweep != NULL && of.before <= sweep->trials.len);
    size_t dims = sweep->spec->space->len;
    AUTO_FREE bool *open = open_flags(sweep, of.rows, of.before);
    size_t len = 0;
    for (uint32_t i = 0; i < of.before; i++) {
        len += open[i] ? 1u : 0u;
    }
    double *points = mem_alloc_array((len + of.room) * dims, sizeof *points);
    *len_out = len;
    len = 0;
    for (uint32_t i = 0; i < of.before; i++) {
        if (open[i]) {
            memcpy(points + len++ * dims, sweep->trials.ptr[i]->x,
                   dims * sizeof *points);
        }
    }
    return points;
}

/* ---- asking ---- */

void engine_ask_sampler(struct engine *engine,
                        struct sweep *sweep,
                        uint32_t count,
                        struct effects *effects)
{
    ASSERT(!sweep->suggesting && count > 0);
    struct fx_suggest ask = { .sweep = sweep->key,
                              .first = (uint32_t)sweep->trials.len,
                              .count = count,
                              .cursor = sweep->cursor,
                              .history_len = sweep->history.len };
    if (sweep->spec->sampler->learns) {
        ask.open = engine_open_points(engine, sweep->key,
                                      (struct open_points_of){ .rows = ask.history_len,
                                                               .before = ask.first,
                                                               .room = count },
                                      &ask.open_len);
    }
    (void)engine_known(engine, sweep->key); /* catches up before the sampler reads */
    sweep->suggesting = true;
    history_freeze(&sweep->history);
    struct effect effect = { .kind = FX_SUGGEST, .as.suggest = ask };
    vec_push(&effects->list, effect);
}

/* ---- the answer ---- */

/* Prints the active parameters; *params_out and *texts hold them until freed. */
static size_t print_params(const struct space *space,
                           const double *x,
                           struct rec_param *params,
                           struct strbuf *texts)
{
    size_t len = 0;
    for (size_t i = 0; i < space->len; i++) {
        struct value value = space_value(space, i, x[i]);
        if (value.kind == VALUE_NONE) {
            continue;
        }
        params[len++] =
            (struct rec_param){ .name = space->params[i].name, .kind = value.kind };
        value_print(value, texts);
        strbuf_addc(texts, '\0');
    }
    const char *text = strbuf_cstr(texts);
    for (size_t i = 0; i < len; i++) {
        params[i].text = text;
        text += strlen(text) + 1;
    }
    return len;
}

void engine_create_trial(struct engine *engine,
                         struct sweep *sweep,
                         struct new_trial made,
                         struct effects *effects)
{
    const struct space *space = sweep->spec->space;
    uint32_t number = (uint32_t)sweep->trials.len;
    AUTO_FREE struct rec_param *params = mem_alloc_array(space->len, sizeof *params);
    AUTO_STRBUF struct strbuf texts = STRBUF_INIT(SIZE_MAX / 2);
    struct record record = {
        .kind = REC_TRIAL_CREATED,
        .key = { .sweep = sweep->key, .trial = number },
        .run_key = engine->next_run_key,
        .as.trial_created = { .x = made.x,
                              .x_len = space->len,
                              .cursor = made.cursor,
                              .history = made.history,
                              .enqueued = made.enqueued,
                              .by_user = made.by_user,
                              .run_id = run_id_of_trial(&sweep->run_id, number),
                              .params = params },
    };
    record.as.trial_created.params_len = print_params(space, made.x, params, &texts);
    engine_emit(engine, effects, &record);
}

void engine_on_suggested(struct engine *engine,
                         const struct event *event,
                         struct effects *effects)
{
    const struct ev_suggested *suggested = &event->as.suggested;
    struct sweep *sweep = engine_sweep(engine, suggested->sweep);
    if (sweep == NULL || !sweep->suggesting) {
        return;
    }
    sweep->suggesting = false;
    history_thaw(&sweep->history);
    if (sweep->state != SWEEP_RUNNING || suggested->first != sweep->trials.len) {
        return; /* asked again when it is wanted again */
    }
    size_t stride = sweep->spec->space->len;
    uint64_t wants = sweep_wants(engine, sweep);
    size_t len = suggested->len < wants ? suggested->len : (size_t)wants;
    for (size_t i = 0; i < len; i++) {
        struct new_trial made = { .x = suggested->x + i * stride,
                                  .cursor = suggested->cursor[i],
                                  .history = suggested->history };
        engine_create_trial(engine, sweep, made, effects);
    }
    sweep->exhausted = suggested->exhausted && len == suggested->len;
    if (suggested->error != NULL) {
        engine_set_sweep_state(engine, sweep, SWEEP_FAILED, suggested->error, effects);
    }
}
