/* SPDX-License-Identifier: Apache-2.0 */
/* model.c – groups, their densities and their candidates.
 * Owns axes and groups. Knows which trials enter which density and how. Does not know
 * when to use a model.
 *
 * Where this departs from Optuna's TPE, and what it is worth: docs/samplers.md. */
#include "samplers/tpe/model.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "core/logscale.h"

enum {
    BELOW_FINER = 3, /* good kernels may be that much narrower than their number says */
    OPEN_WIDER = 8   /* so many open trials double the variance of candidates */
};

/* ---- groups ---- */

/* Tells parameters apart by the trials in which they were active. */
static uint64_t
activity(const struct suggest_request *request, const struct split *split, size_t i)
{
    const double *x = request->history->x[i];
    uint64_t hash = 1;
    for (size_t r = 0; r < split->below_len; r++) {
        hash = hash * 0x5851f42d4c957f2du + (isnan(x[split->below[r]]) ? 2 : 1);
    }
    for (size_t r = 0; r < split->above_len; r++) {
        hash = hash * 0x5851f42d4c957f2du + (isnan(x[split->above[r]]) ? 2 : 1);
    }
    return hash;
}

static bool has_conditions(const struct space *space)
{
    for (size_t i = 0; i < space->len; i++) {
        if (space->params[i].when != NULL) {
            return true;
        }
    }
    return false;
}

/* Parameters that are in the same group have the same number. */
static void classes(const struct suggest_request *request,
                    const struct split *split,
                    const struct model_settings *settings,
                    uint64_t *class_of)
{
    bool apart = settings->group && has_conditions(request->space);
    for (size_t i = 0; i < request->space->len; i++) {
        if (!settings->multivariate) {
            class_of[i] = i;
        } else {
            class_of[i] = apart ? activity(request, split, i) : 0;
        }
    }
}

/* The group of parameter i: it and those behind it of its class. */
static void group_members(struct group *group,
                          const struct model *model,
                          size_t i,
                          const uint64_t *class_of,
                          bool *placed)
{
    const struct suggest_request *request = model->request;
    const struct space *space = request->space;
    size_t room = space->len - i;
    group->axes = mem_alloc_array(room, sizeof(const struct axis *));
    group->streams = mem_alloc_array(room, sizeof *group->streams);
    for (size_t j = i; j < space->len; j++) {
        if (placed[j] || class_of[j] != class_of[i]
            || model->axes[j].kind == AXIS_FIXED) {
            continue;
        }
        placed[j] = true;
        group->streams[group->axes_len] =
            rng_stream(request->seed, request->trial, str_from(space->params[j].name),
                       RNG_CANDIDATES);
        group->axes[group->axes_len++] = &model->axes[j];
    }
    group->pick = rng_stream(request->seed, request->trial,
                             str_from(space->params[i].name), RNG_ORDER);
}

/* ---- observations ---- */

/* True when a trial says something about the group. */
static bool is_seen(const struct group *group, double *const *columns, size_t row)
{
    for (size_t c = 0; c < group->axes_len; c++) {
        if (axis_knows(group->axes[c], columns[group->axes[c]->param][row])) {
            return true;
        }
    }
    return false;
}

static bool is_open_seen(const struct group *group, const double *x)
{
    for (size_t c = 0; c < group->axes_len; c++) {
        if (axis_knows(group->axes[c], x[group->axes[c]->param])) {
            return true;
        }
    }
    return false;
}

/* The better a good trial, the more it weighs: by the logarithm of its rank, as
 * evolution strategies do; on average 1. */
static void make_below(struct group *group,
                       const struct model *model,
                       const struct split *split,
                       double prior_weight,
                       void *memory)
{
    uint32_t rows[SPLIT_BELOW_MAX];
    double weights[SPLIT_BELOW_MAX];
    double total = 0;
    size_t len = 0;
    double last = logscale_log((double)split->below_len + 0.5);
    for (size_t i = 0; i < split->below_len; i++) {
        if (is_seen(group, model->request->history->x, split->below[i])) {
            rows[len] = split->below[i];
            weights[len] = last - logscale_log((double)split->rank[i] + 1);
            total += weights[len++];
        }
    }
    for (size_t i = 0; i < len; i++) {
        weights[i] *= (double)len / total;
    }
    const struct observations from = { .history = model->request->history,
                                       .rows = rows,
                                       .rows_len = len,
                                       .weights = weights,
                                       .prior_weight = prior_weight,
                                       .finer = BELOW_FINER };
    parzen_init(&group->below, score_best(), group->axes, group->axes_len, &from,
                memory);
}

