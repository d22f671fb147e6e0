/* SPDX-License-Identifier: Apache-2.0 */
/* test_core_limits.c – attempts that are stopped while the coordinator is away, by what
 * it said before. */
#include "tests/unit/agent/rig.h"

#include <math.h>
#include <string.h>

/* loss: 0.5 at step 2, 0.3 at step 6. */
static const struct limit usual[] = { { .rung = 0, .step = 2, .value = 0.5 },
                                      { .rung = 1, .step = 6, .value = 0.3 } };

static void tell(struct rig *rig,
                 const char *rule,
                 bool maximize,
                 const struct limit *limits,
                 size_t len)
{
    rig_step(rig,
             (struct agent_event){ .kind = AGENT_EV_LIMITS,
                                   .as.limits = { .key = rig_key(1, 0),
                                                  .rule = rule,
                                                  .metric = maximize ? "acc" : "loss",
                                                  .maximize = maximize,
                                                  .items = limits,
                                                  .len = len } });
}

static void
point_at(struct rig *rig, uint64_t serial, const char *name, int64_t step, double value)
{
    struct agent_point point = {
        .name = name, .step = step, .time_ms = 5, .value = value
    };
    rig_step(rig, (struct agent_event){ .kind = AGENT_EV_POINTS,
                                        .serial = serial,
                                        .as.points = { .points = &point, .len = 1 } });
}

static void loss_at(struct rig *rig, uint64_t serial, int64_t step, double value)
{
    point_at(rig, serial, "loss", step, value);
}

/* Attempt 1 of trial 0 runs and knows the usual limits; all before is acknowledged. */
static uint64_t running(struct rig *rig)
{
    rig_init(rig, 1);
    rig_ready(rig);
    uint64_t serial = rig_assign(rig, 1, 0);
    tell(rig, "asha", false, usual, ARRAY_LEN(usual));
    rig_started(rig, serial);
    rig_sleep(rig, AGENT_STARTED_LINGER_MS);
    rig_ack(rig, 1, 0, 1);
    return serial;
}

static void peer_down(struct rig *rig)
{
    rig_step(rig, (struct agent_event){ .kind = AGENT_EV_PEER_DOWN });
}

static bool is_stopped(const struct rig *rig)
{
    return rig_count(rig, AGENT_FX_TERM) == 1;
}

static void a_poor_attempt_is_stopped_and_its_end_says_why(void **state)
{
    UNUSED(state);
    struct rig rig;
    uint64_t serial = running(&rig);
    peer_down(&rig);
    loss_at(&rig, serial, 1, 9); /* not at a rung yet */
    assert_false(is_stopped(&rig));
    loss_at(&rig, serial, 3, 0.6);
    assert_true(is_stopped(&rig));
    assert_int_equal(rig_get(&rig, AGENT_FX_TERM)->as.grace_ms, 10000);
    rig_exit_termed(&rig, serial);
    const struct agent_report *report = rig_report(&rig);
    assert_true(report->judged);
    assert_int_equal(report->points_len, 2);
    assert_int_equal(report->ended.end, END_PRUNED);
    assert_string_equal(report->ended.rule, "asha");
    assert_int_equal(report->ended.rung, 0);
    assert_int_equal(report->ended.step, 3);
    assert_true(report->ended.value == 0.6 && report->ended.threshold == 0.5);
    assert_string_equal(report->ended.cause,
                        "asha at rung 0: loss 0.6 at step 3 is worse than 0.5 (by the "
                        "agent, while the coordinator was away)");
    rig_fini(&rig);
}

static void it_decides_nothing_while_somebody_is_there(void **state)
{
    UNUSED(state);
    struct rig rig;
    uint64_t serial = running(&rig);
    loss_at(&rig, serial, 2, 9);
    assert_false(is_stopped(&rig));
    assert_false(rig_report(&rig)->judged);
    peer_down(&rig);
    /* Told, and so not for us to judge, nor is what comes before the next rung. */
    loss_at(&rig, serial, 5, 9);
    assert_false(is_stopped(&rig));
    loss_at(&rig, serial, 6, 0.31);
    assert_true(is_stopped(&rig));
    rig_fini(&rig);
}

static void silence_is_absence_too(void **state)
{
    UNUSED(state);
    struct rig rig;
    uint64_t serial = running(&rig);
    loss_at(&rig, serial, 1, 9);
    rig_sleep(&rig, AGENT_ALONE_MS - 1);
    loss_at(&rig, serial, 2, 0.4);
    assert_false(is_stopped(&rig));
    rig_sleep(&rig, 1);
    loss_at(&rig, serial, 7, 0.4);
    assert_true(is_stopped(&rig));
    rig_fini(&rig);
}

