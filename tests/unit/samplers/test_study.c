/* SPDX-License-Identifier: Apache-2.0 */
/* test_study.c – the header for programs that embed the samplers. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "samplers/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct study *create(const char *text, enum study_goal goal)
{
    struct study *study = NULL;
    struct err err = { 0 };
    assert_ok(study_create(text, goal, &study, &err), &err);
    return study;
}

static uint32_t ask(struct study *study)
{
    struct err err = { 0 };
    uint32_t trial = UINT32_MAX;
    assert_ok(study_ask(study, &trial, &err), &err);
    return trial;
}

static const char mixed[] = "space:\n"
                            "  lr: {float: [1e-5, 1], scale: log}\n"
                            "  layers: {int: [1, 4]}\n"
                            "  opt: [sgd, adam]\n"
                            "  batch: [16, 32, 64]\n"
                            "  bias: [true, false]\n"
                            "  momentum: {float: [0, 1], when: opt == sgd}\n"
                            "enqueue:\n"
                            "  - {lr: 0.5, layers: 2, opt: adam, batch: 32, bias: "
                            "true}\n"
                            "  - {lr: 0.1, layers: 3, opt: sgd, batch: 64, bias: "
                            "false, momentum: 0.25}\n";

static void values_come_with_their_types(void **state)
{
    UNUSED(state);
    struct study *study = create(mixed, STUDY_MINIMIZE);
    assert_int_equal(study_params(study), 6);
    assert_true(study_has(study, "lr"));
    assert_false(study_has(study, "rl"));
    assert_int_equal(ask(study), 0);
    assert_true(study_number(study, 0, "lr") == 0.5);
    assert_int_equal(study_int(study, 0, "layers", -1), 2);
    assert_string_equal(study_string(study, 0, "opt"), "adam");
    assert_int_equal(study_int(study, 0, "batch", -1), 32);
    assert_true(study_number(study, 0, "batch") == 32);
    assert_true(study_bool(study, 0, "bias", false));
    assert_false(study_is_active(study, 0, "momentum"));
    assert_true(isnan(study_number(study, 0, "momentum")));
    assert_true(isnan(study_number(study, 0, "opt")));
    assert_int_equal(study_int(study, 0, "opt", -7), -7);
    assert_null(study_string(study, 0, "lr"));
    assert_true(study_bool(study, 0, "lr", true));
    char *json = study_json(study, 0);
    assert_string_equal(json, "{\"lr\":0.5,\"layers\":2,\"opt\":\"adam\",\"batch\":32,"
                              "\"bias\":true}");
    free(json);
    assert_int_equal(ask(study), 1);
    assert_true(study_number(study, 1, "momentum") == 0.25);
    assert_false(study_bool(study, 1, "bias", true));
    assert_int_equal(ask(study), 2);
    assert_true(study_number(study, 2, "lr") >= 1e-5);
    study_destroy(study);
}

static void trials_end_once(void **state)
{
    UNUSED(state);
    struct study *study = create("space: {a: {float: [0, 1]}}", STUDY_MAXIMIZE);
    struct err err = { 0 };
    uint32_t best = 99;
    double value = -1;
    assert_code(study_tell(study, 0, 1.0, &err), ERR_NOTFOUND);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(ask(study), i);
    }
    assert_false(study_best(study, &best, &value));
    assert_ok(study_tell(study, 3, 2.0, &err), &err);
    assert_ok(study_tell(study, 0, 5.0, &err), &err);
    assert_ok(study_tell(study, 5, 5.0, &err), &err);
    assert_ok(study_tell_failed(study, 1, &err), &err);
    assert_ok(study_tell_pruned(study, 2, 9.0, 3, &err), &err);
    assert_ok(study_tell(study, 4, (double)NAN, &err), &err);
    for (uint32_t i = 0; i < 6; i++) {
        assert_code(study_tell(study, i, 100.0, &err), ERR_STATE);
        assert_code(study_tell_failed(study, i, &err), ERR_STATE);
    }
    assert_non_null(strstr(err.msg, "trial 5"));
    assert_true(study_best(study, &best, &value));
    assert_int_equal(best, 0);
    assert_true(value == 5.0);
    assert_int_equal(study_trials(study), 6);
    study_destroy(study);
}

static void a_finite_space_ends(void **state)
{
    UNUSED(state);
    struct study *study =
        create("space: {a: [x, y, z]}\nenqueue: [{a: y}]", STUDY_MINIMIZE);
    struct err err = { 0 };
    double value = 0;
    uint32_t trial = 0;
    bool seen[3] = { false };
    for (uint32_t i = 0; i < 3; i++) {
        ask(study);
        size_t choice = (size_t)study_point(study, i)[0];
        assert_false(seen[choice]);
        seen[choice] = true;
    }
    assert_code(study_ask(study, &trial, &err), ERR_NOTFOUND);
    assert_code(study_ask(study, &trial, &err), ERR_NOTFOUND);
    assert_ok(study_tell(study, 2, 1.0, &err), &err);
    assert_true(study_best(study, &trial, &value));
    assert_int_equal(trial, 2);
    study_destroy(study);
    study =
        create("space: {a: [x, y, z]}\nsearch: {duplicates: allow}", STUDY_MINIMIZE);
    for (uint32_t i = 0; i < 9; i++) {
        ask(study);
    }
    study_destroy(study);
}

static void imports_are_checked(void **state)
{
    UNUSED(state);
    struct study *study = create("space:\n"
                                 "  k: [u, v]\n"
                                 "  a: {int: [1, 3], when: k == u}\n"
                                 "search: {sampler: grid}\n",
                                 STUDY_MINIMIZE);
    static const double bad[][2] = {
        { 2, 1 }, { -1, 1 },          { 0.5, 1 },         { 0, 4 },        { 0, 1.5 },
        { 1, 1 }, { (double)NAN, 1 }, { 0, (double)NAN }, { HUGE_VAL, 1 },
    };
    struct err err = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_code(study_import(study, bad[i], 1.0, &err), ERR_INVALID);
        assert_true(strlen(err.msg) > 5);
    }
    const double good[] = { 0, 2 };
    const double other[] = { 1, (double)NAN };
    assert_code(study_import(study, good, (double)NAN, &err), ERR_INVALID);
    assert_ok(study_import(study, good, 1.0, &err), &err);
    assert_ok(study_import(study, other, -HUGE_VAL, &err), &err);
    /* What is known is not asked again, and is not this study's best. */
    uint32_t trial = 0;
    double value = 0;
    assert_false(study_best(study, &trial, &value));
    assert_true(study_point(study, ask(study))[1] == 1);
    assert_true(study_point(study, ask(study))[1] == 3);
    assert_code(study_ask(study, &trial, &err), ERR_NOTFOUND);
    study_destroy(study);
}

