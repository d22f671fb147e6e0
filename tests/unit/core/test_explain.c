/* SPDX-License-Identifier: Apache-2.0 */
/* test_explain.c – every reason of core/explain.h: the state that brings it about, what
 * is told, and what would change it. */
#include "core/explain.h"

#include <stdio.h>
#include <string.h>

#include "tests/lib/engine_rig.h"
#include "tests/lib/test.h"
#include "tests/unit/core/explain_rig.h"

#define HEAD                                                                           \
    "sweep: 1\ncommand: 'true {n}'\nobjective: {metric: acc, goal: max}\n"             \
    "space:\n  n: {int: [0, 100000]}\n"
#define SWEEP HEAD "name: s\nbudget: {trials: 100}\n"

static struct attempt_key key(uint32_t sweep, uint32_t trial, uint32_t attempt)
{
    return (struct attempt_key){ sweep, trial, attempt };
}

static void test_no_agent(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, SWEEP);
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_NO_AGENT, "no agent is connected", "winnow agent --connect" });
    rig_hello(&rig, 1, "a", 1, 1);
    rig_step(&rig, (struct event){ .kind = EV_BYE, .peer = 1 });
    EXPECT(&rig, "s", 0,
           { EXPLAIN_NO_AGENT, "no agent is connected", "winnow agent --connect" });
    rig_fini(&rig);
}

static void test_agents_that_leave(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP);
    rig_step(&rig,
             (struct event){ .kind = EV_HEARTBEAT, .peer = 1, .as.leaving = true });
    EXPECT(&rig, "s", 1,
           { EXPLAIN_NO_AGENT, "1 agent is connected, but shutting down",
             "winnow agent --connect" });
    struct explanation found;
    explain(rig.engine, "s", OF_SWEEP, &found);
    assert_true(found.agents.ptr[0].leaving);
    explanation_fini(&found);
    rig_fini(&rig);
}

static void test_paused_by_a_user(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP);
    rig_steer(&rig, STEER_PAUSE, "s");
    EXPECT(&rig, "s", 1,
           { EXPLAIN_PAUSED, "the sweep is paused: by user", "winnow resume s" });
    EXPECT(&rig, "s", OF_SWEEP, { EXPLAIN_PAUSED, "by user", "winnow resume s" });
    rig_fini(&rig);
}

static void test_paused_by_itself(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: s\nbudget: {trials: 9, failures: {first: 2}}\n");
    rig_ended(&rig, 1, key(1, 0, 1), 1, END_FAILED);
    rig_ended(&rig, 1, key(1, 1, 1), 1, END_FAILED);
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_PAUSED, "paused itself: the first 2 trials all failed",
             "winnow resume s" });
    struct explanation found;
    explain(rig.engine, "s", OF_SWEEP, &found);
    assert_int_equal(found.failed, 2);
    assert_int_equal(found.ended, 2);
    explanation_fini(&found);
    rig_fini(&rig);
}

/* Commands name a sweep so that they mean it: an older one of a name by its id. */
static void test_an_older_sweep_of_the_name(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, SWEEP);
    char id[33];
    memcpy(id, rig_summary(&rig, "s").run_id.hex, sizeof id);
    rig_steer(&rig, STEER_PAUSE, "s");
    uint8_t bytes[16] = { 255 };
    rig_step(&rig, (struct event){ .kind = EV_SUBMIT,
                                   .as.submit = { .run_id = run_id_from_bytes(bytes),
                                                  .text = SWEEP,
                                                  .text_len = strlen(SWEEP),
                                                  .source = "sweep.yaml",
                                                  .directory = "/",
                                                  .force_new = true } });
    EXPECT(&rig, id, OF_SWEEP, { EXPLAIN_PAUSED, "paused", id });
    rig_fini(&rig);
}

