/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine_retry.c – trials that run again because the user says so. */
#include "tests/lib/engine_rig.h"

#include <string.h>

#include "base/limits.h"
#include "tests/lib/test.h"

#define HEAD                                                                           \
    "sweep: 1\ncommand: 'true {n}'\nobjective: {metric: acc, goal: max}\n"             \
    "space:\n  n: {int: [0, 100000]}\n"
/* n is the trial's number, see engine_rig.h. */
#define SWEEP_3                                                                        \
    HEAD "name: three\nbudget: {trials: 3, failures: {first: 0, max: 100%}}\n"

static struct attempt_key key(uint32_t trial, uint32_t attempt)
{
    return (struct attempt_key){ 1, trial, attempt };
}

static uint32_t count(const struct rig *rig, enum trial_state state)
{
    return rig_summary(rig, "last").counts[state];
}

static void retry(struct rig *rig, struct steer_retry retry)
{
    rig_step(rig, (struct event){ .kind = EV_STEER,
                                  .token = 1,
                                  .as.steer = { .verb = STEER_RETRY,
                                                .sweep = "last",
                                                .cause = "again",
                                                .retry = retry } });
}

static void retry_where(struct rig *rig, const char *where)
{
    retry(rig, (struct steer_retry){ .where = where });
}

/* The records give the same picture to a fresh engine. */
static void finish(struct rig *rig)
{
    struct sweep_summary before = rig_summary(rig, "last");
    rig_restart(rig);
    struct sweep_summary after = rig_summary(rig, "last");
    assert_int_equal(before.state, after.state);
    assert_memory_equal(before.counts, after.counts, sizeof before.counts);
    rig_fini(rig);
}

/* A sweep of three that has finished, with trials 0, 2 and 3 failed before it did:
 * 0 failed, 1 finished, 2 failed, 3 ran out of memory, 4 and 5 finished. */
static void finished_sweep(struct rig *rig)
{
    rig_init(rig);
    rig_hello(rig, 1, "a", 1, 1);
    rig_submit(rig, SWEEP_3);
    rig_ended(rig, 1, key(0, 1), 1, END_FAILED);
    rig_whole(rig, 1, key(1, 1), "acc", 1);
    rig_ended(rig, 1, key(2, 1), 1, END_FAILED);
    rig_ended(rig, 1, key(3, 1), 1, END_OOM);
    rig_whole(rig, 1, key(4, 1), "acc", 4);
    rig_whole(rig, 1, key(5, 1), "acc", 5);
    assert_int_equal(rig_summary(rig, "last").state, SWEEP_FINISHED);
    assert_int_equal(count(rig, TRIAL_FAILED), 3);
    rig_clear(rig);
}

static void test_a_finished_sweep_runs_them_again(void **state)
{
    UNUSED(state);
    struct rig rig;
    finished_sweep(&rig);
    retry(&rig, (struct steer_retry){ 0 });
    assert_int_equal(rig.reply_code, ERR_OK);
    assert_non_null(strstr(rig.reply, "\"state\":\"running\""));
    assert_non_null(strstr(rig.reply, "\"retried\":3,\"trials\":[0,2,3]"));
    size_t created = rig_records(&rig, REC_TRIAL_CREATED);
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key.trial, 0);
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key.attempt, 2);
    rig_whole(&rig, 1, key(0, 2), "acc", 9);
    assert_int_equal(rig_summary(&rig, "last").state, SWEEP_RUNNING);
    rig_restart(&rig); /* the used-up budget does not end it then either */
    rig_hello(&rig, 1, "a", 2, 1);
    rig_clear(&rig);
    for (uint32_t trial = 2; trial <= 3; trial++) {
        for (uint32_t attempt = 2; attempt <= 4; attempt++) {
            rig_whole(&rig, 1, key(trial, attempt), "acc", trial);
        }
    }
    struct sweep_summary summary = rig_summary(&rig, "last");
    assert_int_equal(summary.state, SWEEP_FINISHED);
    assert_int_equal(summary.counts[TRIAL_FINISHED], 6);
    assert_int_equal(summary.best_trial, 0);
    assert_int_equal(rig_records(&rig, REC_TRIAL_CREATED), created); /* no new trial */
    assert_int_equal(rig.ended.len, 1); /* told once more */
    finish(&rig);
}

