/* SPDX-License-Identifier: Apache-2.0 */
/* logscale.c – portable logarithm and exponential.
 * Owns nothing. Knows two textbook series after range reduction. Does not know
 * parameters. frexp and ldexp are exact, so they may come from libm. */
#include "core/logscale.h"

#include "base/assert.h"

#include <math.h>

/* ln 2 in two parts; the first has trailing zeros, so k * LN2_HIGH is exact. */
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW  1.90821492927058770002e-10
#define LOG2_E   1.44269504088896338700
#define SQRT_2   1.41421356237309504880

enum {
    LOG_TERMS = 11,
    EXP_TERMS = 14
};

/* x = m * 2^k with m in [1/sqrt 2, sqrt 2); ln m = 2 atanh((m - 1) / (m + 1)). */
double logscale_log(double x)
{
    ASSERT(x > 0.0 && isfinite(x));
    int exponent = 0;
    double m = 2.0 * frexp(x, &exponent);
    exponent--;
    if (m >= SQRT_2) {
        m *= 0.5;
        exponent++;
    }
    double t = (m - 1.0) / (m + 1.0);
    double square = t * t;
    double sum = 0.0;
    for (int i = LOG_TERMS; i >= 1; i--) {
        sum = square * (1.0 / (2.0 * i + 1.0) + sum);
    }
    double k = exponent;
    return k * LN2_HIGH + (2.0 * t + (2.0 * t * sum + k * LN2_LOW));
}

/* x = k ln 2 + r with |r| <= ln 2 / 2; Taylor's series for r. */
double logscale_exp(double x)
{
    if (x < -746.0) {
        return 0.0;
    }
    if (x > 710.0) {
        return HUGE_VAL;
    }
    double k = floor(x * LOG2_E + 0.5);
    double r = (x - k * LN2_HIGH) - k * LN2_LOW;
    double sum = 1.0;
    for (int i = EXP_TERMS; i >= 1; i--) {
        sum = 1.0 + sum * r / i;
    }
    return ldexp(sum, (int)k);
}
