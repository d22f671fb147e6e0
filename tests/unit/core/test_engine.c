/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine.c – the engine's promises, one scenario each.
 * Every test ends with a restart from the kept records: it must give the same picture.
 */
#include "tests/lib/engine_rig.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "tests/lib/test.h"

#define HEAD                                                                           \
    "sweep: 1\ncommand: 'true {n}'\nobjective: {metric: acc, goal: max}\n"             \
    "space:\n  n: {int: [0, 100000]}\n"
#define SWEEP_10 HEAD "name: ten\nbudget: {trials: 10}\n"
#define SWEEP_4  HEAD "name: four\nbudget: {trials: 4}\n"

static struct attempt_key key(uint32_t sweep, uint32_t trial, uint32_t attempt)
{
    return (struct attempt_key){ sweep, trial, attempt };
}

static uint32_t count(const struct rig *rig, const char *ref, enum trial_state state)
{
    return rig_summary(rig, ref).counts[state];
}

/* A fresh engine replayed from the records shows the same sweeps. */
static void finish(struct rig *rig, const char *ref)
{
    struct sweep_summary before = rig_summary(rig, ref);
    char cause[CAUSE_BYTES_MAX] = "";
    if (before.cause != NULL) {
        memcpy(cause, before.cause, strlen(before.cause) + 1);
    }
    rig_restart(rig);
    struct sweep_summary after = rig_summary(rig, ref);
    assert_int_equal(before.state, after.state);
    assert_memory_equal(before.counts, after.counts, sizeof before.counts);
    assert_int_equal(before.has_best, after.has_best);
    if (before.has_best) {
        assert_int_equal(before.best_trial, after.best_trial);
        assert_true(before.best_value == after.best_value);
    }
    assert_string_equal(cause, after.cause != NULL ? after.cause : "");
    rig_fini(rig);
}

/* Ends every attempt that was assigned and not yet ended, until nothing more comes. */
static void run_all(struct rig *rig, uint64_t peer)
{
    for (size_t done = 0; done < rig->sent.len; done++) {
        struct rig_sent sent = rig->sent.ptr[done];
        if (sent.message.kind == TO_AGENT_ASSIGN && sent.peer == peer) {
            struct attempt_key assigned = sent.message.as.assign.key;
            rig_whole(rig, peer, assigned, "acc", (double)assigned.trial);
        }
    }
}

static void test_runs_to_the_budget(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 2);
    rig_submit(&rig, SWEEP_10);
    assert_int_equal(rig.reply_code, ERR_OK);
    assert_non_null(strstr(rig.reply, "\"status\":\"created\""));
    run_all(&rig, 1);
    struct sweep_summary summary = rig_summary(&rig, "last");
    assert_int_equal(summary.state, SWEEP_FINISHED);
    assert_int_equal(summary.counts[TRIAL_FINISHED], 10);
    assert_true(summary.has_best);
    assert_int_equal(summary.best_trial, 9);
    assert_int_equal(rig.ended.len, 1);
    assert_int_equal(rig_records(&rig, REC_ASSIGNED), 10);
    finish(&rig, "ten");
}

static void test_slots_and_prefetch(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 2);
    rig_submit(&rig, SWEEP_10);
    assert_int_equal(rig_count(&rig, TO_AGENT_SWEEP), 1);
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 2);
    rig_clear(&rig);
    rig_whole(&rig, 1, key(1, 0, 1), "acc", 0.5);
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN),
                     3); /* one runs, two wait there */
    assert_false(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.prefetch);
    assert_true(rig_message(&rig, TO_AGENT_ASSIGN, 1)->as.assign.prefetch);
    rig_clear(&rig);
    rig_whole(&rig, 1, key(1, 1, 1), "acc", 0.5);
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 1);
    assert_true(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.prefetch);
    finish(&rig, "ten");
}

