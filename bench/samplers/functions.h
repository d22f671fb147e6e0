/* SPDX-License-Identifier: Apache-2.0 */
/* functions.h – eight functions to be minimised, for comparing samplers. */
#ifndef BENCH_SAMPLERS_FUNCTIONS_H
#define BENCH_SAMPLERS_FUNCTIONS_H

#include <stddef.h>

struct function {
    const char *name;
    const char *space; /* the lines of a sweep file's `space` */
    double least;      /* the known minimum */
    size_t dims;
    /* x: internal values of the space (core/space.h), dims of them. */
    double (*value)(const double *x);
};

#define FUNCTIONS_NR 8
extern const struct function functions[FUNCTIONS_NR];

#endif
