/* SPDX-License-Identifier: Apache-2.0 */
/* parzen.c – kernels from observations.
 * Owns the columns of a density; its arrays lie in the caller's memory. Knows weights
 * and constants of kernels. Does not know how points are drawn or scored. */
#include "samplers/tpe/parzen.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "core/logscale.h"
#include "samplers/tpe/widths.h"

enum {
    RECENT = 25, /* the newest observations, which weigh 1 */
    LINE = 64    /* arrays begin at multiples of it */
};

/* ln sqrt(2 pi) */
#define LOG_ROOT_2PI 0.91893853320467274178
/* Beyond so many widths inside the range a kernel loses no mass to its ends. */
#define WHOLE 8.5

/* ---- memory ---- */

/* Arrays for one column's work, each padded to the kernels. */
struct work {
    struct parzen *parzen;
    const struct observations *from;
    double *mean, *sigma, *low, *high, *out;
    uint32_t *list;
    unsigned char *free; /* what is not taken yet */
};

static size_t round_up(size_t bytes)
{
    return (bytes + LINE - 1) / LINE * LINE;
}

static void *take(struct work *work, size_t n, size_t size)
{
    void *taken = work->free;
    work->free += round_up(n * size);
    return taken;
}

static size_t column_bytes(const struct axis *axis, size_t padded)
{
    switch (axis->kind) {
    case AXIS_REAL:
        return 3 * round_up(padded * sizeof(double));
    case AXIS_STEPPED:
        return round_up(padded * sizeof(uint32_t))
               + 3 * round_up(padded * sizeof(double));
    case AXIS_CHOICE:
        return round_up(padded * sizeof(uint32_t));
    case AXIS_FIXED:
    case AXIS_KIND_NR:
        break;
    }
    UNREACHABLE();
}

size_t
parzen_bytes(const struct axis *const *axes, size_t axes_len, size_t observations)
{
    size_t padded = score_pad(observations + 1);
    size_t bytes = 8 * round_up(padded * sizeof(double)) + LINE;
    for (size_t c = 0; c < axes_len; c++) {
        bytes += column_bytes(axes[c], padded);
    }
    return bytes;
}

static void take_all(struct work *work, void *memory)
{
    struct parzen *parzen = work->parzen;
    size_t padded = parzen->padded;
    work->free = memory;
    work->free += LINE - (uintptr_t)work->free % LINE;
    work->mean = take(work, padded, sizeof(double));
    work->sigma = take(work, padded, sizeof(double));
    work->low = take(work, padded, sizeof(double));
    work->high = take(work, padded, sizeof(double));
    work->out = take(work, padded, sizeof(double));
    work->list = take(work, padded, sizeof(uint32_t));
    parzen->weight = take(work, padded, sizeof(double));
    parzen->log_weight = take(work, padded, sizeof(double));
    parzen->blocks = take(work, padded * 2 * parzen->reals, sizeof(double));
}

/* ---- weights ---- */

/* Observations older than the newest ones count less, down to 1/m. */
static double by_age(size_t k, size_t m)
{
    if (k + RECENT >= m) {
        return 1;
    }
    size_t len = m - RECENT;
    double least = 1 / (double)m;
    double share = len > 1 ? (double)k / (double)(len - 1) : 0;
    return least + (1 - least) * share;
}

static void weigh(struct parzen *parzen, const struct observations *from)
{
    size_t m = parzen->len - 1;
    size_t rows = from->rows_len;
    double *weight = parzen->weight;
    double total = 0;
    for (size_t k = 0; k < m; k++) {
        weight[k] = from->weights != NULL && k < rows ? from->weights[k] : by_age(k, m);
        weight[k] = k < rows ? weight[k] : from->points_weight;
        total += weight[k];
    }
    weight[m] = from->prior_weight;
    total += from->prior_weight;
    for (size_t k = 0; k < parzen->padded; k++) {
        weight[k] = k < parzen->len ? weight[k] / total : 0;
    }
    parzen->ops->log(parzen->padded, weight, parzen->log_weight);
    for (size_t k = parzen->len; k < parzen->padded; k++) {
        parzen->log_weight[k] = -HUGE_VAL;
    }
}

/* ---- one parameter's observations ---- */

/* Writes the coordinates of the observations to work->mean, NaN where there is none;
 * returns how many there are. */