static void test_parallel_is_kept(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 8);
    rig_submit(&rig, HEAD "name: par\nbudget: {trials: 100}\nrun: {parallel: 3}\n");
    size_t run_now = 0;
    for (size_t i = 0; i < rig_count(&rig, TO_AGENT_ASSIGN); i++) {
        run_now += rig_message(&rig, TO_AGENT_ASSIGN, i)->as.assign.prefetch ? 0u : 1u;
    }
    assert_int_equal(run_now, 3);
    finish(&rig, "par");
}

static void test_resources_must_fit(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 8);
    rig_submit(&rig,
               HEAD "name: gpu\nbudget: {trials: 9}\nrun: {resources: {gpus: 1}}\n");
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 2); /* two devices */
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.gpu_mask, 1);
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 1)->as.assign.gpu_mask, 2);
    rig_clear(&rig);
    rig_whole(&rig, 1, key(1, 1, 1), "acc", 1);
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.gpu_mask, 2);
    finish(&rig, "gpu");
}

static void test_duplicate_reports_change_nothing(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_10);
    rig_started(&rig, 1, key(1, 0, 1), 1);
    rig_point(&rig, 1, key(1, 0, 1), 2, "acc", 0.5);
    size_t kept = rig.records.len;
    rig_clear(&rig);
    rig_point(&rig, 1, key(1, 0, 1), 2, "acc", 0.5);
    rig_started(&rig, 1, key(1, 0, 1), 1);
    assert_int_equal(rig.records.len, kept);
    assert_int_equal(rig_message(&rig, TO_AGENT_ACK, 0)->as.ack.seq, 2);
    finish(&rig, "ten");
}

static void test_gap_asks_to_resend(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_10);
    rig_clear(&rig);
    rig_point(&rig, 1, key(1, 0, 1), 3, "acc", 0.5);
    assert_true(rig_message(&rig, TO_AGENT_ACK, 0)->as.ack.resend);
    assert_int_equal(rig_message(&rig, TO_AGENT_ACK, 0)->as.ack.seq, 0);
    assert_int_equal(rig_records(&rig, REC_POINTS), 0);
    finish(&rig, "ten");
}

static void test_stranger_is_asked_to_say_hello(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, SWEEP_10);
    rig_point(&rig, 9, key(1, 0, 1), 1, "acc", 0.5);
    assert_int_equal(rig_count(&rig, TO_AGENT_HELLO_WANTED), 1);
    assert_int_equal(rig_count(&rig, TO_AGENT_ACK), 0);
    finish(&rig, "ten");
}

static void test_lease_over_then_adopted(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_4);
    rig_started(&rig, 1, key(1, 0, 1), 1);
    rig_advance(&rig, RIG_LEASE_MS);
    assert_int_equal(count(&rig, "four", TRIAL_RUNNING), 0);
    assert_int_equal(count(&rig, "four", TRIAL_QUEUED) >= 1, true);
    rig_clear(&rig);
    struct held_attempt held = {
        .key = key(1, 0, 1), .started = true, .next_seq = 2, .boot = 1
    };
    rig_hello_held(&rig, 2, "a", 1, 1, &held, 1);
    assert_int_equal(rig.verdict.verdict, VERDICT_KEEP);
    assert_int_equal(rig.verdict.acked_seq, 1);
    assert_int_equal(rig_records(&rig, REC_ADOPTED), 1);
    rig_point(&rig, 2, key(1, 0, 1), 2, "acc", 0.25);
    rig_ended(&rig, 2, key(1, 0, 1), 3, END_EXITED);
    assert_int_equal(count(&rig, "four", TRIAL_FINISHED), 1);
    finish(&rig, "four");
}

