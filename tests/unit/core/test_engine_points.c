/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine_points.c – points that the user enqueues, and results that are imported.
 */
#include "tests/lib/engine_rig.h"

#include <stdio.h>
#include <string.h>

#include "core/engine_internal.h"
#include "tests/lib/test.h"

#define SWEEP                                                                          \
    "sweep: 1\nname: s\ncommand: 'true {n}'\nobjective: {metric: acc, goal: max}\n"    \
    "space:\n  n: {int: [0, 1000]}\n  k: [a, b]\n  d: {int: [1, 5], when: k == b}\n"   \
    "forbid: [n > 900]\nbudget: {trials: 2}\nsearch: {sampler: %s}\n"

static struct attempt_key key(uint32_t trial, uint32_t attempt)
{
    return (struct attempt_key){ .sweep = 1, .trial = trial, .attempt = attempt };
}

static void begin(struct rig *rig, const char *sampler)
{
    char text[1024];
    snprintf(text, sizeof text, SWEEP, sampler);
    rig_init(rig);
    rig_submit(rig, text);
    assert_int_equal(rig->reply_code, ERR_OK);
}

static enum err_code points(struct rig *rig, enum steer_verb verb, const char *json)
{
    rig_step(rig, (struct event){ .kind = EV_STEER,
                                  .token = 7,
                                  .as.steer = { .verb = verb,
                                                .sweep = "s",
                                                .cause = "by test",
                                                .points = json,
                                                .points_len = strlen(json) } });
    return rig->reply_code;
}

static const struct trial *trial(const struct rig *rig, uint32_t number)
{
    return engine_trial(rig->engine, key(number, 0));
}

static void they_run_before_others_and_beyond_the_budget(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "random");
    rig_hello(&rig, 1, "a", 1, 1);
    assert_int_equal(
        points(&rig, STEER_ENQUEUE,
               "[{\"n\": 5, \"k\": \"a\"}, {\"n\": 6, \"k\": \"b\", \"d\": 2}]"),
        ERR_OK);
    assert_non_null(strstr(rig.reply, "\"trials\":[2,3]"));
    rig_clear(&rig);
    rig_whole(&rig, 1, key(0, 1), "acc", 1);
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key.trial, 2);
    rig_whole(&rig, 1, key(2, 1), "acc", 1);
    rig_whole(&rig, 1, key(3, 1), "acc", 3);
    struct sweep_summary summary = rig_summary(&rig, "s");
    assert_int_equal(summary.state, SWEEP_FINISHED);
    assert_int_equal(summary.counts[TRIAL_FINISHED], 3);
    assert_int_equal(summary.best_trial, 3);
    rig_restart(&rig);
    assert_int_equal(rig_summary(&rig, "s").counts[TRIAL_FINISHED], 3);
    rig_fini(&rig);
}

static void an_ended_sweep_goes_on_for_them(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "random");
    rig_hello(&rig, 1, "a", 1, 1);
    rig_whole(&rig, 1, key(0, 1), "acc", 1);
    rig_whole(&rig, 1, key(1, 1), "acc", 1);
    assert_int_equal(rig_summary(&rig, "s").state, SWEEP_FINISHED);
    assert_int_equal(points(&rig, STEER_ENQUEUE, "[{\"n\": 5, \"k\": \"a\"}]"), ERR_OK);
    assert_int_equal(rig_summary(&rig, "s").state, SWEEP_RUNNING);
    rig_restart(&rig);
    rig_hello(&rig, 2, "a", 2, 1);
    rig_whole(&rig, 2,
              key(2, rig_count(&rig, TO_AGENT_ASSIGN) > 0
                         ? rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key.attempt
                         : 1),
              "acc", 9);
    struct sweep_summary summary = rig_summary(&rig, "s");
    assert_int_equal(summary.state, SWEEP_FINISHED);
    assert_int_equal(summary.best_trial, 2);
    assert_int_equal(rig_records(&rig, REC_TRIAL_CREATED), 3);
    rig_fini(&rig);
}

