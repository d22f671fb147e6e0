/* SPDX-License-Identifier: Apache-2.0 */
/* asha.c – successive halving without waiting (Li et al., "A system for massively
 * parallel hyperparameter tuning", MLSys 2020), the variant that stops; and Hyperband
 * over it (Li et al., JMLR 18, 2018).
 * Owns nothing. Knows rung entries of all trials, running and stopped ones too. Does
 * not know more of other trials.
 *
 * A trial reaches rung r with its first report at or behind step min * eta^(early + r).
 * Its value there is compared with those of the trials that were there before: it goes
 * on when it is among the best 1/eta, its own value counted; the first always goes on.
 * Hyperband deals the trials to brackets, by a hash of name and number, that differ in
 * `early`; each is compared within its bracket only. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/limits.h"
#include "base/mem.h"
#include "pruners/pruners.h"

enum {
    ASHA_MIN,
    ASHA_MAX,
    ASHA_ETA,
    ASHA_EARLY,
    ASHA_BOOTSTRAP
};
enum {
    HB_MIN,
    HB_MAX,
    HB_ETA,
    HB_BOOTSTRAP
};

#define STEP_MAX     1e15
#define BRACKETS_MAX 64u
#define AUTO_SHARE   100 /* min: auto is this part of a finished trial's length */

/* ---- one race ---- */

struct race {
    double min; /* step of rung 0 before `early` */
    double max; /* no rung from here on; 0: none */
    double eta;
    double early;
    double bootstrap;
    uint16_t bracket;
};

static double rung_step(const struct race *race, uint16_t number)
{
    return race->min * pow(race->eta, race->early + number);
}

/* The k-th least (from 0) of the rung's values and `own`. */
static double kth_least(const struct rung *rung, double own, size_t k)
{
    size_t others = rung != NULL ? rung->entries.len : 0;
    AUTO_FREE double *values = mem_alloc_array(others + 1, sizeof *values);
    for (size_t i = 0; i < others; i++) {
        values[i] = rung->entries.ptr[i].loss;
    }
    values[others] = own;
    return losses_kth(values, others + 1, k);
}

/* The trial stands at the rung with this value: does it go on? */
static bool passes(const struct race *race,
                   const struct rung *rung,
                   double value,
                   struct prune_verdict *verdict)
{
    size_t len = (rung != NULL ? rung->entries.len : 0) + 1;
    size_t best = len / (size_t)race->eta;
    verdict->compared = (uint32_t)(len - 1);
    verdict->threshold = kth_least(rung, value, best > 1 ? best - 1 : 0);
    return (double)len > race->bootstrap && value <= verdict->threshold;
}

static struct rung_key
key_of(const struct prune_view *view, const struct race *race, uint16_t number)
{
    return (struct rung_key){ .leaf = view->rule->leaf,
                              .bracket = race->bracket,
                              .number = number };
}

/* The first rung that the trial has not an entry at. */
static uint16_t next_rung(const struct prune_view *view, const struct race *race)
{
    uint16_t number = 0;
    for (;; number++) {
        const struct rung *rung =
            rung_table_find(view->rungs, key_of(view, race, number));
        if (rung == NULL || !rung_has(rung, view->trial)) {
            return number;
        }
    }
}

static void run(const struct prune_view *view,
                const struct race *race,
                struct prune_verdict *verdict)
{
    double step = (double)view->own->steps[view->own->len - 1];
    double value = curve_last(view->own);
    uint16_t number = next_rung(view, race);
    for (; step >= rung_step(race, number); number++) {
        if (race->max > 0 && rung_step(race, number) >= race->max) {
            return;
        }
        verdict->rung = number;
        verdict->value = value;
        if (isnan(value)) {
            verdict->stop = true;
            return;
        }
        if (verdict->reached_len == PRUNE_RUNGS_MAX) {
            return;
        }
        struct rung_key key = key_of(view, race, number);
        verdict->reached[verdict->reached_len++] =
            (struct prune_rung){ .key = key, .loss = value };
        if (!passes(race, rung_table_find(view->rungs, key), value, verdict)) {
            verdict->stop = true;
            return;
        }
    }
}

/* Length of the first finished trial that reported, so that what follows from it never
 * changes again; -1: none yet. */
static int64_t first_length(const struct prune_view *view)
{
    for (size_t i = 0; i < view->finished_len; i++) {
        const struct curve *curve = view->finished[i];
        if (curve->len > 0) {
            return curve->steps[curve->len - 1];
        }
    }
    return -1;
}

