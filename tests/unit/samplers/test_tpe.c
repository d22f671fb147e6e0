/* SPDX-License-Identifier: Apache-2.0 */
/* test_tpe.c – what TPE promises beyond the contract of samplers: it learns in spaces
 * of every kind, takes open trials into account, avoids what was tried, takes any
 * history, and its suggestions are pinned. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "samplers/samplers.h"
#include "tests/unit/samplers/tpe_rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define THREE_FLOATS                                                                   \
    "  a: {float: [-5, 5]}\n  b: {float: [-5, 5]}\n  c: {float: [1e-4, 1e4], scale: "  \
    "log}\n"
#define EVERY_KIND                                                                     \
    "  f: {float: [-1, 1]}\n  l: {float: [1e-6, 1], scale: log}\n"                     \
    "  s: {float: [0, 0.6], step: 0.05}\n  i: {int: [1, 12]}\n"                        \
    "  u: {int: [8, 1024], scale: log}\n  k: [red, green, blue]\n"                     \
    "  o: [256, 16, 32, 128, 64]\n  w: {float: [0, 1], when: k == red}\n"              \
    "  one: {int: [7, 7]}\n"

static double three_floats(const double *x)
{
    double c = log10(x[2]) - 1.5;
    return (x[0] - 1.3) * (x[0] - 1.3) + (x[1] + 2.1) * (x[1] + 2.1) + c * c;
}

static double every_kind(const double *x)
{
    static const double sizes[] = { 256, 16, 32, 128, 64 };
    double loss = x[0] * x[0] + fabs(log10(x[1]) + 2) + fabs(x[2] - 0.25);
    loss += fabs(x[3] - 4) + fabs(log2(x[4]) - 7) + (x[5] == 0 ? x[7] : 1);
    return loss + fabs(log2(sizes[(size_t)x[6]]) - 6);
}

/* The middle one of the least losses with three seeds. */
static double run(const char *space,
                  const char *options,
                  size_t trials,
                  double (*loss)(const double *))
{
    double best[3];
    for (size_t i = 0; i < 3; i++) {
        struct tpe_rig rig;
        tpe_rig_init(&rig, space, options);
        rig.spec->seed = i;
        best[i] = tpe_rig_run(&rig, trials, 1, loss);
        tpe_rig_fini(&rig);
    }
    double low = fmin(best[0], best[1]);
    double high = fmax(best[0], best[1]);
    return fmax(low, fmin(high, best[2]));
}

static void it_learns(void **state)
{
    UNUSED(state);
    /* Random search needs about 6,000 trials for the first of these. */
    assert_true(run(THREE_FLOATS, "", 100, three_floats) < 0.05);
    assert_true(run(THREE_FLOATS, "multivariate: false", 100, three_floats) < 0.2);
    assert_true(run(EVERY_KIND, "", 200, every_kind) < 0.5);
    assert_true(run(EVERY_KIND, "group: false", 200, every_kind) < 0.5);
    assert_true(run(EVERY_KIND, "multivariate: false", 200, every_kind) < 2.5);
}

static void it_learns_with_open_trials(void **state)
{
    UNUSED(state);
    struct tpe_rig rig;
    tpe_rig_init(&rig, THREE_FLOATS, "");
    assert_true(tpe_rig_run(&rig, 100, 8, three_floats) < 0.2);
    tpe_rig_fini(&rig);
}

/* The start is over when so many trials exist, open ones included; then the model is
 * asked as soon as it knows two. */
static void open_trials_count_as_started(void **state)
{
    UNUSED(state);
    struct tpe_rig some;
    struct tpe_rig many;
    tpe_rig_init(&some, THREE_FLOATS, "startup_trials: 10");
    tpe_rig_init(&many, THREE_FLOATS, "startup_trials: 100");
    for (size_t i = 0; i < 12; i++) {
        const double *x = tpe_rig_ask(&some);
        const double *random = tpe_rig_ask(&many);
        bool same = memcmp(x, random, 3 * sizeof *x) == 0;
        assert_int_equal(same, i < 10);
        if (i == 4 || i == 8) {
            tpe_rig_tell(&some, TRIAL_FINISHED, three_floats(some.open));
            tpe_rig_tell(&many, TRIAL_FINISHED, three_floats(many.open));
        }
    }
    tpe_rig_fini(&some);
    tpe_rig_fini(&many);
}

