/* SPDX-License-Identifier: Apache-2.0 */
/* test_replay_check.c – sweeps told by records, untouched and with one thing changed.
 */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "base/vec.h"
#include "core/replay_check.h"
#include "core/sweep_spec.h"
#include "samplers/registry.h"
#include "tests/unit/core/spec_rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SWEEP_KEY  7
#define TEXT_BYTES 200

static const struct run_id sweep_id = { "0123456789abcdef0123456789abcdef" };

#define HEAD                                                                           \
    "sweep: 1\nname: t\ncommand: [true]\nobjective: {metric: m}\nbudget: {trials: "    \
    "1000}\n"

static const char random_text[] =
    HEAD "space:\n"
         "  kernel: [linear, rbf, poly]\n"
         "  C: {float: [1e-3, 1e3], scale: log}\n"
         "  gamma: {float: [1e-5, 10], scale: log, when: kernel != linear}\n"
         "  degree: {int: [2, 5], when: kernel == poly}\n"
         "  drop: {float: [0, 0.5], step: 0.1}\n"
         "forbid: [kernel == poly and C > 100]\n"
         "search: {sampler: random, seed: 3}\n"
         "enqueue: [{kernel: rbf, C: 1, gamma: 0.01, drop: 0.1},"
         " {kernel: linear, C: 2, drop: 0}]\n";

static const char grid_text[] = HEAD "space:\n"
                                     "  a: [x, y, z]\n"
                                     "  b: {int: [1, 4], when: a != y}\n"
                                     "  c: {float: [0, 1], step: 0.25}\n"
                                     "forbid: [b == 2 and c > 0.5]\n"
                                     "search: {sampler: grid}\n";

/* A difference that was told, copied. */
struct told {
    enum replay_subject subject;
    uint32_t trial;
    char param[TEXT_BYTES];
    char stored[TEXT_BYTES];
    char derived[TEXT_BYTES];
};

/* One sweep as records; its points may be changed. */
struct story {
    struct sweep_spec *spec;
    VEC(struct record) records;
    VEC(double *) points; /* owned, one a trial */
    uint64_t cursor;
    VEC(struct told) told;
    struct replay_summary summary;
};

static void story_begin(struct story *story, const char *text)
{
    *story = (struct story){ .spec = spec_rig_must(text, NULL) };
    struct record session = { .kind = REC_SESSION };
    struct record sweep = { .kind = REC_SWEEP_CREATED,
                            .key.sweep = SWEEP_KEY,
                            .run_key = 1 };
    sweep.as.sweep_created = (struct rec_sweep_created){
        .run_id = sweep_id, .name = "t", .metric = "m", .text = text, .directory = "/"
    };
    vec_push(&story->records, session);
    vec_push(&story->records, sweep);
}

static void
story_put(struct story *story, const double *x, uint64_t cursor, bool enqueued)
{
    size_t len = story->spec->space->len;
    double *own = mem_dup(x, len * sizeof *x);
    uint32_t number = (uint32_t)story->points.len;
    struct record record = { .kind = REC_TRIAL_CREATED,
                             .key = { SWEEP_KEY, number, 0 },
                             .run_key = 2 + number };
    record.as.trial_created = (struct rec_trial_created){
        .x = own, .x_len = len, .cursor = cursor, .enqueued = enqueued
    };
    vec_push(&story->points, own);
    vec_push(&story->records, record);
}

/* One trial more; false when the sampler has no more. */
static bool story_add(struct story *story)
{
    const struct sweep_spec *spec = story->spec;
    size_t number = story->points.len;
    if (number < spec->enqueued_len) {
        story_put(story, spec->enqueued + number * spec->space->len, story->cursor,
                  true);
        return true;
    }
    double *AUTO_FREE x = mem_alloc_array(spec->space->len, sizeof *x);
    struct suggest_request request = { .space = spec->space,
                                       .seed = spec->seed,
                                       .trial = (uint32_t)number,
                                       .cursor = story->cursor };
    if (spec->sampler->suggest(&request, x, &story->cursor, NULL) != ERR_OK) {
        return false;
    }
    story_put(story, x, story->cursor, false);
    return true;
}

static void story_of(struct story *story, const char *text, size_t most)
{
    story_begin(story, text);
    while (story->points.len < most && story_add(story)) {
    }
}

static struct record *story_trial(struct story *story, size_t number)
{
    return &story->records.ptr[2 + number];
}

static void story_end(struct story *story)
{
    for (size_t i = 0; i < story->points.len; i++) {
        mem_free(story->points.ptr[i]);
    }
    vec_fini(&story->points);
    vec_fini(&story->records);
    vec_fini(&story->told);
    sweep_spec_destroy(story->spec);
}

