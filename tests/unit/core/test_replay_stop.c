/* SPDX-License-Identifier: Apache-2.0 */
/* test_replay_stop.c – stops derived again from the records of a sweep, untouched and
 * with one thing changed; points among the events, and read beside them. */
#include "tests/lib/engine_rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/engine_internal.h"
#include "core/replay_check.h"
#include "pruners/registry.h"
#include "tests/lib/test.h"

#define TEXT_BYTES 200

#define HEAD                                                                           \
    "sweep: 1\nname: s\ncommand: 'true {n}'\nobjective: {metric: acc, goal: max}\n"    \
    "space:\n  n: {int: [0, 100000]}\nbudget: {trials: 9}\n"

struct told {
    enum replay_subject subject;
    uint32_t trial;
    char stored[TEXT_BYTES];
    char derived[TEXT_BYTES];
};

struct story {
    struct rig rig;
    bool beside; /* points are read beside the events */
    VEC(struct told) told;
    struct replay_summary summary;
};

static struct attempt_key key(uint32_t trial)
{
    return (struct attempt_key){ .sweep = 1, .trial = trial, .attempt = 1 };
}

/* One report with a value for each of these steps. */
static void report(struct rig *rig,
                   uint32_t trial,
                   const int64_t *steps,
                   const double *values,
                   size_t len)
{
    const char *name = "acc";
    const uint32_t names[8] = { 0 };
    const int64_t times[8] = { 0 };
    struct attempt_key at = key(trial);
    rig_step(rig, (struct event){
                      .kind = EV_REPORT,
                      .peer = 1,
                      .as.report = { .key = at,
                                     .first_seq =
                                         engine_trial(rig->engine, at)->live->seq + 1,
                                     .points = { .len = len,
                                                 .names = &name,
                                                 .names_len = 1,
                                                 .name = names,
                                                 .step = steps,
                                                 .time_ms = times,
                                                 .value = values } } });
}

static void point(struct rig *rig, uint32_t trial, int64_t step, double value)
{
    report(rig, trial, &step, &value, 1);
}

static void end(struct rig *rig, uint32_t trial, enum attempt_end how)
{
    rig_ended(rig, 1, key(trial), engine_trial(rig->engine, key(trial))->live->seq + 1,
              how);
}

static void begin(struct story *story, const char *stop)
{
    char text[1024];
    *story = (struct story){ .beside = false };
    snprintf(text, sizeof text, "%sstop: %s\n", HEAD, stop);
    rig_init_with(&story->rig, &pruner_registry_all);
    rig_submit(&story->rig, text);
    rig_hello(&story->rig, 1, "a", 1, 3);
}

static void finish(struct story *story)
{
    rig_fini(&story->rig);
    vec_fini(&story->told);
}

/* Two trials go on, the third is stopped at rung 1, a late point comes, the fourth ends
 * by a value that is not a number. */
static void tell(struct story *story)
{
    struct rig *rig = &story->rig;
    begin(story, "{pruner: asha, min: 1, eta: 2}");
    report(rig, 0, (const int64_t[]){ 1, 2, 3 }, (const double[]){ 0.5, 0.6, 0.65 }, 3);
    report(rig, 1, (const int64_t[]){ 2, 1 }, (const double[]){ 0.7, 0.8 }, 2);
    point(rig, 0, 4, 0.7);
    point(rig, 2, 1, 0.9);
    point(rig, 2, 3, 0.3);
    point(rig, 2, 2, 0.99); /* late */
    end(rig, 2, END_PRUNED);
    end(rig, 0, END_EXITED);
    point(rig, 3, 1, (double)NAN);
    end(rig, 3, END_PRUNED);
}

static void copy_text(char *to, const char *from)
{
    int len = snprintf(to, TEXT_BYTES, "%s", from);
    assert_true(len >= 0);
}

static void on_difference(void *ctx, const struct replay_difference *found)
{
    struct story *story = ctx;
    struct told told = { .subject = found->subject, .trial = found->key.trial };
    copy_text(told.stored, found->stored);
    copy_text(told.derived, found->derived);
    vec_push(&story->told, told);
}

static void on_ask(void *ctx, const struct replay_ask *ask, struct replay_points *out)
{
    struct story *story = ctx;
    assert_string_equal(ask->metric, "acc");
    for (size_t i = 0; i < story->rig.records.len; i++) {
        const struct record *record = story->rig.records.ptr[i];
        const struct rec_points *points = &record->as.points;
        if (record->kind != REC_POINTS || record->key.trial != ask->key.trial) {
            continue;
        }
        for (size_t k = 0; k < points->len; k++) {
            uint64_t seq = points->first_seq + k;
            if (seq > ask->behind && seq <= ask->upto) {
                vec_push(&out->steps, points->step[k]);
                vec_push(&out->values, points->value[k]);
            }
        }
    }
}

