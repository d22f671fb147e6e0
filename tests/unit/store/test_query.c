/* SPDX-License-Identifier: Apache-2.0 */
/* test_query.c – every verb over one hand-built home: shapes, names, prefixes, errors.
 */
#include "tests/unit/store/records.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

/* One home, built once: sweep "digits" twice (keys 1 and 2), the newer with five
 * trials: 0 finished 0.9, 1 finished 0.95, 2 failed, 3 pruned 0.99, 4 running, second
 * attempt. */
struct home {
    struct tmpdir dir;
    struct store *store;
    struct store_reader *reader;
};

static const struct attempt_key t4_old = { 2, 4, 1 };
static const struct attempt_key t4 = { 2, 4, 2 };

static void build_trials(struct records *records)
{
    const double curve[] = { 0.5, (double)NAN, 0.9 };
    for (uint32_t i = 0; i < 5; i++) {
        add_trial(records, (struct attempt_key){ 2, i, 0 }, 10 + i, 0.5 * i);
        add_assigned(records, (struct attempt_key){ 2, i, 1 }, 10 + i, 1);
        add_started(records, (struct attempt_key){ 2, i, 1 }, 10 + i);
    }
    add_points(records, (struct attempt_key){ 2, 0, 1 }, 10, "accuracy", 0, curve, 3);
    add_ended(records, (struct attempt_key){ 2, 0, 1 }, 10, TRIAL_FINISHED, 0.9);
    add_ended(records, (struct attempt_key){ 2, 1, 1 }, 11, TRIAL_FINISHED, 0.95);
    add_ended(records, (struct attempt_key){ 2, 2, 1 }, 12, TRIAL_FAILED, (double)NAN)
        ->cause = "exit status 3";
    add_ended(records, (struct attempt_key){ 2, 3, 1 }, 13, TRIAL_PRUNED, 0.99);
    add_points(records, t4_old, 14, "loss", 1, curve, 3);
    add_log(records, t4_old, 14, 0, "first\n");
    add_ended(records, t4_old, 14, TRIAL_QUEUED, (double)NAN)->as.ended.end = END_LOST;
    add_assigned(records, t4, 14, 1);
    add_started(records, t4, 14);
    add_points(records, t4, 14, "loss", 1, curve, 1);
    add_log(records, t4, 14, 0,
            "gr\xc3\xbc\xc3\x9f"
            "e\xff\n");
    add_note(records, t4, 14, true, "note", "x");
}

static int setup(void **state)
{
    struct home *home = mem_alloc(sizeof *home);
    struct err err = { 0 };
    tmpdir_init(&home->dir);
    struct records *records = mem_alloc(sizeof *records);
    records_init(records);
    assert_ok(store_open(tmpdir_path(&home->dir, "home"), &home->store, &err), &err);
    add_session(records);
    add_agent(records, 1, "agent-a");
    add_sweep(records, 1, 1, "digits");
    add_trial(records, (struct attempt_key){ 1, 0, 0 }, 2, 7);
    add_edited(records, 1, 1, 2);
    add_sweep_state(records, 1, SWEEP_STOPPED)->cause = "stopped by user";
    add_sweep(records, 2, 3, "digits");
    build_trials(records);
    apply_from(home->store, records, 0);
    records_fini(records);
    mem_free(records);
    assert_ok(store_reader_open(tmpdir_path(&home->dir, "home"), &home->reader, &err),
              &err);
    *state = home;
    return 0;
}

static int teardown(void **state)
{
    struct home *home = *state;
    store_reader_close(home->reader);
    store_close(home->store);
    tmpdir_fini(&home->dir);
    mem_free(home);
    return 0;
}

/* The answer, owned; fails the test on error. */
static json_t *ask(void **state, const char *verb, const char *args_text)
{
    struct home *home = *state;
    struct err err = { 0 };
    AUTO_JSON json_t *args = NULL;
    json_t *answer = NULL;
    assert_ok(json_parse(args_text, strlen(args_text), &args, &err), &err);
    assert_ok(store_query(home->reader, verb, args, &answer, &err), &err);
    return answer;
}

static void expect(void **state, const char *verb, const char *args, const char *want)
{
    AUTO_JSON json_t *answer = ask(state, verb, args);
    AUTO_FREE char *text = json_dump_line(answer);
    assert_string_equal(text, want);
}