static void test_over(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 2);
    rig_submit(&rig, HEAD "name: s\nbudget: {time: 10s}\n");
    rig_started(&rig, 1, key(1, 0, 1), 1);
    rig_advance(&rig, 10000);
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_OVER, "time budget used up; 2 attempts to end",
             "winnow edit s --set budget.time=DURATION" });
    EXPECT(&rig, "s", 0, { EXPLAIN_STOP_ASKED, "cancelled", NULL },
           { EXPLAIN_RUNNING, "attempt 1 runs at agent 'a'", NULL });
    rig_ended(&rig, 1, key(1, 0, 1), 2, END_CANCELLED);
    rig_ended(&rig, 1, key(1, 1, 1), 1, END_CANCELLED);
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_OVER, "the sweep is finished: time budget used up",
             "winnow edit s --set budget.time=DURATION, or a new sweep: winnow run" });
    EXPECT(&rig, "s", 0,
           { EXPLAIN_NOT_RETRIED, "a cancelled trial does not", "winnow retry s 0" });
    rig_fini(&rig);
}

static void test_retried_after_the_end(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, HEAD "name: s\nbudget: {trials: 1}\n");
    rig_ended(&rig, 1, key(1, 0, 1), 1, END_FAILED);
    EXPECT(&rig, "s", 0,
           { EXPLAIN_RETRY_LIMIT,
             "1 attempt counted as failed, and run.retry.failed is 0",
             "winnow retry s 0" });
    rig_whole(&rig, 1, key(1, 1, 1), "acc", 1);
    expect_in(rig.engine, "s", 1, NULL, 0); /* finished */
    rig_step(&rig, (struct event){ .kind = EV_BYE, .peer = 1 });
    rig_steer(&rig, STEER_RETRY, "s");
    EXPECT(&rig, "s", 0, { EXPLAIN_NO_AGENT, "no agent", "winnow agent" });
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_OVER,
             "trial budget used up; 1 trial that the user asked for to end",
             "winnow edit s --set budget.trials=N" },
           { EXPLAIN_NO_AGENT, "no agent", "winnow agent" });
    rig_fini(&rig);
}

static struct engine *replayed(const struct rig *rig,
                               const struct sampler_registry *all)
{
    struct engine_config config = {
        .lease_ms = RIG_LEASE_MS, .samplers = all, .home_id = "", .next_run_key = 1
    };
    struct engine *engine = engine_create(&config);
    struct err err = { 0 };
    for (size_t i = 0; i < rig->records.len; i++) {
        assert_ok(engine_replay(engine, rig->records.ptr[i], &err), &err);
    }
    return engine;
}

static enum err_code never(const struct suggest_request *request,
                           double *x_out,
                           uint64_t *cursor_out,
                           struct err *err)
{
    UNUSED(request);
    UNUSED(x_out);
    UNUSED(cursor_out);
    return err_set(err, ERR_INTERNAL, "an engine that is only asked suggests nothing");
}

static void test_no_coordinator(void **state)
{
    UNUSED(state);
    static const struct sampler_ops sampler = { .name = "random",
                                                .summary = "none",
                                                .suggest = never };
    static const struct sampler_ops *const list[] = { &sampler };
    static const struct sampler_registry all = { list, 1 };
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP);
    rig_advance(&rig, 5000);
    rig_hello(&rig, 2, "b", 1, 1); /* the last that is recorded */
    struct engine *engine = replayed(&rig, &all);
    const struct expected held = { EXPLAIN_NO_COORDINATOR,
                                   "attempt 1 stays with agent 'a'",
                                   "winnow resume s" };
    const struct expected none = { EXPLAIN_NO_COORDINATOR, "no coordinator is running",
                                   "winnow resume s" };
    expect_in(engine, "s", 0, &held, 1);
    expect_in(engine, "s", 2, &none, 1);
    expect_in(engine, "s", OF_SWEEP, &none, 1);
    struct explanation found;
    explain(engine, "s", 0, &found);
    assert_false(found.live);
    assert_false(found.trial.attempt.leased);
    assert_int_equal(found.sweep.elapsed_ms, 5000);
    explanation_fini(&found);
    engine_destroy(engine);
    rig_fini(&rig);
}

