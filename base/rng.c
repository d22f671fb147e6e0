/* SPDX-License-Identifier: Apache-2.0 */
/* rng.c – named random streams over Philox4x32-10.
 * Owns nothing. Knows the counter layout, which is part of every stored sweep and must
 * never change. Does not know what is drawn.
 *
 * Layout: Philox under key = seed, on the counter (trial, hash of name), gives 128 bits
 * (a, b, c, d). The stream is Philox under key = (a, b) on counters (block, purpose, c,
 * d). The first step is a bijection, so two streams of one seed differ in key or
 * counter unless trial, name hash and purpose are all equal. */
#include "base/rng.h"

#include "base/assert.h"

#include <math.h>
#include <string.h>

enum {
    PHILOX_ROUNDS = 10
};

void rng_philox4x32(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4] = { counter[0], counter[1], counter[2], counter[3] };
    uint32_t k0 = key[0];
    uint32_t k1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t p0 = UINT64_C(0xD2511F53) * c[0];
        uint64_t p1 = UINT64_C(0xCD9E8D57) * c[2];
        uint32_t next0 = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
        uint32_t next2 = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[0] = next0;
        c[1] = (uint32_t)p1;
        c[2] = next2;
        c[3] = (uint32_t)p0;
        k0 += 0x9E3779B9U;
        k1 += 0xBB67AE85U;
    }
    memcpy(out, c, sizeof c);
}

struct rng
rng_stream(uint64_t seed, uint64_t trial, struct str name, enum rng_purpose purpose)
{
    uint64_t name_hash = name.len == 0 ? 0 : str_hash64(name);
    const uint32_t key[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };
    const uint32_t id[4] = { (uint32_t)trial, (uint32_t)(trial >> 32),
                             (uint32_t)name_hash, (uint32_t)(name_hash >> 32) };
    uint32_t derived[4];
    rng_philox4x32(id, key, derived);
    return (struct rng){
        .key = { derived[0], derived[1] },
        .counter = { 0, (uint32_t)purpose, derived[2], derived[3] },
        .out_used = 4,
    };
}

uint32_t rng_u32(struct rng *rng)
{
    if (rng->out_used == 4) {
        rng_philox4x32(rng->counter, rng->key, rng->out);
        rng->counter[0]++;
        ASSERT(rng->counter[0] != 0); /* 2^34 numbers: no caller comes near */
        rng->out_used = 0;
    }
    return rng->out[rng->out_used++];
}

uint64_t rng_u64(struct rng *rng)
{
    uint64_t low = rng_u32(rng);
    return low | (uint64_t)rng_u32(rng) << 32;
}

double rng_uniform(struct rng *rng)
{
    return (double)(rng_u64(rng) >> 11) * 0x1p-53;
}

uint64_t rng_below(struct rng *rng, uint64_t n)
{
    ASSERT(n > 0);
    /* The first 2^64 mod n values are refused, so the rest divides evenly. */
    uint64_t refuse = (0 - n) % n;
    uint64_t value = rng_u64(rng);
    while (value < refuse) {
        value = rng_u64(rng);
    }
    return value % n;
}

void rng_shuffle_u32(struct rng *rng, uint32_t *items, size_t items_len)
{
    for (size_t i = items_len; i > 1; i--) {
        size_t j = (size_t)rng_below(rng, i);
        uint32_t item = items[i - 1];
        items[i - 1] = items[j];
        items[j] = item;
    }
}

/* ---- normal ---- */

/* Natural logarithm of a positive normal number, by IEEE operations only: x = m 2^e
 * with m in [sqrt(1/2), sqrt(2)), log m = 2 atanh(s), s = (m - 1) / (m + 1), |s| <
 * 0.172, where eleven terms of the series suffice. */
static double log_exact(double x)
{
    uint64_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    int64_t exponent = (int64_t)(bits >> 52) - 1023;
    bits = (bits & UINT64_C(0xFFFFFFFFFFFFF)) | UINT64_C(0x3FF0000000000000);
    double m = 0;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent++;
    }
    double s = (m - 1) / (m + 1);
    double s2 = s * s;
    double sum = 0;
    for (int k = 21; k >= 1; k -= 2) {
        sum = sum * s2 + 1.0 / k;
    }
    return (double)exponent * 0.69314718055994530942 + 2 * s * sum;
}

static double polynomial(const double *c, size_t c_len, double x)
{
    double sum = c[c_len - 1];
    for (size_t i = c_len - 1; i > 0; i--) {
        sum = sum * x + c[i - 1];
    }
    return sum;
}

/* Rational approximations of the three ranges: M. J. Wichura, "Algorithm AS 241: The
 * percentage points of the normal distribution", Applied Statistics 37 (1988), PPND16.
 */
/* clang-format off */
static const double central_num[] = {
    3.3871328727963666080e0,  1.3314166789178437745e+2, 1.9715909503065514427e+3,
    1.3731693765509461125e+4, 4.5921953931549871457e+4, 6.7265770927008700853e+4,
    3.3430575583588128105e+4, 2.5090809287301226727e+3 };
static const double central_den[] = {
    1.0,                      4.2313330701600911252e+1, 6.8718700749205790830e+2,
    5.3941960214247511077e+3, 2.1213794301586595867e+4, 3.9307895800092710610e+4,
    2.8729085735721942674e+4, 5.2264952788528545610e+3 };
static const double tail_num[] = {
    1.42343711074968357734e0,  4.63033784615654529590e0,  5.76949722146069140550e0,
    3.64784832476320460504e0,  1.27045825245236838258e0,  2.41780725177450611770e-1,
    2.27238449892691845833e-2, 7.74545014278341407640e-4 };
static const double tail_den[] = {
    1.0,                       2.05319162663775882187e0,  1.67638483018380384940e0,
    6.89767334985100004550e-1, 1.48103976427480074590e-1, 1.51986665636164571966e-2,
    5.47593808499534494600e-4, 1.05075007164441684324e-9 };
static const double far_num[] = {
    6.65790464350110377720e0,  5.46378491116411436990e0,  1.78482653991729133580e0,
    2.96560571828504891230e-1, 2.65321895265761230930e-2, 1.24266094738807843860e-3,
    2.71155556874348757815e-5, 2.01033439929228813265e-7 };
static const double far_den[] = {
    1.0,                       5.99832206555887937690e-1, 1.36929880922735805310e-1,
    1.48753612908506148525e-2, 7.86869131145613259100e-4, 1.84631831751005468180e-5,
    1.42151175831644588870e-7, 2.04426310338993978564e-15 };
/* clang-format on */

static double ratio(const double num[8], const double den[8], double x)
{
    return polynomial(num, 8, x) / polynomial(den, 8, x);
}

double rng_normal_quantile(double p)
{
    ASSERT(p > 0);
    ASSERT(p < 1);
    double q = p - 0.5;
    if (fabs(q) <= 0.425) {
        return q * ratio(central_num, central_den, 0.180625 - q * q);
    }
    double r = sqrt(-log_exact(q < 0 ? p : 1 - p));
    double x =
        r <= 5 ? ratio(tail_num, tail_den, r - 1.6) : ratio(far_num, far_den, r - 5);
    return q < 0 ? -x : x;
}

double rng_normal(struct rng *rng)
{
    /* 52 bits and a half: never 0, never 1, symmetric about 1/2. */
    double p = ((double)(rng_u64(rng) >> 12) + 0.5) * 0x1p-52;
    return rng_normal_quantile(p);
}