/* Open trials push suggestions away, but the same stays the same. */
static void open_trials_matter(void **state)
{
    UNUSED(state);
    struct tpe_rig rig;
    tpe_rig_init(&rig, THREE_FLOATS, "");
    (void)tpe_rig_run(&rig, 30, 1, three_floats);
    struct suggest_request request = tpe_rig_request(&rig);
    uint64_t cursor = 0;
    double alone[3];
    double again[3];
    double beside[3];
    assert_code(sampler_tpe.suggest(&request, alone, &cursor, NULL), ERR_OK);
    assert_code(sampler_tpe.suggest(&request, again, &cursor, NULL), ERR_OK);
    assert_memory_equal(alone, again, sizeof alone);
    memcpy(rig.open, alone, sizeof alone);
    request.open_len = 1;
    assert_code(sampler_tpe.suggest(&request, beside, &cursor, NULL), ERR_OK);
    assert_memory_not_equal(alone, beside, sizeof alone);
    tpe_rig_fini(&rig);
}

/* What was recorded later changes nothing. */
static void only_the_first_rows_count(void **state)
{
    UNUSED(state);
    struct tpe_rig rig;
    tpe_rig_init(&rig, THREE_FLOATS, "");
    (void)tpe_rig_run(&rig, 30, 1, three_floats);
    struct suggest_request request = tpe_rig_request(&rig);
    uint64_t cursor = 0;
    double before[3];
    double after[3];
    assert_code(sampler_tpe.suggest(&request, before, &cursor, NULL), ERR_OK);
    (void)tpe_rig_run(&rig, 30, 1, three_floats);
    assert_code(sampler_tpe.suggest(&request, after, &cursor, NULL), ERR_OK);
    assert_memory_equal(before, after, sizeof before);
    tpe_rig_fini(&rig);
}

/* Every machine and every later version must suggest these. */
static void suggestions_are_pinned(void **state)
{
    UNUSED(state);
    struct tpe_rig rig;
    uint64_t hash = 0xcbf29ce484222325u;
    tpe_rig_init(&rig, EVERY_KIND, "");
    for (size_t trial = 0; trial < 80; trial++) {
        while (rig.open_len < 3) {
            const double *x = tpe_rig_ask(&rig);
            for (size_t i = 0; i < rig.spec->space->len; i++) {
                uint64_t bits = 0;
                memcpy(&bits, &x[i], sizeof bits);
                hash = (hash ^ (isnan(x[i]) ? 1 : bits)) * 0x100000001b3u;
            }
        }
        double loss = rig.open[0] * rig.open[0] + rig.open[2] + rig.open[3];
        tpe_rig_tell(&rig, trial % 7 == 3 ? TRIAL_PRUNED : TRIAL_FINISHED, loss);
    }
    assert_int_equal(hash, UINT64_C(0x417be5142c3d0ec8));
    tpe_rig_fini(&rig);
}

/* ---- order, conditions, duplicates, forbidden points ---- */

static double far_from_40(const double *x)
{
    double item = fmod(x[0] * 37, 61) + 3; /* the list below */
    return fabs(item - 40);
}

/* A list of numbers in any order is searched by their size. */
static void order_helps(void **state)
{
    UNUSED(state);
    char list[512] = "";
    char space[640];
    size_t at = 0;
    for (size_t i = 0; i < 61; i++) {
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%zu", i > 0 ? ", " : "",
                               i * 37 % 61 + 3);
    }
    size_t ordered = 0;
    size_t plain = 0;
    for (size_t k = 0; k < 2; k++) {
        struct tpe_rig rig;
        (void)snprintf(space, sizeof space, "  n: {choice: [%s], ordered: %s}\n", list,
                       k == 0 ? "true" : "false");
        tpe_rig_init(&rig, space, "");
        (void)tpe_rig_run(&rig, 60, 1, far_from_40);
        size_t near = 0;
        for (size_t row = 0; row < rig.history.len; row++) {
            near += rig.history.loss[row] <= 3;
        }
        *(k == 0 ? &ordered : &plain) = near;
        tpe_rig_fini(&rig);
    }
    assert_true(ordered > 25);
    assert_true(ordered > plain + 10);
}

static double small(const double *x)
{
    return x[0] + x[1];
}