static void test_superseded_attempt_is_fenced(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: one\nbudget: {trials: 1}\n");
    rig_started(&rig, 1, key(1, 0, 1), 1);
    rig_advance(&rig, RIG_LEASE_MS);
    rig_hello(&rig, 2, "b", 1, 1); /* gets attempt 2 */
    rig_point(&rig, 2, key(1, 0, 2), 1, "acc", 0.5);
    struct held_attempt held = {
        .key = key(1, 0, 1), .started = true, .next_seq = 2, .boot = 1
    };
    rig_hello_held(&rig, 3, "a", 1, 1, &held, 1);
    assert_int_equal(rig.verdict.verdict, VERDICT_STOP);
    rig_clear(&rig);
    rig_point(&rig, 3, key(1, 0, 1), 2, "acc", 99);
    rig_ended(&rig, 3, key(1, 0, 1), 3, END_EXITED);
    assert_int_equal(rig_message(&rig, TO_AGENT_ACK, 1)->as.ack.seq, 3);
    assert_int_equal(count(&rig, "one", TRIAL_RUNNING), 1); /* untouched */
    rig_ended(&rig, 2, key(1, 0, 2), 2, END_EXITED);
    struct sweep_summary summary = rig_summary(&rig, "one");
    assert_int_equal(summary.state, SWEEP_FINISHED);
    assert_true(summary.best_value == 0.5);
    finish(&rig, "one");
}

static void test_new_boot_queues_at_once(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: one\nbudget: {trials: 1}\n");
    rig_started(&rig, 1, key(1, 0, 1), 1);
    rig_clear(&rig);
    rig_hello(&rig, 2, "a", 2, 1);
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key.attempt, 2);
    rig_clear(&rig);
    rig_hello(&rig, 3, "a", 1, 1); /* the old process comes back */
    assert_int_equal(rig_count(&rig, TO_AGENT_REFUSE), 1);
    finish(&rig, "one");
}

static void test_lost_too_often_fails(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: one\nbudget: {trials: 1}\nrun: {retry: {lost: 2}}\n");
    for (uint64_t boot = 2; boot <= 4; boot++) {
        rig_started(&rig, boot - 1, key(1, 0, (uint32_t)boot - 1), 1);
        rig_hello(&rig, boot, "a", boot, 1);
    }
    assert_int_equal(count(&rig, "one", TRIAL_FAILED), 1);
    finish(&rig, "one");
}

static void test_lost_assignment_is_repeated(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: one\nbudget: {trials: 1}\n");
    rig_clear(&rig);
    rig_hello(&rig, 2, "a", 1, 1); /* reconnected, holds nothing */
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key.attempt, 1);
    assert_int_equal(rig_records(&rig, REC_ASSIGNED), 1);
    finish(&rig, "one");
}

static void test_restart_keeps_running_attempts(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 2);
    rig_submit(&rig, SWEEP_4);
    rig_started(&rig, 1, key(1, 0, 1), 1);
    rig_point(&rig, 1, key(1, 0, 1), 2, "acc", 0.75);
    rig_restart(&rig);
    assert_int_equal(count(&rig, "four", TRIAL_RUNNING), 2);
    struct held_attempt held[] = {
        { .key = key(1, 0, 1), .started = true, .next_seq = 4, .boot = 1 },
        { .key = key(1, 1, 1), .next_seq = 1, .boot = 1 },
    };
    rig_hello_held(&rig, 7, "a", 1, 2, held, 2);
    assert_int_equal(rig.verdict.verdict, VERDICT_KEEP);
    assert_int_equal(rig.verdict.acked_seq, 2);
    rig_ended(&rig, 7, key(1, 0, 1), 3, END_EXITED);
    assert_true(rig_summary(&rig, "four").best_value == 0.75);
    finish(&rig, "four");
}

static void test_restart_without_the_agent(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: one\nbudget: {trials: 1}\n");
    rig_started(&rig, 1, key(1, 0, 1), 1);
    rig_restart(&rig);
    rig_hello(&rig, 2, "b", 1, 1);
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 0); /* "a" has its lease */
    rig_advance(&rig, RIG_LEASE_MS - 1);
    rig_step(&rig, (struct event){ .kind = EV_HEARTBEAT, .peer = 2 });
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 0);
    rig_advance(&rig, 1);
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key.attempt, 2);
    finish(&rig, "one");
}