static void bad_texts_are_refused(void **state)
{
    UNUSED(state);
    static const char *const texts[][2] = {
        { "", "study" },
        { "7", "study:1:1" },
        { "[]", "study:1:1" },
        { "search: {seed: 1}", "'space' is missing" },
        { "space: {}", "at least one parameter" },
        { "space: {a: {float: [0, 1]}}\nbudget: {trials: 5}", "study:2:1" },
        { "space: {a: {float: [0, 1]}}\nsearch: {sampler: tp}", "study:2:19" },
        { "space: {a: {float: [0, 1]}}\nsearch: {sampler: qmc, sequence: faure}",
          "sequence" },
        { "space: {a: {float: [0, 1]}}\nsearch: {sampler: grid}", "'a' is continuous" },
        { "space: {a: {float: [0, 1]}}\nenqueue: [{a: 2}]", "must lie in [0, 1]" },
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct study *study = NULL;
        struct err err = { 0 };
        assert_int_not_equal(study_create(texts[i][0], STUDY_MINIMIZE, &study, &err),
                             ERR_OK);
        assert_null(study);
        assert_non_null(strstr(err.msg, texts[i][1]));
    }
    study_destroy(NULL);
}

/* The same calls give the same bits, whatever other studies do in between. */
static void studies_repeat(void **state)
{
    UNUSED(state);
    static const char text[] = "space: {a: {float: [0, 1]}, b: {int: [1, 9]}}\n"
                               "search: {sampler: qmc, seed: 3}\n";
    struct study *one = create(text, STUDY_MINIMIZE);
    struct study *two = create(text, STUDY_MINIMIZE);
    struct err err = { 0 };
    for (uint32_t i = 0; i < 40; i++) {
        ask(one);
        assert_ok(study_tell(one, i, (double)i, &err), &err);
    }
    for (uint32_t i = 0; i < 40; i++) {
        ask(two);
        assert_ok(study_tell(two, i, (double)i, &err), &err);
        assert_memory_equal(study_point(one, i), study_point(two, i),
                            2 * sizeof(double));
    }
    study_destroy(one);
    study_destroy(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_come_with_their_types), TEST(trials_end_once),
        TEST(a_finite_space_ends),          TEST(imports_are_checked),
        TEST(bad_texts_are_refused),        TEST(studies_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