/* Open trials count as bad ones, all together as much as one. */
static void make_above(struct group *group,
                       const struct model *model,
                       const struct split *split,
                       double prior_weight,
                       void *memory)
{
    const struct suggest_request *request = model->request;
    uint32_t *AUTO_FREE rows = mem_realloc_array(NULL, split->above_len, sizeof *rows);
    const double **AUTO_FREE points =
        mem_alloc_array(request->open_len, sizeof(const double *));
    struct observations from = { .history = request->history,
                                 .rows = rows,
                                 .points = points,
                                 .prior_weight = prior_weight,
                                 .finer = 1 };
    for (size_t i = 0; i < split->above_len; i++) {
        rows[from.rows_len] = split->above[i];
        from.rows_len += is_seen(group, request->history->x, split->above[i]);
    }
    for (size_t i = 0; i < request->open_len; i++) {
        points[from.points_len] = request->open + i * request->space->len;
        from.points_len += is_open_seen(group, points[from.points_len]);
    }
    from.points_weight = 1 / (double)(from.points_len + (from.points_len == 0));
    parzen_init(&group->above, score_best(), group->axes, group->axes_len, &from,
                memory);
}

/* ---- the whole ---- */

static void make_groups(struct model *model,
                        const struct split *split,
                        const struct model_settings *settings)
{
    const struct suggest_request *request = model->request;
    size_t len = request->space->len;
    uint64_t *AUTO_FREE class_of = mem_alloc_array(len, sizeof *class_of);
    bool *AUTO_FREE placed = mem_alloc_array(len, sizeof *placed);
    classes(request, split, settings, class_of);
    for (size_t i = 0; i < len; i++) {
        if (placed[i] || model->axes[i].kind == AXIS_FIXED) {
            continue;
        }
        struct group *group = &model->groups[model->groups_len++];
        group_members(group, model, i, class_of, placed);
        candidates_init(&group->candidates, group->axes_len, model->candidates);
        group->score = mem_alloc_array(model->candidates, sizeof(double));
    }
}

static void
make_densities(struct model *model, const struct split *split, double prior_weight)
{
    size_t below = split->below_len;
    size_t above = split->above_len + model->request->open_len;
    size_t most = below > above ? below : above;
    size_t bytes = parzen_score_bytes(most, model->candidates);
    for (size_t g = 0; g < model->groups_len; g++) {
        const struct group *group = &model->groups[g];
        bytes += parzen_bytes(group->axes, group->axes_len, below);
        bytes += parzen_bytes(group->axes, group->axes_len, above);
    }
    model->memory = mem_realloc_array(NULL, bytes, 1);
    model->work = model->memory;
    unsigned char *at = model->memory + parzen_score_bytes(most, model->candidates);
    for (size_t g = 0; g < model->groups_len; g++) {
        struct group *group = &model->groups[g];
        make_below(group, model, split, prior_weight, at);
        at += parzen_bytes(group->axes, group->axes_len, below);
        make_above(group, model, split, prior_weight, at);
        at += parzen_bytes(group->axes, group->axes_len, above);
    }
}

void model_init(struct model *model,
                const struct suggest_request *request,
                const struct split *split,
                const struct model_settings *settings)
{
    size_t len = request->space->len;
    *model = (struct model){ .request = request, .candidates = settings->candidates };
    model->wider = sqrt(1 + (double)request->open_len / OPEN_WIDER);
    model->axes = mem_alloc_array(len, sizeof *model->axes);
    model->groups = mem_alloc_array(len, sizeof *model->groups);
    model->points = mem_alloc_array(len * settings->candidates, sizeof(double));
    for (size_t i = 0; i < len; i++) {
        axis_init(&model->axes[i], request->space, i);
    }
    make_groups(model, split, settings);
    make_densities(model, split, settings->prior_weight);
}

