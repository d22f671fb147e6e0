/* SPDX-License-Identifier: Apache-2.0 */
/* auto.c – the rule that needs no options: chooses early in a trial's life, by what it
 * learns from finished trials, and lets the chosen ones run to their end.
 * Owns nothing. Knows rung entries of all trials and the curves of finished ones. Does
 * not know how long the trial itself will be.
 *
 * Rungs are the powers of two of the step. At each, a trial's value is read off its
 * curve between two reports, so that trials are compared at equal cost whatever their
 * reports' spacing; only the last rung that a report passes is judged. The length of a
 * trial is the mean of the finished ones.
 *
 * - From FIRST to EARLY of a length the best KEEP go on. Where one of the TOP best
 *   finished trials would have been stopped by that, the cut is loosened until it would
 *   not have been, to at most KEEP_MOST: early ranks are believed as far as they held.
 * - From there to LATE of a length a rung stops only what exceeds the QUOTA of all
 *   trials. Late in its life a curve is shaped by its schedule: to compare a long trial
 *   with a short one there stops the wrong one.
 * - A finished trial counts only at rungs that lie in the first 1/LIFE of its life, for
 *   the same reason.
 * - The first PIONEERS and a share of the others, by their number, are not judged at
 *   all: from them the rule learns what it would have missed.
 * - While no trial has finished, the better half goes on at each rung, from a trial's
 *   SETTLED-th report on. */
#include <math.h>

#include "base/compiler.h"
#include "base/mem.h"
#include "pruners/pruners.h"

enum {
    MAX,
    EXPLORE
};
enum {
    TOP = 5,
    PIONEERS = 8,
    SETTLED = 4
};

/* Shares of a trial's length. */
#define FIRST 0.02
#define EARLY 0.2
#define LATE  0.7
/* Shares of the trials at a rung. */
#define KEEP      0.3
#define KEEP_MOST 0.6
#define MARGIN    0.05 /* worse than the best finished trials, and still good */
/* Share of all trials. */
#define QUOTA    0.06
#define LIFE     3.0
#define STEP_MAX 1e15

static const struct option_def options[] = {
    { .name = "max",
      .kind = OPTION_INT,
      .low = 0,
      .high = STEP_MAX,
      .summary = "steps of a whole trial; 0: learned from those that finish" },
    { .name = "explore",
      .kind = OPTION_FLOAT,
      .preset = 0.02,
      .low = 0,
      .high = 1,
      .summary = "share of the trials that are never stopped" },
};

/* ---- lengths and values ---- */

static double last_step(const struct curve *curve)
{
    return curve->len > 0 ? (double)curve->steps[curve->len - 1] : 0;
}

/* Steps of a whole trial; 0: not known. */
static double length_of(const struct prune_view *view)
{
    double sum = 0;
    size_t known = 0;
    if (view->rule->options[MAX] > 0) {
        return view->rule->options[MAX];
    }
    for (size_t i = 0; i < view->finished_len; i++) {
        sum += last_step(view->finished[i]);
        known += view->finished[i]->len > 0 ? 1u : 0u;
    }
    return known > 0 ? sum / (double)known : 0;
}

/* The loss at that step, on the line between the reports around it. */
static double loss_at(const struct curve *curve, double step)
{
    size_t low = 0;
    size_t high = curve->len - 1;
    if (step <= (double)curve->steps[0]) {
        return curve->losses[0];
    }
    if (step >= (double)curve->steps[high]) {
        return curve->losses[high];
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if ((double)curve->steps[middle] <= step) {
            low = middle;
        } else {
            high = middle;
        }
    }
    double from = (double)curve->steps[low];
    double share = (step - from) / ((double)curve->steps[high] - from);
    return curve->losses[low] + share * (curve->losses[high] - curve->losses[low]);
}

/* True for the same trials whatever happens. */
static bool is_explorer(const struct prune_view *view)
{
    uint64_t mixed = ((uint64_t)view->trial + 1) * 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    mixed ^= mixed >> 31;
    return view->trial < PIONEERS
           || ldexp((double)(mixed >> 11), -53) < view->rule->options[EXPLORE];
}

/* ---- rungs ---- */

static struct rung_key key_of(const struct prune_view *view, uint16_t number)
{
    return (struct rung_key){ .leaf = view->rule->leaf, .number = number };
}

static uint16_t rung_below(int64_t step)
{
    uint16_t number = 0;
    while (number < 62 && step >> (number + 1) > 0) {
        number++;
    }
    return number;
}

/* Enters the trial at the rungs that it passed; gives whether there are any. A first
 * report enters the last only. */
static bool enter(const struct prune_view *view, struct prune_verdict *verdict)
{
    const struct curve *own = view->own;
    uint16_t reached = rung_below(own->steps[own->len - 1]);
    uint16_t number = own->len > 1 ? rung_below(own->steps[0]) : reached;
    for (; number <= reached; number++) {
        struct rung_key key = key_of(view, number);
        const struct rung *rung = rung_table_find(view->rungs, key);
        bool known = rung != NULL && rung_has(rung, view->trial);
        if (!known && verdict->reached_len < PRUNE_RUNGS_MAX) {
            double loss = loss_at(own, ldexp(1, number));
            verdict->reached[verdict->reached_len++] =
                (struct prune_rung){ .key = key,
                                     .loss = isnan(loss) ? HUGE_VAL : loss };
            verdict->rung = number;
        }
    }
    return verdict->rung >= 0;
}

/* What a trial at a rung is compared with. */
struct field {
    double *losses; /* owned; room for one more */
    size_t len;
    uint32_t trials; /* in the sweep, as far as is seen here */
};

