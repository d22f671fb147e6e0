/* SPDX-License-Identifier: Apache-2.0 */
/* sampler_history.c – every sampler after every kind of history: values that are no
 * numbers or infinite, nothing but failures, all values equal, points of an older
 * space, imported, pruned, retried and open trials, rows that came later; and in spaces
 * of extreme sizes. Suggestions stay legal, pure and the same. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "base/strbuf.h"
#include "tests/contract/sampler_rig.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    ROWS = 60,
    ASKED = 12
};

/* A space with each kind of parameter, without floats for the grid, and one with. */
static const char *const spaces[][2] = {
    { "  a: {float: [-1, 1], step: 0.1}\n  i: {int: [1, 50], scale: log}\n"
      "  o: [16, 32, 64, 128]\n  k: [u, v, w]\n"
      "  c: {int: [-5, 5], when: k == v}\n  z: {float: [3, 3]}\n",
      "forbid: [a > 0.9 and k == w]\n" },
    { "  a: {float: [-1, 1]}\n  l: {float: [1e-6, 1], scale: log}\n"
      "  i: {int: [1, 500], scale: log}\n  s: {int: [0, 100], step: 10}\n"
      "  o: [16, 32, 64, 128]\n  k: [u, v, w]\n"
      "  c: {float: [-5, 5], when: k == v}\n  d: {float: [0, 1], when: c > 0}\n",
      "forbid: [a > 0.9 and k == w]\n" },
};

/* ASKED suggestions, or as many as the sampler has to give. */
static void ask_some(struct sampler_rig *rig)
{
    const struct sampler_ops *ops = rig->spec->sampler;
    uint64_t count = ops->count != NULL ? ops->count(rig->spec->space) : ASKED;
    for (size_t i = 0; i < ASKED && i < count; i++) {
        sampler_next_checked(rig);
    }
}

static void for_all(sampler_check_fn check)
{
    for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
        sampler_for_each(spaces[i][0], spaces[i][1], check);
    }
}

/* ---- values ---- */

/* Rows with these losses in turn, NaN as failures. */
static void learn_losses(struct sampler_rig *rig, const double *losses, size_t len)
{
    for (size_t i = 0; i < ROWS; i++) {
        double loss = losses[i % len];
        sampler_learn(rig, isnan(loss) ? TRIAL_FAILED : TRIAL_FINISHED, loss);
    }
    ask_some(rig);
}

static void no_history(struct sampler_rig *rig)
{
    ask_some(rig);
}

static void all_failed(struct sampler_rig *rig)
{
    const double losses[] = { (double)NAN };
    learn_losses(rig, losses, ARRAY_LEN(losses));
}

static void all_equal(struct sampler_rig *rig)
{
    const double losses[] = { 2.5 };
    learn_losses(rig, losses, ARRAY_LEN(losses));
}

static void all_infinite(struct sampler_rig *rig)
{
    const double losses[] = { HUGE_VAL };
    learn_losses(rig, losses, ARRAY_LEN(losses));
}

static void all_minus_infinite(struct sampler_rig *rig)
{
    const double losses[] = { -HUGE_VAL };
    learn_losses(rig, losses, ARRAY_LEN(losses));
}

static void extreme_values(struct sampler_rig *rig)
{
    const double losses[] = { 1,        -HUGE_VAL, DBL_MAX, HUGE_VAL,     (double)NAN,
                              -DBL_MAX, 0,         -0.0,    DBL_TRUE_MIN, -1 };
    learn_losses(rig, losses, ARRAY_LEN(losses));
}

static void one_finished(struct sampler_rig *rig)
{
    sampler_learn(rig, TRIAL_FINISHED, 1.0);
    ask_some(rig);
}

static void cancelled_only(struct sampler_rig *rig)
{
    for (size_t i = 0; i < ROWS; i++) {
        sampler_learn(rig, TRIAL_CANCELLED, (double)NAN);
    }
    ask_some(rig);
}

static void pruned_trials(struct sampler_rig *rig)
{
    for (size_t i = 0; i < ROWS; i++) {
        double loss = i % 5 == 0 ? (double)NAN : i % 7 == 0 ? HUGE_VAL : (double)i;
        sampler_learn(rig, i % 3 == 0 ? TRIAL_FINISHED : TRIAL_PRUNED,
                      i % 3 == 0 ? (double)i : loss);
    }
    ask_some(rig);
}

