/* SPDX-License-Identifier: Apache-2.0 */
/* sampler_contract.c – what every sampler promises (core/sampler.h), run for each one
 * of the registry with its options over spaces of every shape: legal, pruned, allowed
 * points; a pure function of its request; nothing written on failure; a bounded, ending
 * cursor; no point twice where that is asked for. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "samplers/registry.h"
#include "tests/contract/sampler_rig.h"

#include <math.h>
#include <string.h>

enum {
    TRIALS = 300
};

/* Finite but for `grid: N`; the last ones have no more than TRIALS points. */
static const char *const spaces[][2] = {
    { "  a: {float: [0.001, 10], scale: log, grid: 5}\n  b: {float: [0, 1], grid: 4}\n",
      "" },
    { "  a: {float: [-1e300, 7e299], grid: 3}\n  b: {int: [-9e15, -9e15]}\n", "" },
    { "  a: {float: [0, 1]}\n  b: {int: [1, 1000], scale: log}\n  c: [x, y, z]\n", "" },
    { "  a: {int: [1, 5]}\n", "" },
    { "  a: {float: [0, 1], step: 0.1}\n  b: {float: [-1, 1], step: 0.5}\n", "" },
    { "  a: [x, 1, true, 2.5]\n  b: {choice: [3, 1, 2], ordered: false}\n", "" },
    { "  a: {float: [7, 7]}\n  b: {int: [7, 7]}\n  c: [7]\n", "" },
    { "  d: {int: [1, 100], scale: log, when: c > 0.5}\n  c: {float: [0, 1], step: "
      "0.25, "
      "when: b == y}\n  b: [x, y]\n",
      "forbid: [d > 50]\n" },
    { "  a: {int: [0, 9]}\n  b: {int: [0, 9]}\n", "forbid: [a + b > 9, a == b]\n" },
    { "  a: [1, 2, 4, 8, 16]\n  b: {int: [1, 8], scale: log}\n", "" },
};

static void for_all(sampler_check_fn check)
{
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
        sampler_for_each(spaces[i][0], spaces[i][1], check);
    }
}

/* ---- points ---- */

static double loss_at(const struct space *space, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < space->len; i++) {
        sum += isnan(x[i]) ? 0 : fabs(x[i] - space->params[i].low);
    }
    return sum;
}

static void points_of(struct sampler_rig *rig)
{
    const struct sweep_spec *spec = rig->spec;
    uint64_t count =
        spec->sampler->count != NULL ? spec->sampler->count(spec->space) : 0;
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        uint64_t cursor = rig->request.cursor;
        enum err_code code = sampler_next(rig);
        if (code == ERR_NOTFOUND) {
            assert_int_equal(trial, count);
            assert_int_equal(rig->request.cursor, cursor);
            return;
        }
        assert_ok(code, &rig->err);
        assert_true(rig->request.cursor >= cursor);
        sampler_check_legal(spec->space, rig->x);
        const struct history_row row = { .trial = trial,
                                         .state = TRIAL_FINISHED,
                                         .loss = loss_at(spec->space, rig->x) };
        history_add(&rig->history, row, rig->x);
    }
    assert_true(count == 0 || count >= TRIALS);
}

static void points_are_legal(void **state)
{
    UNUSED(state);
    for_all(points_of);
}

/* A sweep with four trials open that avoids duplicates. Random may pass, so where the
 * space is finite every point comes once and then the sampler says that it is over. */
static void duplicates_of(struct sampler_rig *rig)
{
    enum {
        OPEN = 4
    };
    const struct space *space = rig->spec->space;
    bool finite = space_size(space) != 0;
    uint64_t points = finite ? sampler_points(space) : 0;
    double *AUTO_FREE asked =
        mem_alloc_array((size_t)TRIALS * space->len, sizeof *asked);
    rig->request.tried = &rig->tried;
    for (uint32_t trial = 0; trial < TRIALS; trial++) {
        rig->open_len = 0;
        for (uint32_t k = trial < OPEN ? 0 : trial - OPEN; k < trial; k++) {
            sampler_open(rig, asked + k * space->len);
        }
        enum err_code code = sampler_next(rig);
        if (code == ERR_NOTFOUND) {
            assert_true(!finite || trial == points);
            return;
        }
        assert_ok(code, &rig->err);
        sampler_check_legal(space, rig->x);
        assert_false(tried_has(&rig->tried, rig->x, UINT32_MAX - 1));
        tried_add(&rig->tried, rig->x, trial);
        memcpy(asked + trial * space->len, rig->x, space->len * sizeof *asked);
        if (trial >= OPEN) {
            const double *x = asked + (trial - OPEN) * space->len;
            const struct history_row row = {
                .trial = trial - OPEN,
                .state = trial % 9 == 3 ? TRIAL_FAILED : TRIAL_FINISHED,
                .loss = trial % 9 == 3 ? (double)NAN : loss_at(space, x)
            };
            history_add(&rig->history, row, x);
        }
    }
    assert_true(!finite || points >= TRIALS);
}