static void expect_error(void **state,
                         const char *verb,
                         const char *args_text,
                         enum err_code code,
                         const char *message)
{
    struct home *home = *state;
    struct err err = { 0 };
    AUTO_JSON json_t *args = NULL;
    json_t *answer = NULL;
    assert_ok(json_parse(args_text, strlen(args_text), &args, &err), &err);
    assert_code(store_query(home->reader, verb, args, &answer, &err), code);
    assert_string_equal(err.msg, message);
    assert_null(answer);
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

static void test_ls(void **state)
{
    AUTO_JSON json_t *sweeps = ask(state, "ls", "{}");
    assert_int_equal(json_array_size(sweeps), 2);
    const json_t *newest = json_array_get(sweeps, 0);
    assert_string_equal(text_at(newest, "id"), sweep_run_id(2).hex);
    assert_string_equal(text_at(newest, "name"), "digits");
    assert_string_equal(text_at(newest, "state"), "running");
    assert_string_equal(text_at(newest, "goal"), "max");
    assert_string_equal(text_at(newest, "cause"), "(absent)");
    assert_true(json_number_value(json_object_get(newest, "best")) == 0.95);
    AUTO_FREE char *counts = json_dump_line(json_object_get(newest, "trials"));
    assert_string_equal(counts, "{\"queued\":0,\"running\":1,\"finished\":2,"
                                "\"pruned\":1,\"failed\":1,\"cancelled\":0}");
    const json_t *older = json_array_get(sweeps, 1);
    assert_string_equal(text_at(older, "state"), "stopped");
    assert_string_equal(text_at(older, "cause"), "stopped by user");
    assert_null(json_object_get(older, "best"));
    assert_true(number_at(older, "end_time") > T0_MS);
}

static void test_trials(void **state)
{
    AUTO_JSON json_t *trials = ask(state, "trials", "{\"sweep\":\"last\"}");
    assert_int_equal(json_array_size(trials), 5);
    const json_t *t1 = json_array_get(trials, 1);
    struct run_id sweep = sweep_run_id(2);
    assert_int_equal(number_at(t1, "number"), 1);
    assert_string_equal(text_at(t1, "state"), "finished");
    assert_string_equal(text_at(t1, "run_id"), run_id_of_trial(&sweep, 1).hex);
    assert_string_equal(text_at(t1, "agent"), "agent-a");
    assert_int_equal(number_at(t1, "attempts"), 1);
    assert_int_equal(number_at(t1, "step"), 4);
    assert_true(json_real_value(json_object_get(t1, "value")) == 0.95);
    AUTO_FREE char *params = json_dump_line(json_object_get(t1, "params"));
    assert_string_equal(params, "{\"C\":0.5,\"kernel\":\"rbf\"}");
    const json_t *t2 = json_array_get(trials, 2);
    assert_string_equal(text_at(t2, "cause"), "exit status 3");
    assert_null(json_object_get(t2, "value"));
    const json_t *last = json_array_get(trials, 4);
    assert_string_equal(text_at(last, "state"), "running");
    assert_int_equal(number_at(last, "attempts"), 2);
    assert_null(json_object_get(last, "end_time"));
    assert_true(number_at(last, "start_time") > T0_MS);
}

static void test_trials_filter_and_page(void **state)
{
    AUTO_JSON json_t *failed =
        ask(state, "trials", "{\"sweep\":\"digits\",\"state\":\"failed\"}");
    assert_int_equal(json_array_size(failed), 1);
    assert_int_equal(number_at(json_array_get(failed, 0), "number"), 2);
    AUTO_JSON json_t *page =
        ask(state, "trials", "{\"sweep\":\"last\",\"limit\":2,\"offset\":3}");
    assert_int_equal(json_array_size(page), 2);
    assert_int_equal(number_at(json_array_get(page, 0), "number"), 3);
    expect_error(state, "trials", "{\"sweep\":\"last\",\"state\":\"fail\"}",
                 ERR_INVALID,
                 "no trial state 'fail' (queued, running, finished, pruned, failed, "
                 "cancelled)");
    expect_error(state, "trials", "{\"sweep\":\"last\",\"limit\":-1}", ERR_INVALID,
                 "limit: must not be negative");
}

static void test_best_prefers_finished(void **state)
{
    AUTO_JSON json_t *best = ask(state, "best", "{\"sweep\":\"last\"}");
    assert_int_equal(number_at(best, "number"), 1);
    AUTO_FREE char *older = mem_printf("{\"sweep\":\"%s\"}", sweep_run_id(1).hex);
    expect_error(state, "best", older, ERR_NOTFOUND,
                 "sweep 'digits' has no finished trial with a value");
}

static void test_show(void **state)
{
    AUTO_JSON json_t *trial = ask(state, "show", "{\"ref\":\"last/4\"}");
    const json_t *list = json_object_get(trial, "attempts_list");
    assert_int_equal(json_array_size(list), 2);
    const json_t *first = json_array_get(list, 0);
    assert_int_equal(number_at(first, "number"), 1);
    assert_string_equal(text_at(first, "end"), "lost");
    assert_string_equal(text_at(first, "agent"), "agent-a");
    assert_null(json_object_get(first, "exit_status")); /* nobody saw it */
    const json_t *second = json_array_get(list, 1);
    assert_null(json_object_get(second, "end"));
    assert_null(json_object_get(second, "exit_status"));
    assert_string_equal(text_at(trial, "name"), "digits/4");
    AUTO_FREE char *metrics = json_dump_line(json_object_get(trial, "metrics"));
    assert_string_equal(metrics, "{\"loss\":0.5}");

    AUTO_JSON json_t *sweep = ask(state, "show", "{\"ref\":\"digits\"}");
    assert_string_equal(text_at(sweep, "id"), sweep_run_id(2).hex);
    assert_string_equal(text_at(sweep, "directory"), "/data/project");
    AUTO_FREE char *tags = json_dump_line(json_object_get(sweep, "tags"));
    assert_string_equal(tags, "{\"team\":\"vision\"}");
}

static void test_revisions(void **state)
{
    AUTO_JSON json_t *sweep = ask(state, "show", "{\"ref\":\"digits\"}");
    assert_int_equal(number_at(sweep, "revision"), 1);
    AUTO_FREE char *by_id = mem_printf("{\"ref\":\"%s\"}", sweep_run_id(1).hex);
    AUTO_FREE char *of_id = mem_printf("{\"sweep\":\"%s\"}", sweep_run_id(1).hex);
    AUTO_JSON json_t *edited = ask(state, "show", by_id);
    assert_int_equal(number_at(edited, "revision"), 2);
    assert_string_equal(text_at(edited, "text"), "sweep: 1 # revision 2\n");
    AUTO_FREE char *tags = json_dump_line(json_object_get(edited, "tags"));
    assert_string_equal(tags, "{\"owner\":\"me\"}");
    AUTO_JSON json_t *all = ask(state, "revisions", of_id);
    assert_int_equal(json_array_size(all), 2);
    const json_t *first = json_array_get(all, 0);
    const json_t *second = json_array_get(all, 1);
    assert_int_equal(number_at(first, "revision"), 1);
    assert_null(json_object_get(first, "changed"));
    assert_string_equal(text_at(first, "text"), "sweep: 1\n");
    assert_int_equal(number_at(second, "revision"), 2);
    assert_string_equal(text_at(second, "changed"), "budget.trials, space.C");
    assert_true(number_at(second, "time") > number_at(first, "time"));
}

static void test_runs(void **state)
{
    AUTO_JSON json_t *all = ask(state, "runs", "{}");
    assert_int_equal(json_array_size(all), 8);
    AUTO_JSON json_t *below = ask(state, "runs", "{\"sweep\":\"last\"}");
    assert_int_equal(json_array_size(below), 6);
    assert_string_equal(text_at(json_array_get(below, 0), "kind"), "sweep");
    assert_null(json_object_get(json_array_get(below, 0), "parent_id"));
    const json_t *run = json_array_get(below, 5);
    assert_string_equal(text_at(run, "parent_id"), sweep_run_id(2).hex);
    assert_string_equal(text_at(run, "name"), "digits/4");
    assert_string_equal(text_at(run, "status"), "RUNNING");
    assert_string_equal(text_at(run, "experiment_id"), "0");
    AUTO_FREE char *tags = json_dump_line(json_object_get(run, "tags"));
    assert_string_equal(tags, "{\"note\":\"x\"}");
    static const char *const statuses[] = { "FINISHED", "FINISHED", "FAILED",
                                            "KILLED" };
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        assert_string_equal(text_at(json_array_get(below, i + 1), "status"),
                            statuses[i]);
    }
    AUTO_JSON json_t *children =
        ask(state, "runs", "{\"parent\":\"last\",\"limit\":3}");
    assert_int_equal(json_array_size(children), 3);
    expect(state, "runs", "{\"parent\":\"last/1\"}", "[]");
}

