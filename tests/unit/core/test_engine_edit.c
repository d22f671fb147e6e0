/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine_edit.c – sweeps whose file is changed while they exist. */
#include "tests/lib/engine_rig.h"

#include <string.h>

#include "core/replay_check.h"
#include "tests/lib/test.h"

#define HEAD                                                                           \
    "sweep: 1\nname: e\ncommand: 'true {n}'\nobjective: {metric: acc, goal: max}\n"
#define N(range)       "space:\n  n: {int: " range "}\n"
#define TRIALS(number) "budget: {trials: " number ", failures: {first: 0, max: 100%}}\n"

#define NO_PREFETCH "run: {resources: {gpus: 1}}\n"

/* n is the trial's number within its bounds, see engine_rig.h. */
#define SWEEP_3 HEAD N("[0, 1000]") TRIALS("3")

static struct attempt_key key(uint32_t trial, uint32_t attempt)
{
    return (struct attempt_key){ 1, trial, attempt };
}

static uint32_t count(const struct rig *rig, enum trial_state state)
{
    return rig_summary(rig, "last").counts[state];
}

static enum sweep_state state_of(const struct rig *rig)
{
    return rig_summary(rig, "last").state;
}

static void edit_with(struct rig *rig, struct steer_edit edit)
{
    edit.source = "new.yaml";
    rig_step(rig, (struct event){ .kind = EV_STEER,
                                  .token = 1,
                                  .as.steer = { .verb = STEER_EDIT,
                                                .sweep = "last",
                                                .cause = "edited",
                                                .edit = edit } });
}

static void edit(struct rig *rig, const char *text)
{
    edit_with(rig, (struct steer_edit){ .text = text });
    if (rig->reply_code != ERR_OK) {
        fail_msg("%s", rig->reply);
    }
}

/* The newest record of that kind. */
static const struct record *newest(const struct rig *rig, enum record_kind kind)
{
    for (size_t i = rig->records.len; i > 0; i--) {
        if (rig->records.ptr[i - 1]->kind == kind) {
            return rig->records.ptr[i - 1];
        }
    }
    fail_msg("no %s", record_kind_name(kind));
    return NULL;
}

static void on_difference(void *ctx, const struct replay_difference *found)
{
    UNUSED(ctx);
    fail_msg("trial %u: stored %s, derived %s", found->key.trial, found->stored,
             found->derived);
}

/* The records give the same picture to a fresh engine, and every point again. */
static void finish(struct rig *rig)
{
    struct sweep_summary before = rig_summary(rig, "last");
    struct replay_summary told;
    struct replay_check_config config = { .sweep = before.run_id,
                                          .samplers = &rig_samplers,
                                          .fn = on_difference };
    struct replay_check *check = replay_check_create(&config);
    for (size_t i = 0; i < rig->records.len; i++) {
        replay_check_record(check, rig->records.ptr[i]);
    }
    replay_check_finish(check, &told);
    replay_check_destroy(check);
    assert_true(told.derived > 0 && told.differences == 0);
    rig_restart(rig);
    struct sweep_summary after = rig_summary(rig, "last");
    assert_int_equal(before.state, after.state);
    assert_memory_equal(before.counts, after.counts, sizeof before.counts);
    assert_int_equal(before.trials_total, after.trials_total);
    rig_fini(rig);
}

static void begin(struct rig *rig, uint32_t slots, const char *text)
{
    rig_init(rig);
    rig_hello(rig, 1, "a", 1, slots);
    rig_submit(rig, text);
}

/* ---- budget and parallelism ---- */