static void test_only_what_is_named(void **state)
{
    UNUSED(state);
    struct rig rig;
    finished_sweep(&rig);
    struct trial_range ranges[] = { { 2, 3 }, { 3, 3 } };
    retry(&rig, (struct steer_retry){ .ranges = ranges, .ranges_len = 2 });
    assert_non_null(strstr(rig.reply, "\"trials\":[2,3]"));
    assert_int_equal(count(&rig, TRIAL_FAILED), 1);
    finish(&rig);
}

static void test_filters(void **state)
{
    UNUSED(state);
    static const struct {
        const char *where, *trials;
    } cases[] = {
        { "end == oom", "[3]" },
        { "end in [failed, lost]", "[0,2]" },
        { "n >= 2", "[2,3]" },
        { "number < 2 or end == oom", "[0,3]" },
        { "state == failed and not n == 2", "[0,3]" },
        { "state == cancelled", "[]" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;
        finished_sweep(&rig);
        retry(&rig, (struct steer_retry){ .where = cases[i].where, .dry_run = true });
        assert_int_equal(rig.reply_code, ERR_OK);
        assert_non_null(strstr(rig.reply, "\"status\":\"dry run\""));
        assert_non_null(strstr(rig.reply, cases[i].trials));
        assert_int_equal(rig_summary(&rig, "last").state, SWEEP_FINISHED);
        assert_int_equal(rig_records(&rig, REC_TRIAL_STATE), 0); /* nothing was done */
        retry_where(&rig, cases[i].where);
        assert_non_null(strstr(rig.reply, cases[i].trials));
        finish(&rig);
    }
}

static void test_nothing_to_retry_changes_nothing(void **state)
{
    UNUSED(state);
    struct rig rig;
    finished_sweep(&rig);
    size_t kept = rig.records.len;
    retry_where(&rig, "n > 100");
    assert_int_equal(rig.reply_code, ERR_OK);
    assert_non_null(strstr(rig.reply, "\"state\":\"finished\""));
    assert_int_equal(rig.records.len, kept);
    finish(&rig);
}

static void test_refusals_name_the_trial_and_change_nothing(void **state)
{
    UNUSED(state);
    struct trial_range finished = { 1, 1 };
    struct trial_range across = { 0, 2 };
    struct trial_range beyond = { 6, 6 };
    struct trial_range one = { 0, 0 };
    const struct {
        struct steer_retry retry;
        enum err_code code;
        const char *says;
    } cases[] = {
        { { .ranges = &finished, .ranges_len = 1 }, ERR_STATE, "trial 1" },
        { { .ranges = &across, .ranges_len = 1 }, ERR_STATE, "is finished" },
        { { .ranges = &beyond, .ranges_len = 1 }, ERR_NOTFOUND, "no trial 6" },
        { { .ranges = &one, .ranges_len = 1, .states = 1u << TRIAL_CANCELLED },
          ERR_STATE,
          "is failed, not in the states" },
        { { .states = 1u << TRIAL_PRUNED }, ERR_INVALID, "not pruned" },
        { { .where = "m > 2" }, ERR_INVALID, "where:1: " },
        { { .where = "end == lsot" }, ERR_INVALID, "lost" },
        { { .where = "n >" }, ERR_INVALID, "where:" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;
        finished_sweep(&rig);
        size_t kept = rig.records.len;
        retry(&rig, cases[i].retry);
        assert_int_equal(rig.reply_code, cases[i].code);
        assert_non_null(strstr(rig.reply, cases[i].says));
        assert_int_equal(rig.records.len, kept);
        rig_fini(&rig);
    }
}

static void test_a_parameter_hides_the_word(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, "sweep: 1\nname: hid\ncommand: 'true {end}'\n"
                     "objective: {metric: acc}\nspace:\n  end: {int: [0, 9]}\n"
                     "budget: {trials: 2, failures: {first: 0, max: 100%}}\n");
    rig_ended(&rig, 1, key(0, 1), 1, END_FAILED);
    rig_ended(&rig, 1, key(1, 1), 1, END_FAILED);
    retry(&rig, (struct steer_retry){ .where = "end == 1", .dry_run = true });
    assert_non_null(strstr(rig.reply, "\"trials\":[1]"));
    finish(&rig);
}

static void test_a_stopped_sweep_runs_what_it_cancelled(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 2);
    rig_submit(&rig, HEAD "name: ten\nbudget: {trials: 10}\n");
    rig_steer(&rig, STEER_STOP, "ten");
    rig_ended(&rig, 1, key(0, 1), 1, END_CANCELLED);
    rig_ended(&rig, 1, key(1, 1), 1, END_CANCELLED);
    assert_int_equal(rig.ended.len, 1);
    rig_clear(&rig);
    struct trial_range first = { 0, 0 };
    retry(&rig, (struct steer_retry){ .ranges = &first, .ranges_len = 1 });
    assert_int_equal(rig_summary(&rig, "last").state, SWEEP_RUNNING);
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key.trial, 0);
    assert_true(rig_count(&rig, TO_AGENT_ASSIGN) == 2); /* its budget is not used up */
    finish(&rig);
}