static void any_values(void **state)
{
    UNUSED(state);
    static const sampler_check_fn checks[] = {
        no_history,     all_failed,   all_equal,      all_infinite,  all_minus_infinite,
        extreme_values, one_finished, cancelled_only, pruned_trials,
    };
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        for_all(checks[i]);
    }
}

/* ---- points ---- */

/* After an edit: values outside the present bounds, off the steps, at or below zero
 * where the scale is logarithmic, unknown, or known where they are not active. */
static void changed_space(struct sampler_rig *rig)
{
    static const double odd[] = { -1e308, 1e308, 0, -3, 0.123456789, 1e-300, 1e9 };
    const struct space *space = rig->spec->space;
    double *AUTO_FREE x = mem_alloc_array(space->len, sizeof *x);
    for (uint32_t row = 0; row < ROWS; row++) {
        sampler_random_point(rig, row, x);
        size_t i = row % space->len;
        bool choice = space->params[i].kind == PARAM_CHOICE;
        x[i] = choice ? (double)NAN : odd[row % ARRAY_LEN(odd)];
        if (row % 4 == 0) {
            x[(i + 1) % space->len] = (double)NAN;
        }
        if (row % 5 == 0 && isnan(x[space->len - 1])) {
            x[space->len - 1] = 0.5;
        }
        const struct history_row known = { .trial = row,
                                           .state = TRIAL_FINISHED,
                                           .loss = (double)(row % 13) };
        sampler_learn_at(rig, known, x);
    }
    ask_some(rig);
}

static void imported(struct sampler_rig *rig)
{
    double *AUTO_FREE x = mem_alloc_array(rig->spec->space->len, sizeof *x);
    for (uint32_t row = 0; row < ROWS; row++) {
        const struct history_row prior = { .trial = HISTORY_PRIOR,
                                           .state = TRIAL_FINISHED,
                                           .loss = (double)(row % 17) };
        sampler_random_point(rig, row, x);
        sampler_learn_at(rig, prior, x);
        tried_add_prior(&rig->tried, x);
    }
    assert_int_equal(rig->request.trial, 0);
    rig->request.tried = &rig->tried;
    for (uint32_t k = 0; k < ASKED; k++) {
        sampler_next_checked(rig);
        assert_false(tried_has(&rig->tried, rig->x, rig->request.trial));
        tried_add(&rig->tried, rig->x, rig->request.trial - 1);
    }
}

/* Trials that ended, were given back and ended again, or are open again. */
static void retried(struct sampler_rig *rig)
{
    size_t dims = rig->spec->space->len;
    double *AUTO_FREE x = mem_alloc_array(dims, sizeof *x);
    for (uint32_t trial = 0; trial < ROWS; trial++) {
        sampler_random_point(rig, trial, x);
        struct history_row row = { .trial = trial,
                                   .state = TRIAL_FAILED,
                                   .loss = (double)NAN };
        sampler_learn_at(rig, row, x);
        if (trial % 3 != 0) {
            row.state = TRIAL_QUEUED;
            sampler_learn_at(rig, row, x);
        }
        if (trial % 3 == 1) {
            row.state = TRIAL_FINISHED;
            row.loss = (double)trial;
            sampler_learn_at(rig, row, x);
        } else if (trial % 3 == 2) {
            sampler_open(rig, x);
        }
    }
    ask_some(rig);
}

/* More open than ended, all of them at one point, or nothing but open ones. */
static void open_trials(struct sampler_rig *rig)
{
    double *AUTO_FREE x = mem_alloc_array(rig->spec->space->len, sizeof *x);
    for (uint32_t k = 0; k < 40; k++) {
        sampler_random_point(rig, k, x);
        sampler_open(rig, x);
    }
    ask_some(rig);
    for (uint32_t k = 0; k < 15; k++) {
        sampler_learn(rig, TRIAL_FINISHED, (double)(k % 4));
        sampler_open(rig, x);
    }
    ask_some(rig);
}

static void any_points(void **state)
{
    UNUSED(state);
    static const sampler_check_fn checks[] = { changed_space, imported, retried,
                                               open_trials };
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        for_all(checks[i]);
    }
}

/* ---- rows that came later ---- */

