/* SPDX-License-Identifier: Apache-2.0 */
/* test_explain_room.c – what is told of sweeps that were edited, of trials that a user
 * asked for, of checkpoints and of agents that are set aside. */
#include <stdio.h>
#include <string.h>

#include "core/engine_internal.h"
#include "tests/lib/engine_rig.h"
#include "tests/lib/test.h"
#include "tests/unit/core/explain_rig.h"

#define COMMAND                                                                        \
    "sweep: 1\nname: s\ncommand: 'true {n}'\nobjective: {metric: acc, goal: max}\n"
#define SPACE  "space:\n  n: {int: [0, 100000]}\n"
#define HEAD   COMMAND SPACE
#define BUDGET "budget: {trials: 100, failures: {first: 0, max: 100%}}\n"

static struct attempt_key key(uint32_t trial, uint32_t attempt)
{
    return (struct attempt_key){ 1, trial, attempt };
}

static void edit(struct rig *rig, const char *text)
{
    rig_step(rig, (struct event){
                      .kind = EV_STEER,
                      .token = 1,
                      .as.steer = { .verb = STEER_EDIT,
                                    .sweep = "s",
                                    .cause = "edited",
                                    .edit = { .text = text, .source = "new.yaml" } } });
    if (rig->reply_code != ERR_OK) {
        fail_msg("%s", rig->reply);
    }
}

static void enqueue(struct rig *rig, const char *points)
{
    rig_step(rig, (struct event){ .kind = EV_STEER,
                                  .token = 1,
                                  .as.steer = { .verb = STEER_ENQUEUE,
                                                .sweep = "s",
                                                .cause = "by test",
                                                .points = points,
                                                .points_len = strlen(points) } });
    if (rig->reply_code != ERR_OK) {
        fail_msg("%s", rig->reply);
    }
}

/* An agent without devices, with one slot. */
static void hello_small(struct rig *rig, uint64_t peer, const char *id)
{
    rig_step(
        rig,
        (struct event){
            .kind = EV_HELLO,
            .peer = peer,
            .as.hello = {
                .agent_id = id, .host = "node", .boot = 1, .slots = 1, .cpus = 1 } });
}

static uint32_t running_at(const struct rig *rig, const char *id)
{
    const struct agent *agent = map_str_get(&rig->engine->agents_by_id, str_from(id));
    LIST_FOREACH (node, &agent->attempts) {
        const struct attempt *attempt = container_of(node, struct attempt, agent_node);
        if (!attempt->prefetch) {
            return attempt->trial->number;
        }
    }
    fail_msg("nothing runs at '%s'", id);
    return 0;
}

/* ---- edited sweeps ---- */

static void test_resources_of_the_newest_file(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD BUDGET);
    EXPECT(&rig, "s", 1, { EXPLAIN_AGENTS_FULL, "1 of 1 slot", "winnow agent" });
    edit(&rig, HEAD BUDGET "run: {resources: {gpus: 3}}\n");
    EXPECT(&rig, "s", 1,
           { EXPLAIN_RESOURCES, "no connected agent can run it: 3 gpus asked for",
             "winnow edit s --set run.resources.gpus=2" });
    struct explanation found;
    explain(rig.engine, "s", 0, &found);
    assert_int_equal(found.revision, 2);
    assert_int_equal(found.trial.attempt.revision, 1);
    explanation_fini(&found);
    rig_fini(&rig);
}

/* A trial of an old layout keeps the old file; nothing is given out before the head of
 * the queue, which needs more. */
static void test_behind_a_head_that_nobody_can_run(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD BUDGET);
    edit(&rig, COMMAND "space:\n  n: {float: [0, 100000]}\n" BUDGET
                       "run: {resources: {gpus: 3}}\n");
    enqueue(&rig, "[{\"n\": 7}]");
    uint32_t next = (uint32_t)rig_records(&rig, REC_TRIAL_CREATED) - 1;
    char ahead[64];
    char nobody[128];
    snprintf(ahead, sizeof ahead,
             "trial %u is ahead of it and needs other room: ", next);
    snprintf(nobody, sizeof nobody,
             "no connected agent can run trial %u, which is next: 3 gpus", next);
    EXPECT(&rig, "s", 1, { EXPLAIN_BEHIND, ahead, NULL },
           { EXPLAIN_RESOURCES, nobody, "--set run.resources.gpus=2" });
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_RESOURCES, nobody, "--set run.resources.gpus=2" });
    EXPECT(&rig, "s", (int)next,
           { EXPLAIN_RESOURCES, "can run it: 3 gpus", "run.resources.gpus=2" });
    struct explanation found;
    explain(rig.engine, "s", (int)next, &found);
    assert_true(found.trial.asked);
    explanation_fini(&found);
    rig_fini(&rig);
}

