/* SPDX-License-Identifier: Apache-2.0 */
/* problem.h – what a sampler is measured on: a function, or a table of real training
 * runs. All are minimised. */
#ifndef BENCH_SAMPLERS_PROBLEM_H
#define BENCH_SAMPLERS_PROBLEM_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "bench/samplers/functions.h"

/* Every configuration of a space, each trained with several seeds. */
struct table {
    size_t dims;
    uint64_t *radix; /* values of each parameter, the last one fastest in `rows` */
    size_t rows;
    size_t seeds;
    double *value; /* rows * seeds, as distance from the best mean: 0 is best */
    double *mean;  /* rows */
};

struct problem {
    char *name;
    char *space;                     /* as struct function */
    double least;                    /* the known minimum */
    const struct function *function; /* NULL: it is a table */
    struct table table;
};

/* A set of problems. */
struct problems {
    struct problem *all;
    size_t len;
};

/* Adds the functions. */
void problems_add_functions(struct problems *problems);

/* Adds the tables that DIR/tables.json describes; see bench/README.md for the form.
 * Errors name the file. */
enum err_code problems_add_tables(struct problems *problems,
                                  const char *dir,
                                  struct err *err) MUST_USE;

void problems_fini(struct problems *problems);

/* NULL when there is none of that name. */
const struct problem *problems_find(const struct problems *problems, const char *name);

/* The value at a point. Of a table the mean over its seeds, or, with noise, what one
 * seed gave, which `draw` picks. */
double problem_value(const struct problem *problem, const double *x);
double problem_noisy(const struct problem *problem, const double *x, uint64_t draw);

#endif