static void test_a_larger_budget_wakes_a_finished_sweep(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 1, SWEEP_3);
    for (uint32_t i = 0; i < 3; i++) {
        rig_whole(&rig, 1, key(i, 1), "acc", i);
    }
    assert_int_equal(state_of(&rig), SWEEP_FINISHED);
    edit(&rig, HEAD N("[0, 1000]") TRIALS("2"));
    assert_int_equal(state_of(&rig), SWEEP_FINISHED); /* less is still used up */
    rig_clear(&rig);
    edit(&rig, HEAD N("[0, 1000]") TRIALS("5"));
    assert_non_null(strstr(rig.reply, "\"status\":\"edited\",\"state\":\"running\","
                                      "\"revision\":3"));
    assert_non_null(strstr(rig.reply, "\"changed\":\"budget.trials\""));
    assert_int_equal(rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign.revision, 3);
    rig_whole(&rig, 1, key(3, 1), "acc", 3);
    rig_whole(&rig, 1, key(4, 1), "acc", 4);
    assert_int_equal(state_of(&rig), SWEEP_FINISHED);
    assert_int_equal(count(&rig, TRIAL_FINISHED), 5);
    assert_int_equal(rig.ended.len, 1);
    finish(&rig);
}

static void test_a_smaller_budget_lets_what_runs_end(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 2, HEAD N("[0, 1000]") TRIALS("100") NO_PREFETCH);
    rig_whole(&rig, 1, key(0, 1), "acc", 0);
    size_t assigned = rig_records(&rig, REC_ASSIGNED);
    edit(&rig, HEAD N("[0, 1000]") TRIALS("1") NO_PREFETCH);
    assert_int_equal(state_of(&rig), SWEEP_RUNNING);
    assert_int_equal(count(&rig, TRIAL_QUEUED), 0);
    assert_int_equal(count(&rig, TRIAL_RUNNING), 2);
    assert_int_equal(rig_count(&rig, TO_AGENT_STOP), 0);
    rig_whole(&rig, 1, key(1, 1), "acc", 1);
    rig_whole(&rig, 1, key(2, 1), "acc", 1);
    assert_int_equal(rig_records(&rig, REC_ASSIGNED), assigned);
    assert_int_equal(state_of(&rig), SWEEP_FINISHED);
    assert_int_equal(count(&rig, TRIAL_FINISHED), 3);
    finish(&rig);
}

static void test_queued_trials_beyond_a_smaller_budget_do_not_begin(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 4, HEAD N("[0, 1000]") TRIALS("100"));
    assert_int_equal(count(&rig, TRIAL_RUNNING), 4);
    assert_true(count(&rig, TRIAL_QUEUED) > 0);
    edit(&rig, HEAD N("[0, 1000]") TRIALS("5"));
    for (uint32_t i = 0; i < 5; i++) {
        rig_whole(&rig, 1, key(i, 1), "acc", i);
        assert_true(count(&rig, TRIAL_RUNNING) + count(&rig, TRIAL_FINISHED) <= 5);
    }
    assert_int_equal(state_of(&rig), SWEEP_FINISHED);
    finish(&rig);
}

static void test_parallel_is_lowered_and_raised(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 4, SWEEP_3 "run: {parallel: 1}\n");
    assert_int_equal(count(&rig, TRIAL_RUNNING), 1);
    edit(&rig, SWEEP_3 "run: {parallel: 3}\n");
    assert_int_equal(count(&rig, TRIAL_RUNNING), 3);
    edit(&rig, HEAD N("[0, 1000]") TRIALS("9") "run: {parallel: 2}\n");
    rig_whole(&rig, 1, key(0, 1), "acc", 1);
    assert_int_equal(count(&rig, TRIAL_RUNNING), 2);
    rig_whole(&rig, 1, key(1, 1), "acc", 1);
    assert_int_equal(count(&rig, TRIAL_RUNNING), 2);
    finish(&rig);
}