/* An edit does not change what trials of an older layout need. */
static void test_old_needs_are_not_edited_away(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD BUDGET "run: {resources: {gpus: 2}}\n");
    edit(&rig, COMMAND "space:\n  n: {float: [0, 100000]}\n" BUDGET);
    hello_small(&rig, 2, "b");
    rig_step(&rig, (struct event){ .kind = EV_BYE, .peer = 1 });
    EXPECT(&rig, "s", 0,
           { EXPLAIN_RESOURCES, "2 gpus asked for, the biggest offer is 0 gpus",
             "an agent on a bigger machine" });
    struct explanation found;
    explain(rig.engine, "s", 0, &found);
    assert_string_equal(found.reasons.ptr[0].change, "an agent on a bigger machine");
    explanation_fini(&found);
    rig_fini(&rig);
}

static void test_queued_beyond_a_lowered_budget(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 2);
    rig_submit(&rig, HEAD BUDGET);
    edit(&rig, HEAD "budget: {trials: 2}\n");
    rig_hello(&rig, 2, "b", 1, 2);
    EXPECT(&rig, "s", 2,
           { EXPLAIN_BUDGET,
             "2 trials are under way or done and budget.trials is 2; it begins only if",
             "winnow edit s --set budget.trials=N" });
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_BUDGET, "what is queued begins only if", "budget.trials=N" },
           { EXPLAIN_WORKING, "2 attempts run", NULL });
    rig_fini(&rig);
}

static void test_outside_an_edited_space(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD BUDGET);
    edit(&rig, COMMAND "space:\n  n: {int: [50, 100]}\n" BUDGET);
    struct explanation found;
    explain(rig.engine, "s", 0, &found);
    assert_int_equal(found.trial.outside, 2);
    assert_int_equal(found.reasons.ptr[0].code, EXPLAIN_PREPARING);
    explanation_fini(&found);
    EXPECT(
        &rig, "s", 1,
        { EXPLAIN_NOT_RETRIED, "a cancelled trial",
          "winnow edit s, so that the space allows its point; then winnow retry s 1" });
    rig_fini(&rig);
}

static void test_ends_that_an_edit_can_change(void **state)
{
    UNUSED(state);
    static const struct {
        enum attempt_end end;
        const char *text, *change;
    } cases[] = {
        { END_TIMEOUT, "run.retry.timeout is 0",
          "winnow edit s --set run.time_limit=DURATION; then winnow retry s 0" },
        { END_OOM, "run.retry.oom is 0",
          "winnow edit s --set run.resources.memory=SIZE; then winnow retry s 0" },
        { END_FAILED, "run.retry.failed is 0", "winnow retry s 0" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;
        rig_init(&rig);
        rig_hello(&rig, 1, "a", 1, 1);
        rig_submit(&rig, HEAD BUDGET);
        rig_ended(&rig, 1, key(0, 1), 1, cases[i].end);
        EXPECT(&rig, "s", 0, { EXPLAIN_RETRY_LIMIT, cases[i].text, cases[i].change });
        rig_fini(&rig);
    }
}

static void test_what_lets_an_ended_sweep_go_on(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "budget: {trials: 1}\n");
    rig_whole(&rig, 1, key(0, 1), "acc", 1);
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_OVER, "the sweep is finished: trial budget used up",
             "winnow edit s --set budget.trials=N, or a new sweep" });
    edit(&rig, HEAD "budget: {trials: 9, target: 0.5}\n");
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_OVER, "the sweep is finished: trial budget used up",
             "winnow edit s --set budget.trials=N" });
    edit(&rig, HEAD "budget: {trials: 9}\n");
    rig_steer(&rig, STEER_STOP, "s");
    rig_ended(&rig, 1, key(1, 1), 1, END_CANCELLED);
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_OVER, "the sweep is stopped: by user",
             "winnow edit s --resume, or a new sweep: winnow run FILE" });
    rig_fini(&rig);
}

/* ---- checkpoints ---- */

static void begins(struct rig *rig, uint64_t peer, struct attempt_key key, bool resumed)
{
    struct ev_report report = { .key = key,
                                .first_seq = 1,
                                .has_started = true,
                                .started = { .time_ms = 1, .resumed = resumed } };
    rig_step(rig,
             (struct event){ .kind = EV_REPORT, .peer = peer, .as.report = report });
}

static void test_checkpoints(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD BUDGET "run: {checkpoint: local, resources: {gpus: 1}}\n");
    begins(&rig, 1, key(0, 1), false);
    EXPECT(&rig, "s", 0, { EXPLAIN_RUNNING, "attempt 1 runs at agent 'a'", NULL });
    rig_step(&rig, (struct event){ .kind = EV_BYE, .peer = 1 });
    struct explanation found;
    explain(rig.engine, "s", 0, &found);
    assert_string_equal(found.trial.holder, "a");
    explanation_fini(&found);
    rig_hello(&rig, 2, "b", 1, 1); /* takes another trial, and is full then */
    EXPECT(&rig, "s", 0,
           { EXPLAIN_CHECKPOINT,
             "agent 'a' has its checkpoint and is not connected; in 30s it begins anew",
             "the return of that agent" },
           { EXPLAIN_AGENTS_FULL, "1 of 1 slot", "winnow agent" });
    rig_advance(&rig, RIG_LEASE_MS - 1);
    rig_step(&rig, (struct event){ .kind = EV_HEARTBEAT, .peer = 2 });
    rig_advance(&rig, 1);
    EXPECT(&rig, "s", 0,
           { EXPLAIN_CHECKPOINT, "it begins anew where there is room first", "return" },
           { EXPLAIN_AGENTS_FULL, "1 of 1 slot", "winnow agent" });
    rig_whole(&rig, 2, key(1, 1), "acc", 1);
    begins(&rig, 2, key(0, 2), false);
    EXPECT(&rig, "s", 0,
           { EXPLAIN_RUNNING,
             "attempt 2 runs at agent 'b', anew: the agent that has its checkpoint was "
             "not free",
             NULL });
    rig_step(&rig, (struct event){ .kind = EV_BYE, .peer = 2 });
    rig_hello(&rig, 3, "b", 2, 1);
    begins(&rig, 3, key(0, 3), true);
    EXPECT(
        &rig, "s", 0,
        { EXPLAIN_RUNNING, "attempt 3 runs at agent 'b', from its checkpoint", NULL });
    explain(rig.engine, "s", 0, &found);
    assert_true(found.trial.attempt.resumed);
    assert_null(found.trial.holder); /* only of interest while it waits */
    explanation_fini(&found);
    rig_fini(&rig);
}

