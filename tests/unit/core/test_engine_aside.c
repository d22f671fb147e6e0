/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine_aside.c – an agent on which everything fails, while it works elsewhere.
 */
#include "tests/lib/engine_rig.h"

#include <string.h>

#include "core/engine_internal.h"
#include "tests/lib/test.h"

#define BAD  1u /* connections */
#define GOOD 2u

#define SWEEP                                                                          \
    "sweep: 1\nname: s\ncommand: 'true {n}'\nobjective: {metric: acc, goal: max}\n"    \
    "space:\n  n: {int: [0, 100000]}\n"                                                \
    "budget: {trials: 40, failures: {first: 0, max: 100%}}\n"                          \
    "run: {retry: {backoff: 0s}}\n"

static struct agent *agent(const struct rig *rig, const char *id)
{
    struct agent *found = map_str_get(&rig->engine->agents_by_id, str_from(id));
    assert_non_null(found);
    return found;
}

/* The key of the attempt that runs there, its slot's; it has one. */
static struct attempt_key running_at(const struct rig *rig, const char *id)
{
    LIST_FOREACH (node, &agent(rig, id)->attempts) {
        const struct attempt *attempt = container_of(node, struct attempt, agent_node);
        if (!attempt->prefetch) {
            return attempt_key_of(attempt);
        }
    }
    fail_msg("nothing runs at '%s'", id);
    return (struct attempt_key){ 0, 0, 0 };
}

static bool is_idle(const struct rig *rig, const char *id)
{
    return list_is_empty(&agent(rig, id)->attempts);
}

static void begin(struct rig *rig)
{
    rig_init(rig);
    rig_hello(rig, BAD, "bad", 1, 1);
    rig_hello(rig, GOOD, "good", 1, 1);
    rig_submit(rig, SWEEP);
    assert_int_equal(rig->reply_code, ERR_OK);
}

static void fail_once(struct rig *rig)
{
    rig_ended(rig, BAD, running_at(rig, "bad"), 1, END_FAILED);
}

static void succeed_once(struct rig *rig)
{
    rig_whole(rig, GOOD, running_at(rig, "good"), "acc", 1);
}

/* Time passes, and both are heard every now and then. */
static void pass(struct rig *rig, int64_t ms)
{
    for (int64_t left_ms = ms; left_ms > 0; left_ms -= 10 * MS_PER_S) {
        rig_advance(rig, left_ms < 10 * MS_PER_S ? left_ms : 10 * MS_PER_S);
        rig_step(rig, (struct event){ .kind = EV_HEARTBEAT, .peer = BAD });
        rig_step(rig, (struct event){ .kind = EV_HEARTBEAT, .peer = GOOD });
    }
}

/* Five failures beside a success. */
static void set_aside(struct rig *rig)
{
    begin(rig);
    fail_once(rig);
    succeed_once(rig);
    for (unsigned i = 1; i < STRIKES_OUT; i++) {
        assert_false(agent(rig, "bad")->aside);
        fail_once(rig);
    }
    assert_true(agent(rig, "bad")->aside);
    while (!is_idle(rig, "bad")) { /* what it had taken in advance comes back */
        rig_ended(rig, BAD, running_at(rig, "bad"), 1, END_CANCELLED);
    }
}

/* The last word on an agent. */
static struct rec_agent_state last_state(const struct rig *rig, const char **cause_out)
{
    struct rec_agent_state state = { 0 };
    for (size_t i = 0; i < rig->records.len; i++) {
        if (rig->records.ptr[i]->kind == REC_AGENT_STATE) {
            state = rig->records.ptr[i]->as.agent_state;
            *cause_out = rig->records.ptr[i]->cause;
        }
    }
    return state;
}

static void test_it_is_set_aside_and_its_trials_run_elsewhere(void **state)
{
    UNUSED(state);
    struct rig rig;
    set_aside(&rig);
    assert_true(is_idle(&rig, "bad"));
    assert_int_equal(rig_summary(&rig, "s").counts[TRIAL_FAILED], 0);
    assert_int_equal(rig_records(&rig, REC_TRIAL_STATE), STRIKES_OUT);
    const char *cause = "";
    assert_true(last_state(&rig, &cause).aside);
    assert_non_null(strstr(cause, "its last 5 attempts failed (s/0, "));
    assert_non_null(strstr(cause, "ended well at agent 'good'"));
    for (unsigned i = 0; i < 39; i++) {
        succeed_once(&rig);
    }
    struct sweep_summary summary = rig_summary(&rig, "s");
    assert_int_equal(summary.state, SWEEP_FINISHED);
    assert_int_equal(summary.counts[TRIAL_FINISHED], 40);
    assert_int_equal(summary.counts[TRIAL_FAILED], 0);
    rig_fini(&rig);
}

static void test_a_success_wipes_its_failures_out(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig);
    succeed_once(&rig);
    for (unsigned i = 0; i < 3 * STRIKES_OUT; i++) {
        if (i % STRIKES_OUT == STRIKES_OUT - 1) {
            rig_whole(&rig, BAD, running_at(&rig, "bad"), "acc", 0);
        } else {
            fail_once(&rig);
        }
        succeed_once(&rig);
    }
    assert_false(agent(&rig, "bad")->aside);
    rig_fini(&rig);
}

/* When nobody does better the sweep's own breaker decides. */
static void test_not_without_evidence(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig);
    for (unsigned i = 0; i < STRIKES_OUT; i++) {
        fail_once(&rig);
    }
    assert_false(agent(&rig, "bad")->aside);
    succeed_once(&rig); /* now somebody did */
    assert_true(agent(&rig, "bad")->aside);
    rig_fini(&rig);
}

