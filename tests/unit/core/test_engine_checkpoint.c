/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine_checkpoint.c – trials with checkpoints: where the next attempt goes, how
 * long it waits, what the trial's value is, and what agents may throw away. */
#include <string.h>

#include "core/explain.h"
#include "tests/lib/engine_rig.h"
#include "tests/lib/test.h"

#define HEAD                                                                           \
    "sweep: 1\ncommand: 'true {n}'\nspace:\n  n: {int: [0, 100000]}\n"                 \
    "budget: {trials: 10}\n"
#define LOCAL                                                                          \
    HEAD "name: s\nobjective: {metric: acc, goal: max, read: best}\n"                  \
         "run: {checkpoint: local}\n"
#define SHARED                                                                         \
    HEAD "name: s\nobjective: {metric: acc, goal: max, read: best}\n"                  \
         "run: {checkpoint: {path: /shared}}\n"

static struct attempt_key key(uint32_t trial, uint32_t attempt)
{
    return (struct attempt_key){ 1, trial, attempt };
}

static void begins(struct rig *rig, uint64_t peer, struct attempt_key key, bool resumed)
{
    struct ev_report report = { .key = key,
                                .first_seq = 1,
                                .has_started = true,
                                .started = { .time_ms = 1, .resumed = resumed } };
    rig_step(rig,
             (struct event){ .kind = EV_REPORT, .peer = peer, .as.report = report });
}

static void point(struct rig *rig,
                  uint64_t peer,
                  struct attempt_key key,
                  uint64_t seq,
                  int64_t step,
                  double value)
{
    const char *names[] = { "acc" };
    const uint32_t name[] = { 0 };
    const int64_t time_ms[] = { 1 };
    struct ev_report report = { .key = key,
                                .first_seq = seq,
                                .points = { .len = 1,
                                            .names = names,
                                            .names_len = 1,
                                            .name = name,
                                            .step = &step,
                                            .time_ms = time_ms,
                                            .value = &value } };
    rig_step(rig,
             (struct event){ .kind = EV_REPORT, .peer = peer, .as.report = report });
}

static const struct record *last_of(const struct rig *rig, enum record_kind kind)
{
    size_t end = rig->records.len;
    while (end > 0 && rig->records.ptr[end - 1]->kind != kind) {
        end--;
    }
    assert_true(end > 0);
    return rig->records.ptr[end - 1];
}

static void heartbeat(struct rig *rig, uint64_t peer)
{
    rig_step(rig, (struct event){ .kind = EV_HEARTBEAT, .peer = peer });
}

/* Agent a runs trial 0, writes a checkpoint and says goodbye; b is there, idle. */
static void lose_holder(struct rig *rig, const char *file)
{
    rig_init(rig);
    rig_hello(rig, 1, "a", 1, 1);
    rig_submit(rig, file);
    begins(rig, 1, key(0, 1), false);
    point(rig, 1, key(0, 1), 2, 0, 0.9);
    point(rig, 1, key(0, 1), 3, 5, 0.95);
    rig_step(rig, (struct event){ .kind = EV_BYE, .peer = 1 });
    rig_hello(rig, 2, "b", 1, 1);
}

static void test_it_waits_for_its_agent(void **state)
{
    UNUSED(state);
    struct rig rig;
    lose_holder(&rig, LOCAL);
    /* Others are not kept waiting by it. */
    assert_int_equal(last_of(&rig, REC_ASSIGNED)->key.trial, 1);
    rig_hello(&rig, 3, "a", 2, 1);
    const struct record *assigned = last_of(&rig, REC_ASSIGNED);
    assert_int_equal(assigned->key.trial, 0);
    assert_int_equal(assigned->key.attempt, 2);
    assert_int_equal(assigned->as.assigned.agent, 1);
    assert_true(assigned->as.assigned.checkpoint);
    assert_false(assigned->as.assigned.fresh);
    assert_null(assigned->cause);
    rig_fini(&rig);
}