static void test_missing_objective_pauses(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_10);
    rig_whole(&rig, 1, key(1, 0, 1), "accu", 0.5);
    struct sweep_summary summary = rig_summary(&rig, "ten");
    assert_int_equal(summary.state, SWEEP_PAUSED);
    assert_string_equal(summary.cause,
                        "trial 0 ended without 'acc'; it reported 'accu'");
    assert_int_equal(summary.counts[TRIAL_FAILED], 1);
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 1); /* nothing new started */
    finish(&rig, "ten");
}

static void test_nan_objective_fails(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_10);
    rig_whole(&rig, 1, key(1, 0, 1), "acc", (double)NAN);
    assert_int_equal(count(&rig, "ten", TRIAL_FAILED), 1);
    assert_int_equal(rig_summary(&rig, "ten").state, SWEEP_RUNNING);
    finish(&rig, "ten");
}

static void test_first_failures_pause_and_resume_starts_afresh(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_10);
    for (uint32_t i = 0; i < 3; i++) {
        rig_ended(&rig, 1, key(1, i, 1), 1, END_FAILED);
    }
    struct sweep_summary summary = rig_summary(&rig, "ten");
    assert_int_equal(summary.state, SWEEP_PAUSED);
    assert_string_equal(summary.cause, "the first 3 trials all failed");
    assert_int_equal(rig.ended.len, 1);
    rig_steer(&rig, STEER_RESUME, "ten");
    assert_int_equal(rig_summary(&rig, "ten").state, SWEEP_RUNNING);
    rig_ended(&rig, 1, key(1, 3, 1), 1, END_FAILED);
    rig_ended(&rig, 1, key(1, 4, 1), 1, END_FAILED);
    assert_int_equal(rig_summary(&rig, "ten").state, SWEEP_RUNNING);
    finish(&rig, "ten");
}

static void test_failed_is_retried_within_its_limit(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: one\nbudget: {trials: 1}\n"
                          "run: {retry: {failed: 1, backoff: 0s}}\n");
    rig_ended(&rig, 1, key(1, 0, 1), 1, END_FAILED);
    assert_int_equal(count(&rig, "one", TRIAL_RUNNING), 1);
    rig_ended(&rig, 1, key(1, 0, 2), 1, END_FAILED);
    assert_int_equal(count(&rig, "one", TRIAL_FAILED), 1);
    finish(&rig, "one");
}

static void test_stop_cancels(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 2);
    rig_submit(&rig, SWEEP_10);
    rig_started(&rig, 1, key(1, 0, 1), 1);
    rig_clear(&rig);
    rig_steer(&rig, STEER_STOP, "ten");
    assert_int_equal(rig_summary(&rig, "ten").state, SWEEP_STOPPED);
    assert_int_equal(count(&rig, "ten", TRIAL_QUEUED), 0);
    assert_int_equal(rig_count(&rig, TO_AGENT_STOP), 2);
    assert_int_equal(rig.ended.len, 0);
    for (uint32_t i = 0; i < 2; i++) {
        rig_ended(&rig, 1, key(1, i, 1), i == 0 ? 2 : 1, END_CANCELLED);
    }
    assert_int_equal(count(&rig, "ten", TRIAL_CANCELLED),
                     rig_records(&rig, REC_TRIAL_CREATED));
    assert_int_equal(rig.ended.len, 1);
    rig_steer(&rig, STEER_RESUME, "ten");
    assert_int_equal(rig.reply_code, ERR_STATE);
    finish(&rig, "ten");
}

static void test_stop_said_again_to_a_returning_agent(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: one\nbudget: {trials: 1}\n");
    rig_started(&rig, 1, key(1, 0, 1), 1);
    rig_step(&rig, (struct event){ .kind = EV_PEER_LOST, .peer = 1 });
    rig_steer(&rig, STEER_STOP, "one");
    assert_int_equal(rig_count(&rig, TO_AGENT_STOP), 0);
    rig_restart(&rig);
    struct held_attempt held = {
        .key = key(1, 0, 1), .started = true, .next_seq = 2, .boot = 1
    };
    rig_hello_held(&rig, 2, "a", 1, 1, &held, 1);
    assert_int_equal(rig_message(&rig, TO_AGENT_STOP, 0)->as.stop.reason,
                     STOP_CANCELLED);
    finish(&rig, "one");
}