static void copy_text(char *to, const char *from)
{
    int len = snprintf(to, TEXT_BYTES, "%s", from != NULL ? from : "");
    assert_true(len >= 0);
}

static void on_difference(void *ctx, const struct replay_difference *found)
{
    struct story *story = ctx;
    struct told told = { .subject = found->subject, .trial = found->key.trial };
    copy_text(told.param, found->param);
    copy_text(told.stored, found->stored);
    copy_text(told.derived, found->derived);
    vec_push(&story->told, told);
}

/* Gives the number of differences. */
static size_t story_check(struct story *story)
{
    struct replay_check_config config = { .sweep = sweep_id,
                                          .samplers = &sampler_registry_all,
                                          .fn = on_difference,
                                          .ctx = story };
    struct replay_check *check = replay_check_create(&config);
    vec_reset(&story->told);
    for (size_t i = 0; i < story->records.len; i++) {
        replay_check_record(check, &story->records.ptr[i]);
    }
    replay_check_finish(check, &story->summary);
    replay_check_destroy(check);
    assert_int_equal(story->summary.differences, story->told.len);
    return story->told.len;
}

static void expect_told(const struct story *story,
                        size_t at,
                        enum replay_subject subject,
                        uint32_t trial,
                        const char *derived)
{
    assert_true(at < story->told.len);
    const struct told *told = &story->told.ptr[at];
    assert_string_equal(replay_subject_name(told->subject),
                        replay_subject_name(subject));
    assert_int_equal(told->trial, trial);
    if (strstr(told->derived, derived) == NULL) {
        fail_msg("'%s' does not hold '%s'", told->derived, derived);
    }
}

static void test_untouched(void **state)
{
    UNUSED(state);
    struct story story;
    story_of(&story, random_text, 60);
    assert_int_equal(story_check(&story), 0);
    assert_int_equal(story.summary.derived, 60);
    assert_int_equal(story.summary.records, 61);
    story_end(&story);
    story_of(&story, grid_text, 1000);
    assert_int_equal(story.points.len, 5 + 2 * (4 * 5 - 2));
    assert_int_equal(story_check(&story), 0);
    assert_int_equal(story.summary.derived, story.points.len);
    story_end(&story);
}

/* Any one bit of any value, an inactive parameter's too, is one difference by name. */
static void test_every_bit_of_points(void **state)
{
    UNUSED(state);
    struct story story;
    story_of(&story, random_text, 12);
    const struct space *space = story.spec->space;
    size_t inactive = 0;
    for (uint32_t t = 0; t < story.points.len; t++) {
        for (size_t bit = 0; bit < space->len * 64; bit++) {
            uint8_t *byte = (uint8_t *)story.points.ptr[t] + bit / 8;
            inactive += bit % 64 == 0 && isnan(story.points.ptr[t][bit / 64]);
            *byte ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(story_check(&story), 1);
            expect_told(&story, 0, REPLAY_PARAMETER, t, "");
            assert_string_equal(story.told.ptr[0].param, space->params[bit / 64].name);
            assert_string_not_equal(story.told.ptr[0].stored,
                                    story.told.ptr[0].derived);
            *byte ^= (uint8_t)(1u << bit % 8);
        }
    }
    assert_true(inactive > 3);
    assert_int_equal(story_check(&story), 0);
    story_end(&story);
}

static void test_values_in_words(void **state)
{
    UNUSED(state);
    struct story story;
    story_of(&story, random_text, 2);
    double *second = story.points.ptr[1];
    second[0] = 2.0; /* kernel */
    second[1] = 2.5; /* C */
    second[2] = 7.0; /* gamma, inactive */
    assert_int_equal(story_check(&story), 3);
    assert_string_equal(story.told.ptr[0].stored, "poly");
    assert_string_equal(story.told.ptr[0].derived, "linear");
    assert_string_equal(story.told.ptr[1].stored, "2.5");
    assert_string_equal(story.told.ptr[1].derived, "2");
    assert_string_equal(story.told.ptr[2].stored, "7");
    assert_string_equal(story.told.ptr[2].derived, "inactive");
    second[0] = 3.0; /* no such choice */
    assert_int_equal(story_check(&story), 3);
    assert_string_equal(story.told.ptr[0].stored, "choice 3");
    story_end(&story);
}