/* What an attempt took is what it gives back, whatever the file says by then. */
static void test_resources_are_those_of_the_attempt(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 4, SWEEP_3 "run: {resources: {cpus: 3}}\n");
    assert_int_equal(count(&rig, TRIAL_RUNNING), 1);
    edit(&rig, SWEEP_3 "run: {resources: {cpus: 1, gpus: 1}}\n");
    assert_int_equal(count(&rig, TRIAL_RUNNING), 2); /* 3 + 1 of 4 */
    rig_whole(&rig, 1, key(0, 1), "acc", 1);
    assert_int_equal(count(&rig, TRIAL_RUNNING), 2);
    assert_int_equal(newest(&rig, REC_ASSIGNED)->as.assigned.gpu_mask, 2);
    rig_whole(&rig, 1, key(1, 1), "acc", 1);
    rig_whole(&rig, 1, key(2, 1), "acc", 1);
    assert_int_equal(state_of(&rig), SWEEP_FINISHED);
    finish(&rig);
}

/* ---- the space ---- */

static void test_narrowing_cancels_what_is_queued_outside(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 2, HEAD N("[0, 1000]") TRIALS("6") NO_PREFETCH);
    rig_started(&rig, 1, key(0, 1), 1);
    assert_int_equal(count(&rig, TRIAL_QUEUED), 2); /* 2 and 3 */
    edit(&rig, HEAD N("[3, 1000]") TRIALS("6") NO_PREFETCH);
    assert_non_null(strstr(rig.reply, "\"queued\":2,\"cancelled\":1"));
    assert_int_equal(newest(&rig, REC_TRIAL_STATE)->key.trial, 2);
    assert_string_equal(newest(&rig, REC_TRIAL_STATE)->cause,
                        "outside the space since revision 2");
    assert_int_equal(count(&rig, TRIAL_RUNNING), 2); /* they go on */
    rig_whole(&rig, 1, key(1, 1), "acc", 1);
    assert_int_equal(count(&rig, TRIAL_FINISHED), 1);
    rig_hello(&rig, 2, "a", 2, 2); /* 0 and 3 are lost: 0 may not run again */
    assert_int_equal(count(&rig, TRIAL_CANCELLED), 2);
    assert_int_equal(newest(&rig, REC_ENDED)->key.sweep, 1);
    for (uint32_t i = 3; i < 20 && state_of(&rig) == SWEEP_RUNNING; i++) {
        rig_whole(&rig, 2, key(i, i == 3 ? 2 : 1), "acc", i);
    }
    assert_int_equal(state_of(&rig), SWEEP_FINISHED);
    assert_int_equal(count(&rig, TRIAL_FINISHED), 6); /* others came instead */
    finish(&rig);
}

static void test_a_new_parameter(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 1, SWEEP_3 "run: {retry: {failed: 1}}\n");
    rig_clear(&rig);
    edit(&rig, HEAD "space:\n  m: {int: [0, 9]}\n  n: {int: [0, 1000]}\n" TRIALS("3"));
    assert_int_equal(count(&rig, TRIAL_CANCELLED), 1); /* it has no m */
    rig_whole(&rig, 1, key(0, 1), "acc", 1);
    assert_int_equal(count(&rig, TRIAL_FINISHED), 1);
    /* The file goes before the attempt, once. */
    const struct msg_sweep *sent = &rig_message(&rig, TO_AGENT_SWEEP, 0)->as.sweep;
    assert_int_equal(sent->revision, 2);
    assert_int_equal(rig_count(&rig, TO_AGENT_SWEEP), 1);
    const struct msg_assign *assign = &rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign;
    assert_int_equal(assign->revision, 2);
    assert_int_equal(assign->x_len, 2);
    rig_whole(&rig, 1, assign->key, "acc", 1);
    assert_int_equal(rig_count(&rig, TO_AGENT_SWEEP), 1);
    rig_restart(&rig);
    rig_hello(&rig, 3, "a", 1, 1);
    assert_true(rig_count(&rig, TO_AGENT_ASSIGN) > 0);
    finish(&rig);
}

