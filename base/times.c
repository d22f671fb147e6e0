/* SPDX-License-Identifier: Apache-2.0 */
/* times.c – text of times and spans.
 * Owns nothing. Knows the Gregorian calendar (so that the pure core needs no <time.h>).
 * Does not know time zones: all text is UTC. */
#include "base/times.h"

#include "base/assert.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    MS_PER_DAY = 86400000,
    DAYS_PER_400_YEARS = 146097
};

/* 0000-01-01 and 9999-12-31T23:59:59.999 in ms since 1970. */
#define WALL_MS_MIN (INT64_C(-719528) * MS_PER_DAY)
#define WALL_MS_MAX (INT64_C(2932897) * MS_PER_DAY - 1)

struct date {
    int64_t year;
    int64_t month; /* 1 to 12 */
    int64_t day;   /* 1 to 31 */
};

/* Days since 0000-03-01: with the year starting in March the leap day comes last, and
 * the month follows from the day of the year by a linear formula. */
static struct date date_of_days(int64_t days)
{
    int64_t era = days / DAYS_PER_400_YEARS;
    int64_t day_of_era = days % DAYS_PER_400_YEARS;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096)
        / 365;
    int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    int64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    return (struct date){
        .year = era * 400 + year_of_era + (month <= 2 ? 1 : 0),
        .month = month,
        .day = day_of_year - (153 * march_month + 2) / 5 + 1,
    };
}

size_t wall_format_iso(struct wall t, char text[NUM_TEXT_SIZE])
{
    int64_t ms = t.ms < WALL_MS_MIN ? WALL_MS_MIN : t.ms;
    ms = ms > WALL_MS_MAX ? WALL_MS_MAX : ms;
    /* Shifted by whole 400-year eras so that all divisions are of positive numbers. */
    int64_t shifted = ms + (INT64_C(719468) + DAYS_PER_400_YEARS) * MS_PER_DAY;
    struct date date = date_of_days(shifted / MS_PER_DAY);
    int64_t of_day = shifted % MS_PER_DAY;
    int n = snprintf(text, NUM_TEXT_SIZE,
                     "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64
                     ":%02" PRId64 ":%02" PRId64 ".%03" PRId64 "Z",
                     date.year - 400, date.month, date.day, of_day / 3600000,
                     of_day / 60000 % 60, of_day / 1000 % 60, of_day % 1000);
    ASSERT(n == 24);
    return (size_t)n;
}

size_t times_format_span(int64_t ms, char text[NUM_TEXT_SIZE])
{
    int64_t s = ms / MS_PER_S;
    int n = 0;
    if (ms < MS_PER_S) {
        n = snprintf(text, NUM_TEXT_SIZE, "%" PRId64 "ms", ms);
    } else if (s < 60) {
        int64_t tenths = ms % MS_PER_S / 100;
        n = snprintf(text, NUM_TEXT_SIZE, "%" PRId64 ".%" PRId64 "s", s, tenths);
    } else if (s < 3600) {
        n = snprintf(text, NUM_TEXT_SIZE, "%" PRId64 "m%02" PRId64 "s", s / 60, s % 60);
    } else if (s < 86400) {
        n = snprintf(text, NUM_TEXT_SIZE, "%" PRId64 "h%02" PRId64 "m", s / 3600,
                     s / 60 % 60);
    } else {
        n = snprintf(text, NUM_TEXT_SIZE, "%" PRId64 "d%02" PRId64 "h", s / 86400,
                     s / 3600 % 24);
    }
    ASSERT(n > 0);
    ASSERT(n < NUM_TEXT_SIZE);
    return (size_t)n;
}
