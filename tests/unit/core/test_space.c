/* SPDX-License-Identifier: Apache-2.0 */
/* test_space.c – values of parameters: steps, snapping, encoding, sizes, JSON; and the
 * portable logarithm beneath log scales. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "base/strbuf.h"
#include "core/logscale.h"
#include "tests/unit/core/spec_rig.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void steps_are_the_nearest_doubles(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec = spec_rig_space("  a: {float: [0, 1], step: 0.1}\n"
                                             "  b: {float: [-0.35, 2], step: 0.05}\n"
                                             "  c: {float: [1e-6, 3e-6], step: 1e-7}\n"
                                             "  d: {int: [-7, 8], step: 5}\n",
                                             "");
    static const struct {
        size_t param;
        uint64_t len;
        double low, step;
        int decimals;
    } table[] = { { 0, 11, 0, 0.1, 1 },
                  { 1, 48, -0.35, 0.05, 2 },
                  { 2, 21, 1e-6, 1e-7, 7 },
                  { 3, 4, -7, 5, 0 } };
    for (size_t t = 0; t < ARRAY_LEN(table); t++) {
        size_t i = table[t].param;
        assert_int_equal(space_cardinality(spec->space, i), table[t].len);
        for (uint64_t k = 0; k < table[t].len; k++) {
            char text[64];
            double v = space_grid_at(spec->space, i, k);
            double about = table[t].low + (double)k * table[t].step;
            (void)snprintf(text, sizeof text, "%.*f", table[t].decimals, about);
            assert_true(v == strtod(text, NULL));
            assert_true(space_snap(spec->space, i, about) == v);
            assert_true(space_snap(spec->space, i, about + 0.4 * table[t].step) == v);
        }
        assert_true(space_snap(spec->space, i, -1e300)
                    == space_grid_at(spec->space, i, 0));
        assert_true(space_snap(spec->space, i, 1e300)
                    == space_grid_at(spec->space, i, table[t].len - 1));
    }
    sweep_spec_destroy(spec);
}

static void grid_points_are_tidy_and_inside(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec =
        spec_rig_space("  a: {float: [0.001, 1000], scale: log, grid: 7}\n"
                       "  b: {float: [0, 1], grid: 11}\n"
                       "  c: {float: [1, 1.0000000000001], grid: 5}\n",
                       "");
    const double logs[] = { 0.001, 0.01, 0.1, 1, 10, 100, 1000 };
    for (uint64_t k = 0; k < 7; k++) {
        assert_true(space_grid_at(spec->space, 0, k) == logs[k]);
    }
    assert_true(space_grid_at(spec->space, 1, 3) == 0.3);
    assert_true(space_grid_at(spec->space, 1, 10) == 1.0);
    for (uint64_t k = 1; k < 5; k++) {
        assert_true(space_grid_at(spec->space, 2, k)
                    > space_grid_at(spec->space, 2, k - 1));
    }
    assert_int_equal(space_cardinality(spec->space, 1), 0);
    assert_int_equal(space_grid_len(spec->space, 1), 11);
    sweep_spec_destroy(spec);
}

static void encoding_checks_values(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec = spec_rig_space("  i: {int: [1, 9], step: 2}\n"
                                             "  f: {float: [0, 1]}\n"
                                             "  k: [red, 2, true]\n",
                                             "");
    const struct {
        size_t param;
        struct value value;
        double v; /* NaN: an error */
    } table[] = {
        { 0, { VALUE_INT, { .integer = 3 } }, 3 },
        { 0, { VALUE_FLOAT, { .real = 3.0 } }, 3 },
        { 0, { VALUE_INT, { .integer = 4 } }, (double)NAN },
        { 0, { VALUE_FLOAT, { .real = 3.5 } }, (double)NAN },
        { 0, { VALUE_INT, { .integer = 11 } }, (double)NAN },
        { 1, { VALUE_INT, { .integer = 1 } }, 1 },
        { 1, { VALUE_FLOAT, { .real = -0.001 } }, (double)NAN },
        { 1, { VALUE_FLOAT, { .real = (double)NAN } }, (double)NAN },
        { 1, { VALUE_STR, { .str = "0.5" } }, (double)NAN },
        { 1, { VALUE_BOOL, { .boolean = true } }, (double)NAN },
        { 2, { VALUE_STR, { .str = "red" } }, 0 },
        { 2, { VALUE_FLOAT, { .real = 2.0 } }, 1 },
        { 2, { VALUE_BOOL, { .boolean = true } }, 2 },
        { 2, { VALUE_STR, { .str = "2" } }, (double)NAN },
        { 2, { VALUE_NONE, { .integer = 0 } }, (double)NAN },
    };
    for (size_t t = 0; t < ARRAY_LEN(table); t++) {
        double v = -99.0;
        struct err err = { 0 };
        enum err_code code =
            space_encode(spec->space, table[t].param, table[t].value, &v, &err);
        if (isnan(table[t].v)) {
            assert_int_equal(code, ERR_INVALID);
            assert_non_null(strstr(err.msg, spec->space->params[table[t].param].name));
            assert_true(v == -99.0);
        } else {
            assert_ok(code, &err);
            assert_true(v == table[t].v);
        }
    }
    sweep_spec_destroy(spec);
}