static size_t
race_steps(const struct race *race, double longest, int64_t *out, size_t max)
{
    size_t len = 0;
    for (; len < max; len++) {
        double step = ceil(rung_step(race, (uint16_t)len));
        if (step > longest || (race->max > 0 && step >= race->max)) {
            break;
        }
        out[len] = (int64_t)step;
    }
    return len;
}

/* What each rung of the race demands now. */
static size_t race_limits(const struct prune_view *view,
                          const struct race *race,
                          struct prune_limit *out,
                          size_t max)
{
    size_t len = 0;
    for (uint16_t number = next_rung(view, race); len < max; number++) {
        struct rung_key key = key_of(view, race, number);
        const struct rung *rung = rung_table_find(view->rungs, key);
        if (rung == NULL || rung->entries.len == 0
            || (race->max > 0 && rung_step(race, number) >= race->max)) {
            break;
        }
        /* One more value, worse than all, does not move the place that is looked at. */
        size_t best = (rung->entries.len + 1) / (size_t)race->eta;
        out[len++] = (struct prune_limit){
            .key = key,
            .step = (int64_t)ceil(rung_step(race, number)),
            .loss = kth_least(rung, HUGE_VAL, best > 1 ? best - 1 : 0),
        };
    }
    return len;
}

/* ---- asha ---- */

static const struct option_def asha_options[] = {
    { .name = "min",
      .kind = OPTION_INT,
      .preset = 1,
      .low = 0,
      .high = STEP_MAX,
      .summary = "step of the first rung; 0: a hundredth of the first finished trial" },
    { .name = "max",
      .kind = OPTION_INT,
      .low = 0,
      .high = STEP_MAX,
      .summary = "no rung from this step on; 0: no such bound" },
    { .name = "eta",
      .kind = OPTION_INT,
      .preset = 3,
      .low = 2,
      .high = 1e6,
      .summary = "one in eta goes on; each rung is eta times as far" },
    { .name = "early",
      .kind = OPTION_INT,
      .low = 0,
      .high = 60,
      .summary = "rungs left out at the beginning" },
    { .name = "bootstrap",
      .kind = OPTION_INT,
      .low = 0,
      .high = 1e6,
      .summary = "trials that stop at a rung before any goes on" },
};

static enum err_code asha_check(const double *values, struct err *err)
{
    if (values[ASHA_MAX] > 0 && values[ASHA_MIN] > values[ASHA_MAX]) {
        return err_set(err, ERR_INVALID, "'min' must not be above 'max'");
    }
    if (values[ASHA_MIN] == 0 && values[ASHA_BOOTSTRAP] > 0) {
        return err_set(err, ERR_INVALID, "'bootstrap' needs a 'min' of at least 1");
    }
    return ERR_OK;
}

/* False while `min: 0` is not known. */
static bool asha_race(const struct prune_view *view, struct race *race)
{
    const double *values = view->rule->options;
    *race = (struct race){ .min = values[ASHA_MIN],
                           .max = values[ASHA_MAX],
                           .eta = values[ASHA_ETA],
                           .early = values[ASHA_EARLY],
                           .bootstrap = values[ASHA_BOOTSTRAP] };
    if (race->min == 0) {
        int64_t length = first_length(view);
        int64_t share = length / AUTO_SHARE;
        race->min = share > 1 ? (double)share : 1;
        return length >= 0;
    }
    return true;
}

static void asha_decide(const struct prune_view *view, struct prune_verdict *verdict)
{
    struct race race;
    if (asha_race(view, &race)) {
        run(view, &race, verdict);
    }
}

static size_t asha_rungs(const struct stop_rule *rule,
                         uint16_t bracket,
                         int64_t longest,
                         int64_t *steps_out,
                         size_t max)
{
    const double *values = rule->options;
    int64_t share = longest / AUTO_SHARE;
    double length = (double)share;
    struct race race = { .min = values[ASHA_MIN] > 0 ? values[ASHA_MIN]
                                : length > 1         ? length
                                                     : 1,
                         .max = values[ASHA_MAX],
                         .eta = values[ASHA_ETA],
                         .early = values[ASHA_EARLY] };
    return bracket == 0 ? race_steps(&race, (double)longest, steps_out, max) : 0;
}

static size_t
asha_limits(const struct prune_view *view, struct prune_limit *out, size_t max)
{
    struct race race;
    return asha_race(view, &race) ? race_limits(view, &race, out, max) : 0;
}

const struct pruner_ops pruner_asha = {
    .name = "asha",
    .summary = "at each rung the best 1/eta of the trials so far go on",
    .options = asha_options,
    .options_len = ARRAY_LEN(asha_options),
    .check = asha_check,
    .decide = asha_decide,
    .rungs = asha_rungs,
    .limits = asha_limits,
};

