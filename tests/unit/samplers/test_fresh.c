/* SPDX-License-Identifier: Apache-2.0 */
/* test_fresh.c – points that were not tried: random, qmc and grid down to the last one
 * of a finite space, and what they say when there is none. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "core/sweep_spec.h"
#include "samplers/cells.h"
#include "tests/unit/core/spec_rig.h"

#include <math.h>
#include <string.h>

/* A sweep over `space` whose points so far are in `tried`. */
struct rig {
    struct sweep_spec *spec;
    struct tried tried;
    struct suggest_request request;
    double x[8];
    struct err err;
};

static void rig_init(struct rig *rig, const char *space, const char *more)
{
    *rig = (struct rig){ .spec = spec_rig_space(space, more) };
    tried_init(&rig->tried, rig->spec->space->len);
    assert_true(rig->spec->space->len <= ARRAY_LEN(rig->x));
    rig->request = (struct suggest_request){ .space = rig->spec->space,
                                             .options = rig->spec->sampler_options,
                                             .seed = rig->spec->seed,
                                             .tried = &rig->tried };
}

static void rig_fini(struct rig *rig)
{
    tried_fini(&rig->tried);
    sweep_spec_destroy(rig->spec);
}

/* Asks for the next trial and, if there is one, remembers its point. */
static enum err_code rig_next(struct rig *rig)
{
    enum err_code code = rig->spec->sampler->suggest(&rig->request, rig->x,
                                                     &rig->request.cursor, &rig->err);
    if (code == ERR_OK) {
        assert_false(tried_has(&rig->tried, rig->x, rig->request.trial));
        tried_add(&rig->tried, rig->x, rig->request.trial);
        rig->request.trial++;
    }
    return code;
}

/* Remembers every point of the space but number `left`, counted from 0. */
static size_t rig_try_all_but(struct rig *rig, size_t left, double *left_out)
{
    const struct space *space = rig->spec->space;
    struct cells cells;
    size_t points = 0;
    cells_init(&cells, space, 0);
    while (cells_find(&cells, cells_count(space), rig->x)) {
        if (points++ == left) {
            memcpy(left_out, rig->x, space->len * sizeof *left_out);
        } else {
            tried_add(&rig->tried, rig->x, rig->request.trial++);
        }
        cells_step(&cells);
    }
    cells_fini(&cells);
    return points;
}

static const char *const searches[] = {
    "search: {sampler: random}\n",
    "search: {sampler: qmc}\n",
    "search: {sampler: qmc, sequence: halton}\n",
    "search: {sampler: grid}\n",
};

static void every_point_comes_once(void **state)
{
    UNUSED(state);
    static const struct {
        const char *space;
        const char *forbid;
        size_t points;
    } cases[] = {
        { "  a: [only]\n", "", 1 },
        { "  a: {int: [1, 40]}\n  b: [x, y, z]\n", "", 120 },
        { "  a: {int: [1, 300], scale: log}\n", "", 300 },
        { "  a: {float: [0, 1], step: 0.1}\n  b: {int: [0, 9]}\n",
          "forbid: [a + b > 3]\n", 11 * 3 + 1 },
        { "  k: [u, v]\n  a: {int: [1, 50], when: k == u}\n  b: {float: [2, 2]}\n", "",
          51 },
    };
    for (size_t s = 0; s < ARRAY_LEN(searches); s++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct rig rig;
            char *AUTO_FREE more = mem_printf("%s%s", searches[s], cases[i].forbid);
            rig_init(&rig, cases[i].space, more);
            for (size_t k = 0; k < cases[i].points; k++) {
                assert_ok(rig_next(&rig), &rig.err);
            }
            assert_code(rig_next(&rig), ERR_NOTFOUND);
            assert_true(strlen(rig.err.msg) > 10);
            rig_fini(&rig);
        }
    }
}

/* 60,000 points, 59,999 of them tried. */
static void the_last_point_is_found(void **state)
{
    UNUSED(state);
    for (size_t s = 0; s < ARRAY_LEN(searches); s++) {
        struct rig rig;
        double left[3];
        rig_init(&rig,
                 "  a: {int: [1, 300]}\n  b: {int: [1, 20]}\n  c: {int: [1, 10]}\n",
                 searches[s]);
        assert_int_equal(rig_try_all_but(&rig, 31415, left), 60000);
        assert_ok(rig_next(&rig), &rig.err);
        assert_memory_equal(rig.x, left, sizeof left);
        assert_code(rig_next(&rig), ERR_NOTFOUND);
        rig_fini(&rig);
    }
}

/* Also where chance would never come: most of the space is forbidden. */
static void rare_allowed_points_are_found(void **state)
{
    UNUSED(state);
    for (size_t s = 0; s < ARRAY_LEN(searches); s++) {
        struct rig rig;
        char *AUTO_FREE more =
            mem_printf("%sforbid: [a != 77777, b > 2]\n", searches[s]);
        rig_init(&rig, "  a: {int: [1, 100000]}\n  b: {int: [1, 10]}\n", more);
        for (size_t k = 0; k < 2; k++) {
            assert_ok(rig_next(&rig), &rig.err);
            assert_true(rig.x[0] == 77777);
        }
        assert_code(rig_next(&rig), ERR_NOTFOUND);
        rig_fini(&rig);
    }
}

/* A trial sees only what was tried before it, so that it can be derived again. */
static void later_trials_do_not_count(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, "  a: {int: [1, 6]}\n", "search: {sampler: random}\n");
    double first[6];
    for (size_t k = 0; k < 6; k++) {
        assert_ok(rig_next(&rig), &rig.err);
        first[k] = rig.x[0];
    }
    for (uint32_t trial = 0; trial < 6; trial++) {
        rig.request.trial = trial;
        uint64_t cursor = 0;
        assert_ok(rig.spec->sampler->suggest(&rig.request, rig.x, &cursor, &rig.err),
                  &rig.err);
        assert_true(rig.x[0] == first[trial]);
    }
    rig_fini(&rig);
}

/* Nothing is wrong with duplicates where nobody minds. */
static void without_tried_points_repeat(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, "  a: {int: [1, 2]}\n", "search: {sampler: random}\n");
    rig.request.tried = NULL;
    for (; rig.request.trial < 50; rig.request.trial++) {
        uint64_t cursor = 0;
        assert_ok(rig.spec->sampler->suggest(&rig.request, rig.x, &cursor, &rig.err),
                  &rig.err);
    }
    rig_fini(&rig);
}

/* Where the space cannot be gone through, the number of draws is bounded and the
 * message has the shares. */
static void hopeless_spaces_are_said(void **state)
{
    UNUSED(state);
    static const char *const spaces[] = {
        "  a: {float: [0, 1]}\n  k: [x, y, z]\n",
        "  a: {int: [1, 1000000]}\n  b: {int: [1, 1000000]}\n  k: [x, y, z]\n",
    };
    for (size_t s = 0; s < 3; s++) {
        for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
            struct rig rig;
            char *AUTO_FREE more = mem_printf("%sforbid: [a >= 0]\n", searches[s]);
            rig_init(&rig, spaces[i], more);
            assert_code(rig_next(&rig), ERR_INVALID);
            assert_non_null(strstr(rig.err.msg, "'forbid'"));
            assert_non_null(strstr(rig.err.msg, "100%"));
            rig_fini(&rig);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_point_comes_once),        TEST(the_last_point_is_found),
        TEST(rare_allowed_points_are_found), TEST(later_trials_do_not_count),
        TEST(without_tried_points_repeat),   TEST(hopeless_spaces_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