static size_t gather(struct work *work, const struct axis *axis)
{
    size_t m = work->parzen->len - 1;
    double *z = work->mean;
    size_t missing = 0;
    const struct observations *from = work->from;
    const uint32_t *rows = from->rows;
    const double *x = from->rows_len > 0 ? from->history->x[axis->param] : NULL;
    for (size_t k = 0; k < from->rows_len; k++) {
        z[k] = x[rows[k]];
    }
    for (size_t k = from->rows_len; k < m; k++) {
        z[k] = from->points[k - from->rows_len][axis->param];
    }
    for (size_t k = 0; k < m; k++) {
        bool known = axis->kind == AXIS_REAL ? !isnan(z[k]) : axis_knows(axis, z[k]);
        if (!known) {
            z[k] = 0;
            work->list[missing++] = (uint32_t)k;
        }
    }
    for (size_t k = m; k < work->parzen->padded; k++) {
        z[k] = 0;
    }
    axis_coordinates(axis, work->parzen->ops, work->parzen->padded, z, z);
    for (size_t i = 0; i < missing; i++) {
        z[work->list[i]] = (double)NAN;
    }
    return m - missing;
}

/* Writes means and widths of all kernels, observations and then the prior, to
 * work->mean and work->sigma; returns the least width there may be. */
static double normal_kernels(struct work *work, const struct axis *axis)
{
    size_t m = work->parzen->len - 1;
    size_t known = gather(work, axis);
    size_t bins = widths_bins(known, work->from->finer);
    widths_of(work->mean, m, known, bins, work->sigma);
    for (size_t k = 0; k < m && known < m; k++) {
        work->mean[k] = isnan(work->mean[k]) ? 0.5 : work->mean[k];
    }
    work->mean[m] = 0.5;
    work->sigma[m] = 1;
    return 1 / (double)bins;
}

/* ---- numbers without steps ---- */

/* Most kernels have the least width and stand well inside: one constant serves them.
 * The rest are listed, computed side by side and put back. */
static void real_factors(struct work *work, double least, double *factor)
{
    const struct parzen *parzen = work->parzen;
    const double *mean = work->mean;
    const double *sigma = work->sigma;
    uint32_t *list = work->list;
    double inside = 0.5 - WHOLE * least;
    size_t n = 0;
    for (size_t k = 0; k < parzen->len; k++) {
        list[n] = (uint32_t)k;
        n += (sigma[k] > least) | (fabs(mean[k] - 0.5) > inside);
    }
    size_t padded = score_pad(n);
    for (size_t i = 0; i < padded; i++) {
        uint32_t k = list[i < n ? i : 0];
        double inverse = 1 / sigma[k];
        work->low[i] = -mean[k] * inverse;
        work->high[i] = (1 - mean[k]) * inverse;
    }
    parzen->ops->log_mass(padded, work->low, work->high, work->out);
    for (size_t i = 0; i < padded; i++) {
        work->low[i] = sigma[list[i < n ? i : 0]];
    }
    parzen->ops->log(padded, work->low, work->low);
    double common = -LOG_ROOT_2PI - logscale_log(least);
    for (size_t k = 0; k < parzen->padded; k++) {
        factor[k] = common;
    }
    for (size_t i = 0; i < n; i++) {
        factor[list[i]] = -LOG_ROOT_2PI - work->out[i] - work->low[i];
    }
}

static void real_column(struct work *work, struct column *column)
{
    const struct parzen *parzen = work->parzen;
    double least = normal_kernels(work, column->axis);
    double most = 1 / least;
    double *at = parzen->blocks + column->place * 2 * SCORE_LANES;
    for (size_t k = parzen->len; k < parzen->padded; k++) {
        work->mean[k] = 0;
        work->sigma[k] = 1;
    }
    for (size_t k = 0; k < parzen->padded; k += SCORE_LANES) {
        for (size_t lane = 0; lane < SCORE_LANES; lane++) {
            at[lane] = work->mean[k + lane];
            double sigma = work->sigma[k + lane];
            at[SCORE_LANES + lane] = sigma == least ? most : 1 / sigma;
        }
        at += parzen->reals * 2 * SCORE_LANES;
    }
    column->factor = take(work, parzen->padded, sizeof(double));
    real_factors(work, least, column->factor);
}

/* ---- numbers with steps ---- */

static uint64_t pair_hash(double mean, double sigma)
{
    uint64_t a = 0;
    uint64_t b = 0;
    memcpy(&a, &mean, sizeof a);
    memcpy(&b, &sigma, sizeof b);
    a = (a ^ (b << 31 | b >> 33)) * 0x9e3779b97f4a7c15u;
    a = (a ^ a >> 29) * 0xff51afd7ed558ccdu;
    return a ^ a >> 32;
}

/* Finds equal kernels: fills column->cell, and moves the distinct ones to the front of
 * work->mean and work->sigma. */