/* A suggestion that knew the first rows is the same when more have come. */
static void later_rows(struct sampler_rig *rig)
{
    size_t dims = rig->spec->space->len;
    size_t bytes = dims * sizeof(double);
    double *AUTO_FREE first = mem_alloc(bytes * ASKED);
    uint64_t cursors[ASKED + 1] = { 0 };
    for (uint32_t k = 0; k < ASKED; k++) {
        for (size_t i = 0; i < 3 + k; i++) {
            sampler_learn(rig, TRIAL_FINISHED, (double)((rig->history.len * 5) % 23));
        }
        rig->request.trial = k;
        sampler_next_checked(rig);
        cursors[k + 1] = rig->request.cursor;
        memcpy(first + k * dims, rig->x, bytes);
    }
    for (size_t i = 0; i < 10; i++) {
        sampler_learn(rig, TRIAL_FINISHED, -HUGE_VAL);
    }
    size_t rows = 0;
    for (uint32_t k = 0; k < ASKED; k++) {
        uint64_t cursor = 0;
        rows += 3 + k;
        rig->request.trial = k;
        rig->request.cursor = cursors[k];
        rig->request.history_len = rows;
        assert_ok(
            rig->spec->sampler->suggest(&rig->request, rig->x, &cursor, &rig->err),
            &rig->err);
        assert_memory_equal(rig->x, first + k * dims, bytes);
    }
}

static void later_rows_are_not_read(void **state)
{
    UNUSED(state);
    for_all(later_rows);
}

/* ---- sizes ---- */

static void learn_and_ask(struct sampler_rig *rig)
{
    for (size_t i = 0; i < ROWS; i++) {
        sampler_learn(rig, TRIAL_FINISHED, (double)((i * 11) % 37));
    }
    ask_some(rig);
}

static void one_value_only(void **state)
{
    UNUSED(state);
    sampler_for_each("  a: {float: [0.1, 0.1]}\n", "", learn_and_ask);
    sampler_for_each(
        "  a: {float: [3, 3], scale: log}\n  b: {int: [4, 4], scale: log}\n"
        "  c: [x]\n  d: [5]\n  e: {int: [1, 3]}\n  f: {int: [0, 5]}\n",
        "", learn_and_ask);
}

static void ten_thousand_choices(void **state)
{
    UNUSED(state);
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(YAML_BYTES_MAX);
    strbuf_adds(&text, "  n: [0");
    for (int i = 1; i < CHOICES_MAX; i++) {
        strbuf_addf(&text, ", %d", i * 3);
    }
    strbuf_adds(&text, "]\n  s: [c0");
    for (int i = 1; i < CHOICES_MAX; i++) {
        strbuf_addf(&text, ", c%d", i);
    }
    strbuf_adds(&text, "]\n");
    sampler_for_each(strbuf_cstr(&text), "", learn_and_ask);
}

static void five_hundred_dimensions(void **state)
{
    UNUSED(state);
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(YAML_BYTES_MAX);
    for (int i = 0; i < 100; i++) {
        strbuf_addf(&text,
                    "  a%d: {float: [0, 1]}\n  b%d: {float: [1e-3, 1], scale: log}\n"
                    "  c%d: {int: [1, 9]}\n  d%d: [x, y, z]\n"
                    "  e%d: {float: [0, 1], when: d%d == y}\n",
                    i, i, i, i, i, i);
    }
    sampler_for_each(strbuf_cstr(&text), "", learn_and_ask);
}

static void long_history(struct sampler_rig *rig)
{
    size_t dims = rig->spec->space->len;
    double *AUTO_FREE points = mem_alloc_array(1000 * dims, sizeof *points);
    for (uint32_t i = 0; i < 1000; i++) {
        sampler_random_point(rig, i, points + i * dims);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        const struct history_row row = {
            .trial = i,
            .state = i % 10 == 0 ? TRIAL_FAILED : TRIAL_FINISHED,
            .loss = i % 10 == 0 ? (double)NAN : (double)(i % 997)
        };
        sampler_learn_at(rig, row, points + (i % 1000) * dims);
    }
    sampler_next_checked(rig);
    sampler_next_checked(rig);
}

static void a_hundred_thousand_trials(void **state)
{
    UNUSED(state);
    for_all(long_history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_values),
        TEST(any_points),
        TEST(later_rows_are_not_read),
        TEST(one_value_only),
        TEST(ten_thousand_choices),
        TEST(five_hundred_dimensions),
        TEST(a_hundred_thousand_trials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
