/* SPDX-License-Identifier: Apache-2.0 */
/* fake_clock.c – time that moves only when a test says so, and near-equality.
 * Owns nothing. Knows times.h. Does not know the real clocks. */
#include "tests/lib/test.h"

#include <math.h>

void fake_clock_init(struct fake_clock *clock)
{
    clock->mono = (struct mono){ 1000 * NS_PER_MS };
    clock->wall = (struct wall){ INT64_C(1767225600000) };
}

void fake_clock_advance_ms(struct fake_clock *clock, int64_t ms)
{
    ASSERT(ms >= 0);
    clock->mono = mono_add_ms(clock->mono, ms);
    clock->wall = wall_add_ms(clock->wall, ms);
}

void test_assert_near(
    double a, double b, double tol, const char *what, const char *file, int line)
{
    if (!(fabs(a - b) <= tol)) {
        print_error("%s: %.17g is not within %.3g of %.17g\n", what, a, tol, b);
        _fail(file, line);
    }
}
