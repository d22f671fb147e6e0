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
#include "core/space_map.h"

/* ---- what is known ---- */

/* The trial's point in the space of `known`; false when it is not one there. */
static bool
point_in(const struct knowledge *known, const struct trial *trial, double *x_out)
{
    const struct space *space = known->revision->spec->space;
    if (trial->revision == known->revision) {
        memcpy(x_out, trial->x, space->len * sizeof *x_out);
        return true;
    }
    return space_map_point(trial->revision->spec->space, space, trial->x, x_out);
}

/* A row whose point is none of the space says nothing but that its trial ended. */
static void forget(struct history_row *row, double *x, size_t dims)
{
    row->loss = (double)NAN;
    row->step = 0;
    for (size_t i = 0; i < dims; i++) {
        x[i] = (double)NAN;
    }
}

/* Adds a row; x is room for a point of that space. */
static void learn(struct knowledge *known,
                  const struct trial *trial,
                  enum trial_state state,
                  double *x)
{
    bool maximize = known->revision->spec->objective.goal == GOAL_MAX;
    bool counts =
        trial->has_value && (state == TRIAL_FINISHED || state == TRIAL_PRUNED);
    double value = maximize ? -trial->value : trial->value;
    struct history_row row = { .trial = trial->number,
                               .state = state,
                               .loss = counts ? value : (double)NAN,
                               .step = counts ? trial->step : 0 };
    if (!point_in(known, trial, x)) {
        forget(&row, x, known->history.dims);
    }
    history_add(&known->history, row, x);
}

void sweep_learn(struct sweep *sweep, const struct trial *trial)
{
    AUTO_FREE double *x = mem_alloc_array(sweep->spec->space->len, sizeof *x);
    learn(sweep->known, trial, trial->state, x);
}

void knowledge_destroy(struct knowledge *known)
{
    if (known != NULL) {
        history_fini(&known->history);
        tried_fini(&known->tried);
        mem_free(known);
    }
}

/* Row by row, so that numbers of rows keep their meaning. */
static void learn_rows(const struct sweep *sweep,
                       const struct history *old,
                       const struct space *old_space,
                       struct knowledge *known)
{
    const struct space *space = known->revision->spec->space;
    AUTO_FREE double *x = mem_alloc_array(space->len, sizeof *x);
    AUTO_FREE double *x_old = mem_alloc_array(old->dims, sizeof *x_old);
    for (size_t i = 0; i < history_total(old); i++) {
        struct history_row row = history_row_at(old, i, x_old);
        if (row.trial != HISTORY_PRIOR) {
            learn(known, sweep->trials.ptr[row.trial], row.state, x);
            continue;
        }
        if (!space_map_point(old_space, space, x_old, x)) {
            forget(&row, x, space->len);
        }
        history_add(&known->history, row, x);
    }
}

void sweep_learn_again(struct sweep *sweep)
{
    struct knowledge *old = sweep->known;
    struct knowledge *known = mem_alloc(sizeof *known);
    known->revision = sweep_newest(sweep);
    history_init(&known->history, known->revision->spec->space->len);
    tried_init(&known->tried, known->revision->spec->space->len);
    if (old != NULL) {
        learn_rows(sweep, &old->history, old->revision->spec->space, known);
    }
    sweep->known = known;
    if (sweep->suggesting && sweep->lent == NULL) {
        sweep->lent = old; /* until the answer comes */
    } else {
        knowledge_destroy(old);
    }
}

void sweep_learn_prior(struct sweep *sweep, const struct rec_prior *prior)
{
    bool maximize = sweep->spec->objective.goal == GOAL_MAX;
    struct history_row row = { .trial = HISTORY_PRIOR,
                               .state = prior->state,
                               .loss = maximize ? -prior->value : prior->value,
                               .step = prior->step };
    history_add(&sweep->known->history, row, prior->x);
}

/* Imported points are tried too. */
static void catch_up_prior(struct knowledge *known, double *x)
{
    const struct history *history = &known->history;
    for (; known->tried_rows < history->len; known->tried_rows++) {
        if (history->trial[known->tried_rows] != HISTORY_PRIOR) {
            continue;
        }
        (void)history_row_at(history, known->tried_rows, x);
        tried_add_prior(&known->tried, x);
    }
}

/* Brings the tried points up to the trials that exist. Not done when a trial is made:
 * a sampler may be reading them then. */
static void catch_up(const struct sweep *sweep, struct knowledge *known)
{
    AUTO_FREE double *x = mem_alloc_array(known->history.dims, sizeof *x);
    while (known->tried_upto < sweep->trials.len) {
        const struct trial *trial = sweep->trials.ptr[known->tried_upto++];
        if (point_in(known, trial, x)) {
            tried_add(&known->tried, x, trial->number);
        }
    }
    catch_up_prior(known, x);
}

struct suggest_known
engine_known(struct engine *engine, uint32_t key, uint32_t revision)
{
    struct sweep *sweep = engine_sweep(engine, key);
    ASSERT(sweep != NULL);
    bool edited = revision != sweep->revisions.len;
    struct knowledge *known = edited ? sweep->lent : sweep->known;
    ASSERT(known != NULL && known->revision->number == revision);
    const struct sweep_spec *spec = known->revision->spec;
    if (!known->history.frozen && spec->avoid_duplicates) {
        catch_up(sweep, known);
    }
    return (struct suggest_known){ .spec = spec,
                                   .history = &known->history,
                                   .tried =
                                       spec->avoid_duplicates ? &known->tried : NULL };
}

/* Which of the trials below `before` were open when the history had so many rows: the
 * present states, with the later rows taken back. */
static bool *open_flags(const struct sweep *sweep, size_t rows, uint32_t before)
{
    const struct history *history = &sweep->known->history;
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
    len = 0;
    for (uint32_t i = 0; i < of.before; i++) {
        if (open[i]
            && point_in(sweep->known, sweep->trials.ptr[i], points + len * dims)) {
            len++;
        }
    }
    *len_out = len;
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
                              .revision = sweep_newest(sweep)->number,
                              .first = (uint32_t)sweep->trials.len,
                              .count = count,
                              .cursor = sweep->cursor,
                              .history_len = sweep->known->history.len };
    if (sweep->spec->sampler->learns) {
        ask.open = engine_open_points(engine, sweep->key,
                                      (struct open_points_of){ .rows = ask.history_len,
                                                               .before = ask.first,
                                                               .room = count },
                                      &ask.open_len);
    }
    (void)engine_known(engine, sweep->key,
                       ask.revision); /* catches up before the sampler reads */
    sweep->suggesting = true;
    history_freeze(&sweep->known->history);
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
    if (sweep->lent != NULL) {
        knowledge_destroy(sweep->lent);
        sweep->lent = NULL;
        return; /* it was asked before an edit */
    }
    history_thaw(&sweep->known->history);
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