/* A queued point that is still legal is tried as it was made, with its own file. */
static void test_points_of_another_layout_stay(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 1, HEAD "space:\n  n: {int: [0, 1000]}\n  k: [a, b, c]\n" TRIALS("9"));
    uint32_t queued = count(&rig, TRIAL_QUEUED);
    assert_true(queued > 0);
    rig_clear(&rig);
    edit(&rig, HEAD "space:\n  n: {int: [0, 1000]}\n  k: [b, c, a, d]\n" TRIALS("9"));
    assert_int_equal(count(&rig, TRIAL_QUEUED), queued);
    assert_int_equal(count(&rig, TRIAL_CANCELLED), 0);
    rig_whole(&rig, 1, key(0, 1), "acc", 1);
    const struct msg_assign *assign = &rig_message(&rig, TO_AGENT_ASSIGN, 0)->as.assign;
    assert_int_equal(assign->revision, 1);
    rig_whole(&rig, 1, assign->key, "acc", 1);
    rig_whole(&rig, 1, key(2, 1), "acc", 1);
    assert_int_equal(newest(&rig, REC_ASSIGNED)->as.assigned.revision, 2);
    /* Back to the layout of the first: its trials run with the newest file again. */
    edit(&rig, HEAD "space:\n  n: {int: [0, 5]}\n  k: [a, b, c]\n" TRIALS("9"));
    finish(&rig);
}

static void test_an_answer_of_the_space_before_is_not_used(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig.auto_suggest = false;
    rig_hello(&rig, 1, "a", 1, 1);
    rig_submit(&rig, SWEEP_3);
    assert_int_equal(rig.suggests.len, 1);
    struct fx_suggest old = rig.suggests.ptr[0];
    assert_int_equal(old.revision, 1);
    edit(&rig, HEAD "space:\n  m: {int: [0, 9]}\n  n: {int: [0, 9]}\n" TRIALS("3"));
    edit(&rig, HEAD "space:\n  m: {int: [0, 8]}\n  n: {int: [0, 9]}\n" TRIALS("3"));
    assert_int_equal(rig.suggests.len, 1); /* one is out at a time */
    static const double x[] = { 1, 2, 3 };
    static const uint64_t cursor[] = { 1, 2, 3 };
    rig_step(&rig, (struct event){ .kind = EV_SUGGESTED,
                                   .as.suggested = { .sweep = old.sweep,
                                                     .first = old.first,
                                                     .len = old.count,
                                                     .x = x,
                                                     .cursor = cursor } });
    assert_int_equal(rig_records(&rig, REC_TRIAL_CREATED), 0);
    assert_int_equal(rig.suggests.len, 2);
    assert_int_equal(rig.suggests.ptr[1].revision, 3);
    rig_fini(&rig);
}

#define LEARNING(more)                                                                 \
    "sweep: 1\nname: e\ncommand: 'true {n}'\nobjective: {metric: acc}\n"               \
    "search: {sampler: learning}\nspace:\n  n: {int: [0, 100000]}\n" more TRIALS("6")

/* The learning sampler says in its points how much it knew: 1000 * rows + 10 * open. */
static void test_what_was_learnt_is_seen_in_the_new_space(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 2, LEARNING(""));
    rig_whole(&rig, 1, key(0, 1), "acc", 1);
    edit(&rig, LEARNING("  m: {int: [0, 100000]}\n"));
    rig_whole(&rig, 1, key(1, 1), "acc", 1);
    assert_int_equal(newest(&rig, REC_TRIAL_CREATED)->as.trial_created.history, 2);
    assert_int_equal(newest(&rig, REC_TRIAL_CREATED)->as.trial_created.x_len, 2);
    edit(&rig, LEARNING(""));
    rig_whole(&rig, 1, key(2, 1), "acc", 1);
    finish(&rig);
}

/* ---- lists ---- */

