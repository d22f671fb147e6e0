/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine_backoff.c – how long a trial waits before it is tried again, and what its
 * last cause tells of the times before. */
#include "tests/lib/engine_rig.h"

#include <string.h>

#include "tests/lib/test.h"

#define HEAD                                                                           \
    "sweep: 1\nname: one\ncommand: 'true {n}'\nobjective: {metric: acc, goal: max}\n"  \
    "space:\n  n: {int: [0, 100000]}\n"                                                \
    "budget: {trials: 1, failures: {first: 0, max: 100%}}\n"

static struct attempt_key key(uint32_t attempt)
{
    return (struct attempt_key){ 1, 0, attempt };
}

static void begin(struct rig *rig, const char *retry)
{
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(4096);
    rig_init(rig);
    rig_hello(rig, 1, "a", 1, 1);
    strbuf_addf(&text, "%srun: {retry: {%s}}\n", HEAD, retry);
    rig_submit(rig, strbuf_cstr(&text));
    assert_int_equal(rig->reply_code, ERR_OK);
}

/* The attempt ends so, and the next one comes after exactly that time. */
static void
expect_wait(struct rig *rig, uint32_t attempt, enum attempt_end end, int64_t wait_ms)
{
    struct mono deadline = { 0 };
    rig_ended(rig, 1, key(attempt), 1, end);
    rig_clear(rig);
    assert_true(engine_deadline(rig->engine, &deadline));
    assert_true(deadline.ns <= (rig->now_ms + wait_ms) * NS_PER_MS);
    rig_advance(rig, wait_ms - 1);
    assert_int_equal(rig_count(rig, TO_AGENT_ASSIGN), 0);
    assert_int_equal(rig_summary(rig, "one").counts[TRIAL_QUEUED], 1);
    rig_advance(rig, 1);
    assert_int_equal(rig_count(rig, TO_AGENT_ASSIGN), 1);
    assert_int_equal(rig_message(rig, TO_AGENT_ASSIGN, 0)->as.assign.key.attempt,
                     attempt + 1);
}

static void test_doubles_up_to_its_most(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "failed: 100, backoff: 3s");
    static const int64_t waits_s[] = { 3, 6, 12, 24 };
    uint32_t attempt = 1;
    for (size_t i = 0; i < ARRAY_LEN(waits_s); i++) {
        expect_wait(&rig, attempt++, END_FAILED, waits_s[i] * MS_PER_S);
    }
    rig_ended(&rig, 1, key(attempt), 1, END_FAILED);
    rig_clear(&rig);
    rig_advance(&rig, 20 * MS_PER_S);
    rig_step(&rig, (struct event){ .kind = EV_HEARTBEAT, .peer = 1 });
    rig_advance(&rig, 28 * MS_PER_S);
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 1); /* 48 s */
    rig_fini(&rig);
}

static void test_each_cause_counts_for_itself(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "failed: 9, oom: 9, timeout: 9, backoff: 2s");
    expect_wait(&rig, 1, END_FAILED, 2 * MS_PER_S);
    expect_wait(&rig, 2, END_FAILED, 4 * MS_PER_S);
    expect_wait(&rig, 3, END_OOM, 2 * MS_PER_S);
    expect_wait(&rig, 4, END_TIMEOUT, 2 * MS_PER_S);
    rig_fini(&rig);
}

static void test_lost_preempted_and_zero_go_at_once(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "backoff: 30s");
    rig_started(&rig, 1, key(1), 1);
    rig_hello(&rig, 1, "a", 2, 1); /* lost */
    rig_clear(&rig);
    rig_started(&rig, 1, key(2), 1);
    rig_ended(&rig, 1, key(2), 2, END_PREEMPTED);
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key.attempt, 3);
    rig_fini(&rig);
    begin(&rig, "failed: 5, backoff: 0s");
    rig_clear(&rig);
    rig_ended(&rig, 1, key(1), 1, END_FAILED);
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 1);
    rig_fini(&rig);
}

/* A restart goes on with what is left; a clock set back does not lengthen it. */
static void restart_after(int64_t clock_ms, int64_t left_ms)
{
    struct rig rig;
    begin(&rig, "failed: 5, backoff: 20s");
    rig_ended(&rig, 1, key(1), 1, END_FAILED);
    rig.now_ms += clock_ms;
    rig_restart(&rig);
    rig_hello(&rig, 2, "a", 1, 1);
    rig_clear(&rig);
    if (left_ms > 0) {
        rig_advance(&rig, left_ms - 1);
        assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 0);
        rig_advance(&rig, 1);
        assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 1);
    } else {
        assert_int_equal(rig_summary(&rig, "one").counts[TRIAL_RUNNING], 1);
    }
    rig_fini(&rig);
}