static void test_paused_without_coordinator(void **state)
{
    UNUSED(state);
    static const struct sampler_ops sampler = { .name = "random",
                                                .summary = "none",
                                                .suggest = never };
    static const struct sampler_ops *const list[] = { &sampler };
    static const struct sampler_registry all = { list, 1 };
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, SWEEP);
    rig_steer(&rig, STEER_PAUSE, "s");
    struct engine *engine = replayed(&rig, &all);
    const struct expected both[] = {
        { EXPLAIN_PAUSED, "paused: by user", "winnow resume s" },
        { EXPLAIN_NO_COORDINATOR, "no coordinator", "winnow resume s" },
    };
    expect_in(engine, "s", OF_SWEEP, both, 2);
    engine_destroy(engine);
    rig_fini(&rig);
}

static void test_ask_tell(void **state)
{
    UNUSED(state);
    static const char text[] =
        "sweep: 1\nname: s\nobjective: {metric: acc, goal: max}\n"
        "space:\n  n: {int: [0, 100]}\n";
    const uint8_t bytes[16] = { 1 };
    struct rig rig;
    rig_init(&rig);
    rig_step(&rig, (struct event){ .kind = EV_SUBMIT,
                                   .as.submit = { .run_id = run_id_from_bytes(bytes),
                                                  .text = text,
                                                  .text_len = strlen(text),
                                                  .source = "sweep.yaml",
                                                  .directory = "/",
                                                  .command_optional = true } });
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_ASK_TELL, "for whoever asks", "winnow ask-tell FILE" });
    rig_step(&rig, (struct event){ .kind = EV_HELLO,
                                   .peer = 1,
                                   .as.hello = { .agent_id = "asker",
                                                 .host = "",
                                                 .boot = 1,
                                                 .slots = 1,
                                                 .only_sweep = 1 } });
    rig_step(&rig, (struct event){ .kind = EV_WANT, .peer = 1, .as.want = 1 });
    EXPECT(
        &rig, "s", 0,
        { EXPLAIN_ASK_TELL, "attempt 1 was handed to whoever asked", "{\"tell\":0," });
    rig_fini(&rig);
}

static void test_disk_full(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP);
    rig_step(&rig, (struct event){ .kind = EV_DISK, .as.disk_full = true });
    rig_ended(&rig, 1, key(1, 0, 1), 1, END_FAILED); /* frees the slot */
    EXPECT(&rig, "s", 1, { EXPLAIN_DISK_FULL, "disk", "free space" });
    rig_fini(&rig);
}

static void test_shutting_down(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP);
    rig_step(&rig, (struct event){ .kind = EV_SHUTDOWN });
    rig_ended(&rig, 1, key(1, 0, 1), 1, END_FAILED);
    EXPECT(&rig, "s", 1, { EXPLAIN_SHUTTING_DOWN, "shutting down", "winnow resume s" });
    rig_fini(&rig);
}

static void test_resources_nobody_has(void **state)
{
    UNUSED(state);
    static const struct {
        const char *resources, *text, *change;
    } cases[] = {
        { "gpus: 3", "3 gpus asked for, the biggest offer is 2 gpus at agent 'a'",
          "or winnow edit s --set run.resources.gpus=2" },
        { "cpus: 9", "9 cpus asked for, the biggest offer is 8 cpus at agent 'b'",
          "--set run.resources.cpus=8" },
        { "memory: 32GiB",
          "32GiB of memory asked for, the biggest offer is 16GiB of memory at agent "
          "'a'",
          "--set run.resources.memory=16GiB" },
        { "cpus: 9, gpus: 3", "at agent 'b'; 3 gpus asked for",
          "--set run.resources.cpus=8 --set run.resources.gpus=2" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig rig;
        char text[512];
        rig_init(&rig);
        rig_hello(&rig, 1, "a", 1, 2);
        rig_hello(&rig, 2, "b", 1, 8);
        snprintf(text, sizeof text, "%srun: {resources: {%s}}\n", SWEEP,
                 cases[i].resources);
        rig_submit(&rig, text);
        EXPECT(&rig, "s", 0, { EXPLAIN_RESOURCES, cases[i].text, cases[i].change });
        EXPECT(&rig, "s", OF_SWEEP,
               { EXPLAIN_RESOURCES, cases[i].text, cases[i].change });
        rig_fini(&rig);
    }
}

static void test_resources_not_at_one_agent(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 2);
    rig_step(
        &rig,
        (struct event){
            .kind = EV_HELLO,
            .peer = 2,
            .as.hello = {
                .agent_id = "b", .host = "node", .boot = 1, .slots = 8, .cpus = 8 } });
    rig_submit(&rig, SWEEP "run: {resources: {cpus: 8, gpus: 2}}\n");
    EXPECT(&rig, "s", 0,
           { EXPLAIN_RESOURCES, "8 cpus, 2 gpus are not at one agent together",
             "winnow edit s" });
    rig_fini(&rig);
}