/* Every point once, then the space is exhausted. */
static void nothing_is_tried_twice(void **state)
{
    UNUSED(state);
    struct tpe_rig rig;
    tpe_rig_init(&rig, "  a: {int: [1, 6]}\n  b: {float: [0, 1], step: 0.1}\n", "");
    rig.avoid = true;
    assert_true(tpe_rig_run(&rig, 66, 3, small) == 1);
    struct suggest_request request = tpe_rig_request(&rig);
    uint64_t cursor = 0;
    double x[2];
    struct err err = { 0 };
    assert_code(sampler_tpe.suggest(&request, x, &cursor, &err), ERR_NOTFOUND);
    tpe_rig_fini(&rig);
}

static double wide_band(const double *x)
{
    return fabs(x[0] - x[1]);
}

static void forbidden_points_are_not_suggested(void **state)
{
    UNUSED(state);
    struct tpe_rig rig;
    /* The best points are forbidden. */
    tpe_rig_init(&rig, "  a: {float: [0, 1]}\n  b: {float: [0, 1]}\n",
                 "}\nforbid: [a - b < 0.1 and b - a < 0.1]\ntags: {x: y");
    for (size_t i = 0; i < 60; i++) {
        (void)tpe_rig_ask(&rig);
        double distance = wide_band(rig.open);
        assert_true(distance >= 0.1);
        tpe_rig_tell(&rig, TRIAL_FINISHED, distance);
    }
    tpe_rig_fini(&rig);
}

static void impossible_spaces_are_said(void **state)
{
    UNUSED(state);
    struct tpe_rig rig;
    tpe_rig_init(&rig, "  a: {int: [0, 9]}\n", "}\nforbid: [a >= 0]\ntags: {x: y");
    for (uint32_t i = 0; i < 20; i++) {
        double x = i % 10;
        history_add(&rig.history,
                    (struct history_row){ .trial = i, .state = TRIAL_FINISHED }, &x);
    }
    rig.asked = 20;
    struct suggest_request request = tpe_rig_request(&rig);
    struct err err = { 0 };
    uint64_t cursor = 0;
    double x = 0;
    assert_code(sampler_tpe.suggest(&request, &x, &cursor, &err), ERR_INVALID);
    assert_non_null(strstr(err.msg, "100%"));
    tpe_rig_fini(&rig);
}

/* ---- odd histories ---- */

/* n rows of the given ends at points from `at`; then suggestions are legal. */
static void survives(const char *space,
                     size_t n,
                     void (*fill)(size_t row, struct history_row *end, double *x))
{
    struct tpe_rig rig;
    tpe_rig_init(&rig, space, "");
    const struct space *s = rig.spec->space;
    double *AUTO_FREE x = mem_alloc_array(s->len, sizeof *x);
    for (size_t row = 0; row < n; row++) {
        struct history_row end = { .trial = (uint32_t)row,
                                   .state = TRIAL_FINISHED,
                                   .loss = (double)row,
                                   .step = 1 };
        for (size_t i = 0; i < s->len; i++) {
            double span = s->params[i].high - s->params[i].low;
            x[i] =
                space_snap(s, i, s->params[i].low + fmod((double)row * 0.37, 1) * span);
        }
        fill(row, &end, x);
        history_add(&rig.history, end, x);
    }
    rig.asked = (uint32_t)n;
    for (size_t i = 0; i < 5; i++) {
        const double *got = tpe_rig_ask(&rig);
        for (size_t p = 0; p < s->len; p++) {
            assert_true(space_snap(s, p, got[p]) == got[p]);
        }
    }
    tpe_rig_fini(&rig);
}

static void as_it_is(size_t row, struct history_row *end, double *x)
{
    UNUSED(row);
    UNUSED(end);
    UNUSED(x);
}

static void infinite(size_t row, struct history_row *end, double *x)
{
    UNUSED(x);
    end->loss = row % 3 == 0 ? HUGE_VAL : (row % 3 == 1 ? -HUGE_VAL : 0);
}

static void all_failed(size_t row, struct history_row *end, double *x)
{
    UNUSED(x);
    end->state = row % 2 == 0 ? TRIAL_FAILED : TRIAL_CANCELLED;
    end->loss = (double)NAN;
}

static void all_pruned(size_t row, struct history_row *end, double *x)
{
    UNUSED(x);
    end->state = TRIAL_PRUNED;
    end->loss = row % 2 == 0 ? (double)NAN : 1;
    end->step = 0;
}

static void all_equal(size_t row, struct history_row *end, double *x)
{
    UNUSED(row);
    UNUSED(x);
    end->loss = 1;
}

