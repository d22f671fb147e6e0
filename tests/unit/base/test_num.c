/* SPDX-License-Identifier: Apache-2.0 */
/* test_num.c – strict parsing, shortest formatting, units, narrowing, saturation. */
#include "base/num.h"

#include "base/rng.h"
#include "tests/lib/test.h"

#include <math.h>
#include <string.h>

static void parses_integers_strictly(void **state)
{
    UNUSED(state);
    int64_t i = 99;
    uint64_t u = 99;
    assert_code(num_parse_i64(STR_LIT("-9223372036854775808"), &i), ERR_OK);
    assert_true(i == INT64_MIN);
    assert_code(num_parse_i64(STR_LIT("+9223372036854775807"), &i), ERR_OK);
    assert_true(i == INT64_MAX);
    assert_code(num_parse_i64(STR_LIT("-0"), &i), ERR_OK);
    assert_true(i == 0);
    i = 99;
    assert_code(num_parse_i64(STR_LIT("9223372036854775808"), &i), ERR_TOOBIG);
    assert_code(num_parse_i64(STR_LIT("-9223372036854775809"), &i), ERR_TOOBIG);
    assert_code(num_parse_u64(STR_LIT("18446744073709551616"), &u), ERR_TOOBIG);
    static const char *const bad[] = {
        "", "-", "+", " 1", "1 ", "1x", "0x1", "1.0", "--1", "99999999999999999999x"
    };
    for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
        assert_code(num_parse_i64(str_from(bad[k]), &i), ERR_INVALID);
    }
    assert_code(num_parse_u64(STR_LIT("-1"), &u), ERR_INVALID);
    assert_true(i == 99 && u == 99); /* untouched by failures */
    assert_code(num_parse_u64(STR_LIT("18446744073709551615"), &u), ERR_OK);
    assert_true(u == UINT64_MAX);
}

static void parses_doubles_strictly(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        double value;
    } good[] = { { "1", 1 },       { "-2.5", -2.5 }, { ".5", .5 },    { "5.", 5 },
                 { "1e-3", 1e-3 }, { "1E+3", 1e3 },  { "+0.1", 0.1 }, { "1e-400", 0 } };
    double d = 0;
    for (size_t k = 0; k < ARRAY_LEN(good); k++) {
        assert_code(num_parse_f64(str_from(good[k].text), &d), ERR_OK);
        assert_true(d == good[k].value);
    }
    static const char *const bad[] = {
        "",      ".",   "e5", "1e", "1e+", "nan", "inf",
        "0x1p3", "1,5", " 1", "1 ", "1f",  "--1", "1.2.3"
    };
    d = 7;
    for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
        assert_code(num_parse_f64(str_from(bad[k]), &d), ERR_INVALID);
    }
    assert_code(num_parse_f64(STR_LIT("1e400"), &d), ERR_TOOBIG);
    assert_true(d == 7);
    assert_code(num_parse_f64_ext(STR_LIT("NaN"), &d), ERR_OK);
    assert_true(isnan(d));
    assert_code(num_parse_f64_ext(STR_LIT("-Infinity"), &d), ERR_OK);
    assert_true(isinf(d) && d < 0);
    assert_code(num_parse_f64_ext(STR_LIT("+inf"), &d), ERR_OK);
    assert_true(isinf(d) && d > 0);
    assert_code(num_parse_f64_ext(STR_LIT("-nan"), &d), ERR_INVALID);
    assert_code(num_parse_f64_ext(STR_LIT("infin"), &d), ERR_INVALID);
    /* A view into longer text, and digits without end. */
    assert_code(num_parse_f64(str_from_n("12345", 2), &d), ERR_OK);
    assert_true(d == 12);
    char digits[2000];
    memset(digits, '1', sizeof digits);
    assert_code(num_parse_f64(str_from_n(digits, sizeof digits), &d), ERR_TOOBIG);
}

static void check_format(double value, const char *expected)
{
    char text[NUM_TEXT_SIZE];
    assert_int_equal(num_format_f64(value, text), strlen(expected));
    assert_string_equal(text, expected);
}

static void formats_doubles_shortest(void **state)
{
    UNUSED(state);
    check_format(0.1, "0.1");
    check_format(5, "5");
    check_format(-0.0, "-0.0");
    check_format(0.30000000000000004, "0.30000000000000004");
    check_format(1e-5, "1e-05");
    check_format(1e22, "1e+22");
    check_format(123456789012345678.0, "1.2345678901234568e+17");
    check_format(5e-324, "4.94065645841247e-324");
    check_format((double)NAN, "NaN");
    check_format(-(double)INFINITY, "-Infinity");
}

static void formatted_doubles_read_back(void **state)
{
    UNUSED(state);
    struct rng rng = rng_stream(1, 0, STR_LIT(""), RNG_TEST);
    for (size_t k = 0; k < 20000; k++) {
        uint64_t bits = rng_u64(&rng);
        double value = 0;
        double back = 0;
        char text[NUM_TEXT_SIZE];
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            size_t len = num_format_f64(value, text);
            assert_code(num_parse_f64(str_from_n(text, len), &back), ERR_OK);
            assert_true(back == value);
        }
    }
}

