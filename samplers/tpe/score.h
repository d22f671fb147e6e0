/* SPDX-License-Identifier: Apache-2.0 */
/* score.h – the arithmetic of TPE on arrays, in variants for what processors offer.
 *
 * Every variant gives the same bits: they are one source (score_body.inc) compiled for
 * wider registers, made of operations that IEEE 754 defines exactly, in one order; sums
 * go through SCORE_LANES accumulators whatever the width. So a sweep does not depend on
 * the machine that suggests for it. Pure, thread-safe.
 */
#ifndef SAMPLERS_TPE_SCORE_H
#define SAMPLERS_TPE_SCORE_H

#include <stddef.h>
#include <stdint.h>

enum {
    SCORE_LANES = 8,
    SCORE_FAR = 1000000 /* ranges: far enough, and keeps squares finite */
};

/* Lengths of arrays are multiples of SCORE_LANES; so is this. */
static inline size_t score_pad(size_t n)
{
    return (n + SCORE_LANES - 1) / SCORE_LANES * SCORE_LANES;
}

/* Normal kernels of several dimensions, SCORE_LANES kernels side by side: for block b
 * and dimension d, blocks + (b * dims + d) * 2 * SCORE_LANES holds their means, then
 * the inverses of their widths. */
struct score_kernels {
    size_t len;  /* kernels, padded */
    size_t dims; /* dimensions in `blocks` */
    const double *blocks;
    const uint32_t *active; /* the dimensions that count … */
    size_t active_len;
    const double *base; /* logarithm of each kernel's factor, len of them */
};

struct score_ops {
    const char *name; /* of the variant */

    /* out[i] = ln x[i]; x below 2.3e-308 counts as that. Never NaN or infinite. */
    void (*log)(size_t n, const double *x, double *out);

    /* x[i] := (x[i] / 2 - from) * shrink, but within [-SCORE_FAR, SCORE_FAR]. */
    void (*scale)(size_t n, double from, double shrink, double *x);

    /* out[i] = the normal distribution function at x[i]. */
    void (*ndtr)(size_t n, const double *x, double *out);

    /* out[i] = ln of the normal mass of [low[i], high[i]], exact in the tails. A mass
     * below e^-708 times the density at the end nearer 0 counts as that. */
    void (*log_mass)(size_t n, const double *low, const double *high, double *out);

    /* out[k] = ln of kernel k at the point x (one value for each active dimension), for
     * each of n points: x and out are rows of active_len and of kernels->len. */
    void (*gauss)(const struct score_kernels *kernels,
                  size_t n,
                  const double *x,
                  double *out);

    /* ln of the sum of e^v[i], n > 0; at least one v finite, none NaN or +infinite. v
     * is used up. */
    double (*log_sum_exp)(size_t n, double *v);
};

/* The variants of this program that the processor can run, best last; len_out > 0. */
const struct score_ops *const *score_variants(size_t *len_out);

/* The best of them. */
const struct score_ops *score_best(void);

#endif