static void test_metrics(void **state)
{
    expect(state, "metrics", "{\"run\":\"last/0\",\"key\":\"accuracy\"}",
           "[{\"step\":0,\"value\":0.5,\"timestamp\":1767225600000},"
           "{\"step\":1,\"value\":\"NaN\",\"timestamp\":1767225600001},"
           "{\"step\":2,\"value\":0.9,\"timestamp\":1767225600002}]");
    expect(state, "metrics", "{\"run\":\"last/4\",\"key\":\"loss\"}",
           "[{\"step\":1,\"value\":0.5,\"timestamp\":1767225600001}]");
    AUTO_JSON json_t *old =
        ask(state, "metrics", "{\"run\":\"last/4\",\"key\":\"loss\",\"attempt\":1}");
    assert_int_equal(json_array_size(old), 3);
    AUTO_JSON json_t *both = ask(
        state, "metrics", "{\"run\":\"last/4\",\"key\":\"loss\",\"attempt\":\"all\"}");
    assert_int_equal(json_array_size(both), 4);
    assert_int_equal(number_at(json_array_get(both, 1), "attempt"), 2);
    expect(state, "metrics", "{\"run\":\"last/0\"}",
           "[{\"key\":\"accuracy\",\"step\":2,\"value\":0.9,"
           "\"timestamp\":1767225600002,\"min\":0.5,\"max\":0.9,\"count\":3}]");
    expect(state, "metrics", "{\"run\":\"last/4\",\"attempt\":1}",
           "[{\"key\":\"loss\",\"step\":3,\"value\":0.9,\"timestamp\":1767225600003,"
           "\"min\":0.5,\"max\":0.9,\"count\":3}]");
    expect_error(state, "metrics", "{\"run\":\"last/0\",\"key\":\"acuracy\"}",
                 ERR_NOTFOUND,
                 "run 'digits/0' has no metric 'acuracy', did you mean 'accuracy'?");
}

