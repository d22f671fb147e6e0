/* SPDX-License-Identifier: Apache-2.0 */
/* widths.c – gaps between neighbours without sorting.
 * Owns nothing. Knows the rule of the gaps. Does not know what the kernels are for.
 *
 * No width is less than one bin when the range is cut into `bins`. Inside a bin no gap
 * is wider than that; only a bin's least and greatest point can have a wider one, and
 * it leads to the nearest bin that has points. Observations outside the range (they
 * were made in another range) do not fit into bins; then all are sorted. */
#include "samplers/tpe/widths.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

/* An observation and its place in the order given. */
struct place {
    double z;
    size_t index;
};

struct bins {
    size_t len;
    double least[WIDTHS_BINS_MAX], greatest[WIDTHS_BINS_MAX]; /* empty: inverted */
    double left[WIDTHS_BINS_MAX], right[WIDTHS_BINS_MAX];     /* widths of those two */
    bool wide[WIDTHS_BINS_MAX]; /* one of them is more than a bin */
    size_t least_index[WIDTHS_BINS_MAX], greatest_index[WIDTHS_BINS_MAX];
};

size_t widths_bins(size_t m, size_t finer)
{
    return m < WIDTHS_BINS_MAX / finer && finer * m + 2 < WIDTHS_BINS_MAX
               ? finer * m + 2
               : WIDTHS_BINS_MAX;
}

static double clip(double gap, size_t bins)
{
    double least = 1 / (double)bins;
    double wide = gap < least ? least : gap;
    return wide > 1 ? 1 : wide;
}

/* The ends of the range count as neighbours only of a lone observation. */
static double alone(double z)
{
    return z > 1 - z ? z : 1 - z;
}

static size_t bin_of(const struct bins *bins, double z)
{
    size_t at = (size_t)(z * (double)bins->len);
    return at < bins->len ? at : bins->len - 1;
}

/* False when an observation lies outside the range. Without jumps, because processors
 * would guess half of them wrong; so which observation it was is looked up later. */
static bool fill_bins(const double *z, size_t n, struct bins *bins)
{
    for (size_t b = 0; b < bins->len; b++) {
        bins->least[b] = HUGE_VAL;
        bins->greatest[b] = -HUGE_VAL;
    }
    for (size_t i = 0; i < n; i++) {
        if (!(z[i] >= 0 && z[i] <= 1)) {
            if (isnan(z[i])) {
                continue;
            }
            return false;
        }
        size_t at = bin_of(bins, z[i]);
        double least = bins->least[at];
        double greatest = bins->greatest[at];
        bins->least[at] = z[i] < least ? z[i] : least;
        bins->greatest[at] = z[i] > greatest ? z[i] : greatest;
    }
    return true;
}

/* Widths of the extremes of bins; true when one is more than a bin. */
static bool measure(struct bins *bins, size_t m)
{
    size_t before = bins->len;
    bool any = false;
    for (size_t b = 0; b < bins->len; b++) {
        bins->left[b] = 0;
        bins->right[b] = 0;
        bins->wide[b] = false;
        if (bins->least[b] > bins->greatest[b]) {
            continue;
        }
        if (m == 1) {
            bins->left[b] = alone(bins->least[b]);
            bins->wide[b] = true;
        }
        double gap = before < bins->len ? bins->least[b] - bins->greatest[before] : 0;
        if (gap * (double)bins->len > 1) {
            bins->left[b] = gap;
            bins->right[before] = gap;
            bins->wide[b] = true;
            bins->wide[before] = true;
        }
        any = any || bins->wide[b];
        before = b;
    }
    return any;
}

/* Gives the extremes of wide bins their widths: the first of equal least observations,
 * the last of equal greatest ones. */
static void widen(struct bins *bins, const double *z, size_t n, double *sigma)
{
    for (size_t b = 0; b < bins->len; b++) {
        bins->least_index[b] = n;
        bins->greatest_index[b] = 0;
    }
    for (size_t i = 0; i < n; i++) {
        size_t b = isnan(z[i]) ? 0 : bin_of(bins, z[i]);
        if (!bins->wide[b]) {
            continue;
        }
        if (z[i] == bins->least[b] && bins->least_index[b] == n) {
            bins->least_index[b] = i;
        }
        if (z[i] == bins->greatest[b]) {
            bins->greatest_index[b] = i;
        }
    }
    for (size_t b = 0; b < bins->len; b++) {
        if (bins->wide[b]) {
            double *least = &sigma[bins->least_index[b]];
            double *greatest = &sigma[bins->greatest_index[b]];
            *least = clip(bins->left[b] > *least ? bins->left[b] : *least, bins->len);
            *greatest = clip(bins->right[b] > *greatest ? bins->right[b] : *greatest,
                             bins->len);
        }
    }
}

static int by_place(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->z != y->z) {
        return x->z < y->z ? -1 : 1;
    }
    return x->index < y->index ? -1 : 1;
}

static void
sorted_widths(const double *z, size_t n, size_t m, size_t bins, double *sigma)
{
    struct place *AUTO_FREE places = mem_alloc_array(m, sizeof *places);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(z[i])) {
            places[len++] = (struct place){ z[i], i };
        }
    }
    ASSERT(len == m);
    qsort(places, len, sizeof *places, by_place);
    for (size_t i = 0; i < len; i++) {
        double left = i > 0 ? places[i].z - places[i - 1].z : 0;
        double right = i + 1 < len ? places[i + 1].z - places[i].z : 0;
        double gap = left > right ? left : right;
        sigma[places[i].index] = clip(m == 1 ? alone(places[i].z) : gap, bins);
    }
}

void widths_of(const double *z, size_t n, size_t m, size_t bins_len, double *sigma_out)
{
    struct bins bins;
    ASSERT(bins_len >= 2 && bins_len <= WIDTHS_BINS_MAX);
    double least = 1 / (double)bins_len;
    bins.len = bins_len;
    for (size_t i = 0; i < n; i++) {
        sigma_out[i] = least;
    }
    for (size_t i = 0; i < n && m < n; i++) {
        sigma_out[i] = isnan(z[i]) ? 1 : least;
    }
    if (m == 0) {
        return;
    }
    if (!fill_bins(z, n, &bins)) {
        sorted_widths(z, n, m, bins_len, sigma_out);
    } else if (measure(&bins, m)) {
        widen(&bins, z, n, sigma_out);
    }
}