static void find_distinct(struct work *work, struct column *column)
{
    double *mean = work->mean;
    double *sigma = work->sigma;
    size_t slots = 16;
    while (slots < 2 * work->parzen->len) {
        slots *= 2;
    }
    uint32_t *AUTO_FREE table = mem_alloc_array(slots, sizeof *table);
    for (size_t k = 0; k < work->parzen->len; k++) {
        size_t at = (size_t)pair_hash(mean[k], sigma[k]) & (slots - 1);
        while (
            table[at] != 0
            && (mean[table[at] - 1] != mean[k] || sigma[table[at] - 1] != sigma[k])) {
            at = (at + 1) & (slots - 1);
        }
        if (table[at] == 0) {
            mean[column->distinct] = mean[k];
            sigma[column->distinct] = sigma[k];
            table[at] = (uint32_t)++column->distinct;
        }
        column->cell[k] = table[at] - 1;
    }
}

static void stepped_column(struct work *work, struct column *column)
{
    size_t all = work->parzen->padded;
    (void)normal_kernels(work, column->axis);
    column->cell = take(work, all, sizeof *column->cell);
    column->mean = take(work, all, sizeof(double));
    column->inverse = take(work, all, sizeof(double));
    column->factor = take(work, all, sizeof(double));
    find_distinct(work, column);
    size_t n = column->distinct;
    size_t padded = score_pad(n);
    for (size_t j = 0; j < padded; j++) {
        column->mean[j] = work->mean[j < n ? j : 0];
        column->inverse[j] = 1 / work->sigma[j < n ? j : 0];
        work->low[j] = -column->mean[j] * column->inverse[j];
        work->high[j] = (1 - column->mean[j]) * column->inverse[j];
    }
    work->parzen->ops->log_mass(padded, work->low, work->high, column->factor);
    for (size_t j = 0; j < padded; j++) {
        column->factor[j] = -column->factor[j];
    }
}

/* ---- choices ---- */

/* The prior's chances are shared out among all choices of all kernels. */
static void choice_column(struct work *work, struct column *column)
{
    size_t len = work->parzen->len;
    uint32_t choices = (uint32_t)column->axis->choices;
    double extra = work->from->prior_weight / (double)len;
    double total = 1 + (double)choices * extra;
    (void)gather(work, column->axis);
    column->cell = take(work, work->parzen->padded, sizeof *column->cell);
    for (size_t k = 0; k < len; k++) {
        bool known = k + 1 < len && !isnan(work->mean[k]);
        column->cell[k] = known ? (uint32_t)work->mean[k] : choices;
    }
    column->keep = 1 / total;
    column->hit = logscale_log((1 + extra) / total);
    column->miss = logscale_log(extra / total);
}

/* ---- the whole ---- */

void parzen_init(struct parzen *parzen,
                 const struct score_ops *ops,
                 const struct axis *const *axes,
                 size_t axes_len,
                 const struct observations *from,
                 void *memory)
{
    size_t len = from->rows_len + from->points_len + 1;
    ASSERT(len < UINT32_MAX);
    *parzen = (struct parzen){ .ops = ops, .len = len, .padded = score_pad(len) };
    parzen->columns_len = axes_len;
    parzen->columns = mem_alloc_array(axes_len, sizeof *parzen->columns);
    for (size_t c = 0; c < axes_len; c++) {
        parzen->columns[c].axis = axes[c];
        parzen->columns[c].place = parzen->reals;
        parzen->reals += axes[c]->kind == AXIS_REAL;
    }
    struct work work = { .parzen = parzen, .from = from };
    take_all(&work, memory);
    weigh(parzen, from);
    for (size_t c = 0; c < axes_len; c++) {
        if (axes[c]->kind == AXIS_REAL) {
            real_column(&work, &parzen->columns[c]);
        } else if (axes[c]->kind == AXIS_STEPPED) {
            stepped_column(&work, &parzen->columns[c]);
        } else {
            choice_column(&work, &parzen->columns[c]);
        }
    }
}

void parzen_fini(struct parzen *parzen)
{
    mem_free(parzen->columns);
}

struct kernel
parzen_kernel(const struct parzen *parzen, const struct column *column, size_t k)
{
    if (column->axis->kind == AXIS_STEPPED) {
        uint32_t cell = column->cell[k];
        return (struct kernel){ column->mean[cell], column->inverse[cell] };
    }
    size_t block = k / SCORE_LANES * parzen->reals + column->place;
    const double *at = parzen->blocks + block * 2 * SCORE_LANES + k % SCORE_LANES;
    return (struct kernel){ at[0], at[SCORE_LANES] };
}