static void test_pause_lets_running_ones_go_on(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_10);
    rig_whole(&rig, 1, key(1, 0, 1), "acc", 0.5);
    rig_started(&rig, 1, key(1, 1, 1), 1);
    rig_clear(&rig);
    rig_steer(&rig, STEER_PAUSE, "ten");
    assert_int_equal(rig_count(&rig, TO_AGENT_STOP), 1); /* only the prefetched one */
    assert_true(rig_message(&rig, TO_AGENT_STOP, 0)->as.stop.only_unstarted);
    rig_ended(&rig, 1, key(1, 2, 1), 1, END_CANCELLED);
    rig_point(&rig, 1, key(1, 1, 1), 2, "acc", 1);
    rig_ended(&rig, 1, key(1, 1, 1), 3, END_EXITED);
    assert_int_equal(count(&rig, "ten", TRIAL_FINISHED), 2);
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 0);
    assert_int_equal(rig.ended.len, 0); /* the user paused it: it waits */
    rig_steer(&rig, STEER_RESUME, "ten");
    assert_true(rig_count(&rig, TO_AGENT_ASSIGN) > 0);
    finish(&rig, "ten");
}

static void test_target_ends_the_sweep(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: t\nbudget: {trials: 100, target: 0.9}\n");
    rig_whole(&rig, 1, key(1, 0, 1), "acc", 0.9);
    assert_int_equal(count(&rig, "t", TRIAL_QUEUED), 0);
    struct sweep_summary summary = rig_summary(&rig, "t");
    assert_int_equal(summary.state, SWEEP_FINISHED);
    assert_string_equal(summary.cause, "target reached");
    finish(&rig, "t");
}

static void test_time_budget_counts_running_time_only(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: t\nbudget: {time: 60s}\n");
    rig_advance(&rig, 20000);
    rig_steer(&rig, STEER_PAUSE, "t");
    rig_advance(&rig, 3600000);
    rig_steer(&rig, STEER_RESUME, "t");
    rig_restart(&rig); /* the time away does not count either */
    rig.now_ms += 3600000;
    rig_restart(&rig);
    assert_int_equal(rig_summary(&rig, "t").elapsed_ms, 20000);
    struct mono deadline;
    assert_true(engine_deadline(rig.engine, &deadline));
    rig_hello(&rig, 2, "a", 1, 1);
    for (int i = 0; i < 2; i++) {
        rig_advance(&rig, 20000);
        rig_step(&rig, (struct event){ .kind = EV_HEARTBEAT, .peer = 2 });
    }
    assert_int_equal(count(&rig, "t", TRIAL_QUEUED), 0); /* over: nothing new begins */
    finish(&rig, "t");
}

static void test_exhausted_sampler_ends_the_sweep(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig.points = 3;
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_10);
    run_all(&rig, 1);
    struct sweep_summary summary = rig_summary(&rig, "ten");
    assert_int_equal(summary.state, SWEEP_FINISHED);
    assert_int_equal(summary.counts[TRIAL_FINISHED], 3);
    assert_string_equal(summary.cause, "every point tried");
    finish(&rig, "ten");
}

static void test_enqueued_points_come_first(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_10 "enqueue: [{n: 77}, {n: 78}]\n");
    assert_true(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.x[0] == 77);
    rig_restart(&rig);
    rig_hello(&rig, 1, "a", 2, 1);
    run_all(&rig, 1);
    assert_int_equal(count(&rig, "ten", TRIAL_FINISHED), 10);
    finish(&rig, "ten");
}