static void no_point_comes_twice(void **state)
{
    UNUSED(state);
    for_all(duplicates_of);
}

/* What the batch has found counts as tried. */
static void batch_of(struct sampler_rig *rig)
{
    struct tried batch;
    tried_init(&batch, rig->spec->space->len);
    rig->request.tried = &rig->tried;
    rig->request.batch = &batch;
    for (uint32_t trial = 0; trial < 20 && sampler_next(rig) == ERR_OK; trial++) {
        assert_false(tried_has(&batch, rig->x, trial));
        tried_add(&batch, rig->x, trial);
    }
    tried_fini(&batch);
}

static void batches_have_no_twins(void **state)
{
    UNUSED(state);
    for_all(batch_of);
}

/* ---- purity ---- */

/* The same request gives the same bits, whatever was asked before. */
static void purity_of(struct sampler_rig *rig)
{
    size_t dims = rig->spec->space->len;
    size_t bytes = dims * sizeof(double);
    double *AUTO_FREE first = mem_alloc(bytes * TRIALS);
    uint64_t cursors[TRIALS + 1] = { 0 };
    uint32_t trials = 0;
    for (size_t i = 0; i < 40; i++) {
        sampler_learn(rig, TRIAL_FINISHED, (double)((i * 7) % 11));
    }
    while (trials < TRIALS) {
        rig->request.trial = trials;
        rig->request.cursor = cursors[trials];
        if (sampler_next(rig) != ERR_OK) {
            break;
        }
        memcpy(first + trials * dims, rig->x, bytes);
        cursors[++trials] = rig->request.cursor;
    }
    for (uint32_t trial = trials; trial-- > 0;) {
        rig->request.trial = trial;
        rig->request.cursor = cursors[trial];
        assert_ok(sampler_next(rig), &rig->err);
        assert_memory_equal(rig->x, first + trial * dims, bytes);
        assert_int_equal(rig->request.cursor, cursors[trial + 1]);
    }
}

static void suggestions_are_pure(void **state)
{
    UNUSED(state);
    for_all(purity_of);
}

/* ---- the table ---- */

static void names_and_summaries(void **state)
{
    UNUSED(state);
    assert_true(sampler_registry_all.len >= 3);
    for (size_t s = 0; s < sampler_registry_all.len; s++) {
        const struct sampler_ops *ops = sampler_registry_all.ops[s];
        assert_ptr_equal(sampler_find(&sampler_registry_all, ops->name), ops);
        assert_true(strlen(ops->summary) > 10);
        assert_non_null(ops->suggest);
    }
    assert_null(sampler_find(&sampler_registry_all, "none"));
}

static void options_are_described(void **state)
{
    UNUSED(state);
    for (size_t s = 0; s < sampler_registry_all.len; s++) {
        const struct sampler_ops *ops = sampler_registry_all.ops[s];
        for (size_t i = 0; i < ops->options_len; i++) {
            const struct option_def *def = &ops->options[i];
            bool number = def->kind == OPTION_INT || def->kind == OPTION_FLOAT;
            double words = def->kind == OPTION_WORD ? (double)def->words_len : 2;
            assert_int_equal(option_find(ops->options, ops->options_len, def->name), i);
            assert_true(strlen(def->summary) > 10);
            assert_true(def->preset >= (number ? def->low : 0));
            assert_true(number ? def->preset <= def->high : def->preset < words);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(points_are_legal),      TEST(no_point_comes_twice),
        TEST(batches_have_no_twins), TEST(suggestions_are_pure),
        TEST(names_and_summaries),   TEST(options_are_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
