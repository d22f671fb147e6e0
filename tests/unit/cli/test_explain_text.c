/* SPDX-License-Identifier: Apache-2.0 */
/* test_explain_text.c – the words of `winnow explain`. */
#include "cli/explain_text.h"

#include <string.h>

#include "base/str.h"
#include "tests/lib/test.h"

#define NOW_MS 1767225600000

static void print(const char *json, struct strbuf *out)
{
    AUTO_JSON json_t *found = NULL;
    struct err err = { 0 };
    assert_ok(json_parse(json, strlen(json), &found, &err), &err);
    explain_print(found, (struct wall){ NOW_MS }, out);
}

static void assert_says(const struct strbuf *out, const char *piece)
{
    if (strstr(strbuf_cstr(out), piece) == NULL) {
        fail_msg("'%s' is not in\n%s", piece, strbuf_cstr(out));
    }
}

/* One event of a trial, and how it is told. */
static const struct {
    const char *event, *text;
} event_cases[] = {
    { "\"kind\":\"TRIAL_CREATED\",\"enqueued\":true",
      "created from `enqueue` of the sweep file\n" },
    { "\"kind\":\"TRIAL_CREATED\",\"enqueued\":true,\"by_user\":true",
      "created by `winnow enqueue`\n" },
    { "\"kind\":\"PRIOR\",\"count\":12", "12 results imported\n" },
    { "\"kind\":\"TRIAL_CREATED\",\"enqueued\":false",
      "suggested by sampler 'tpe', seed 7\n" },
    { "\"kind\":\"ASSIGNED\",\"attempt\":2,\"agent\":\"a\",\"host\":\"h\","
      "\"prefetched\":false",
      "attempt 2 given to agent 'a' on h, which had room\n" },
    { "\"kind\":\"ASSIGNED\",\"attempt\":1,\"agent\":\"a\",\"host\":\"h\","
      "\"prefetched\":true",
      "ahead of time, to begin when one of the sweep ends there\n" },
    { "\"kind\":\"ASSIGNED\",\"attempt\":1,\"agent\":\"a\",\"host\":\"h\","
      "\"prefetched\":false,\"cause\":\"a reason\"",
      "on h: a reason\n" },
    { "\"kind\":\"STARTED\",\"attempt\":1", "attempt 1 runs\n" },
    { "\"kind\":\"STARTED\",\"attempt\":2,\"resumed\":true",
      "attempt 2 runs, from its checkpoint\n" },
    { "\"kind\":\"ASSIGNED\",\"attempt\":1,\"agent\":\"a\",\"host\":\"h\","
      "\"prefetched\":false,\"revision\":3",
      "on h, which had room; revision 3 of the file\n" },
    { "\"kind\":\"SWEEP_EDITED\",\"revision\":2,\"cause\":\"run.parallel, stop\"",
      "edited, revision 2: run.parallel, stop\n" },
    { "\"kind\":\"RUNG\",\"rung\":1,\"bracket\":0,\"step\":9,\"value\":0.5",
      "reached rung 1 at step 9 with 0.5\n" },
    { "\"kind\":\"RUNG\",\"rung\":0,\"bracket\":2,\"step\":3,\"value\":0.25",
      "reached rung 0 of bracket 2 at step 3 with 0.25\n" },
    { "\"kind\":\"TRIAL_STATE\",\"state\":\"queued\",\"by_user\":true,"
      "\"cause\":\"retried by user\"",
      "queued again by `winnow retry`: retried by user\n" },
    { "\"kind\":\"TRIAL_STATE\",\"state\":\"queued\",\"by_user\":false,"
      "\"cause\":\"it failed at agent 'a', which was set aside\"",
      "queued again: it failed at agent 'a', which was set aside\n" },
    { "\"kind\":\"STOP_REQUESTED\",\"attempt\":1,\"stop_reason\":\"cancelled\","
      "\"cause\":\"enough\\u001b[2J\"",
      "attempt 1 asked to stop, cancelled: enough [2J\n" },
    { "\"kind\":\"REQUEUED\",\"attempt\":1,\"state\":\"queued\",\"cause\":"
      "\"silent\"",
      "attempt 1 suspect, queued again: silent\n" },
    { "\"kind\":\"ADOPTED\",\"attempt\":1,\"state\":\"running\",\"cause\":\"back\"",
      "attempt 1 goes on: back\n" },
    { "\"kind\":\"ENDED\",\"attempt\":1,\"state\":\"queued\",\"end\":\"oom\","
      "\"counts\":true",
      "attempt 1 ended oom; counts against run.retry.oom; queued again\n" },
    { "\"kind\":\"ENDED\",\"attempt\":1,\"state\":\"failed\",\"end\":\"exited\","
      "\"counts\":true,\"cause\":\"exit status 0 without 'acc'\"",
      "without 'acc'; counts against run.retry.failed\n" },
    { "\"kind\":\"ENDED\",\"attempt\":1,\"state\":\"queued\",\"end\":\"lost\","
      "\"counts\":false",
      "ended lost; counts against no limit; queued again\n" },
    { "\"kind\":\"ENDED\",\"attempt\":1,\"state\":\"finished\",\"end\":\"exited\","
      "\"counts\":true,\"value\":0.5,\"step\":3",
      "ended exited, value 0.5\n" },
    { "\"kind\":\"TRIAL_STATE\",\"state\":\"cancelled\",\"cause\":\"by user\"",
      "cancelled: by user\n" },
    { "\"kind\":\"SOMETHING_NEW\",\"cause\":\"of tomorrow\"",
      "SOMETHING_NEW: of tomorrow\n" },
};

