/* SPDX-License-Identifier: Apache-2.0 */
/* sobol.c – coordinates of the Sobol and Halton sequences.
 * Owns nothing. Knows how digits become coordinates, in integer arithmetic and exact
 * products, so that the bits are the same everywhere. Does not know parameters.
 *
 * Sobol: P. Bratley and B. L. Fox, "Algorithm 659", ACM TOMS 14 (1988). The first 2^m
 * points are the same set in the plain order of the index as in Gray's. Scrambling: A.
 * B. Owen, "Randomly permuted (t,m,s)-nets and (t,s)-sequences" (1995). */
#include "samplers/sobol.h"

#include "base/assert.h"

#include <stddef.h>

enum {
    DIGITS = 53, /* binary, of a double in [0, 1) */
    INDEX_BITS = 32,
    DEGREE_MAX = 15
};

/* A bijection of 64-bit words that spreads them (the finaliser of splitmix64). */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* ---- Sobol ---- */

static uint32_t degree_of(uint32_t polynomial)
{
    uint32_t degree = 0;
    while (polynomial >> (degree + 1) != 0) {
        degree++;
    }
    return degree;
}

/* m[k] of the direction numbers v_k = m_k / 2^k, k from 1 to `bits`. */
static void direction_numbers(uint32_t dim, uint32_t bits, uint64_t m[INDEX_BITS + 1])
{
    uint32_t polynomial = sobol_table[dim].polynomial;
    uint64_t seed = sobol_table[dim].seed;
    uint32_t degree = degree_of(polynomial);
    ASSERT(degree <= DEGREE_MAX);
    for (uint32_t k = 1; k <= bits; k++) {
        if (polynomial == 0) {
            m[k] = 1;
            continue;
        }
        if (k <= degree) {
            uint64_t drawn = mix((uint64_t)dim << 32 | seed << 8 | k);
            m[k] = (drawn & ((UINT64_C(1) << (k - 1)) - 1)) << 1 | 1;
            continue;
        }
        m[k] = m[k - degree] ^ m[k - degree] << degree;
        for (uint32_t i = 1; i < degree; i++) {
            uint64_t takes = polynomial >> (degree - i) & 1;
            m[k] ^= (m[k - i] << i) * takes;
        }
    }
}

/* The coordinate's binary digits, the first one highest of 32. */
static uint32_t sobol_digits(uint32_t index, uint32_t dim)
{
    uint64_t m[INDEX_BITS + 1] = { 0 };
    uint32_t bits = index == 0 ? 0 : degree_of(index) + 1;
    uint64_t digits = 0;
    direction_numbers(dim, bits, m);
    for (uint32_t k = 1; k <= bits; k++) {
        uint64_t takes = index >> (k - 1) & 1;
        digits ^= (m[k] << (INDEX_BITS - k)) * takes;
    }
    return (uint32_t)digits;
}

double sobol_at(uint32_t index, uint32_t dim, bool scramble, uint64_t key)
{
    ASSERT(dim < SOBOL_DIMS);
    uint64_t digits = sobol_digits(index, dim);
    if (!scramble) {
        return (double)digits * 0x1p-32;
    }
    /* A leading 1 tells prefixes of different lengths apart. */
    uint64_t prefix = 1;
    uint64_t flipped = 0;
    for (uint32_t place = INDEX_BITS; place-- > 0;) {
        uint64_t digit = digits >> place & 1;
        flipped = flipped << 1 | (digit ^ (mix(key ^ mix(prefix)) >> 63));
        prefix = prefix << 1 | digit;
    }
    /* All further digits are 0, so their flips alone are left. */
    uint64_t rest = mix(key ^ mix(prefix)) >> (64 - (DIGITS - INDEX_BITS));
    return (double)(flipped << (DIGITS - INDEX_BITS) | rest) * 0x1p-53;
}

/* ---- Halton ---- */

/* A permutation of the digits of that base, named by the key: bijections of the next
 * power of two, again until the digit is one of the base. */
static uint64_t permuted(uint64_t digit, uint32_t base, uint64_t key)
{
    uint32_t bits = degree_of(base - 1) + 1;
    uint64_t mask = (UINT64_C(1) << bits) - 1;
    do {
        for (uint64_t round = 0; round < 3; round++) {
            uint64_t drawn = mix(key + round);
            digit = (digit * (drawn | 1) + (drawn >> 32)) & mask;
            digit ^= digit >> ((bits + 1) / 2);
        }
    } while (digit >= base);
    return digit;
}

double halton_at(uint32_t index, uint32_t base, bool scramble, uint64_t key)
{
    double sum = 0.0;
    double unit = 1.0;
    uint64_t prefix = 1;
    uint32_t rest = index;
    /* Unscrambled all further digits are 0; scrambled they count down to 2^-53. */
    while (scramble ? unit > 0x1p-53 : rest != 0) {
        uint64_t digit = rest % base;
        rest /= base;
        unit /= base;
        uint64_t taken = digit;
        if (scramble) {
            taken = permuted(digit, base, mix(key ^ mix(prefix)));
            prefix = mix(prefix * base + digit);
        }
        sum += (double)taken * unit;
    }
    return sum < 1.0 ? sum : 0x1.fffffffffffffp-1;
}

static bool is_prime(uint32_t n, const uint32_t *primes, uint32_t primes_len)
{
    for (uint32_t i = 0; i < primes_len && primes[i] * primes[i] <= n; i++) {
        if (n % primes[i] == 0) {
            return false;
        }
    }
    return true;
}

void halton_primes(uint32_t *primes_out, uint32_t primes_len)
{
    ASSERT(primes_len <= SOBOL_DIMS);
    uint32_t found = 0;
    for (uint32_t n = 2; found < primes_len; n++) {
        if (is_prime(n, primes_out, found)) {
            primes_out[found++] = n;
        }
    }
}