static void steps_that_come_late_or_again_decide_nothing(void **state)
{
    UNUSED(state);
    struct rig rig;
    uint64_t serial = running(&rig);
    peer_down(&rig);
    loss_at(&rig, serial, 2, 0.5); /* as good as it must be */
    loss_at(&rig, serial, 2, 9);
    loss_at(&rig, serial, 1, 9);
    loss_at(&rig, serial, -3, 9);
    point_at(&rig, serial, "other", 9, 9);
    assert_false(is_stopped(&rig));
    loss_at(&rig, serial, 6, (double)NAN); /* is worse than any number */
    assert_true(is_stopped(&rig));
    rig_fini(&rig);
}

static void greater_may_be_better(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig, 1);
    rig_ready(&rig);
    uint64_t serial = rig_assign(&rig, 1, 0);
    tell(&rig, "asha", true, usual, 1);
    rig_started(&rig, serial);
    peer_down(&rig);
    point_at(&rig, serial, "acc", 1, 0.1);
    assert_false(is_stopped(&rig));
    point_at(&rig, serial, "acc", 2, 0.49);
    assert_true(is_stopped(&rig));
    rig_fini(&rig);
}

static void newer_limits_take_the_place_of_older(void **state)
{
    UNUSED(state);
    struct rig rig;
    uint64_t serial = running(&rig);
    const struct limit tight = { .rung = 0, .step = 2, .value = 0.1 };
    tell(&rig, "asha", false, &tight, 1);
    peer_down(&rig);
    loss_at(&rig, serial, 2, 0.4);
    assert_true(is_stopped(&rig));
    rig_fini(&rig);
}

/* The sweep was edited. */
static void limits_of_another_rule_say_nothing(void **state)
{
    UNUSED(state);
    struct rig rig;
    uint64_t serial = running(&rig);
    tell(&rig, "hyperband", false, usual, ARRAY_LEN(usual));
    peer_down(&rig);
    loss_at(&rig, serial, 7, 9);
    assert_false(is_stopped(&rig));
    rig_exit(&rig, serial, 0);
    assert_false(rig_report(&rig)->judged);
    rig_fini(&rig);
}

/* What is said after a stop here is marked too, whoever is back. */
static void a_stop_stays_ours(void **state)
{
    UNUSED(state);
    struct rig rig;
    uint64_t serial = running(&rig);
    peer_down(&rig);
    loss_at(&rig, serial, 2, 9);
    assert_true(is_stopped(&rig));
    struct agent_verdict keep = { .key = rig_key(1, 0),
                                  .verdict = AGENT_VERDICT_KEEP,
                                  .acked_seq = 1 };
    rig_step(&rig, (struct agent_event){ .kind = AGENT_EV_PEER_UP });
    rig_welcome(&rig, "home-1", &keep, 1);
    rig_ack(&rig, 1, 0, 2);
    loss_at(&rig, serial, 6, 9);
    assert_true(rig_report(&rig)->judged);
    rig_stop(&rig, 1, 0, STOP_PRUNED);
    assert_int_equal(rig_count(&rig, AGENT_FX_TERM), 0);
    rig_ack(&rig, 1, 0, 3);
    rig_exit_termed(&rig, serial);
    assert_string_equal(rig_report(&rig)->ended.rule, "asha");
    rig_fini(&rig);
}

/* It ended by itself before TERM came: a whole trial. */
static void an_end_that_was_first_is_not_pruned(void **state)
{
    UNUSED(state);
    struct rig rig;
    uint64_t serial = running(&rig);
    peer_down(&rig);
    loss_at(&rig, serial, 2, 9);
    assert_true(is_stopped(&rig));
    rig_exit(&rig, serial, 0);
    assert_int_equal(rig_report(&rig)->ended.end, END_EXITED);
    assert_null(rig_report(&rig)->ended.rule);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_poor_attempt_is_stopped_and_its_end_says_why),
        TEST(it_decides_nothing_while_somebody_is_there),
        TEST(silence_is_absence_too),
        TEST(steps_that_come_late_or_again_decide_nothing),
        TEST(greater_may_be_better),
        TEST(newer_limits_take_the_place_of_older),
        TEST(limits_of_another_rule_say_nothing),
        TEST(a_stop_stays_ours),
        TEST(an_end_that_was_first_is_not_pruned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
