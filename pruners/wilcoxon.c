/* SPDX-License-Identifier: Apache-2.0 */
/* wilcoxon.c – folds or seeds compared in pairs with the best finished trial's: stops a
 * trial that is worse with significance (F. Wilcoxon, "Individual comparisons by
 * ranking methods", Biometrics Bulletin 1, 1945). Owns nothing. Knows that a step is an
 * instance here, not time: equal steps are paired.
 *
 * One-sided signed-rank test. Up to 50 pairs without zeros the distribution of the rank
 * sum is exact; else it is the normal approximation with the correction for ties, zeros
 * split between the signs. */
#include <math.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/mem.h"
#include "pruners/pruners.h"

enum {
    P,
    STARTUP
};
enum {
    EXACT_MAX = 50
};

static const struct option_def options[] = {
    { .name = "p",
      .kind = OPTION_FLOAT,
      .preset = 0.1,
      .low = 0,
      .high = 1,
      .summary = "stop when the chance of such differences is below this" },
    { .name = "startup_steps",
      .kind = OPTION_INT,
      .preset = 2,
      .low = 0,
      .high = 1e6,
      .summary = "pairs before it acts, at least 2" },
};

/* The finished trial with the least objective, the first of equals. */
static const struct curve *best_finished(const struct prune_view *view)
{
    const struct curve *best = NULL;
    double least = 0;
    for (size_t i = 0; i < view->finished_len; i++) {
        double loss = view->finished_losses[i];
        if (!isnan(loss) && (best == NULL || loss < least)) {
            best = view->finished[i];
            least = loss;
        }
    }
    return best;
}

static bool all_finite(const struct curve *curve)
{
    for (size_t i = 0; i < curve->len; i++) {
        if (!isfinite(curve->losses[i])) {
            return false;
        }
    }
    return curve->len > 0;
}

static double mean(const struct curve *curve)
{
    double sum = 0;
    for (size_t i = 0; i < curve->len; i++) {
        sum += curve->losses[i];
    }
    return sum / (double)curve->len;
}

static int by_size(const void *a, const void *b)
{
    double x = fabs(*(const double *)a);
    double y = fabs(*(const double *)b);
    return (x > y) - (x < y);
}

struct ranks {
    double positive; /* rank sum of the differences above 0, half of the zeros' */
    double ties;     /* sum of t^3 - t over groups of equal sizes */
    size_t zeros;
};

/* d is sorted by size; equal sizes share their mean rank. */
static struct ranks rank(const double *d, size_t len)
{
    struct ranks ranks = { 0 };
    for (size_t i = 0; i < len;) {
        size_t end = i;
        while (end < len && fabs(d[end]) == fabs(d[i])) {
            end++;
        }
        double shared = ((double)(i + 1) + (double)end) / 2;
        double group = (double)(end - i);
        bool zero = d[i] == 0;
        ranks.ties += group * group * group - group;
        ranks.zeros += zero ? end - i : 0;
        for (; i < end; i++) {
            ranks.positive += zero ? shared / 2 : d[i] > 0 ? shared : 0;
        }
    }
    return ranks;
}

/* P(W+ >= w) for n pairs: of the 2^n choices of signs, the share with such a sum. */
static double exact_p(size_t n, double w)
{
    double counts[EXACT_MAX * (EXACT_MAX + 1) / 2 + 1] = { 1 };
    size_t most = n * (n + 1) / 2;
    for (size_t k = 1; k <= n; k++) {
        for (size_t sum = most; sum >= k; sum--) {
            counts[sum] += counts[sum - k];
        }
    }
    double above = 0;
    for (size_t sum = (size_t)ceil(w); sum <= most; sum++) {
        above += counts[sum];
    }
    return above / ldexp(1, (int)n);
}

static double normal_p(size_t n, const struct ranks *ranks)
{
    double len = (double)n;
    double mu = len * (len + 1) / 4;
    double variance = len * (len + 1) * (2 * len + 1) / 24 - ranks->ties / 48;
    return variance > 0 ? erfc((ranks->positive - mu) / sqrt(2 * variance)) / 2 : 1;
}

static double p_of(double *d, size_t len)
{
    qsort(d, len, sizeof *d, by_size);
    struct ranks ranks = rank(d, len);
    bool exact = len <= EXACT_MAX && ranks.zeros == 0 && ranks.ties == 0;
    return exact ? exact_p(len, ranks.positive) : normal_p(len, &ranks);
}

static void decide(const struct prune_view *view, struct prune_verdict *verdict)
{
    const double *values = view->rule->options;
    const struct curve *own = view->own;
    const struct curve *best = best_finished(view);
    if (best == NULL || !all_finite(own) || !all_finite(best)) {
        return;
    }
    AUTO_FREE double *d = mem_alloc_array(own->len, sizeof *d);
    size_t len = 0;
    for (size_t i = 0; i < own->len; i++) {
        double loss = 0;
        if (curve_at(best, own->steps[i], &loss)) {
            d[len++] = own->losses[i] - loss;
        }
    }
    if (len < 2 || (double)len < values[STARTUP]) {
        return;
    }
    double p = p_of(d, len);
    verdict->compared = 1;
    verdict->value = mean(own);
    verdict->threshold = mean(best);
    verdict->stop = p < values[P] && verdict->threshold < verdict->value;
}

const struct pruner_ops pruner_wilcoxon = {
    .name = "wilcoxon",
    .summary = "for folds or seeds as steps: stops a trial that is worse than the best "
               "with significance",
    .judges_nan = true,
    .options = options,
    .options_len = ARRAY_LEN(options),
    .decide = decide,
};