static void test_two_sweeps_share(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 4);
    rig_submit(&rig, HEAD "name: x\nbudget: {trials: 100}\n");
    rig_submit(&rig, HEAD "name: y\nbudget: {trials: 100}\n");
    uint32_t given[3] = { 0 };
    for (size_t i = 0; i < rig.sent.len && given[1] + given[2] < 80; i++) {
        struct rig_sent sent = rig.sent.ptr[i];
        if (sent.message.kind == TO_AGENT_STOP) {
            rig_ended(&rig, 1, sent.message.as.stop.key, 1, END_CANCELLED);
        }
    }
    for (size_t i = 0; i < rig.sent.len && given[1] + given[2] < 80; i++) {
        struct rig_sent sent = rig.sent.ptr[i];
        if (sent.message.kind == TO_AGENT_ASSIGN && !sent.message.as.assign.prefetch) {
            given[sent.message.as.assign.key.sweep]++;
            rig_whole(&rig, 1, sent.message.as.assign.key, "acc", 1);
        }
    }
    assert_in_range(given[1], 36, 44);
    assert_in_range(given[2], 36, 44);
    finish(&rig, "x");
}

static void test_identity(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, SWEEP_4);
    rig_submit(&rig, SWEEP_4);
    assert_non_null(strstr(rig.reply, "resumed"));
    rig_submit(&rig, HEAD "name: four\nbudget: {trials: 5}\n");
    assert_int_equal(rig.reply_code, ERR_EXISTS);
    assert_non_null(strstr(rig.reply, "budget.trials"));
    rig_hello(&rig, 1, "a", 1, 1);
    run_all(&rig, 1);
    rig_submit(&rig, SWEEP_4);
    assert_non_null(strstr(rig.reply, "\"status\":\"finished\""));
    assert_int_equal(rig_records(&rig, REC_SWEEP_CREATED), 1);
    rig_submit(&rig, HEAD "name: four\nbudget: {trials: 5}\n");
    assert_non_null(strstr(rig.reply, "created"));
    finish(&rig, "last");
}

static void test_bad_requests_change_nothing(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    size_t kept = rig.records.len;
    rig_submit(&rig, "sweep: 1\nname: [\n");
    assert_int_not_equal(rig.reply_code, ERR_OK);
    rig_steer(&rig, STEER_PAUSE, "nobody");
    assert_int_equal(rig.reply_code, ERR_NOTFOUND);
    assert_string_equal(rig.reply, "no sweep 'nobody'");
    rig_steer(&rig, STEER_PAUSE, "lats");
    assert_string_equal(rig.reply, "no sweep 'lats', did you mean 'last'?");
    rig_point(&rig, 1, key(9, 9, 9), 1, "acc", 1);
    rig_hello(&rig, 1, "", 1, 1);
    assert_int_equal(rig.records.len, kept);
    rig_fini(&rig);
}

static void test_key_must_match_the_agent(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_step(
        &rig,
        (struct event){
            .kind = EV_HELLO,
            .peer = 1,
            .as.hello = {
                .agent_id = "a", .user = "b", .boot = 1, .slots = 1, .cpus = 1 } });
    assert_int_equal(rig_count(&rig, TO_AGENT_REFUSE), 1);
    assert_int_equal(engine_agents_connected(rig.engine), 0);
    rig_fini(&rig);
}

static void test_full_disk_stops_dispatch(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, SWEEP_4);
    rig_step(&rig, (struct event){ .kind = EV_DISK, .as.disk_full = true });
    rig_hello(&rig, 1, "a", 1, 1);
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 0);
    assert_string_equal(rig_summary(&rig, "four").cause, "disk full");
    rig_step(&rig, (struct event){ .kind = EV_DISK, .as.disk_full = false });
    assert_true(rig_count(&rig, TO_AGENT_ASSIGN) > 0);
    rig_fini(&rig);
}