static void test_log(void **state)
{
    expect(state, "log", "{\"run\":\"last/4\",\"attempt\":1}",
           "{\"attempt\":1,\"offset\":0,\"next\":6,\"size\":6,\"ended\":true,"
           "\"data\":\"first\\n\"}");
    /* Cut inside the first two-byte character. */
    expect(state, "log", "{\"run\":\"last/4\",\"limit\":3}",
           "{\"attempt\":2,\"offset\":0,\"next\":2,\"size\":9,\"ended\":false,"
           "\"data\":\"gr\"}");
    expect(state, "log", "{\"run\":\"last/4\",\"offset\":2}",
           "{\"attempt\":2,\"offset\":2,\"next\":9,\"size\":9,\"ended\":false,"
           "\"data\":\"\xc3\xbc\xc3\x9f"
           "e\xef\xbf\xbd\\n\"}");
    AUTO_JSON json_t *beyond = ask(state, "log", "{\"run\":\"last/4\",\"offset\":50}");
    assert_string_equal(text_at(beyond, "data"), "");
    expect_error(state, "log", "{\"run\":\"last/4\",\"attempt\":3}", ERR_NOTFOUND,
                 "run 'digits/4' has no attempt 3");
    AUTO_FREE char *queued = mem_printf("{\"run\":\"%s/0\"}", sweep_run_id(1).hex);
    expect_error(state, "log", queued, ERR_NOTFOUND,
                 "run 'digits/0' has not been started");
}

static void test_progress(void **state)
{
    AUTO_JSON json_t *progress = ask(state, "progress", "{\"sweep\":\"last\"}");
    const json_t *running = json_object_get(progress, "running");
    assert_int_equal(json_array_size(running), 1);
    assert_int_equal(number_at(json_array_get(running, 0), "number"), 4);
    assert_true(number_at(progress, "last_end_time")
                > number_at(progress, "first_start_time"));
}