/* All that reached the rung before, but for those that were near their end there. */
static struct field field_at(const struct prune_view *view, uint16_t number)
{
    const struct rung *rung = rung_table_find(view->rungs, key_of(view, number));
    size_t entries = rung != NULL ? rung->entries.len : 0;
    struct field field = { .losses = mem_alloc_array(entries + 1, sizeof(double)),
                           .trials = view->trial + 1 };
    for (size_t i = 0; i < entries; i++) {
        if (rung->entries.ptr[i].trial >= field.trials) {
            field.trials = rung->entries.ptr[i].trial + 1;
        }
    }
    AUTO_FREE bool *is_short = mem_alloc_array(field.trials, sizeof *is_short);
    for (size_t i = 0; i < view->finished_len; i++) {
        if (view->finished_trials[i] < field.trials) {
            is_short[view->finished_trials[i]] =
                last_step(view->finished[i]) < LIFE * ldexp(1, number);
        }
    }
    for (size_t i = 0; i < entries; i++) {
        if (!is_short[rung->entries.ptr[i].trial]) {
            field.losses[field.len++] = rung->entries.ptr[i].loss;
        }
    }
    return field;
}

/* ---- how many go on ---- */

/* The next best finished trial behind one of loss `behind`; finished_len: none. */
static size_t next_best(const struct prune_view *view, double behind)
{
    size_t best = view->finished_len;
    for (size_t i = 0; i < view->finished_len; i++) {
        double loss = view->finished_losses[i];
        if (loss > behind
            && (best == view->finished_len || loss < view->finished_losses[best])) {
            best = i;
        }
    }
    return best;
}

/* The share of the field that had to go on for the best finished trials to be in it. */
static double
share_of_best(const struct prune_view *view, const struct field *field, double step)
{
    double share = 0;
    double loss = -HUGE_VAL;
    for (size_t n = 0; n < TOP && n < view->finished_len / 3; n++) {
        size_t best = next_best(view, loss);
        if (best == view->finished_len) {
            break;
        }
        loss = view->finished_losses[best];
        if (last_step(view->finished[best]) < LIFE * step) {
            continue;
        }
        double there = loss_at(view->finished[best], step);
        size_t better = 0;
        for (size_t i = 0; i < field->len; i++) {
            better += field->losses[i] < there ? 1u : 0u;
        }
        share = fmax(share, (double)better / (double)(field->len + 1));
    }
    return share;
}

/* How many of the field and the trial itself go on from the rung. */
static double
places(const struct prune_view *view, const struct field *field, double step)
{
    double length = length_of(view);
    double all = (double)(field->len + 1);
    if (length <= 0) {
        return view->own->len < SETTLED ? all : all / 2;
    }
    if (step < FIRST * length || step > LATE * length) {
        return all;
    }
    if (step > EARLY * length) {
        return QUOTA * field->trials;
    }
    double share = share_of_best(view, field, step) + MARGIN;
    return all * fmin(fmax(share, KEEP), KEEP_MOST);
}

/* The worst loss with which a trial of this loss still goes on; HUGE_VAL: any. */
static double threshold_at(const struct prune_view *view,
                           struct field *field,
                           double step,
                           double own)
{
    double goes_on = ceil(places(view, field, step));
    field->losses[field->len] = own;
    if (goes_on > (double)field->len) {
        return HUGE_VAL;
    }
    return losses_kth(field->losses, field->len + 1,
                      goes_on > 1 ? (size_t)goes_on - 1 : 0);
}

static void decide(const struct prune_view *view, struct prune_verdict *verdict)
{
    if (isnan(curve_last(view->own)) || !enter(view, verdict) || is_explorer(view)) {
        return; /* what is not a number ends the trial without us */
    }
    uint16_t number = (uint16_t)verdict->rung;
    struct field field = field_at(view, number);
    verdict->value = verdict->reached[verdict->reached_len - 1].loss;
    verdict->compared = (uint32_t)field.len;
    verdict->threshold = threshold_at(view, &field, ldexp(1, number), verdict->value);
    verdict->stop = verdict->value > verdict->threshold;
    mem_free(field.losses);
}

static size_t rungs(const struct stop_rule *rule,
                    uint16_t bracket,
                    int64_t longest,
                    int64_t *steps_out,
                    size_t max)
{
    double length = rule->options[MAX] > 0 ? rule->options[MAX] : (double)longest;
    size_t len = 0;
    for (int number = 0; number < 63 && len < max && bracket == 0; number++) {
        double step = ldexp(1, number);
        if (step >= FIRST * length && step <= LATE * length) {
            steps_out[len++] = (int64_t)step;
        }
    }
    return len;
}

static size_t
limits(const struct prune_view *view, struct prune_limit *limits_out, size_t max)
{
    const struct curve *own = view->own;
    size_t len = 0;
    uint16_t number = (uint16_t)(rung_below(own->steps[own->len - 1]) + 1);
    for (; len < max && number < 63 && !is_explorer(view); number++) {
        struct field field = field_at(view, number);
        double loss = threshold_at(view, &field, ldexp(1, number), HUGE_VAL);
        size_t compared = field.len;
        mem_free(field.losses);
        if (compared == 0) {
            break;
        }
        if (loss < HUGE_VAL) {
            limits_out[len++] = (struct prune_limit){ .key = key_of(view, number),
                                                      .step = (int64_t)1 << number,
                                                      .loss = loss };
        }
    }
    return len;
}

const struct pruner_ops pruner_auto = {
    .name = "auto",
    .summary = "chooses early, as hard as finished trials show that early ranks hold, "
               "and lets the chosen run to their end",
    .options = options,
    .options_len = ARRAY_LEN(options),
    .decide = decide,
    .rungs = rungs,
    .limits = limits,
};