static void test_points_are_appended_and_dropped(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 1, SWEEP_3 "enqueue: [{n: 500}, {n: 7}]\n");
    rig_whole(&rig, 1, key(0, 1), "acc", 1);
    edit(&rig, HEAD N("[0, 100]") TRIALS("4") "enqueue: [{n: 7}, {n: 8}]\n");
    assert_int_equal(newest(&rig, REC_SWEEP_EDITED)->as.sweep_edited.enqueued_used, 1);
    rig_whole(&rig, 1, key(1, 1), "acc", 1);
    rig_whole(&rig, 1, key(2, 1), "acc", 1);
    assert_int_equal(rig.records.len > 0, 1);
    size_t eights = 0;
    for (size_t i = 0; i < rig.records.len; i++) {
        const struct record *record = rig.records.ptr[i];
        eights += record->kind == REC_TRIAL_CREATED && record->as.trial_created.enqueued
                  && record->as.trial_created.x[0] == 8;
    }
    assert_int_equal(eights, 1);
    finish(&rig);
}

static void test_tags_say_what_is_set_and_removed(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 1, SWEEP_3 "tags: {team: vision, old: x, same: y}\n");
    edit(&rig, SWEEP_3 "tags: {team: audio, same: y, new: z}\n");
    const struct rec_sweep_edited *edited =
        &newest(&rig, REC_SWEEP_EDITED)->as.sweep_edited;
    assert_int_equal(edited->tags_len, 3);
    assert_string_equal(edited->tags[0].name, "team");
    assert_string_equal(edited->tags[0].value, "audio");
    assert_string_equal(edited->tags[1].name, "new");
    assert_string_equal(edited->tags[2].name, "old");
    assert_null(edited->tags[2].value);
    finish(&rig);
}

/* ---- states ---- */

static void test_paused_and_stopped_sweeps_run_again_only_if_told(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 1, SWEEP_3);
    rig_steer(&rig, STEER_PAUSE, "last");
    edit(&rig, HEAD N("[0, 1000]") TRIALS("4"));
    assert_int_equal(state_of(&rig), SWEEP_PAUSED);
    edit_with(&rig, (struct steer_edit){ .text = HEAD N("[0, 1000]") TRIALS("4"),
                                         .resume = true });
    assert_non_null(
        strstr(rig.reply, "\"status\":\"unchanged\",\"state\":\"running\""));
    rig_steer(&rig, STEER_STOP, "last");
    edit_with(&rig, (struct steer_edit){ .text = SWEEP_3 });
    assert_int_equal(rig.reply_code, ERR_STATE);
    assert_non_null(strstr(rig.reply, "--resume"));
    rig_ended(&rig, 1, key(0, 1), 1, END_CANCELLED);
    edit_with(&rig, (struct steer_edit){ .text = SWEEP_3, .resume = true });
    assert_int_equal(rig.reply_code, ERR_OK);
    assert_int_equal(state_of(&rig), SWEEP_RUNNING);
    finish(&rig);
}

static void test_the_newest_revision_is_the_sweep(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 1, SWEEP_3);
    edit(&rig, HEAD N("[0, 1000]") TRIALS("4"));
    rig_submit(&rig, HEAD N("[0, 1000]") TRIALS("4"));
    assert_non_null(strstr(rig.reply, "\"status\":\"resumed\""));
    rig_submit(&rig, SWEEP_3);
    assert_int_equal(rig.reply_code, ERR_EXISTS);
    assert_non_null(strstr(rig.reply, "differs in budget.trials"));
    assert_non_null(strstr(rig.reply, "winnow edit"));
    finish(&rig);
}

/* ---- what is refused ---- */