/* ---- agents that are set aside ---- */

static void set_aside(struct rig *rig)
{
    rig_init(rig);
    rig_hello(rig, 1, "bad", 1, 1);
    rig_hello(rig, 2, "good", 1, 1);
    rig_submit(rig, HEAD BUDGET "run: {retry: {backoff: 0s}}\n");
    for (unsigned i = 0; i < STRIKES_OUT; i++) {
        rig_ended(rig, 1, key(running_at(rig, "bad"), 1), 1, END_FAILED);
        if (i == 0) {
            rig_whole(rig, 2, key(running_at(rig, "good"), 1), "acc", 1);
        }
    }
}

static void test_agents_set_aside(void **state)
{
    UNUSED(state);
    struct rig rig;
    set_aside(&rig);
    struct explanation found;
    explain(rig.engine, "s", OF_SWEEP, &found);
    const struct explain_agent *bad = &found.agents.ptr[0];
    assert_string_equal(bad->id, "bad");
    assert_true(bad->aside);
    assert_non_null(strstr(bad->aside_cause, "its last 5 attempts failed (s/0, "));
    assert_int_equal(bad->probe_left_ms, ASIDE_REST_MS);
    assert_null(found.agents.ptr[1].aside_cause);
    explanation_fini(&found);
    /* Trial 0 was given back and waits; only the agent that is aside has room. */
    EXPECT(&rig, "s", 0,
           { EXPLAIN_AGENTS_FULL, "1 of 1 slot at 1 agent is taken", "winnow agent" },
           { EXPLAIN_ASIDE,
             "agent 'bad' is set aside: its last 5 attempts failed (s/0, ",
             "starting that agent anew" });
    /* Who did well may still come back: until then there is nobody else. */
    rig_step(&rig, (struct event){ .kind = EV_PEER_LOST, .peer = 2 });
    EXPECT(&rig, "s", 0,
           { EXPLAIN_ASIDE, "one attempt in 10m00s", "starting that agent anew" });
    rig_fini(&rig);
}

static void test_evidence_survives_a_restart(void **state)
{
    UNUSED(state);
    struct rig rig;
    set_aside(&rig);
    rig_restart(&rig);
    rig_hello(&rig, 1, "bad", 1, 1);
    struct explanation found;
    explain(rig.engine, "s", OF_SWEEP, &found);
    assert_non_null(strstr(found.agents.ptr[0].aside_cause, "its last 5 attempts"));
    explanation_fini(&found);
    rig_hello(&rig, 1, "bad", 2, 1); /* a new process of it */
    explain(rig.engine, "s", OF_SWEEP, &found);
    assert_false(found.agents.ptr[0].aside);
    assert_null(found.agents.ptr[0].aside_cause);
    explanation_fini(&found);
    rig_fini(&rig);
}

/* ---- what a user asked for ---- */

static void test_retried_by_a_user(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD BUDGET);
    rig_ended(&rig, 1, key(0, 1), 1, END_FAILED);
    struct explanation found;
    explain(rig.engine, "s", 0, &found);
    assert_false(found.trial.asked);
    explanation_fini(&found);
    rig_steer(&rig, STEER_RETRY, "s");
    explain(rig.engine, "s", 0, &found);
    assert_true(found.trial.asked);
    assert_int_equal(found.trial.queue_place, 1);
    assert_int_equal(found.reasons.ptr[0].code, EXPLAIN_AGENTS_FULL);
    explanation_fini(&found);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_resources_of_the_newest_file),
        TEST(test_behind_a_head_that_nobody_can_run),
        TEST(test_old_needs_are_not_edited_away),
        TEST(test_queued_beyond_a_lowered_budget),
        TEST(test_outside_an_edited_space),
        TEST(test_ends_that_an_edit_can_change),
        TEST(test_what_lets_an_ended_sweep_go_on),
        TEST(test_checkpoints),
        TEST(test_agents_set_aside),
        TEST(test_evidence_survives_a_restart),
        TEST(test_retried_by_a_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