static void sizes(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec =
        spec_rig_space("  a: {int: [1, 10]}\n  b: [x, y, z]\n", "");
    assert_int_equal(space_size(spec->space), 30);
    sweep_spec_destroy(spec);
    spec = spec_rig_space("  a: {int: [1, 10]}\n  b: {float: [0, 1]}\n", "");
    assert_int_equal(space_size(spec->space), 0);
    sweep_spec_destroy(spec);
    spec = spec_rig_space("  a: {int: [0, 9e15]}\n  b: {int: [0, 9e15]}\n", "");
    assert_true(space_size(spec->space) == UINT64_MAX);
    sweep_spec_destroy(spec);
}

static void json_keeps_types_and_drops_inactive(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec =
        spec_rig_space("  f: {float: [0, 1]}\n  i: {int: [0, 5]}\n"
                       "  k: [1, \"1\", true, \"q\\\"\"]\n",
                       "");
    struct strbuf AUTO_STRBUF out = STRBUF_INIT(1000);
    space_print_json(spec->space, (double[]){ 1, 2, 3 }, &out);
    assert_string_equal(strbuf_cstr(&out), "{\"f\":1.0,\"i\":2,\"k\":\"q\\\"\"}");
    strbuf_reset(&out);
    space_print_json(spec->space, (double[]){ (double)NAN, 2, 2 }, &out);
    assert_string_equal(strbuf_cstr(&out), "{\"i\":2,\"k\":true}");
    sweep_spec_destroy(spec);
}

static void conditions_follow_their_order(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec = spec_rig_space("  c: {int: [0, 1], when: b == 1}\n"
                                             "  b: {int: [0, 1], when: a == 1}\n"
                                             "  a: {int: [0, 1]}\n",
                                             "");
    double x[] = { 1, 1, 0 };
    space_prune(spec->space, x);
    assert_true(isnan(x[0]) && isnan(x[1]) && x[2] == 0);
    double y[] = { 1, 1, 1 };
    space_prune(spec->space, y);
    assert_true(y[0] == 1 && y[1] == 1 && y[2] == 1);
    sweep_spec_destroy(spec);
}

static void logscale_agrees_with_libm(void **state)
{
    UNUSED(state);
    struct rng rng = rng_stream(3, 0, STR_LIT("log"), RNG_TEST);
    for (int i = 0; i < 20000; i++) {
        double x = exp(1400 * rng_uniform(&rng) - 700);
        double y = 1400 * rng_uniform(&rng) - 700;
        assert_true(fabs(logscale_log(x) - log(x)) <= 1e-15 * fmax(1, fabs(log(x))));
        assert_true(fabs(logscale_exp(y) / exp(y) - 1) <= 1e-15);
    }
    assert_true(logscale_log(1.0) == 0.0);
    assert_true(logscale_exp(0.0) == 1.0);
    assert_true(logscale_exp(-1000.0) == 0.0);
    assert_true(isinf(logscale_exp(1000.0)));
    assert_true(isfinite(logscale_log(5e-324)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(steps_are_the_nearest_doubles),
        TEST(grid_points_are_tidy_and_inside),
        TEST(encoding_checks_values),
        TEST(sizes),
        TEST(json_keeps_types_and_drops_inactive),
        TEST(conditions_follow_their_order),
        TEST(logscale_agrees_with_libm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