static void test_events(void **state)
{
    UNUSED(state);
    for (size_t i = 0; i < ARRAY_LEN(event_cases); i++) {
        AUTO_STRBUF struct strbuf json = STRBUF_INIT(4096);
        AUTO_STRBUF struct strbuf out = STRBUF_INIT(4096);
        strbuf_addf(&json,
                    "{\"kind\":\"trial\",\"name\":\"s/1\",\"state\":\"queued\","
                    "\"events\":[{\"time\":1,%s}],"
                    "\"now\":{\"sweep\":{\"sampler\":\"tpe\",\"seed\":7}}}",
                    event_cases[i].event);
        print(strbuf_cstr(&json), &out);
        assert_says(&out, event_cases[i].text);
    }
}

static void test_ask_tell_runs_nowhere(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(4096);
    print("{\"kind\":\"trial\",\"name\":\"s/1\",\"state\":\"running\",\"events\":[{"
          "\"time\":1,\"kind\":\"ASSIGNED\",\"attempt\":1,\"agent\":\"ask-tell\","
          "\"host\":\"\"}],\"now\":{\"sweep\":{\"ask_tell\":true}}}",
          &out);
    assert_says(&out, "attempt 1 handed to whoever asked\n");
}

static void test_long_histories_are_cut(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf json = STRBUF_INIT(64 * 1024);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(64 * 1024);
    strbuf_adds(&json, "{\"kind\":\"trial\",\"name\":\"s/1\",\"state\":\"queued\","
                       "\"now\":{},\"events\":[");
    for (int i = 0; i < 50; i++) {
        strbuf_addf(&json, "%s{\"time\":1,\"kind\":\"STARTED\",\"attempt\":%d}",
                    i > 0 ? "," : "", i + 1);
    }
    strbuf_adds(&json, "]}");
    print(strbuf_cstr(&json), &out);
    assert_says(&out, "(10 earlier: see -o json)\n");
    assert_null(strstr(strbuf_cstr(&out), "attempt 10 runs"));
    assert_says(&out, "attempt 11 runs\n");
    assert_says(&out, "attempt 50 runs\n");
}

/* The engine was a moment ahead: what it says of another state is left out. */
static void test_reasons_of_another_state(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf same = STRBUF_INIT(4096);
    AUTO_STRBUF struct strbuf other = STRBUF_INIT(4096);
#define FOUND(state)                                                                   \
    "{\"kind\":\"trial\",\"name\":\"s/"                                                \
    "1\",\"state\":\"queued\",\"since\":1767225535000,"                                \
    "\"now\":{\"trial\":{\"state\":\"" state "\"},\"reasons\":["                       \
    "{\"code\":\"parallel\",\"text\":\"too many\",\"change\":\"fewer\"}]}}"
    print(FOUND("queued"), &same);
    assert_says(&same, "s/1 is queued since ");
    assert_says(&same, ", 1m05s ago\n");
    assert_says(&same, "why       too many\n            changed by: fewer\n");
    print(FOUND("running"), &other);
    assert_null(strstr(strbuf_cstr(&other), "too many"));
#undef FOUND
}

