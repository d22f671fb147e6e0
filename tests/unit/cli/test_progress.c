/* SPDX-License-Identifier: Apache-2.0 */
/* test_progress.c – what the line says about a sweep. */
#include "tests/lib/test.h"

#include <string.h>

#include "cli/progress.h"

static void
assert_line(const struct progress_view *view, int64_t after_ms, const char *expected)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(512);
    struct progress progress = { .start = mono_from_ms(1000), .done_start = 2 };
    progress_line(&progress, view, mono_add_ms(progress.start, after_ms), &out);
    assert_string_equal(strbuf_cstr(&out), expected);
}

static void test_line(void **state)
{
    UNUSED(state);
    struct progress_view view = { .name = "g", .total = 50 };
    view.counts[TRIAL_RUNNING] = 2;
    assert_line(&view, 0, "g: 0/50 done, 2 running");
    view.counts[TRIAL_FINISHED] = 10;
    view.counts[TRIAL_PRUNED] = 2;
    view.counts[TRIAL_FAILED] = 1;
    view.has_best = true;
    view.best = 0.25;
    /* Ten since the start, in five seconds; 38 are left. */
    assert_line(
        &view, 5000,
        "g: 12/50 done, 2 of them pruned, 2 running, 1 failed, best 0.25, 2.0/s, "
        "20s left");
    view.has_best_trial = true;
    view.best_trial = 7;
    view.paused = true;
    view.total = 0;
    assert_line(
        &view, 5000,
        "g: 12 done, 2 of them pruned, 2 running, 1 failed, best 0.25 (trial 7), "
        "paused");
}

static void test_from_json(void **state)
{
    UNUSED(state);
    static const char text[] =
        "{\"name\":\"g\",\"state\":\"paused\",\"best\":\"-Infinity\","
        "\"trials\":{\"queued\":1,\"running\":2,\"finished\":3}}";
    AUTO_JSON json_t *answer = NULL;
    struct err err = { 0 };
    struct progress_view view;
    assert_ok(json_parse(text, strlen(text), &answer, &err), &err);
    progress_from_json(answer, &view);
    assert_string_equal(view.name, "g");
    assert_true(view.paused);
    assert_true(view.has_best);
    assert_true(view.best < -1e308);
    assert_int_equal(view.counts[TRIAL_QUEUED], 1);
    assert_int_equal(view.counts[TRIAL_RUNNING], 2);
    assert_int_equal(view.counts[TRIAL_FINISHED], 3);
    assert_int_equal(view.counts[TRIAL_FAILED], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_line),
        TEST(test_from_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