static void test_parallel(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 4);
    rig_submit(&rig, SWEEP "run: {parallel: 3}\n");
    EXPECT(&rig, "s", 3,
           { EXPLAIN_PARALLEL, "3 attempts run, as many as run.parallel allows",
             "ends, or winnow edit s --set run.parallel=N" });
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_PARALLEL, "3 attempts run", "--set run.parallel=N" });
    rig_fini(&rig);
}

static void test_agents_full(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_hello(&rig, 2, "b", 1, 2);
    rig_submit(&rig, SWEEP);
    EXPECT(&rig, "s", 4,
           { EXPLAIN_AGENTS_FULL, "3 of 3 slots at 2 agents are taken, 3 by this sweep",
             "winnow agent --connect" });
    struct explanation found;
    explain(rig.engine, "s", 4, &found);
    assert_int_equal(found.trial.queue_place, 2);
    assert_int_equal(found.queue_len, 3);
    explanation_fini(&found);
    explain(rig.engine, "s", OF_SWEEP, &found);
    assert_int_equal(found.agents.len, 2);
    assert_string_equal(found.agents.ptr[1].id, "b");
    assert_int_equal(found.agents.ptr[1].used_slots, 2);
    assert_int_equal(found.agents.ptr[1].of_sweep, 2);
    explanation_fini(&found);
    rig_fini(&rig);
}

static void test_slots_without_resources(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 8);
    rig_submit(&rig, SWEEP "run: {resources: {gpus: 1, cpus: 2}}\n");
    EXPECT(&rig, "s", 2,
           { EXPLAIN_AGENTS_FULL,
             "2 of 8 slots at 1 agent are taken, 2 by this sweep, and where one is "
             "free, 2 cpus, 1 gpu is not",
             "ends" });
    rig_fini(&rig);
}

static void test_another_sweep_is_next(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 2);
    rig_submit(&rig, SWEEP);
    rig_submit(&rig, HEAD "name: t\nbudget: {trials: 100}\n");
    EXPECT(&rig, "s", 2, { EXPLAIN_AGENTS_FULL, "2 by this sweep", "ends" },
           { EXPLAIN_OTHER_SWEEP, "sweep 't', which holds 0; this one holds 2",
             "winnow pause t" });
    EXPECT(&rig, "t", 0, { EXPLAIN_AGENTS_FULL, "0 by this sweep", "ends" });
    rig_fini(&rig);
}

static void test_suspect(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP);
    rig_step(&rig, (struct event){ .kind = EV_PEER_LOST, .peer = 1 });
    rig_advance(&rig, 10000);
    EXPECT(&rig, "s", 0, { EXPLAIN_AWAY, "agent 'a' is not connected", NULL });
    struct explanation found;
    explain(rig.engine, "s", 0, &found);
    assert_true(found.trial.attempt.leased);
    assert_int_equal(found.trial.attempt.lease_left_ms, RIG_LEASE_MS - 10000);
    assert_false(found.trial.attempt.connected);
    explanation_fini(&found);
    rig_advance(&rig, RIG_LEASE_MS);
    EXPECT(&rig, "s", 0,
           { EXPLAIN_SUSPECT, "agent 'a', which has attempt 1, was silent for 30 s",
             NULL },
           { EXPLAIN_NO_AGENT, "no agent", "winnow agent" });
    rig_fini(&rig);
}

static void test_waits_for_the_sampler(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig.auto_suggest = false;
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP);
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_SAMPLER, "waits for the sampler 'random'", NULL });
    rig_fini(&rig);
}

static void test_the_last_ones_run(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 4);
    rig_submit(&rig, HEAD "name: s\nbudget: {trials: 2}\n");
    EXPECT(&rig, "s", OF_SWEEP,
           { EXPLAIN_UNDER_WAY, "the last 2 trials are under way", NULL });
    rig_fini(&rig);
}