static void test_resolve(void **state)
{
    struct run_id sweep = sweep_run_id(2);
    struct run_id trial = run_id_of_trial(&sweep, 3);
    AUTO_FREE char *want =
        mem_printf("{\"run_id\":\"%s\",\"kind\":\"trial\",\"name\":\"digits/3\","
                   "\"sweep_id\":\"%s\",\"number\":3}",
                   trial.hex, sweep.hex);
    AUTO_FREE char *by_id = mem_printf("{\"ref\":\"%s\"}", trial.hex);
    AUTO_FREE char *by_prefix = mem_printf("{\"ref\":\"%.8s\"}", trial.hex);
    AUTO_FREE char *by_sweep_id = mem_printf("{\"ref\":\"%s/3\"}", sweep.hex);
    AUTO_FREE char *sweep_prefix = mem_printf("{\"ref\":\"%.6s\"}", sweep.hex);
    expect(state, "resolve", by_id, want);
    expect(state, "resolve", by_prefix, want);
    expect(state, "resolve", by_sweep_id, want);
    expect(state, "resolve", "{\"ref\":\"last/3\"}", want);
    expect(state, "resolve", "{\"ref\":\"digits/3\"}", want);
    AUTO_JSON json_t *found = ask(state, "resolve", sweep_prefix);
    assert_string_equal(text_at(found, "run_id"), sweep.hex);
    assert_string_equal(text_at(found, "kind"), "sweep");
}

static void test_not_found(void **state)
{
    expect_error(state, "resolve", "{\"ref\":\"digit\"}", ERR_NOTFOUND,
                 "no sweep or run 'digit', did you mean 'digits'?");
    expect_error(state, "resolve", "{\"ref\":\"digits/9\"}", ERR_NOTFOUND,
                 "sweep 'digits' has no trial 9");
    expect_error(state, "resolve", "{\"ref\":\"digits/x\"}", ERR_INVALID,
                 "'digits/x': expected a trial's number behind the '/'");
    expect_error(state, "resolve", "{\"ref\":\"abcdef0\"}", ERR_NOTFOUND,
                 "no sweep or run 'abcdef0'");
    expect_error(state, "resolve", "{\"ref\":\"\"}", ERR_NOTFOUND,
                 "no sweep or run ''");
    struct run_id sweep = sweep_run_id(2);
    AUTO_FREE char *trial =
        mem_printf("{\"sweep\":\"%s\"}", run_id_of_trial(&sweep, 0).hex);
    AUTO_FREE char *message =
        mem_printf("'%s' is a trial, not a sweep", run_id_of_trial(&sweep, 0).hex);
    expect_error(state, "trials", trial, ERR_INVALID, message);
}

static void test_usage(void **state)
{
    expect_error(state, "trails", "{}", ERR_USAGE,
                 "unknown query 'trails', did you mean 'trials'?");
    expect_error(state, "show", "{\"reff\":\"x\"}", ERR_USAGE,
                 "show: unknown argument 'reff', did you mean 'ref'?");
    expect_error(state, "show", "[]", ERR_USAGE,
                 "show: expected an object of arguments");
    expect_error(state, "runs", "{\"sweep\":\"last\",\"parent\":\"last\"}", ERR_USAGE,
                 "runs: give 'sweep' or 'parent', not both");
    struct home *home = *state;
    json_t *answer = NULL;
    assert_code(store_query(home->reader, "show", NULL, &answer, NULL), ERR_INVALID);
}

static void test_audit_finds_nothing(void **state)
{
    struct home *home = *state;
    struct err err = { 0 };
    AUTO_STRBUF struct strbuf findings = STRBUF_INIT(10000);
    assert_ok(store_audit(home->reader, &findings, &err), &err);
    assert_string_equal(strbuf_cstr(&findings), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ls),
        TEST(test_trials),
        TEST(test_trials_filter_and_page),
        TEST(test_best_prefers_finished),
        TEST(test_show),
        TEST(test_revisions),
        TEST(test_runs),
        TEST(test_metrics),
        TEST(test_log),
        TEST(test_progress),
        TEST(test_resolve),
        TEST(test_not_found),
        TEST(test_usage),
        TEST(test_audit_finds_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
