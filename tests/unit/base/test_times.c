/* SPDX-License-Identifier: Apache-2.0 */
/* test_times.c – calendar text, spans, arithmetic that saturates. */
#include "base/times.h"

#include "tests/lib/test.h"

static void check_iso(int64_t ms, const char *expected)
{
    char text[NUM_TEXT_SIZE];
    wall_format_iso((struct wall){ ms }, text);
    assert_string_equal(text, expected);
}

static void formats_wall_time(void **state)
{
    UNUSED(state);
    check_iso(0, "1970-01-01T00:00:00.000Z");
    check_iso(-1, "1969-12-31T23:59:59.999Z");
    check_iso(INT64_C(951782400000), "2000-02-29T00:00:00.000Z");
    check_iso(INT64_C(1709251199999), "2024-02-29T23:59:59.999Z");
    check_iso(INT64_C(4107542400000), "2100-03-01T00:00:00.000Z");
    check_iso(INT64_C(1767225600123), "2026-01-01T00:00:00.123Z");
    check_iso(INT64_MAX, "9999-12-31T23:59:59.999Z");
    check_iso(INT64_MIN, "0000-01-01T00:00:00.000Z");
}

static void check_span(int64_t ms, const char *expected)
{
    char text[NUM_TEXT_SIZE];
    times_format_span(ms, text);
    assert_string_equal(text, expected);
}

static void formats_spans(void **state)
{
    UNUSED(state);
    check_span(850, "850ms");
    check_span(12345, "12.3s");
    check_span(245000, "4m05s");
    check_span(7380000, "2h03m");
    check_span(INT64_C(273600000), "3d04h");
}

static void arithmetic_saturates_and_rounds_timers_up(void **state)
{
    UNUSED(state);
    struct mono a = mono_from_ms(5);
    struct mono b = { a.ns + 1 };
    assert_true(mono_before(a, b));
    assert_int_equal(mono_diff_ms(b, a), 0);
    assert_int_equal(mono_until_ms(b, a), 1);
    assert_int_equal(mono_until_ms(a, b), 0);
    assert_int_equal(mono_diff_ms(mono_add_ms(a, 7), a), 7);
    assert_true(mono_add_ms(a, INT64_MAX).ns == INT64_MAX);
    assert_true(wall_add_ms((struct wall){ INT64_MAX }, 1).ms == INT64_MAX);
    assert_int_equal(wall_diff_ms((struct wall){ 10 }, (struct wall){ 4 }), 6);
}

static void fake_clock_moves_both(void **state)
{
    UNUSED(state);
    struct fake_clock clock;
    fake_clock_init(&clock);
    struct fake_clock start = clock;
    fake_clock_advance_ms(&clock, 1500);
    assert_int_equal(mono_diff_ms(clock.mono, start.mono), 1500);
    assert_int_equal(wall_diff_ms(clock.wall, start.wall), 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(formats_wall_time),
        TEST(formats_spans),
        TEST(arithmetic_saturates_and_rounds_timers_up),
        TEST(fake_clock_moves_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
