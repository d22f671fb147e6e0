/* SPDX-License-Identifier: Apache-2.0 */
/* rng.h – counter-based random streams (Philox4x32-10: Salmon, Moraes, Dror and Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", SC11). A stream is named, not stored:
 * the same (seed, trial, name, purpose) gives the same numbers on every machine,
 * whatever was drawn before, so resuming needs no generator state. Only integer
 * arithmetic, +, -,
 * *, / and sqrt of doubles are used, which IEEE 754 defines exactly. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include "base/compiler.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

/* What the numbers are for. Values are part of every stored sweep: never renumber. */
enum rng_purpose {
    RNG_SUGGEST = 1,    /* a sampler's draw of one parameter */
    RNG_STARTUP = 2,    /* random draws while a model has too little history */
    RNG_CANDIDATES = 3, /* a sampler's candidate set */
    RNG_ORDER = 4,      /* shuffling (grid order, ties) */
    RNG_BACKOFF = 5,    /* jitter of retries and reconnects */
    RNG_SHIFT = 6,      /* random shift or scrambling of a point set */
    RNG_TEST = 7,       /* tests, simulations, fault plans */
};

struct rng {
    uint32_t key[2];
    uint32_t counter[4]; /* counter[0] counts blocks, the rest names the stream */
    uint32_t out[4];     /* current block */
    uint32_t out_used;   /* words of `out` already given away, 4 = none left */
};

/* The stream of that name. `name` is a parameter's name, or empty. */
struct rng
rng_stream(uint64_t seed, uint64_t trial, struct str name, enum rng_purpose purpose);

uint32_t rng_u32(struct rng *rng);
uint64_t rng_u64(struct rng *rng);
/* [0, 1) with 53 random bits. */
double rng_uniform(struct rng *rng);
/* [0, n) without bias; n > 0. */
uint64_t rng_below(struct rng *rng, uint64_t n);
/* Standard normal by inversion (Wichura's AS 241, relative error about 1e-16); one draw
 * each, |x| < 8.3. The logarithm inside is our own, so results are the same bits with
 * every libm. */
double rng_normal(struct rng *rng);
/* Inverse of the normal distribution function for p in (0, 1), as rng_normal uses it.
 */
double rng_normal_quantile(double p);
/* Fisher-Yates. */
void rng_shuffle_u32(struct rng *rng, uint32_t *items, size_t items_len);

/* The bare function, for known-answer tests and other counters. */
void rng_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