/* Gives the number of differences. */
static size_t check(struct story *story)
{
    struct replay_check_config config = { .samplers = &rig_samplers,
                                          .pruners = &pruner_registry_all,
                                          .fn = on_difference,
                                          .points = story->beside ? on_ask : NULL,
                                          .ctx = story };
    for (size_t i = 0; i < story->rig.records.len; i++) {
        if (story->rig.records.ptr[i]->kind == REC_SWEEP_CREATED) {
            config.sweep = story->rig.records.ptr[i]->as.sweep_created.run_id;
        }
    }
    struct replay_check *of = replay_check_create(&config);
    vec_reset(&story->told);
    for (size_t i = 0; i < story->rig.records.len; i++) {
        const struct record *record = story->rig.records.ptr[i];
        if (!story->beside || record->kind != REC_POINTS) {
            replay_check_record(of, record);
        }
    }
    replay_check_finish(of, &story->summary);
    replay_check_destroy(of);
    return story->told.len;
}

/* The n-th record of the kind, from 0. */
static size_t place_of(const struct story *story, enum record_kind kind, size_t n)
{
    for (size_t i = 0; i < story->rig.records.len; i++) {
        if (story->rig.records.ptr[i]->kind == kind && n-- == 0) {
            return i;
        }
    }
    fail_msg("no such record");
    return 0;
}

static struct record *nth(struct story *story, enum record_kind kind, size_t n)
{
    return story->rig.records.ptr[place_of(story, kind, n)];
}

static void expect_told(const struct story *story,
                        size_t at,
                        const char *subject,
                        uint32_t trial,
                        const char *stored,
                        const char *derived)
{
    assert_true(at < story->told.len);
    const struct told *told = &story->told.ptr[at];
    assert_string_equal(replay_subject_name(told->subject), subject);
    assert_int_equal(told->trial, trial);
    assert_string_equal(told->stored, stored);
    assert_string_equal(told->derived, derived);
}

#define STOP_OF_2 "asha at rung 1, step 3, value 0.3, threshold 0.7, compared 2"

static void what_is_untouched_agrees(void **state)
{
    UNUSED(state);
    for (int beside = 0; beside < 2; beside++) {
        struct story story;
        tell(&story);
        story.beside = beside == 1;
        assert_int_equal(rig_records(&story.rig, REC_STOP_REQUESTED), 2);
        if (check(&story) > 0) {
            fail_msg("%s, derived %s", story.told.ptr[0].stored,
                     story.told.ptr[0].derived);
        }
        assert_int_equal(story.summary.stops, 2);
        finish(&story);
    }
}

/* Points that came after the decision, and only those, do not count for it. */
static void late_points_do_not_count(void **state)
{
    UNUSED(state);
    for (int beside = 0; beside < 2; beside++) {
        struct story story;
        begin(&story, "{pruner: patience, patience: 1}");
        story.beside = beside == 1;
        point(&story.rig, 0, 4, 0.5);
        point(&story.rig, 0, 6, 0.4);
        point(&story.rig, 0, 8, 0.3);
        point(&story.rig, 0, 7, 0.9); /* would have saved it */
        end(&story.rig, 0, END_PRUNED);
        assert_int_equal(rig_records(&story.rig, REC_STOP_REQUESTED), 1);
        assert_int_equal(check(&story), 0);
        assert_int_equal(story.summary.stops, 1);
        finish(&story);
    }
}