static void test_drain(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_10);
    rig_whole(&rig, 1, key(1, 0, 1), "acc", 0.5);
    rig_started(&rig, 1, key(1, 1, 1), 1);
    rig_clear(&rig);
    rig_step(&rig, (struct event){ .kind = EV_SHUTDOWN });
    assert_int_equal(rig_count(&rig, TO_AGENT_STOP), 1); /* the prefetched one */
    rig_ended(&rig, 1, key(1, 2, 1), 1, END_CANCELLED);
    assert_false(rig.drained);
    rig_point(&rig, 1, key(1, 1, 1), 2, "acc", 1);
    rig_ended(&rig, 1, key(1, 1, 1), 3, END_EXITED);
    assert_true(rig.drained);
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 0);
    assert_int_equal(rig_summary(&rig, "ten").state, SWEEP_RUNNING);
    finish(&rig, "ten");
}

static void test_leaving_agent_gets_nothing_more(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_10);
    rig_clear(&rig);
    rig_step(&rig,
             (struct event){ .kind = EV_HEARTBEAT, .peer = 1, .as.leaving = true });
    for (uint32_t i = 0; i < 20; i++) {
        rig_ended(&rig, 1, key(1, 0, 1), 1, END_PREEMPTED);
    }
    assert_int_equal(rig_count(&rig, TO_AGENT_ASSIGN), 0);
    assert_int_equal(count(&rig, "ten", TRIAL_FAILED), 0);
    rig_hello(&rig, 2, "a", 2, 1); /* started again */
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.key.attempt, 2);
    finish(&rig, "ten");
}

static void test_log_pieces(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_4);
    const uint8_t text[] = "hello world";
    struct event log = { .kind = EV_LOG,
                         .peer = 1,
                         .as.log = { .key = key(1, 0, 1), .data = text, .len = 5 } };
    rig_step(&rig, log);
    log.as.log.len = 11; /* overlaps what is kept */
    rig_step(&rig, log);
    log.as.log.offset = 100; /* a gap */
    rig_step(&rig, log);
    assert_int_equal(rig_records(&rig, REC_LOG), 2);
    assert_int_equal(rig.records.ptr[rig.records.len - 1]->as.log.offset, 5);
    assert_int_equal(rig.records.ptr[rig.records.len - 1]->as.log.len, 6);
    assert_int_equal(rig_message(&rig, TO_AGENT_LOG_ACK, 2)->as.log_ack.offset, 11);
    finish(&rig, "four");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_runs_to_the_budget),
        TEST(test_slots_and_prefetch),
        TEST(test_parallel_is_kept),
        TEST(test_resources_must_fit),
        TEST(test_duplicate_reports_change_nothing),
        TEST(test_gap_asks_to_resend),
        TEST(test_stranger_is_asked_to_say_hello),
        TEST(test_lease_over_then_adopted),
        TEST(test_superseded_attempt_is_fenced),
        TEST(test_new_boot_queues_at_once),
        TEST(test_lost_too_often_fails),
        TEST(test_lost_assignment_is_repeated),
        TEST(test_restart_keeps_running_attempts),
        TEST(test_restart_without_the_agent),
        TEST(test_missing_objective_pauses),
        TEST(test_nan_objective_fails),
        TEST(test_first_failures_pause_and_resume_starts_afresh),
        TEST(test_failed_is_retried_within_its_limit),
        TEST(test_stop_cancels),
        TEST(test_stop_said_again_to_a_returning_agent),
        TEST(test_pause_lets_running_ones_go_on),
        TEST(test_target_ends_the_sweep),
        TEST(test_time_budget_counts_running_time_only),
        TEST(test_exhausted_sampler_ends_the_sweep),
        TEST(test_enqueued_points_come_first),
        TEST(test_two_sweeps_share),
        TEST(test_identity),
        TEST(test_bad_requests_change_nothing),
        TEST(test_key_must_match_the_agent),
        TEST(test_full_disk_stops_dispatch),
        TEST(test_drain),
        TEST(test_leaving_agent_gets_nothing_more),
        TEST(test_log_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
