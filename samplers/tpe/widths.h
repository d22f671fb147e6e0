/* SPDX-License-Identifier: Apache-2.0 */
/* widths.h – how wide the kernel at each observation is: as far as its neighbours. */
#ifndef SAMPLERS_TPE_WIDTHS_H
#define SAMPLERS_TPE_WIDTHS_H

#include <stddef.h>

enum {
    WIDTHS_BINS_MAX = 100
};

/* The narrowest kernel among m observations is 1 / widths_bins of the range: `finer`
 * times m, and two, but never more than WIDTHS_BINS_MAX. */
size_t widths_bins(size_t m, size_t finer);

/* Writes the width of the kernel at each of n coordinates to sigma_out: the larger gap
 * to the neighbours, at least 1 / bins_len and at most 1. NaN coordinates are not there
 * and get 1; m are. Equal coordinates are neighbours in the order given. Takes O(n)
 * when all lie in [0, 1]. */
void widths_of(const double *z, size_t n, size_t m, size_t bins_len, double *sigma_out);

#endif
