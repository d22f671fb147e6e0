/* SPDX-License-Identifier: Apache-2.0 */
/* times.h – time as values; reading a clock is base/sys/clock.h. Arithmetic saturates.
 */
#ifndef BASE_TIMES_H
#define BASE_TIMES_H

#include "base/num.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Monotonic time since an unknown start; never persisted, never sent. */
struct mono {
    int64_t ns;
};

/* Milliseconds since 1970-01-01 UTC (MLflow's unit). */
struct wall {
    int64_t ms;
};

#define NS_PER_MS ((int64_t)1000000)
#define MS_PER_S  ((int64_t)1000)

static inline struct mono mono_from_ms(int64_t ms)
{
    return (struct mono){ num_mul_sat_i64(ms, NS_PER_MS) };
}

static inline struct mono mono_add_ms(struct mono t, int64_t ms)
{
    return (struct mono){ num_add_sat_i64(t.ns, num_mul_sat_i64(ms, NS_PER_MS)) };
}

/* later - earlier in whole milliseconds, rounded towards zero. */
static inline int64_t mono_diff_ms(struct mono later, struct mono earlier)
{
    return (later.ns - earlier.ns) / NS_PER_MS;
}

/* later - earlier in milliseconds, rounded up: a timer set so never fires early. */
static inline int64_t mono_until_ms(struct mono later, struct mono earlier)
{
    int64_t ns = later.ns - earlier.ns;
    return ns <= 0 ? 0 : (ns - 1) / NS_PER_MS + 1;
}

static inline bool mono_before(struct mono a, struct mono b)
{
    return a.ns < b.ns;
}

static inline struct wall wall_add_ms(struct wall t, int64_t ms)
{
    return (struct wall){ num_add_sat_i64(t.ms, ms) };
}

static inline int64_t wall_diff_ms(struct wall later, struct wall earlier)
{
    return later.ms - earlier.ms;
}

/* "2026-01-31T23:59:59.123Z"; years 0 to 9999, others are clamped. Gives the length. */
size_t wall_format_iso(struct wall t, char text[NUM_TEXT_SIZE]);

/* For people: "850ms", "12.3s", "4m05s", "2h03m", "3d04h". Gives the length. */
size_t times_format_span(int64_t ms, char text[NUM_TEXT_SIZE]);

#endif