static void test_a_sweep(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(4096);
    print(
        "{\"kind\":\"sweep\",\"name\":\"s\",\"state\":\"running\",\"now\":{\"sweep\":{"
        "\"state\":\"running\",\"trials\":{\"queued\":0,\"finished\":3,\"failed\":1},"
        "\"best\":0.25,\"best_trial\":2,"
        "\"budget\":{\"done\":3,\"trials\":10,\"elapsed_ms\":120000,\"time_ms\":"
        "3600000,"
        "\"target\":0.1},\"failures\":{\"failed\":1,\"ended\":4,\"first\":3,"
        "\"max_share\":0.1,\"share_from\":20}},\"agents\":[{\"id\":\"a\",\"slots\":4,"
        "\"used_slots\":3,\"of_sweep\":2,\"leaving\":true}],\"reasons\":[]}}",
        &out);
    assert_says(&out, "trials    3 finished, 1 failed\n");
    assert_says(&out, "best      0.25 by trial 2\n");
    assert_says(&out, "budget    3 of 10 trials, 2m00s of 1h00m, until the objective "
                      "reaches 0.1\n");
    assert_says(&out,
                "failures  1 of 4 ended; pauses itself when the first 3 all fail, "
                "or above 10 % from 20 ended on\n");
    assert_says(&out, "rate      2 trials a minute\n");
    assert_says(&out,
                "agents    a: 3 of 4 slots taken, 2 by this sweep; shutting down\n");
}

static void test_an_agent_set_aside(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(4096);
    print(
        "{\"kind\":\"sweep\",\"name\":\"s\",\"state\":\"running\",\"now\":{\"sweep\":{"
        "\"revision\":3},\"agents\":[{\"id\":\"a\",\"slots\":1,\"aside\":true,"
        "\"aside_cause\":\"its last 5 attempts failed\",\"probe_left_ms\":60000},"
        "{\"id\":\"b\",\"slots\":1,\"aside\":true,\"probe_left_ms\":0}]}}",
        &out);
    assert_says(&out, "file      revision 3\n");
    assert_says(&out, "a: 0 of 1 slots taken, 0 by this sweep\n"
                      "            set aside: its last 5 attempts failed\n"
                      "            gets one attempt in 1m00s, is in use again when one "
                      "ends well\n");
    assert_says(&out, "gets one attempt at a time");
}

static void test_what_edits_and_users_made_of_a_trial(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(4096);
    print("{\"kind\":\"trial\",\"name\":\"s/"
          "1\",\"state\":\"running\",\"now\":{\"sweep\":{"
          "\"revision\":3},\"trial\":{\"by_user\":true,\"outside_since\":2,"
          "\"checkpoint_agent\":\"a\",\"attempt\":{\"revision\":1}}}}",
          &out);
    assert_says(&out, "asked for by a user, so it runs whatever the budgets\n");
    assert_says(&out, "file      runs with revision 1, the newest is 3\n");
    assert_says(&out, "space     its point is outside since revision 2: it is not");
    assert_says(&out, "files     its checkpoint is at agent 'a'\n");
}

static void test_output_of_a_trial_is_cleaned(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(4096);
    print("{\"kind\":\"trial\",\"name\":\"s/1\",\"state\":\"failed\",\"now\":{},"
          "\"log_tail\":{\"attempt\":2,\"text\":\"one\\n\\n\\u001b[31mred\\n\"}}",
          &out);
    assert_says(&out, "\nlast lines of attempt 2\n  | one\n  | \n  |  [31mred\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_events),
        TEST(test_ask_tell_runs_nowhere),
        TEST(test_long_histories_are_cut),
        TEST(test_reasons_of_another_state),
        TEST(test_a_sweep),
        TEST(test_an_agent_set_aside),
        TEST(test_what_edits_and_users_made_of_a_trial),
        TEST(test_output_of_a_trial_is_cleaned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