/* ---- hyperband ---- */

static const struct option_def hyperband_options[] = {
    { .name = "min",
      .kind = OPTION_INT,
      .preset = 1,
      .low = 1,
      .high = STEP_MAX,
      .summary = "step of the first rung of the most eager bracket" },
    { .name = "max",
      .kind = OPTION_INT,
      .low = 0,
      .high = STEP_MAX,
      .summary = "steps of a whole trial; 0: as the first finished trial" },
    { .name = "eta",
      .kind = OPTION_INT,
      .preset = 3,
      .low = 2,
      .high = 1e6,
      .summary = "one in eta goes on; each rung is eta times as far" },
    { .name = "bootstrap",
      .kind = OPTION_INT,
      .low = 0,
      .high = 1e6,
      .summary = "trials that stop at a rung before any goes on" },
};

static enum err_code hyperband_check(const double *values, struct err *err)
{
    return values[HB_MAX] == 0 || values[HB_MIN] <= values[HB_MAX]
               ? ERR_OK
               : err_set(err, ERR_INVALID, "'min' must not be above 'max'");
}

/* CRC-32 as zlib has it. */
static uint32_t crc32_of(const char *text)
{
    uint32_t crc = 0xffffffffu;
    for (; *text != '\0'; text++) {
        crc ^= (unsigned char)*text;
        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static uint32_t bracket_count(const double *values, double max)
{
    double count = floor(log(max / values[HB_MIN]) / log(values[HB_ETA])) + 1;
    return count < 1 ? 1 : count > BRACKETS_MAX ? BRACKETS_MAX : (uint32_t)count;
}

/* Trials in `count` whole rounds that bracket b gets. */
static uint64_t bracket_share(double eta, uint32_t count, uint32_t b)
{
    uint32_t rungs = count - 1 - b;
    return (uint64_t)ceil((double)count * pow(eta, rungs) / (rungs + 1));
}

static uint32_t bracket_of(const struct prune_view *view, double eta, uint32_t count)
{
    char text[NAME_BYTES_MAX + 16];
    uint64_t total = 0;
    for (uint32_t b = 0; b < count; b++) {
        total += bracket_share(eta, count, b);
    }
    int len = snprintf(text, sizeof text, "%s_%u", view->sweep, view->trial);
    ASSERT(len > 0 && (size_t)len < sizeof text);
    ASSERT(total > 0);
    uint64_t place = crc32_of(text) % total;
    uint32_t b = 0;
    while (place >= bracket_share(eta, count, b)) {
        place -= bracket_share(eta, count, b++);
    }
    return b;
}

/* False while `max: 0` is not known. */
static bool hyperband_race(const struct prune_view *view, struct race *race)
{
    const double *values = view->rule->options;
    int64_t length = first_length(view);
    double max = values[HB_MAX] > 0 ? values[HB_MAX] : (double)(length + 1);
    if (values[HB_MAX] == 0 && length < 0) {
        return false;
    }
    uint32_t count = bracket_count(values, max);
    uint32_t bracket = bracket_of(view, values[HB_ETA], count);
    *race = (struct race){ .min = values[HB_MIN],
                           .eta = values[HB_ETA],
                           .early = bracket,
                           .bootstrap = values[HB_BOOTSTRAP],
                           .bracket = (uint16_t)bracket };
    return true;
}

static void hyperband_decide(const struct prune_view *view,
                             struct prune_verdict *verdict)
{
    struct race race;
    if (hyperband_race(view, &race)) {
        run(view, &race, verdict);
    }
}

static size_t hyperband_rungs(const struct stop_rule *rule,
                              uint16_t bracket,
                              int64_t longest,
                              int64_t *steps_out,
                              size_t max)
{
    const double *values = rule->options;
    double whole = values[HB_MAX] > 0 ? values[HB_MAX] : (double)longest + 1;
    struct race race = { .min = values[HB_MIN],
                         .eta = values[HB_ETA],
                         .early = bracket };
    return bracket < bracket_count(values, whole)
               ? race_steps(&race, whole - 1, steps_out, max)
               : 0;
}

static size_t
hyperband_limits(const struct prune_view *view, struct prune_limit *out, size_t max)
{
    struct race race;
    return hyperband_race(view, &race) ? race_limits(view, &race, out, max) : 0;
}

const struct pruner_ops pruner_hyperband = {
    .name = "hyperband",
    .summary = "asha in brackets that begin to stop at different steps",
    .options = hyperband_options,
    .options_len = ARRAY_LEN(hyperband_options),
    .check = hyperband_check,
    .decide = hyperband_decide,
    .rungs = hyperband_rungs,
    .limits = hyperband_limits,
};