static void wrong_points_change_nothing(void **state)
{
    UNUSED(state);
    static const char *const cases[][2] = {
        { "x", "line 1" },
        { "{}", "expected an array" },
        { "[]", "no point" },
        { "[1]", "point 1: a point must be an object" },
        { "[{\"n\": 5, \"k\": \"a\"}, {\"n\": 5}]",
          "point 2: the point needs a value for 'k'" },
        { "[{\"n\": 5, \"k\": \"b\"}]", "needs a value for 'd'" },
        { "[{\"n\": 5, \"k\": \"a\", \"d\": 1}]", "'d' is not active" },
        { "[{\"n\": 5, \"k\": \"c\"}]", "'k'" },
        { "[{\"n\": 5.5, \"k\": \"a\"}]", "'n'" },
        { "[{\"n\": 5000, \"k\": \"a\"}]", "'n'" },
        { "[{\"n\": 950, \"k\": \"a\"}]", "forbidden by 'n > 900'" },
        { "[{\"m\": 5, \"k\": \"a\"}]", "did you mean 'n'?" },
        { "[{\"n\": [5], \"k\": \"a\"}]", "not a list or map" },
    };
    struct rig rig;
    begin(&rig, "random");
    size_t records = rig.records.len;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(points(&rig, STEER_ENQUEUE, cases[i][0]), ERR_INVALID);
        if (strstr(rig.reply, cases[i][1]) == NULL) {
            fail_msg("%s: %s", cases[i][0], rig.reply);
        }
    }
    assert_int_equal(rig.records.len, records);
    assert_int_equal(points(&rig, STEER_IMPORT, "[]"), ERR_STATE);
    assert_non_null(strstr(rig.reply, "'random' does not learn"));
    rig_fini(&rig);
}

static void results_are_history(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "learning");
    assert_int_equal(
        points(&rig, STEER_IMPORT,
               "[{\"params\": {\"n\": 1, \"k\": \"a\"}, \"value\": 0.5},"
               " {\"params\": {\"n\": 2, \"k\": \"b\", \"d\": 3}, \"value\": 0.7,"
               "  \"state\": \"pruned\", \"step\": 4},"
               " {\"params\": {\"n\": 9999, \"k\": \"a\"}, \"value\": 0.5},"
               " {\"params\": {\"n\": 3, \"k\": \"a\"}, \"value\": \"NaN\"},"
               " {\"params\": {\"n\": 3, \"k\": \"a\"}, \"value\": 1,"
               "  \"state\": \"failed\"},"
               " {\"params\": {\"n\": 3, \"k\": \"a\"}}]"),
        ERR_OK);
    assert_non_null(strstr(rig.reply, "\"imported\":2,\"outside\":1,\"no_value\":3"));
    assert_non_null(strstr(rig.reply, "\"first_outside\":\"'n'"));
    rig_restart(&rig);
    const struct history *history = engine_known(rig.engine, 1, 1).history;
    assert_int_equal(history->len, 2);
    assert_int_equal(history->trial[1], HISTORY_PRIOR);
    assert_int_equal(history->state[1], TRIAL_PRUNED);
    assert_true(history->loss[1] == -0.7 && history->step[1] == 4);
    assert_true(history->x[0][1] == 2 && history->x[1][1] == 1
                && history->x[2][1] == 3);
    rig_hello(&rig, 1, "a", 1, 1);
    assert_true(trial(&rig, 0)->x[0] == 900 || trial(&rig, 0)->x[0] == 1000);
    assert_int_equal(rig_summary(&rig, "s").counts[TRIAL_FINISHED], 0);
    rig_fini(&rig);
}

/* The rig's sampler begins at 0 without history and counts up past what was tried. */
static void an_imported_point_is_not_tried_again(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig,
               "sweep: 1\nname: s\ncommand: 'true {n}'\nobjective: {metric: acc}\n"
               "space:\n  n: {int: [0, 9]}\nbudget: {trials: 20}\n"
               "search: {sampler: learning}\n");
    assert_int_equal(points(&rig, STEER_IMPORT,
                            "[{\"params\": {\"n\": 9}, \"value\": 1},"
                            " {\"params\": {\"n\": 0}, \"value\": 1}]"),
                     ERR_OK);
    rig_hello(&rig, 1, "a", 1, 1);
    assert_true(trial(&rig, 0)->x[0] == 1); /* 2000 is 9, which is known, as is 0 */
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(they_run_before_others_and_beyond_the_budget),
        TEST(an_ended_sweep_goes_on_for_them),
        TEST(wrong_points_change_nothing),
        TEST(results_are_history),
        TEST(an_imported_point_is_not_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
