/* SPDX-License-Identifier: Apache-2.0 */
/* test_history.c – the query `history`: events, since when, and the end of a log. */
#include "tests/unit/store/records.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"

struct home {
    struct tmpdir dir;
    struct store *store;
    struct records records;
};

static void home_init(struct home *home)
{
    struct err err = { 0 };
    tmpdir_init(&home->dir);
    records_init(&home->records);
    assert_ok(store_open(tmpdir_path(&home->dir, "home"), &home->store, &err), &err);
    add_session(&home->records);
    add_agent(&home->records, 1, "agent-a");
    add_sweep(&home->records, 1, 1, "digits");
    add_trial(&home->records, (struct attempt_key){ 1, 0, 0 }, 2, 7);
}

static void home_fini(struct home *home)
{
    store_close(home->store);
    records_fini(&home->records);
    tmpdir_fini(&home->dir);
}

/* Stores what was added and asks; owned. */
static json_t *history(struct home *home, const char *ref)
{
    struct store_reader *reader = NULL;
    struct err err = { 0 };
    AUTO_JSON json_t *args = json_object();
    json_t *answer = NULL;
    json_put_str(args, "ref", ref);
    apply_from(home->store, &home->records, 0);
    assert_ok(store_reader_open(tmpdir_path(&home->dir, "home"), &reader, &err), &err);
    assert_ok(store_query(reader, "history", args, &answer, &err), &err);
    store_reader_close(reader);
    return answer;
}

static const char *text_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "(absent)";
}

static json_int_t number_at(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const struct attempt_key first = { 1, 0, 1 };
static const struct attempt_key second = { 1, 0, 2 };

static void test_events_of_a_trial(void **state)
{
    UNUSED(state);
    struct home *home = mem_alloc(sizeof *home);
    home_init(home);
    add_assigned(&home->records, first, 2, 1);
    add_started(&home->records, first, 2);
    int64_t queued_at =
        add_plain(&home->records, REC_REQUEUED, first, 2)->time.ms; /* suspect */
    add_ended(&home->records, first, 2, TRIAL_QUEUED, 0)->as.ended.end = END_LOST;
    AUTO_JSON json_t *found = history(home, "digits/0");
    assert_string_equal(text_at(found, "kind"), "trial");
    assert_string_equal(text_at(found, "state"), "queued");
    /* The end of the suspect attempt left it queued, as it was. */
    assert_int_equal(number_at(found, "since"), queued_at);
    const json_t *events = json_object_get(found, "events");
    static const char *const kinds[] = { "TRIAL_CREATED", "ASSIGNED", "STARTED",
                                         "REQUEUED", "ENDED" };
    assert_int_equal(json_array_size(events), ARRAY_LEN(kinds));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        assert_string_equal(text_at(json_array_get(events, i), "kind"), kinds[i]);
    }
    assert_string_equal(text_at(json_array_get(events, 1), "agent"), "agent-a");
    assert_string_equal(text_at(json_array_get(events, 4), "end"), "lost");
    assert_null(json_object_get(found, "log_tail")); /* it wrote nothing */
    home_fini(home);
    mem_free(home);
}

static void test_events_of_a_sweep(void **state)
{
    UNUSED(state);
    struct home *home = mem_alloc(sizeof *home);
    home_init(home);
    add_sweep(&home->records, 2, 3, "other");
    struct record *pause = add_sweep_state(&home->records, 1, SWEEP_PAUSED);
    pause->run_key = 1;
    pause->cause = "by user";
    pause->as.sweep_state.by_user = true;
    int64_t paused_at = pause->time.ms;
    AUTO_JSON json_t *found = history(home, "digits");
    assert_string_equal(text_at(found, "kind"), "sweep");
    assert_int_equal(number_at(found, "since"), paused_at);
    assert_null(json_object_get(found, "text"));
    const json_t *events = json_object_get(found, "events");
    assert_int_equal(json_array_size(events), 2); /* not the other's, not the trial's */
    assert_string_equal(text_at(json_array_get(events, 1), "state"), "paused");
    assert_string_equal(text_at(json_array_get(events, 1), "cause"), "by user");
    assert_true(json_is_true(json_object_get(json_array_get(events, 1), "by_user")));
    home_fini(home);
    mem_free(home);
}