static void test_not_the_only_one(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig);
    fail_once(&rig);
    succeed_once(&rig);
    rig_step(&rig, (struct event){ .kind = EV_BYE, .peer = GOOD });
    for (unsigned i = 0; i < 2 * STRIKES_OUT; i++) {
        fail_once(&rig);
    }
    assert_false(agent(&rig, "bad")->aside);
    rig_hello(&rig, GOOD, "good", 2, 1);
    assert_true(agent(&rig, "bad")->aside);
    assert_int_equal(rig_summary(&rig, "s").counts[TRIAL_FAILED], 0);
    rig_fini(&rig);
}

static void test_not_for_one_trial(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, BAD, "bad", 1, 1);
    rig_submit(&rig, "sweep: 1\nname: s\ncommand: 'true {n}'\n"
                     "objective: {metric: acc}\nspace:\n  n: {int: [0, 9]}\n"
                     "budget: {trials: 2}\nrun: {retry: {failed: 9, backoff: 0s}}\n");
    rig_hello(&rig, GOOD, "good", 1, 1);
    fail_once(&rig);
    succeed_once(&rig);
    for (unsigned i = 1; i < STRIKES_OUT + 1; i++) {
        const char *where = is_idle(&rig, "bad") ? "good" : "bad";
        if (strcmp(where, "good") == 0) {
            break; /* it is taken last once it has failed so often */
        }
        fail_once(&rig);
    }
    assert_false(agent(&rig, "bad")->aside);
    assert_int_equal(rig_records(&rig, REC_AGENT_STATE), 0);
    rig_fini(&rig);
}

static void test_lost_and_cancelled_say_nothing(void **state)
{
    UNUSED(state);
    static const enum attempt_end ends[] = { END_PREEMPTED, END_TIMEOUT,
                                             END_CANCELLED };
    struct rig rig;
    begin(&rig);
    succeed_once(&rig);
    for (size_t i = 0; i < 4 * ARRAY_LEN(ends); i++) {
        rig_ended(&rig, BAD, running_at(&rig, "bad"), 1, ends[i % ARRAY_LEN(ends)]);
        succeed_once(&rig);
    }
    assert_int_equal(agent(&rig, "bad")->strikes.len, 0);
    rig_fini(&rig);
}

static void test_a_probe_after_its_rest(void **state)
{
    UNUSED(state);
    struct rig rig;
    set_aside(&rig);
    pass(&rig, ASIDE_REST_MS - 1);
    assert_true(is_idle(&rig, "bad"));
    succeed_once(&rig);
    assert_true(is_idle(&rig, "bad"));
    pass(&rig, 1);
    assert_int_equal(agent(&rig, "bad")->attempts.len, 1);
    fail_once(&rig); /* it rests again, and the trial is not hurt */
    assert_true(is_idle(&rig, "bad"));
    assert_int_equal(rig_summary(&rig, "s").counts[TRIAL_FAILED], 0);
    pass(&rig, ASIDE_REST_MS);
    rig_whole(&rig, BAD, running_at(&rig, "bad"), "acc", 1);
    assert_false(agent(&rig, "bad")->aside);
    const char *cause = "";
    assert_false(last_state(&rig, &cause).aside);
    assert_false(is_idle(&rig, "bad"));
    rig_fini(&rig);
}

static void test_a_new_process_is_in_use_at_once(void **state)
{
    UNUSED(state);
    struct rig rig;
    set_aside(&rig);
    rig_hello(&rig, BAD, "bad", 2, 1);
    assert_false(agent(&rig, "bad")->aside);
    assert_false(is_idle(&rig, "bad"));
    rig_fini(&rig);
}

static void test_a_restart_keeps_it(void **state)
{
    UNUSED(state);
    struct rig rig;
    set_aside(&rig);
    rig.now_ms += ASIDE_REST_MS / 2;
    rig_restart(&rig);
    rig_hello(&rig, GOOD, "good", 1, 1);
    rig_hello(&rig, BAD, "bad", 1, 1);
    assert_true(agent(&rig, "bad")->aside);
    assert_true(is_idle(&rig, "bad"));
    pass(&rig, ASIDE_REST_MS / 2 - 1);
    assert_true(is_idle(&rig, "bad"));
    pass(&rig, 1);
    assert_false(is_idle(&rig, "bad"));
    rig_fini(&rig);
}

/* What only it could run it does run, come what may. */
static void test_it_works_when_nobody_else_can(void **state)
{
    UNUSED(state);
    struct rig rig;
    set_aside(&rig);
    rig_step(&rig, (struct event){ .kind = EV_BYE, .peer = GOOD });
    assert_true(agent(&rig, "bad")->aside);
    assert_false(is_idle(&rig, "bad"));
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_set_aside_and_its_trials_run_elsewhere),
        cmocka_unit_test(test_a_success_wipes_its_failures_out),
        cmocka_unit_test(test_not_without_evidence),
        cmocka_unit_test(test_not_the_only_one),
        cmocka_unit_test(test_not_for_one_trial),
        cmocka_unit_test(test_lost_and_cancelled_say_nothing),
        cmocka_unit_test(test_a_probe_after_its_rest),
        cmocka_unit_test(test_a_new_process_is_in_use_at_once),
        cmocka_unit_test(test_a_restart_keeps_it),
        cmocka_unit_test(test_it_works_when_nobody_else_can),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
