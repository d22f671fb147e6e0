/* SPDX-License-Identifier: Apache-2.0 */
/* bench.h – what the command line asked for, and what can be done with it. */
#ifndef BENCH_SAMPLERS_BENCH_H
#define BENCH_SAMPLERS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "bench/samplers/problem.h"
#include "samplers/sampler.h"

struct bench {
    const char *sampler;
    const char *options; /* more keys of `search`, as in a sweep file; "" for none */
    const char *label;   /* of the results */
    const char *only;    /* names of problems, by commas; NULL: all */
    uint64_t seed_first, seed_last;
    uint64_t trials;
    uint64_t outstanding; /* trials open at once */
    bool random_order;    /* trials take a random time; else they end as they began */
    bool noise;           /* tables answer with the value of one seed */
    uint64_t dims;        /* speed: floats of the space */
    uint64_t history;     /* speed: trials before the first suggestion */
    uint64_t repeat;      /* speed: suggestions to take the median of */
    struct problems problems;
};

/* Runs the sampler on every problem with every seed; prints one JSON object. */
void bench_quality(const struct bench *bench);

/* Measures single suggestions; prints one JSON object. */
void bench_speed(const struct bench *bench);

/* Prints the space of the problem `only`, then answers each point, a JSON object on a
 * line of stdin, with its value: for samplers of other programs. */
void bench_serve(const struct bench *bench);

/* A study over that space text; ends the program with a message on an error. */
struct study *bench_study(const struct bench *bench, const char *space, uint64_t seed);

/* Ends the program with what *err says when code is not ERR_OK. */
void bench_must(enum err_code code, const struct err *err);

#endif