void model_fini(struct model *model)
{
    for (size_t g = 0; g < model->groups_len; g++) {
        struct group *group = &model->groups[g];
        parzen_fini(&group->below);
        parzen_fini(&group->above);
        candidates_fini(&group->candidates);
        mem_free(group->axes);
        mem_free(group->streams);
        mem_free(group->score);
    }
    for (size_t i = 0; i < model->request->space->len; i++) {
        axis_fini(&model->axes[i]);
    }
    mem_free(model->axes);
    mem_free(model->groups);
    mem_free(model->points);
    mem_free(model->memory);
}

/* ---- candidates ---- */

/* Puts candidate i of the group into the point x. */
static void put(const struct group *group, size_t i, double *x)
{
    for (size_t c = 0; c < group->axes_len; c++) {
        x[group->axes[c]->param] =
            group->candidates.x[c * group->candidates.padded + i];
    }
}

/* The only legal value of every fixed parameter; others are put over it. */
static void put_fixed(const struct model *model, double *x)
{
    const struct space *space = model->request->space;
    for (size_t i = 0; i < space->len; i++) {
        x[i] = space_snap(space, i, space->params[i].low);
    }
}

/* Candidate i of all groups as one point; what is inactive in it is not scored. */
static void make_point(struct model *model, size_t i)
{
    const struct space *space = model->request->space;
    double *x = model->points + i * space->len;
    put_fixed(model, x);
    for (size_t g = 0; g < model->groups_len; g++) {
        put(&model->groups[g], i, x);
    }
    space_prune(space, x);
    if (model->groups_len > 1) {
        return;
    }
    struct group *only = &model->groups[0];
    for (size_t c = 0; c < only->axes_len; c++) {
        only->candidates.x[c * only->candidates.padded + i] = x[only->axes[c]->param];
    }
}

static void draw_and_score(struct model *model)
{
    double *AUTO_FREE above = mem_alloc_array(model->candidates, sizeof *above);
    for (size_t g = 0; g < model->groups_len; g++) {
        struct group *group = &model->groups[g];
        parzen_draw(&group->below, model->wider, &group->pick, group->streams,
                    &group->candidates);
    }
    for (size_t i = 0; i < model->candidates; i++) {
        make_point(model, i);
    }
    for (size_t g = 0; g < model->groups_len; g++) {
        struct group *group = &model->groups[g];
        parzen_score(&group->below, &group->candidates, model->work, group->score);
        parzen_score(&group->above, &group->candidates, model->work, above);
        for (size_t i = 0; i < model->candidates; i++) {
            group->score[i] -= above[i];
        }
    }
}

/* ---- choice ---- */

static bool is_allowed(const struct model *model, const double *x)
{
    const struct suggest_request *request = model->request;
    return !space_is_forbidden(request->space, x) && !suggest_is_tried(request, x);
}

/* The best candidate of every group, put together. */
static void put_best(const struct model *model, double *x)
{
    put_fixed(model, x);
    for (size_t g = 0; g < model->groups_len; g++) {
        const struct group *group = &model->groups[g];
        size_t best = 0;
        for (size_t i = 1; i < model->candidates; i++) {
            best = group->score[i] > group->score[best] ? i : best;
        }
        put(group, best, x);
    }
    space_prune(model->request->space, x);
}

static double total_score(const struct model *model, size_t i)
{
    const double *x = model->points + i * model->request->space->len;
    double total = 0;
    for (size_t g = 0; g < model->groups_len; g++) {
        const struct group *group = &model->groups[g];
        total += isnan(x[group->axes[0]->param]) ? 0 : group->score[i];
    }
    return total;
}

bool model_suggest(struct model *model, double *x_out)
{
    size_t len = model->request->space->len;
    if (model->groups_len == 0) {
        put_fixed(model, x_out);
        space_prune(model->request->space, x_out);
        return is_allowed(model, x_out);
    }
    draw_and_score(model);
    put_best(model, x_out);
    if (is_allowed(model, x_out)) {
        return true;
    }
    const double *best = NULL;
    double most = -HUGE_VAL;
    for (size_t i = 0; i < model->candidates; i++) {
        const double *x = model->points + i * len;
        double score = total_score(model, i);
        if (score > most && is_allowed(model, x)) {
            most = score;
            best = x;
        }
    }
    if (best != NULL) {
        memcpy(x_out, best, len * sizeof *x_out);
    }
    return best != NULL;
}