static void parses_durations(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = { { "500ms", 500 },    { "10s", 10000 },    { "30m", 1800000 },
                 { "12h", 43200000 }, { "2d", 172800000 }, { "1.5h", 5400000 },
                 { "0s", 0 },         { "0.4ms", 0 } };
    int64_t ms = -1;
    for (size_t k = 0; k < ARRAY_LEN(good); k++) {
        assert_code(num_parse_duration_ms(str_from(good[k].text), &ms), ERR_OK);
        assert_true(ms == good[k].ms);
    }
    static const char *const bad[] = { "",     "5",  "s",     "-1s",  "1 s",
                                       "1sec", "1S", "nan s", "1m30s" };
    for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
        assert_code(num_parse_duration_ms(str_from(bad[k]), &ms), ERR_INVALID);
    }
    assert_code(num_parse_duration_ms(STR_LIT("999999999999d"), &ms), ERR_TOOBIG);
    assert_code(num_parse_duration_ms(STR_LIT("1e300d"), &ms), ERR_TOOBIG);
    assert_code(num_parse_duration_ms(STR_LIT("99999999999999999999999s"), &ms),
                ERR_TOOBIG);
}

static void durations_and_sizes_read_back(void **state)
{
    UNUSED(state);
    char text[NUM_TEXT_SIZE];
    static const int64_t values[] = { 0,     1,       999,      1000,     1500,
                                      60000, 5400000, 86400000, INT64_MAX };
    for (size_t k = 0; k < ARRAY_LEN(values); k++) {
        int64_t ms = -1;
        uint64_t bytes = 1;
        num_format_duration_ms(values[k], text);
        assert_code(num_parse_duration_ms(str_from(text), &ms), ERR_OK);
        assert_true(ms == values[k]);
        num_format_size_bytes((uint64_t)values[k], text);
        assert_code(num_parse_size_bytes(str_from(text), &bytes), ERR_OK);
        assert_true(bytes == (uint64_t)values[k]);
    }
    num_format_duration_ms(1800000, text);
    assert_string_equal(text, "30m");
    num_format_size_bytes(UINT64_C(2147483648), text);
    assert_string_equal(text, "2GiB");
    num_format_size_bytes(0, text);
    assert_string_equal(text, "0B");
}

static void parses_sizes(void **state)
{
    UNUSED(state);
    uint64_t bytes = 0;
    assert_code(num_parse_size_bytes(STR_LIT("2GiB"), &bytes), ERR_OK);
    assert_true(bytes == UINT64_C(2147483648));
    assert_code(num_parse_size_bytes(STR_LIT("512MB"), &bytes), ERR_OK);
    assert_true(bytes == 512000000);
    assert_code(num_parse_size_bytes(STR_LIT("1.5KiB"), &bytes), ERR_OK);
    assert_true(bytes == 1536);
    assert_code(num_parse_size_bytes(STR_LIT("100B"), &bytes), ERR_OK);
    assert_true(bytes == 100);
    static const char *const bad[] = { "2", "GiB", "-1B", "2 GiB", "2gib", "2G", "1e" };
    for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
        assert_code(num_parse_size_bytes(str_from(bad[k]), &bytes), ERR_INVALID);
    }
    assert_code(num_parse_size_bytes(STR_LIT("99999PiB"), &bytes), ERR_TOOBIG);
}

static void narrows_with_a_check(void **state)
{
    UNUSED(state);
    uint32_t u = 0;
    int i = 0;
    int64_t l = 0;
    size_t s = 0;
    uint64_t v = 0;
    assert_code(u32_from_size(UINT32_MAX, &u), ERR_OK);
    assert_code(u32_from_size((size_t)UINT32_MAX + 1, &u), ERR_TOOBIG);
    assert_code(u32_from_i64(-1, &u), ERR_TOOBIG);
    assert_code(int_from_i64(INT64_C(-2147483648), &i), ERR_OK);
    assert_code(int_from_i64(INT64_C(-2147483649), &i), ERR_TOOBIG);
    assert_code(int_from_size(SIZE_MAX, &i), ERR_TOOBIG);
    assert_code(i64_from_u64((uint64_t)INT64_MAX + 1, &l), ERR_TOOBIG);
    assert_code(size_from_i64(-1, &s), ERR_TOOBIG);
    assert_code(u64_from_i64(-1, &v), ERR_TOOBIG);
    assert_code(i64_from_f64(-0x1p63, &l), ERR_OK);
    assert_true(l == INT64_MIN);
    assert_code(i64_from_f64(0x1p63, &l), ERR_TOOBIG);
    assert_code(i64_from_f64(0.5, &l), ERR_INVALID);
    assert_code(i64_from_f64((double)NAN, &l), ERR_INVALID);
    assert_code(i64_from_f64((double)INFINITY, &l), ERR_TOOBIG);
}

static void saturates(void **state)
{
    UNUSED(state);
    assert_true(num_add_sat_i64(INT64_MAX, 1) == INT64_MAX);
    assert_true(num_add_sat_i64(INT64_MIN, -1) == INT64_MIN);
    assert_true(num_add_sat_i64(-5, 3) == -2);
    assert_true(num_mul_sat_i64(INT64_MIN, -1) == INT64_MAX);
    assert_true(num_mul_sat_i64(INT64_MIN, 1) == INT64_MIN);
    assert_true(num_mul_sat_i64(INT64_MAX, -2) == INT64_MIN);
    assert_true(num_mul_sat_i64(-3, 4) == -12);
    assert_true(num_mul_sat_i64(0, INT64_MIN) == 0);
    assert_true(num_add_sat_u64(UINT64_MAX, 1) == UINT64_MAX);
    assert_true(num_mul_sat_u64(UINT64_MAX, 2) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parses_integers_strictly),
        TEST(parses_doubles_strictly),
        TEST(formats_doubles_shortest),
        TEST(formatted_doubles_read_back),
        TEST(parses_durations),
        TEST(parses_sizes),
        TEST(durations_and_sizes_read_back),
        TEST(narrows_with_a_check),
        TEST(saturates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