static void one_changed_number_is_one_difference(void **state)
{
    UNUSED(state);
    struct story story;
    tell(&story);
    story.beside = true;
    struct rec_verdict *said =
        &nth(&story, REC_STOP_REQUESTED, 0)->as.stop_requested.verdict;
    const struct rec_verdict was = *said;

    said->threshold = nextafter(said->threshold, 1);
    assert_int_equal(check(&story), 1);
    expect_told(&story, 0, "stop", 2,
                "asha at rung 1, step 3, value 0.3, threshold 0.7000000000000001, "
                "compared 2",
                STOP_OF_2);
    *said = was;
    said->value = -0.3;
    assert_int_equal(check(&story), 1);
    *said = was;
    said->rung = 0;
    assert_int_equal(check(&story), 1);
    *said = was;
    said->compared = 3;
    assert_int_equal(check(&story), 1);
    *said = was;
    said->rule = "median";
    assert_int_equal(check(&story), 1);
    *said = was;
    said->step = 4;
    assert_int_equal(check(&story), 1);
    expect_told(&story, 0, "stop", 2,
                "asha at rung 1, step 4, value 0.3, threshold 0.7, compared 2",
                STOP_OF_2);
    *said = was;

    struct rec_rung *rung = &nth(&story, REC_RUNG, 5)->as.rung;
    assert_int_equal(nth(&story, REC_RUNG, 5)->key.trial, 2);
    rung->key.number = 7;
    assert_true(check(&story) >= 1);
    expect_told(&story, 0, "rung", 2, "rung 7 at step 1, value 0.9",
                "rung 0 at step 1, value 0.9");
    rung->key.number = 0;
    rung->step = 5;
    assert_true(check(&story) >= 1);
    expect_told(&story, 0, "rung", 2, "rung 0 at step 5, value 0.9",
                "nothing, no value was reported at that step");
    rung->step = 1;
    assert_int_equal(check(&story), 0);
    finish(&story);
}

static void a_removed_stop_is_missed(void **state)
{
    UNUSED(state);
    for (size_t n = 0; n < 2; n++) {
        struct story story;
        tell(&story);
        story.beside = true;
        size_t at = place_of(&story, REC_STOP_REQUESTED, 0);
        record_destroy(story.rig.records.ptr[at]);
        vec_remove_at(&story.rig.records, at);
        if (n == 1) { /* nothing follows it */
            while (story.rig.records.len > at) {
                story.rig.records.len--;
                record_destroy(story.rig.records.ptr[story.rig.records.len]);
            }
        }
        assert_int_equal(check(&story), 1);
        expect_told(&story, 0, "stop", 2, "nothing", STOP_OF_2);
        finish(&story);
    }
}

/* A rule without rungs leaves no trace of what it let go on, but for the end. */
static void an_end_without_its_stop_is_told(void **state)
{
    UNUSED(state);
    struct story story;
    begin(&story, "{pruner: threshold, lower: 0.5}");
    story.beside = true;
    point(&story.rig, 0, 1, 0.4);
    end(&story.rig, 0, END_PRUNED);
    assert_int_equal(check(&story), 0);
    assert_int_equal(story.summary.stops, 1);
    size_t at = place_of(&story, REC_STOP_REQUESTED, 0);
    record_destroy(story.rig.records.ptr[at]);
    vec_remove_at(&story.rig.records, at);
    nth(&story, REC_ENDED, 0)->as.ended.max_rss_bytes = 4096;
    assert_int_equal(check(&story), 1);
    expect_told(&story, 0, "stop", 0, "nothing", "a stop, for the trial ended pruned");
    /* A study that is asked and told has no programs. */
    nth(&story, REC_ENDED, 0)->as.ended.max_rss_bytes = 0;
    assert_int_equal(check(&story), 0);
    finish(&story);
}

static void a_removed_rung_is_missed(void **state)
{
    UNUSED(state);
    struct story story;
    tell(&story);
    story.beside = true;
    size_t at = place_of(&story, REC_RUNG, 6);
    assert_int_equal(story.rig.records.ptr[at]->as.rung.step, 3);
    record_destroy(story.rig.records.ptr[at]);
    vec_remove_at(&story.rig.records, at);
    assert_int_equal(check(&story), 1);
    expect_told(&story, 0, "rung", 2, "nothing", "rung 1 at step 3, value 0.3");
    finish(&story);
}

static void an_added_stop_is_told(void **state)
{
    UNUSED(state);
    struct story story;
    tell(&story);
    story.beside = true;
    size_t at = place_of(&story, REC_RUNG, 5) + 1;
    struct record *added = record_clone(nth(&story, REC_STOP_REQUESTED, 0));
    added->as.stop_requested.verdict.step = 1;
    added->seq = story.rig.records.ptr[at - 1]->seq;
    vec_push(&story.rig.records, NULL);
    struct record **place = story.rig.records.ptr + at;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    memmove(place + 1, place, (story.rig.records.len - 1 - at) * sizeof *place);
    *place = added;
    assert_true(check(&story) >= 1);
    expect_told(&story, 0, "stop", 2,
                "asha at rung 1, step 1, value 0.3, threshold 0.7, compared 2",
                "no stop");
    finish(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_untouched_agrees),
        TEST(late_points_do_not_count),
        TEST(one_changed_number_is_one_difference),
        TEST(a_removed_stop_is_missed),
        TEST(an_end_without_its_stop_is_told),
        TEST(a_removed_rung_is_missed),
        TEST(an_added_stop_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
