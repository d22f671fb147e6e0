/* SPDX-License-Identifier: Apache-2.0 */
/* sampler_contract.c – what every sampler promises (core/sampler.h), run for each one
 * of the registry over spaces of every shape: legal, pruned, allowed points; a pure
 * function of its request; nothing written on failure; a bounded, ending cursor. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "core/expr.h"
#include "samplers/registry.h"
#include "tests/unit/core/spec_rig.h"

#include <math.h>
#include <string.h>

enum {
    TRIALS = 300
};

static const char *const spaces[][2] = {
    { "  a: {int: [1, 5]}\n", "" },
    { "  a: {float: [0, 1], step: 0.1}\n  b: {float: [-1, 1], step: 0.5}\n", "" },
    { "  a: [x, 1, true, 2.5]\n  b: {choice: [3, 1, 2], ordered: false}\n", "" },
    { "  a: {float: [0.001, 10], scale: log, grid: 5}\n  b: {float: [0, 1], grid: 4}\n",
      "" },
    { "  a: {float: [7, 7]}\n  b: {int: [7, 7]}\n  c: [7]\n", "" },
    { "  d: {int: [1, 100], scale: log, when: c > 0.5}\n  c: {float: [0, 1], step: "
      "0.25, "
      "when: b == y}\n  b: [x, y]\n",
      "forbid: [d > 50]\n" },
    { "  a: {int: [0, 9]}\n  b: {int: [0, 9]}\n", "forbid: [a + b > 9, a == b]\n" },
    { "  a: {float: [-1e300, 7e299], grid: 3}\n  b: {int: [-9e15, -9e15]}\n", "" },
};

typedef void (*check_fn)(const struct sweep_spec *spec);

static void for_all(check_fn check)
{
    for (size_t s = 0; s < sampler_registry_all.len; s++) {
        for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
            char *AUTO_FREE more =
                mem_printf("search: {sampler: %s, seed: 11}\n%s",
                           sampler_registry_all.ops[s]->name, spaces[i][1]);
            struct sweep_spec *spec = spec_rig_space(spaces[i][0], more);
            assert_ptr_equal(spec->sampler, sampler_registry_all.ops[s]);
            check(spec);
            sweep_spec_destroy(spec);
        }
    }
}

static void check_legal(const struct space *space, const double *x)
{
    for (size_t i = 0; i < space->len; i++) {
        const struct param *param = &space->params[i];
        bool active =
            param->when == NULL || expr_eval(param->when, space, x) == TRUTH_TRUE;
        assert_int_equal(active, !isnan(x[i]));
        if (active) {
            assert_true(x[i] >= param->low && x[i] <= param->high);
            assert_true(space_snap(space, i, x[i]) == x[i]);
            /* What is printed reads back to the same value. */
            double again = 0.0;
            assert_code(
                space_encode(space, i, space_value(space, i, x[i]), &again, NULL),
                ERR_OK);
            assert_true(again == x[i]);
        }
    }
    assert_false(space_is_forbidden(space, x));
}

static void points_of(const struct sweep_spec *spec)
{
    const struct space *space = spec->space;
    double *AUTO_FREE x = mem_alloc_array(space->len, sizeof *x);
    struct suggest_request request = { .space = space, .seed = spec->seed };
    uint64_t count = spec->sampler->count != NULL ? spec->sampler->count(space) : 0;
    for (; request.trial < TRIALS; request.trial++) {
        struct err err = { 0 };
        uint64_t cursor = 12345;
        enum err_code code = spec->sampler->suggest(&request, x, &cursor, &err);
        if (code == ERR_NOTFOUND) {
            assert_int_equal(request.trial, count);
            assert_int_equal(cursor, 12345);
            return;
        }
        assert_ok(code, &err);
        assert_true(cursor >= request.cursor);
        check_legal(space, x);
        request.cursor = cursor;
    }
    assert_true(count == 0 || count >= TRIALS);
}

static void points_are_legal(void **state)
{
    UNUSED(state);
    for_all(points_of);
}

/* The same request gives the same bits, whatever was asked before. */
static void purity_of(const struct sweep_spec *spec)
{
    size_t bytes = spec->space->len * sizeof(double);
    double *AUTO_FREE first = mem_alloc(bytes * TRIALS);
    double *AUTO_FREE again = mem_alloc(bytes);
    uint64_t cursors[TRIALS + 1] = { 0 };
    uint32_t trials = 0;
    struct suggest_request request = { .space = spec->space, .seed = spec->seed };
    while (trials < TRIALS) {
        request.trial = trials;
        request.cursor = cursors[trials];
        double *x = first + trials * spec->space->len;
        if (spec->sampler->suggest(&request, x, &cursors[trials + 1], NULL) != ERR_OK) {
            break;
        }
        trials++;
    }
    for (uint32_t trial = trials; trial-- > 0;) {
        uint64_t cursor = 0;
        request.trial = trial;
        request.cursor = cursors[trial];
        assert_code(spec->sampler->suggest(&request, again, &cursor, NULL), ERR_OK);
        assert_memory_equal(again, first + trial * spec->space->len, bytes);
        assert_int_equal(cursor, cursors[trial + 1]);
    }
}

static void suggestions_are_pure(void **state)
{
    UNUSED(state);
    for_all(purity_of);
}

static void names_and_summaries(void **state)
{
    UNUSED(state);
    assert_true(sampler_registry_all.len >= 2);
    for (size_t s = 0; s < sampler_registry_all.len; s++) {
        const struct sampler_ops *ops = sampler_registry_all.ops[s];
        assert_ptr_equal(sampler_find(&sampler_registry_all, ops->name), ops);
        assert_true(strlen(ops->summary) > 10);
        assert_non_null(ops->suggest);
    }
    assert_null(sampler_find(&sampler_registry_all, "none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(points_are_legal),
        TEST(suggestions_are_pure),
        TEST(names_and_summaries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