static void test_a_paused_sweep_stays_paused(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: ten\nbudget: {trials: 10}\n");
    for (uint32_t i = 0; i < 3; i++) {
        rig_ended(&rig, 1, key(i, 1), 1, END_FAILED);
    }
    assert_int_equal(rig_summary(&rig, "last").state, SWEEP_PAUSED);
    retry(&rig, (struct steer_retry){ 0 });
    assert_non_null(strstr(rig.reply, "\"state\":\"paused\""));
    assert_int_equal(count(&rig, TRIAL_FAILED), 0);
    rig_clear(&rig);
    rig_steer(&rig, STEER_RESUME, "ten");
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key.trial, 0);
    /* The breaker counts from the resume on. */
    rig_ended(&rig, 1, key(0, 2), 1, END_FAILED);
    rig_ended(&rig, 1, key(1, 2), 1, END_FAILED);
    assert_int_equal(rig_summary(&rig, "last").state, SWEEP_RUNNING);
    rig_ended(&rig, 1, key(2, 2), 1, END_FAILED);
    assert_int_equal(rig_summary(&rig, "last").state, SWEEP_PAUSED);
    finish(&rig);
}

/* The limits of run.retry begin anew, and what fails again fails. */
static void test_limits_begin_anew(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: one\nrun: {retry: {failed: 1, backoff: 0s}}\n"
                          "budget: {trials: 1, failures: {first: 1000}}\n");
    for (uint32_t attempt = 1; attempt <= 2; attempt++) {
        rig_ended(&rig, 1, key(0, attempt), 1, END_FAILED);
    }
    assert_int_equal(count(&rig, TRIAL_FAILED), 1);
    rig_whole(&rig, 1, key(1, 1), "acc", 1);
    assert_int_equal(rig_summary(&rig, "last").state, SWEEP_FINISHED);
    retry(&rig, (struct steer_retry){ 0 });
    rig_ended(&rig, 1, key(0, 3), 1, END_FAILED);
    assert_int_equal(count(&rig, TRIAL_RUNNING), 1);
    rig_ended(&rig, 1, key(0, 4), 1, END_FAILED);
    assert_int_equal(count(&rig, TRIAL_FAILED), 1);
    assert_int_equal(rig_summary(&rig, "last").state, SWEEP_FINISHED);
    finish(&rig);
}

/* A budget that is used up meanwhile ends the others, not the one that was retried. */
static void test_a_used_up_budget_spares_the_retried(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 3);
    rig_submit(&rig, HEAD "name: one\n"
                          "budget: {trials: 9, target: 5, failures: {first: 0}}\n");
    rig_ended(&rig, 1, key(0, 1), 1, END_FAILED);
    retry(&rig, (struct steer_retry){ 0 });
    rig_clear(&rig);
    rig_whole(&rig, 1, key(1, 1), "acc", 6); /* the target */
    assert_int_equal(rig_summary(&rig, "last").state, SWEEP_RUNNING);
    for (size_t i = 0; i < rig_count(&rig, TO_AGENT_STOP); i++) {
        uint32_t stopped = rig_message(&rig, TO_AGENT_STOP, i)->as.stop.key.trial;
        assert_int_not_equal(stopped, 0);
        rig_ended(&rig, 1, key(stopped, 1), 1, END_CANCELLED);
    }
    assert_int_equal(rig_summary(&rig, "last").state, SWEEP_RUNNING);
    rig_whole(&rig, 1, key(0, 2), "acc", 1);
    assert_int_equal(rig_summary(&rig, "last").state, SWEEP_FINISHED);
    finish(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_finished_sweep_runs_them_again),
        cmocka_unit_test(test_only_what_is_named),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_nothing_to_retry_changes_nothing),
        cmocka_unit_test(test_refusals_name_the_trial_and_change_nothing),
        cmocka_unit_test(test_a_parameter_hides_the_word),
        cmocka_unit_test(test_a_stopped_sweep_runs_what_it_cancelled),
        cmocka_unit_test(test_a_paused_sweep_stays_paused),
        cmocka_unit_test(test_limits_begin_anew),
        cmocka_unit_test(test_a_used_up_budget_spares_the_retried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