static void test_after_a_lease_it_begins_anew(void **state)
{
    UNUSED(state);
    struct rig rig;
    lose_holder(&rig, LOCAL);
    rig_hello(&rig, 3, "c", 1, 20); /* everything else runs */
    rig_advance(&rig, RIG_LEASE_MS - 10);
    heartbeat(&rig, 2);
    heartbeat(&rig, 3);
    assert_int_not_equal(last_of(&rig, REC_ASSIGNED)->key.trial, 0);
    /* The engine itself knows when the wait is over. */
    struct mono deadline = { 0 };
    assert_true(engine_deadline(rig.engine, &deadline));
    assert_int_equal(mono_until_ms(deadline, mono_from_ms(rig.now_ms)), 10);
    rig_clear(&rig);
    rig_advance(&rig, 10);
    const struct record *assigned = last_of(&rig, REC_ASSIGNED);
    assert_int_equal(assigned->key.trial, 0);
    assert_int_equal(assigned->key.attempt, 2);
    assert_true(assigned->as.assigned.fresh);
    assert_non_null(strstr(assigned->cause, "empty checkpoint folder"));
    assert_true(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.fresh);
    begins(&rig, 3, key(0, 2), false);
    assert_non_null(strstr(last_of(&rig, REC_STARTED)->cause, "empty"));
    rig_restart(&rig);
    rig_fini(&rig);
}

static void test_a_restart_gives_a_full_lease(void **state)
{
    UNUSED(state);
    struct rig rig;
    lose_holder(&rig, LOCAL);
    rig_advance(&rig, RIG_LEASE_MS - 1);
    rig_restart(&rig);
    struct held_attempt held[] = { { .key = key(1, 1), .boot = 1 } };
    rig_hello_held(&rig, 2, "b", 1, 2, held, 1); /* it has another slot now */
    assert_int_not_equal(last_of(&rig, REC_ASSIGNED)->key.trial, 0);
    rig_fini(&rig);
}

static void test_explain_says_what_it_waits_for(void **state)
{
    UNUSED(state);
    struct rig rig;
    lose_holder(&rig, LOCAL);
    rig_hello(&rig, 3, "c", 1, 20); /* all that can begin has begun */
    rig_advance(&rig, 10000);
    struct explanation found;
    uint32_t trial = 0;
    assert_int_equal(engine_explain(rig.engine, "s", &trial, &found, NULL), ERR_OK);
    assert_int_equal(found.reasons.len, 1);
    assert_int_equal(found.reasons.ptr[0].code, EXPLAIN_CHECKPOINT);
    assert_string_equal(found.reasons.ptr[0].text,
                        "agent 'a' has its checkpoint and is not connected; in 20s it "
                        "begins anew elsewhere");
    explanation_fini(&found);
    rig_fini(&rig);
}

static void test_a_shared_folder_is_everywhere(void **state)
{
    UNUSED(state);
    struct rig rig;
    lose_holder(&rig, SHARED);
    const struct record *assigned = last_of(&rig, REC_ASSIGNED);
    assert_int_equal(assigned->key.trial, 0);
    assert_int_equal(assigned->as.assigned.agent, 2);
    assert_false(assigned->as.assigned.fresh);
    rig_fini(&rig);
}

/* Steps 0 and 5 were reported, attempt 2 goes on at step 3. */
static void finish_second(struct rig *rig, bool resumed, double value)
{
    begins(rig, 2, key(0, 2), resumed);
    point(rig, 2, key(0, 2), 2, 3, value);
    rig_ended(rig, 2, key(0, 2), 3, END_EXITED);
}

static void test_the_value_is_of_both_attempts(void **state)
{
    UNUSED(state);
    struct rig rig;
    lose_holder(&rig, SHARED);
    finish_second(&rig, true, 0.2);
    const struct rec_ended *ended = &last_of(&rig, REC_ENDED)->as.ended;
    assert_int_equal(ended->state, TRIAL_FINISHED);
    assert_true(ended->value == 0.9);
    assert_int_equal(ended->step, 0);
    rig_restart(&rig);
    assert_true(rig_summary(&rig, "s").best_value == 0.9);
    rig_fini(&rig);
}