static void test_refused_edits_change_nothing(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        enum err_code code;
        const char *words;
    } table[] = {
        { "sweep: 1\nname: f\ncommand: 'true {n}'\nobjective: {metric: acc, goal: "
          "max}\n" N("[0, 1000]") TRIALS("3"),
          ERR_STATE, "'name' cannot be edited" },
        { "sweep: 1\nname: e\ncommand: 'true {n}'\nobjective: {metric: b, goal: "
          "max}\n" N("[0, 1000]") TRIALS("3"),
          ERR_STATE, "'objective.metric' cannot be edited" },
        { "sweep: 1\nname: e\ncommand: 'true {n}'\nobjective: {metric: acc}\n" N(
              "[0, 1000]") TRIALS("3"),
          ERR_STATE, "'objective.goal' cannot be edited" },
        { "sweep: 1\nname: e\ncommand: 'true {n}'\n"
          "objective: {metric: acc, goal: max, read: best}\n" N("[0, 1000]")
              TRIALS("3"),
          ERR_STATE, "'objective.read' cannot be edited" },
        { HEAD N("[0, 1000]") TRIALS("3") "run: {checkpoint: local}\n", ERR_STATE,
          "'run.checkpoint' cannot be edited" },
        { HEAD N("[9, 1]") TRIALS("3"), ERR_INVALID, "new.yaml:" },
        { HEAD N("[0, 9]"), ERR_INVALID, "no bound" },
        { HEAD N("[0, 9]") TRIALS("3") "enqueue: [{n: 10}]\n", ERR_INVALID, "[0, 9]" },
        { "", ERR_INVALID, "" },
    };
    struct rig rig;
    begin(&rig, 1, SWEEP_3);
    size_t records = rig.records.len;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        edit_with(&rig, (struct steer_edit){ .text = table[i].text });
        assert_int_equal(rig.reply_code, table[i].code);
        if (strstr(rig.reply, table[i].words) == NULL) {
            fail_msg("'%s' does not say '%s'", rig.reply, table[i].words);
        }
        assert_int_equal(rig.records.len, records);
    }
    edit_with(&rig, (struct steer_edit){ .text = HEAD N("[0, 9]") TRIALS("4"),
                                         .revision = 2 });
    assert_int_equal(rig.reply_code, ERR_STATE);
    assert_non_null(strstr(rig.reply, "edited meanwhile"));
    edit_with(&rig, (struct steer_edit){ .text = SWEEP_3, .revision = 1 });
    assert_non_null(strstr(rig.reply, "\"status\":\"unchanged\""));
    assert_int_equal(rig.records.len, records);
    finish(&rig);
}

static void test_a_dry_run_says_and_does_nothing(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, 2, HEAD N("[0, 1000]") TRIALS("6"));
    size_t records = rig.records.len;
    edit_with(&rig, (struct steer_edit){ .text = HEAD N("[3, 1000]") TRIALS("8"),
                                         .dry_run = true });
    assert_non_null(strstr(rig.reply, "\"status\":\"would change\""));
    assert_non_null(strstr(rig.reply, "\"queued\":2,\"cancelled\":1"));
    assert_non_null(strstr(rig.reply, "\"changed\":\"space.n, budget.trials\""));
    assert_int_equal(rig.records.len, records);
    finish(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_larger_budget_wakes_a_finished_sweep),
        TEST(test_a_smaller_budget_lets_what_runs_end),
        TEST(test_queued_trials_beyond_a_smaller_budget_do_not_begin),
        TEST(test_parallel_is_lowered_and_raised),
        TEST(test_resources_are_those_of_the_attempt),
        TEST(test_narrowing_cancels_what_is_queued_outside),
        TEST(test_a_new_parameter),
        TEST(test_points_of_another_layout_stay),
        TEST(test_an_answer_of_the_space_before_is_not_used),
        TEST(test_what_was_learnt_is_seen_in_the_new_space),
        TEST(test_points_are_appended_and_dropped),
        TEST(test_tags_say_what_is_set_and_removed),
        TEST(test_paused_and_stopped_sweeps_run_again_only_if_told),
        TEST(test_the_newest_revision_is_the_sweep),
        TEST(test_refused_edits_change_nothing),
        TEST(test_a_dry_run_says_and_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