static void test_cursor(void **state)
{
    UNUSED(state);
    struct story story;
    story_of(&story, random_text, 6);
    story_trial(&story, 1)->as.trial_created.cursor = 4; /* an enqueued point */
    assert_int_equal(story_check(&story), 1);
    expect_told(&story, 0, REPLAY_CURSOR, 1, "0");
    assert_string_equal(story.told.ptr[0].stored, "4");
    story_end(&story);

    story_of(&story, grid_text, 6);
    story_trial(&story, 5)->as.trial_created.cursor++;
    assert_int_equal(story_check(&story), 1);
    expect_told(&story, 0, REPLAY_CURSOR, 5, "6");
    story_trial(&story, 2)->as.trial_created.cursor = UINT64_MAX;
    assert_int_equal(story_check(&story), 3);
    expect_told(&story, 0, REPLAY_CURSOR, 2, "3");
    expect_told(&story, 1, REPLAY_SUGGESTION, 3, "the grid is exhausted");
    story_end(&story);
}

static void test_one_too_many(void **state)
{
    UNUSED(state);
    struct story story;
    story_of(&story, grid_text, 1000);
    uint32_t len = (uint32_t)story.points.len;
    story_put(&story, story.points.ptr[0], story.cursor, false);
    assert_int_equal(story_check(&story), 1);
    expect_told(&story, 0, REPLAY_SUGGESTION, len, "the grid is exhausted");
    story_trial(&story, len)->as.trial_created.enqueued = true;
    assert_int_equal(story_check(&story), 1);
    expect_told(&story, 0, REPLAY_SUGGESTION, len, "list is used up");
    story_end(&story);
}

/* Which list a point came from is part of the decision. */
static void test_origin(void **state)
{
    UNUSED(state);
    struct story story;
    story_of(&story, random_text, 6);
    story_trial(&story, 0)->as.trial_created.enqueued = false;
    assert_true(story_check(&story) > 1);
    expect_told(&story, 0, REPLAY_PARAMETER, 0, "");
    story_end(&story);
}

static void test_records_that_do_not_fit(void **state)
{
    UNUSED(state);
    struct story story;
    story_of(&story, random_text, 6);
    story_trial(&story, 3)->key.trial = 9;
    assert_int_equal(story_check(&story), 1);
    expect_told(&story, 0, REPLAY_RECORD, 9, "out of order");
    assert_string_equal(story.told.ptr[0].stored, record_kind_name(REC_TRIAL_CREATED));
    assert_int_equal(story.summary.derived, 5);
    story_trial(&story, 3)->key.trial = 3;

    story_trial(&story, 4)->as.trial_created.x_len--;
    assert_int_equal(story_check(&story), 1);
    expect_told(&story, 0, REPLAY_RECORD, 4, "out of order");
    story_trial(&story, 4)->as.trial_created.x_len++;

    struct record ended = { .kind = REC_ENDED, .key = { SWEEP_KEY, 2, 1 } };
    ended.as.ended.state = TRIAL_FINISHED;
    vec_push(&story.records, ended);
    vec_push(&story.records, ended);
    assert_int_equal(story_check(&story), 1);
    expect_told(&story, 0, REPLAY_RECORD, 2, "");
    story_end(&story);
}

/* Other sweeps are not looked at, whatever their records say. */
static void test_other_sweeps(void **state)
{
    UNUSED(state);
    struct story story;
    story_of(&story, random_text, 4);
    struct record other = *story_trial(&story, 3);
    other.key = (struct attempt_key){ SWEEP_KEY + 1, 40, 0 };
    vec_push(&story.records, other);
    other = story.records.ptr[1];
    other.key.sweep = SWEEP_KEY + 1;
    other.as.sweep_created.run_id.hex[0] = 'f';
    other.as.sweep_created.text = "not a sweep";
    vec_push(&story.records, other);
    assert_int_equal(story_check(&story), 0);
    assert_int_equal(story.summary.derived, 4);
    assert_int_equal(story.summary.records, 5);
    story_end(&story);
}

static void test_no_such_sweep(void **state)
{
    UNUSED(state);
    struct story story;
    story_of(&story, random_text, 4);
    story.records.ptr[1].as.sweep_created.run_id.hex[0] = 'f';
    assert_int_equal(story_check(&story), 1);
    expect_told(&story, 0, REPLAY_RECORD, 0, "no event created this sweep");
    assert_int_equal(story.summary.derived, 0);
    story_end(&story);
}

static void test_unreadable_sweep(void **state)
{
    UNUSED(state);
    struct story story;
    story_of(&story, random_text, 4);
    story.records.ptr[1].as.sweep_created.text = "sweep: 1\nname: [\n";
    assert_int_equal(story_check(&story), 1);
    expect_told(&story, 0, REPLAY_RECORD, 0, "t:");
    assert_int_equal(story.summary.derived, 0);
    story_end(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_untouched),       TEST(test_every_bit_of_points),
        TEST(test_values_in_words), TEST(test_cursor),
        TEST(test_one_too_many),    TEST(test_origin),
        TEST(test_other_sweeps),    TEST(test_records_that_do_not_fit),
        TEST(test_no_such_sweep),   TEST(test_unreadable_sweep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