static void test_without_checkpoint_it_is_of_the_last(void **state)
{
    UNUSED(state);
    struct rig rig;
    lose_holder(&rig, SHARED);
    finish_second(&rig, false, 0.2);
    assert_true(last_of(&rig, REC_ENDED)->as.ended.value == 0.2);
    rig_fini(&rig);
}

static void test_a_restart_knows_the_first_attempt(void **state)
{
    UNUSED(state);
    struct rig rig;
    lose_holder(&rig, SHARED);
    begins(&rig, 2, key(0, 2), true);
    rig_restart(&rig);
    struct held_attempt held[] = { { .key = key(0, 2), .started = true, .boot = 1 } };
    rig_hello_held(&rig, 2, "b", 1, 1, held, 1);
    point(&rig, 2, key(0, 2), 2, 3, 0.2);
    rig_ended(&rig, 2, key(0, 2), 3, END_EXITED);
    assert_true(last_of(&rig, REC_ENDED)->as.ended.value == 0.9);
    rig_fini(&rig);
}

/* A resumed attempt that finds nothing more to do has a value all the same. */
static void test_the_first_attempt_alone_may_have_it(void **state)
{
    UNUSED(state);
    struct rig rig;
    lose_holder(&rig, SHARED);
    begins(&rig, 2, key(0, 2), true);
    rig_ended(&rig, 2, key(0, 2), 2, END_EXITED);
    assert_true(last_of(&rig, REC_ENDED)->as.ended.value == 0.95);
    rig_fini(&rig);
}

static bool dropped(const struct rig *rig)
{
    size_t n = rig_count(rig, TO_AGENT_ACK);
    assert_true(n > 0);
    return rig_message(rig, TO_AGENT_ACK, n - 1)->as.ack.drop_checkpoint;
}

static void test_what_is_over_is_thrown_away(void **state)
{
    UNUSED(state);
    struct rig rig;
    lose_holder(&rig, SHARED);
    rig_clear(&rig);
    begins(&rig, 2, key(0, 2), true);
    assert_false(dropped(&rig));
    rig_ended(&rig, 2, key(0, 2), 2, END_EXITED);
    assert_true(dropped(&rig));
    /* A failed trial may run again. */
    begins(&rig, 2, key(1, 1), false);
    rig_ended(&rig, 2, key(1, 1), 2, END_FAILED);
    assert_int_equal(last_of(&rig, REC_ENDED)->as.ended.state, TRIAL_FAILED);
    assert_false(dropped(&rig));
    rig_fini(&rig);
}

static void test_what_moved_is_thrown_away(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, LOCAL);
    begins(&rig, 1, key(0, 1), false);
    rig_advance(&rig, RIG_LEASE_MS); /* a is silent */
    rig_hello(&rig, 2, "b", 1, 20);
    rig_advance(&rig, RIG_LEASE_MS - 1);
    heartbeat(&rig, 2);
    rig_advance(&rig, 1);
    assert_int_equal(last_of(&rig, REC_ASSIGNED)->key.trial, 0);
    begins(&rig, 2, key(0, 2), false);
    rig_clear(&rig);
    struct held_attempt held[] = { { .key = key(0, 1), .started = true, .boot = 1 } };
    rig_hello_held(&rig, 3, "a", 1, 1, held, 1);
    rig_ended(&rig, 3, key(0, 1), 2, END_LOST);
    assert_true(dropped(&rig));
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_waits_for_its_agent),
        TEST(test_after_a_lease_it_begins_anew),
        TEST(test_a_restart_gives_a_full_lease),
        TEST(test_explain_says_what_it_waits_for),
        TEST(test_a_shared_folder_is_everywhere),
        TEST(test_the_value_is_of_both_attempts),
        TEST(test_without_checkpoint_it_is_of_the_last),
        TEST(test_a_restart_knows_the_first_attempt),
        TEST(test_the_first_attempt_alone_may_have_it),
        TEST(test_what_is_over_is_thrown_away),
        TEST(test_what_moved_is_thrown_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
