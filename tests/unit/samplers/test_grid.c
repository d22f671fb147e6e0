/* SPDX-License-Identifier: Apache-2.0 */
/* test_grid.c – grid against a naive enumeration that prunes every raw cell, drops
 * forbidden ones and keeps the first of equal points. */
#include "tests/lib/test.h"

#include "base/map.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/sweep_spec.h"
#include "tests/unit/core/spec_rig.h"

#include <math.h>
#include <string.h>

#define GRID "search: {sampler: grid}\n"

static void
add_point(const struct space *space, const double *x, struct map_str *points)
{
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(1000);
    space_print_json(space, x, &text);
    map_str_set(points, strbuf_str(&text), NULL);
}

/* Counts with an odometer of its own. */
static void naive_grid(const struct space *space, struct map_str *points)
{
    uint64_t *AUTO_FREE at = mem_alloc_array(space->len, sizeof *at);
    double *AUTO_FREE x = mem_alloc_array(space->len, sizeof *x);
    bool more = true;
    while (more) {
        for (size_t i = 0; i < space->len; i++) {
            x[i] = space_grid_at(space, i, at[i]);
        }
        space_prune(space, x);
        if (!space_is_forbidden(space, x)) {
            add_point(space, x, points);
        }
        more = false;
        for (size_t i = space->len; i-- > 0 && !more;) {
            more = ++at[i] < space_grid_len(space, i);
            at[i] = more ? at[i] : 0;
        }
    }
}

static void run_grid(const struct sweep_spec *spec, struct map_str *points)
{
    double *AUTO_FREE x = mem_alloc_array(spec->space->len, sizeof *x);
    struct suggest_request request = { .space = spec->space };
    enum err_code code = ERR_OK;
    size_t cells = 0;
    for (;;) {
        uint64_t cursor = 0;
        code = spec->sampler->suggest(&request, x, &cursor, NULL);
        if (code != ERR_OK) {
            break;
        }
        assert_true(cursor > request.cursor);
        request.cursor = cursor;
        request.trial++;
        cells++;
        add_point(spec->space, x, points);
    }
    assert_int_equal(code, ERR_NOTFOUND);
    assert_int_equal(map_str_len(points), cells); /* none twice */
    assert_int_equal(spec->sampler->count(spec->space), cells);
}

static void check_grid(const char *space, const char *more, size_t cells)
{
    struct sweep_spec *spec = spec_rig_space(space, more);
    struct map_str naive = { 0 };
    struct map_str found = { 0 };
    size_t at = 0;
    size_t at_naive = 0;
    const char *point = NULL;
    const char *wanted = NULL;
    naive_grid(spec->space, &naive);
    run_grid(spec, &found);
    assert_int_equal(map_str_len(&found), map_str_len(&naive));
    assert_int_equal(map_str_len(&found), cells);
    /* Same points in the same order. */
    while (map_str_next(&found, &at, &point, NULL)) {
        assert_true(map_str_next(&naive, &at_naive, &wanted, NULL));
        assert_string_equal(point, wanted);
    }
    map_str_fini(&naive);
    map_str_fini(&found);
    sweep_spec_destroy(spec);
}

static void every_point_once(void **state)
{
    UNUSED(state);
    check_grid("  a: [x, y, z]\n  b: {int: [1, 4]}\n", GRID, 12);
    check_grid("  a: {float: [0, 1], step: 0.25}\n  b: {float: [1, 100], scale: log, "
               "grid: 3}\n  c: {int: [0, 10], step: 5}\n",
               GRID, 45);
    check_grid("  a: {float: [2, 2]}\n  b: [only]\n", GRID, 1);
    /* a=off: 1; a=on: b=1: 4 c, b=2: c inactive, b=3: 4 c */
    check_grid("  c: {int: [0, 3], when: b != 2}\n  b: {choice: [1, 2, 3], when: a == "
               "'on'}\n  a: [\"on\", off]\n",
               GRID, 10);
    check_grid("  a: {int: [0, 9]}\n  b: {int: [0, 9]}\n",
               GRID "forbid: [a + b > 9, a == b]\n", 50);
    check_grid("  k: [linear, rbf, poly]\n  g: {float: [0, 1], grid: 5, when: k != "
               "linear}\n  d: {int: [2, 5], when: k == poly}\n",
               GRID "forbid: [k == poly and d * g > 4]\n", 1 + 5 + 19);
    /* A forbid that never sees an inactive parameter. */
    check_grid("  a: {choice: [true, false]}\n  b: {int: [1, 3], when: a}\n",
               GRID "forbid: [b <= 3]\n", 1);
}

static void last_parameter_is_fastest(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec = spec_rig_space("  a: [x, y]\n  b: {int: [1, 3]}\n", GRID);
    struct suggest_request request = { .space = spec->space };
    for (uint64_t cell = 0; cell < 6; cell++) {
        double x[2];
        request.cursor = cell;
        assert_code(spec->sampler->suggest(&request, x, &request.cursor, NULL), ERR_OK);
        assert_true(x[0] == (double)(cell / 3));
        assert_true(x[1] == (double)(cell % 3 + 1));
    }
    sweep_spec_destroy(spec);
}

static void large_grids_are_not_walked(void **state)
{
    UNUSED(state);
    struct sweep_spec *spec = spec_rig_space("  a: {int: [1, 1000000]}\n  b: {int: [1, "
                                             "1000000]}\n",
                                             GRID "forbid: [a == 7]\n");
    assert_true(spec->sampler->count(spec->space) == 1000000000000U);
    sweep_spec_destroy(spec);
}

static void infinite_spaces_are_refused(void **state)
{
    UNUSED(state);
    static const char *const spaces[][2] = {
        { "  a: {float: [0, 1]}\n", "'a' is continuous" },
        { "  a: {int: [0, 9e15]}\n  b: {int: [0, 9e15]}\n", "more than 2^64" },
    };
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
        struct err err = { 0 };
        const char *msg = spec_rig_space_error(spaces[i][0], GRID, &err);
        assert_non_null(strstr(msg, spaces[i][1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_point_once),
        TEST(last_parameter_is_fastest),
        TEST(large_grids_are_not_walked),
        TEST(infinite_spaces_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