/* Room that no suggestion fills yet. */
static void test_working(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP);
    rig.auto_suggest = false;
    rig_hello(&rig, 2, "b", 1, 4);
    EXPECT(&rig, "s", OF_SWEEP, { EXPLAIN_SAMPLER, "random", NULL },
           { EXPLAIN_WORKING, "2 attempts run", NULL });
    rig_fini(&rig);
}

static void test_phases_of_an_attempt(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP);
    EXPECT(
        &rig, "s", 0,
        { EXPLAIN_PREPARING, "attempt 1 was given to agent 'a', which has not", NULL });
    rig_started(&rig, 1, key(1, 0, 1), 1);
    EXPECT(&rig, "s", 0, { EXPLAIN_RUNNING, "attempt 1 runs at agent 'a'", NULL });
    rig_point(&rig, 1, key(1, 0, 1), 2, "acc", 1);
    rig_ended(&rig, 1, key(1, 0, 1), 3, END_EXITED);
    EXPECT(&rig, "s", 2, { EXPLAIN_PREFETCHED, "attempt 1 waits at agent 'a'", NULL });
    rig_fini(&rig);
}

static void test_retries_are_counted(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP "run: {retry: {failed: 2}}\n");
    rig_ended(&rig, 1, key(1, 0, 1), 1, END_FAILED);
    struct explanation found;
    explain(rig.engine, "s", 0, &found);
    assert_string_equal(found.trial.retries[0].end, "failed");
    assert_int_equal(found.trial.retries[0].used, 1);
    assert_int_equal(found.trial.retries[0].limit, 2);
    assert_int_equal(found.trial.retries[1].limit, 10); /* lost, the default */
    assert_int_equal(found.reasons.ptr[0].code, EXPLAIN_BACK_OFF);
    assert_string_equal(found.reasons.ptr[0].text,
                        "waits for another 1 s, since attempt 1 ended: failed");
    explanation_fini(&found);
    explain(rig.engine, "s", OF_SWEEP, &found);
    assert_int_equal(found.reasons.ptr[0].code, EXPLAIN_BACK_OFF);
    explanation_fini(&found);
    rig_advance(&rig, MS_PER_S);
    rig_whole(&rig, 1, key(1, 1, 1), "acc", 1);
    rig_whole(&rig, 1, key(1, 0, 2), "acc", 1);
    explain(rig.engine, "s", 0, &found);
    assert_int_equal(found.trial.state, TRIAL_FINISHED);
    assert_int_equal(found.trial.retries[0].used, 1); /* the good end is none */
    explanation_fini(&found);
    rig_fini(&rig);
}

static void test_wrong_refs(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, SWEEP);
    struct explanation found;
    struct err err = { 0 };
    uint32_t trial = 0;
    assert_code(engine_explain(rig.engine, "none", NULL, &found, &err), ERR_NOTFOUND);
    explanation_fini(&found);
    assert_code(engine_explain(rig.engine, "s", &trial, &found, &err), ERR_NOTFOUND);
    assert_string_equal(err.msg, "sweep 's' has no trial 0");
    explanation_fini(&found);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_agent),
        TEST(test_agents_that_leave),
        TEST(test_paused_by_a_user),
        TEST(test_paused_by_itself),
        TEST(test_an_older_sweep_of_the_name),
        TEST(test_over),
        TEST(test_retried_after_the_end),
        TEST(test_no_coordinator),
        TEST(test_paused_without_coordinator),
        TEST(test_ask_tell),
        TEST(test_disk_full),
        TEST(test_shutting_down),
        TEST(test_resources_nobody_has),
        TEST(test_resources_not_at_one_agent),
        TEST(test_parallel),
        TEST(test_agents_full),
        TEST(test_slots_without_resources),
        TEST(test_another_sweep_is_next),
        TEST(test_suspect),
        TEST(test_waits_for_the_sampler),
        TEST(test_the_last_ones_run),
        TEST(test_working),
        TEST(test_phases_of_an_attempt),
        TEST(test_retries_are_counted),
        TEST(test_wrong_refs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