static void one_point(size_t row, struct history_row *end, double *x)
{
    UNUSED(row);
    UNUSED(end);
    x[0] = 1;
}

/* Imported from, or made in, another range. */
static void outside(size_t row, struct history_row *end, double *x)
{
    end->trial = HISTORY_PRIOR;
    x[0] = row % 2 == 0 ? 1e300 : -1e300;
}

static void unknown(size_t row, struct history_row *end, double *x)
{
    UNUSED(end);
    x[0] = row % 5 == 0 ? x[0] : (double)NAN;
}

static void odd_histories_are_fine(void **state)
{
    UNUSED(state);
    static const char *const spaces[] = {
        "  a: {float: [0, 2]}\n  b: {float: [1, 1]}\n",
        "  a: {float: [1e-3, 1e3], scale: log}\n",
        "  a: {int: [1, 5]}\n",
        "  a: {int: [1, 1000000], scale: log}\n",
        "  a: {float: [0, 2], step: 0.5}\n",
        "  a: [x, y, z]\n  b: [only]\n",
        "  a: [5, 1, 3]\n",
        "  a: {float: [-8e307, 8e307]}\n",
        "  a: {int: [-9e15, 9e15]}\n",
    };
    static void (*const fills[])(size_t, struct history_row *, double *) = {
        as_it_is,  infinite,  all_failed, all_pruned,
        all_equal, one_point, outside,    unknown,
    };
    for (size_t s = 0; s < ARRAY_LEN(spaces); s++) {
        for (size_t f = 0; f < ARRAY_LEN(fills); f++) {
            survives(spaces[s], 40, fills[f]);
        }
    }
    survives("  a: {float: [0, 1]}\n", 100000, as_it_is);
    survives("  a: {int: [1, 100]}\n", 2000, outside);
}

static void large_spaces_are_fine(void **state)
{
    UNUSED(state);
    struct strbuf AUTO_STRBUF wide = STRBUF_INIT(1u << 20);
    for (size_t i = 0; i < 500; i++) {
        strbuf_addf(&wide, "  p%zu: {float: [0, 1]}\n", i);
    }
    survives(strbuf_cstr(&wide), 60, as_it_is);
    struct strbuf AUTO_STRBUF many = STRBUF_INIT(1u << 20);
    struct strbuf AUTO_STRBUF sizes = STRBUF_INIT(1u << 20);
    strbuf_adds(&many, "  c: [x");
    strbuf_adds(&sizes, "  c: [0");
    for (size_t i = 1; i < 10000; i++) {
        strbuf_addf(&many, ", x%zu", i);
        strbuf_addf(&sizes, ", %zu", i);
    }
    strbuf_adds(&many, "]\n");
    strbuf_adds(&sizes, "]\n");
    survives(strbuf_cstr(&many), 60, as_it_is);
    survives(strbuf_cstr(&sizes), 60, as_it_is);
}

/* A parameter that nothing was learned about is drawn from its whole range. */
static void rare_conditions_are_searched(void **state)
{
    UNUSED(state);
    static const char *const options[] = { "group: true", "group: false",
                                           "multivariate: false" };
    for (size_t o = 0; o < ARRAY_LEN(options); o++) {
        struct tpe_rig rig;
        tpe_rig_init(&rig, "  k: [a, b]\n  w: {float: [0, 1], when: k == b}\n",
                     options[o]);
        for (uint32_t i = 0; i < 30; i++) {
            const double x[] = { 0, (double)NAN };
            history_add(&rig.history,
                        (struct history_row){ .trial = i, .state = TRIAL_FINISHED }, x);
        }
        rig.asked = 30;
        size_t active = 0;
        for (size_t i = 0; i < 400; i++) {
            const double *x = tpe_rig_ask(&rig);
            assert_int_equal(isnan(x[1]), x[0] == 0);
            active += x[0] == 1;
            rig.open_len = 0;
        }
        assert_true(active > 0);
        tpe_rig_fini(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_learns),
        TEST(it_learns_with_open_trials),
        TEST(open_trials_count_as_started),
        TEST(open_trials_matter),
        TEST(only_the_first_rows_count),
        TEST(suggestions_are_pinned),
        TEST(order_helps),
        TEST(nothing_is_tried_twice),
        TEST(forbidden_points_are_not_suggested),
        TEST(impossible_spaces_are_said),
        TEST(odd_histories_are_fine),
        TEST(large_spaces_are_fine),
        TEST(rare_conditions_are_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
