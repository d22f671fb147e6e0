/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine_learns.c – what a sampler that learns is told, that it is stored with the
 * trial and can be derived again. The rig's sampler answers 1000 * rows + 10 * open
 * trials + its option. */
#include "tests/lib/engine_rig.h"

#include <string.h>

#include "base/mem.h"
#include "core/replay_check.h"
#include "tests/lib/test.h"

#define SWEEP                                                                          \
    "sweep: 1\nname: s\ncommand: 'true {n}'\nobjective: {metric: acc, goal: max}\n"    \
    "space:\n  n: {int: [0, 100000]}\nbudget: {trials: 6}\n"

static struct attempt_key key(uint32_t trial, uint32_t attempt)
{
    return (struct attempt_key){ .sweep = 1, .trial = trial, .attempt = attempt };
}

static const struct rec_trial_created *created(const struct rig *rig, uint32_t trial)
{
    for (size_t i = 0; i < rig->records.len; i++) {
        const struct record *record = rig->records.ptr[i];
        if (record->kind == REC_TRIAL_CREATED && record->key.trial == trial) {
            return &record->as.trial_created;
        }
    }
    fail_msg("trial %u was not created", trial);
    return NULL;
}

static void count_difference(void *ctx, const struct replay_difference *found)
{
    UNUSED(found);
    ++*(size_t *)ctx;
}

/* Differences that a replay of the first `records` records finds. */
static size_t differences(const struct rig *rig)
{
    size_t found = 0;
    struct replay_check_config config = { .samplers = &rig_samplers,
                                          .fn = count_difference,
                                          .ctx = &found };
    for (size_t i = 0; i < rig->records.len; i++) {
        if (rig->records.ptr[i]->kind == REC_SWEEP_CREATED) {
            config.sweep = rig->records.ptr[i]->as.sweep_created.run_id;
        }
    }
    struct replay_check *check = replay_check_create(&config);
    for (size_t i = 0; i < rig->records.len; i++) {
        replay_check_record(check, rig->records.ptr[i]);
    }
    struct replay_summary summary;
    replay_check_finish(check, &summary);
    assert_int_equal(summary.differences, found);
    replay_check_destroy(check);
    return found;
}

static void open_trials_and_ends_are_known(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, SWEEP "search: {sampler: learning, offset: 3}\n");
    rig_hello(&rig, 1, "a", 1, 2);
    /* Two at once: the second of a batch knows the first as open. */
    assert_true(created(&rig, 0)->x[0] == 3);
    assert_true(created(&rig, 1)->x[0] == 13);
    rig_whole(&rig, 1, key(1, 1), "acc", 0.5);
    assert_true(created(&rig, 2)->x[0] == 1013); /* one row, trial 0 is open */
    assert_int_equal(created(&rig, 2)->history, 1);
    rig_started(&rig, 1, key(0, 1), 1);
    rig_ended(&rig, 1, key(0, 1), 2, END_FAILED);
    assert_true(created(&rig, 3)->x[0] == 2013); /* a failed trial is a row too */
    assert_int_equal(differences(&rig), 0);
    rig_fini(&rig);
}

static void a_restart_goes_on_alike(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, SWEEP "search: {sampler: learning}\n");
    rig_hello(&rig, 1, "a", 1, 1);
    rig_whole(&rig, 1, key(0, 1), "acc", 0.5);
    rig_whole(&rig, 1, key(1, 1), "acc", 0.7);
    rig_restart(&rig);
    rig_hello(&rig, 2, "a", 2, 1); /* a new boot: trial 2 begins again */
    rig_whole(&rig, 2, key(2, 2), "acc", 0.6);
    assert_true(created(&rig, 3)->x[0] == 3000);
    assert_int_equal(differences(&rig), 0);
    rig_fini(&rig);
}

/* Ends that come while the sampler is at work are not known to it. */
static void an_answer_knows_what_it_was_asked_with(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, SWEEP "search: {sampler: learning}\n");
    rig_hello(&rig, 1, "a", 1, 2);
    rig.auto_suggest = false;
    rig_clear(&rig);
    rig_whole(&rig, 1, key(0, 1), "acc", 0.5);
    assert_int_equal(rig.suggests.len, 1);
    rig_whole(&rig, 1, key(1, 1), "acc", 0.6); /* waits */
    const struct fx_suggest *ask = &rig.suggests.ptr[0];
    struct suggest_known known = engine_known(rig.engine, ask->sweep, ask->revision);
    assert_int_equal(known.history->len, 1);
    struct suggest_answer answer;
    suggest_find(&known, ask, &answer);
    rig_step(&rig,
             (struct event){ .kind = EV_SUGGESTED,
                             .as.suggested = suggest_answer_event(ask, &answer) });
    suggest_answer_fini(&answer);
    assert_true(created(&rig, 2)->x[0] == 1010);
    assert_int_equal(created(&rig, 2)->history, 1);
    assert_int_equal(rig.suggests.ptr[1].history_len, 2);
    assert_int_equal(differences(&rig), 0);
    rig_fini(&rig);
}

