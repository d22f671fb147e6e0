/* SPDX-License-Identifier: Apache-2.0 */
/* tried.h – the points a sweep has given out, to avoid giving one out twice.
 *
 * Points are told apart by their internal values, bit for bit; 0 and -0 are the same.
 */
#ifndef CORE_TRIED_H
#define CORE_TRIED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/map.h"
#include "base/vec.h"

struct tried {
    size_t dims;
    struct map_u64 heads;  /* hash → index + 1 of the newest point with it */
    VEC(double) points;    /* dims doubles each, 0 for -0 */
    VEC(uint64_t) numbers; /* trial + 1; 0: imported */
    VEC(size_t) older;     /* index + 1 of the next point of equal hash; 0: none */
};

void tried_init(struct tried *tried, size_t dims);
void tried_fini(struct tried *tried);

/* Points that trials were created with, in the order of their numbers. */
void tried_add(struct tried *tried, const double *x, uint32_t trial);

/* A point that is known without a trial of this sweep. */
void tried_add_prior(struct tried *tried, const double *x);

/* True when x was imported or is the point of a trial with a number below `trial`. */
bool tried_has(const struct tried *tried, const double *x, uint32_t trial);

#endif