static void test_a_restart_keeps_it(void **state)
{
    UNUSED(state);
    restart_after(5 * MS_PER_S, 15 * MS_PER_S);
    restart_after(20 * MS_PER_S, 0);
    restart_after(-600 * MS_PER_S, 20 * MS_PER_S);
}

static void test_waiting_trials_are_steered_like_others(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "failed: 5, backoff: 20s");
    rig_ended(&rig, 1, key(1), 1, END_FAILED);
    rig_steer(&rig, STEER_PAUSE, "one");
    rig_clear(&rig);
    rig_advance(&rig, 20 * MS_PER_S);
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 0);
    rig_steer(&rig, STEER_RESUME, "one");
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 1);
    rig_ended(&rig, 1, key(2), 1, END_FAILED);
    rig_steer(&rig, STEER_STOP, "one");
    assert_int_equal(rig_summary(&rig, "one").counts[TRIAL_CANCELLED], 1);
    assert_int_equal(rig.ended.len, 1);
    rig_fini(&rig);
}

/* While one trial waits its slot works on another. */
static void test_the_slot_does_not_wait(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, "sweep: 1\nname: two\ncommand: 'true {n}'\n"
                     "objective: {metric: acc}\nspace:\n  n: {int: [0, 9]}\n"
                     "budget: {trials: 2}\nrun: {retry: {failed: 1, backoff: 20s}}\n");
    rig_clear(&rig);
    rig_ended(&rig, 1, key(1), 1, END_FAILED);
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key.trial, 1);
    rig_whole(&rig, 1, (struct attempt_key){ 1, 1, 1 }, "acc", 1);
    assert_int_equal(rig_summary(&rig, "two").state, SWEEP_RUNNING);
    assert_int_equal(rig_records(&rig, REC_TRIAL_CREATED), 2); /* its place is kept */
    rig_clear(&rig);
    rig_advance(&rig, 20 * MS_PER_S);
    rig_whole(&rig, 1, key(2), "acc", 1);
    assert_int_equal(rig_summary(&rig, "two").state, SWEEP_FINISHED);
    rig_fini(&rig);
}

/* ---- what the last cause tells ---- */

static const char *last_cause(const struct rig *rig)
{
    for (size_t i = rig->records.len; i > 0; i--) {
        if (rig->records.ptr[i - 1]->kind == REC_ENDED) {
            return rig->records.ptr[i - 1]->cause;
        }
    }
    return NULL;
}

static void test_the_cause_names_the_agents(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "lost: 3");
    rig_started(&rig, 1, key(1), 1);
    rig_hello(&rig, 1, "a", 2, 1);
    rig_started(&rig, 1, key(2), 1);
    rig_hello(&rig, 1, "a", 3, 1);
    assert_string_equal(last_cause(&rig), "its agent was restarted");
    rig_step(&rig, (struct event){ .kind = EV_BYE, .peer = 1 });
    rig_hello(&rig, 2, "b", 1, 1);
    rig_started(&rig, 2, key(4), 1);
    rig_restart(&rig);
    rig_hello(&rig, 2, "b", 2, 1);
    rig_started(&rig, 2, key(5), 1);
    rig_hello(&rig, 2, "b", 3, 1);
    assert_int_equal(rig_summary(&rig, "one").counts[TRIAL_FAILED], 1);
    assert_string_equal(last_cause(&rig),
                        "lost 4 times: a ×2, b ×2; its agent was restarted");
    rig_fini(&rig);
}

static void test_many_agents_are_counted(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, HEAD "run: {retry: {failed: 6, backoff: 0s}}\n");
    for (uint32_t i = 1; i <= 7; i++) {
        char id[] = "agent-0";
        id[6] = (char)('0' + i);
        rig_clear(&rig);
        rig_hello(&rig, i, id, 1, 1);
        rig_ended(&rig, i, rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key, 1,
                  END_FAILED);
        if (i < 7) {
            rig_step(&rig, (struct event){ .kind = EV_BYE, .peer = i });
        }
    }
    const char *cause = last_cause(&rig);
    assert_non_null(strstr(cause, "failed 7 times: agent-1 ×1, agent-2 ×1, "));
    assert_non_null(strstr(cause, "agent-7 ×1, 3 more agents"));
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_up_to_its_most),
        cmocka_unit_test(test_each_cause_counts_for_itself),
        cmocka_unit_test(test_lost_preempted_and_zero_go_at_once),
        cmocka_unit_test(test_a_restart_keeps_it),
        cmocka_unit_test(test_waiting_trials_are_steered_like_others),
        cmocka_unit_test(test_the_slot_does_not_wait),
        cmocka_unit_test(test_the_cause_names_the_agents),
        cmocka_unit_test(test_many_agents_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
