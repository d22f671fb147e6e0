/* SPDX-License-Identifier: Apache-2.0 */
/* sobol.h – low-discrepancy sequences, one coordinate of one point at a time. */
#ifndef SAMPLERS_SOBOL_H
#define SAMPLERS_SOBOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

#define SOBOL_DIMS PARAMS_MAX

/* A dimension of the Sobol sequence; see scripts/sobol-table.py. */
struct sobol_dimension {
    uint16_t polynomial; /* primitive over GF(2), bit k for x^k; 0: van der Corput */
    uint16_t seed;       /* names its first direction numbers */
};
extern const struct sobol_dimension sobol_table[SOBOL_DIMS];

/* Coordinate `dim` (below SOBOL_DIMS) of point `index` (below 2^32) of the Sobol
 * sequence, in [0, 1). With `scramble` it is scrambled after Owen, by the key: every
 * binary digit is flipped or not as a hash of the key and the digits before it says. */
double sobol_at(uint32_t index, uint32_t dim, bool scramble, uint64_t key);

/* The same of the Halton sequence, whose base in dimension `dim` is the prime given.
 * Scrambled likewise: every digit is permuted as a hash of the key and the digits
 * before it says. */
double halton_at(uint32_t index, uint32_t base, bool scramble, uint64_t key);

/* The first primes_len primes, ascending; at most SOBOL_DIMS. */
void halton_primes(uint32_t *primes_out, uint32_t primes_len);

#endif