static void a_changed_number_of_rows_is_found(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, SWEEP "search: {sampler: learning}\n");
    rig_hello(&rig, 1, "a", 1, 1);
    rig_whole(&rig, 1, key(0, 1), "acc", 0.5);
    for (size_t i = 0; i < rig.records.len; i++) {
        if (rig.records.ptr[i]->kind == REC_TRIAL_CREATED) {
            rig.records.ptr[i]->as.trial_created.history ^= 1;
        }
    }
    assert_int_equal(differences(&rig), 2);
    rig_fini(&rig);
}

static void a_finite_space_is_used_up(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    rig_submit(&rig, "sweep: 1\nname: s\ncommand: 'true {n}'\n"
                     "objective: {metric: acc}\nspace:\n  n: {int: [1, 4]}\n"
                     "search: {sampler: learning}\nbudget: {trials: 100}\n"
                     "enqueue: [{n: 2}]\n");
    assert_int_equal(rig_summary(&rig, "s").trials_total, 4);
    rig_hello(&rig, 1, "a", 1, 1);
    for (uint32_t i = 0; i < 4; i++) {
        rig_whole(&rig, 1, key(i, 1), "acc", 1);
    }
    struct sweep_summary summary = rig_summary(&rig, "s");
    assert_int_equal(summary.state, SWEEP_FINISHED);
    assert_string_equal(summary.cause, "every point tried");
    assert_true(created(&rig, 0)->x[0] == 2 && created(&rig, 0)->enqueued);
    assert_int_equal(rig_records(&rig, REC_TRIAL_CREATED), 4);
    assert_int_equal(differences(&rig), 0);
    rig_fini(&rig);
}

/* ---- options in the file ---- */

static char *reply_to(struct rig *rig, const char *search)
{
    char *AUTO_FREE text =
        mem_printf("%ssearch: {sampler: learning, %s}\n", SWEEP, search);
    rig_submit(rig, text);
    return rig->reply;
}

static void options_are_read_and_printed(void **state)
{
    UNUSED(state);
    struct rig rig;
    rig_init(&rig);
    (void)reply_to(&rig, "offset: 4, share: 0.5, eager: false, mood: wild");
    assert_int_equal(rig.reply_code, ERR_OK);
    const struct sweep_spec *spec = engine_spec(rig.engine, 1);
    const double want[] = { 4, 0.5, 0, 1 };
    assert_memory_equal(spec->sampler_options, want, sizeof want);
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(65536);
    sweep_spec_print(spec, &text);
    assert_non_null(strstr(strbuf_cstr(&text), "offset: 4, share: 0.5, eager: false, "
                                               "mood: wild, seed: "));
    (void)reply_to(&rig, "mood: wild");
    assert_int_equal(rig.reply_code, ERR_EXISTS);
    assert_non_null(strstr(rig.reply, "search.offset, search.share, search.eager"));
    rig_fini(&rig);
}

static void wrong_options_are_refused(void **state)
{
    UNUSED(state);
    static const char *const cases[][2] = {
        { "offset: 10", "'search.offset' must be an integer from 0 to 9" },
        { "offset: 1.5", "'search.offset' must be an integer from 0 to 9" },
        { "share: x", "'search.share'" },
        { "share: -1", "'search.share' must be a number from 0 to 1" },
        { "eager: 1", "'search.eager'" },
        { "mood: cal", "unknown search.mood 'cal', did you mean 'calm'?" },
        { "offest: 1", "did you mean 'offset'" },
    };
    struct rig rig;
    rig_init(&rig);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *reply = reply_to(&rig, cases[i][0]);
        assert_int_equal(rig.reply_code, ERR_INVALID);
        if (strstr(reply, cases[i][1]) == NULL) {
            fail_msg("%s: %s", cases[i][0], reply);
        }
    }
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(open_trials_and_ends_are_known),
        TEST(a_restart_goes_on_alike),
        TEST(an_answer_knows_what_it_was_asked_with),
        TEST(a_changed_number_of_rows_is_found),
        TEST(a_finite_space_is_used_up),
        TEST(options_are_read_and_printed),
        TEST(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