static void test_imported_results_are_one_event(void **state)
{
    UNUSED(state);
    static const double x[] = { 1, 0 };
    static const struct attempt_key sweep = { 1, 0, 0 };
    struct home *home = mem_alloc(sizeof *home);
    home_init(home);
    for (int i = 0; i < 3; i++) {
        struct record *prior = add_plain(&home->records, REC_PRIOR, sweep, 1);
        prior->as.prior = (struct rec_prior){
            .x = x, .x_len = ARRAY_LEN(x), .state = TRIAL_FINISHED, .value = i
        };
    }
    add_sweep_state(&home->records, 1, SWEEP_PAUSED)->run_key = 1;
    AUTO_JSON json_t *found = history(home, "digits");
    const json_t *events = json_object_get(found, "events");
    assert_int_equal(json_array_size(events), 3);
    assert_string_equal(text_at(json_array_get(events, 1), "kind"), "PRIOR");
    assert_int_equal(number_at(json_array_get(events, 1), "count"), 3);
    home_fini(home);
    mem_free(home);
}

/* The last eight whole lines, and of a long log only what its end holds. */
static void test_the_end_of_a_log(void **state)
{
    UNUSED(state);
    static const struct {
        int lines, width;
        bool newline;
        int shown; /* of the last lines */
    } cases[] = {
        { 3, 5, true, 3 },    { 3, 5, false, 3 }, { 8, 5, true, 8 },
        { 9, 5, true, 8 },    { 9, 5, false, 8 }, { 100, 60, true, 8 },
        { 4, 2000, true, 2 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct home *home = mem_alloc(sizeof *home);
        AUTO_STRBUF struct strbuf log = STRBUF_INIT(64 * 1024);
        size_t from = 0;
        for (int n = 0; n < cases[i].lines; n++) {
            from = n == cases[i].lines - cases[i].shown ? log.len : from;
            strbuf_addf(&log, "%*d%s", cases[i].width, n,
                        n + 1 < cases[i].lines || cases[i].newline ? "\n" : "");
        }
        home_init(home);
        add_assigned(&home->records, first, 2, 1);
        add_log(&home->records, first, 2, 0, strbuf_cstr(&log));
        add_ended(&home->records, first, 2, TRIAL_FAILED, 0);
        AUTO_JSON json_t *found = history(home, "digits/0");
        const json_t *tail = json_object_get(found, "log_tail");
        assert_int_equal(number_at(tail, "attempt"), 1);
        assert_string_equal(text_at(tail, "text"), strbuf_cstr(&log) + from);
        home_fini(home);
        mem_free(home);
    }
}

static void test_no_log_of_what_goes_well(void **state)
{
    UNUSED(state);
    struct home *home = mem_alloc(sizeof *home);
    home_init(home);
    add_assigned(&home->records, first, 2, 1);
    add_log(&home->records, first, 2, 0, "no\n");
    add_ended(&home->records, first, 2, TRIAL_QUEUED, 0)->as.ended.end = END_FAILED;
    add_assigned(&home->records, second, 2, 1);
    add_log(&home->records, second, 2, 0, "yes\n");
    AUTO_JSON json_t *running = history(home, "digits/0");
    assert_null(json_object_get(running, "log_tail"));
    home_fini(home);
    mem_free(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_events_of_a_trial),
        TEST(test_events_of_a_sweep),
        TEST(test_imported_results_are_one_event),
        TEST(test_the_end_of_a_log),
        TEST(test_no_log_of_what_goes_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
