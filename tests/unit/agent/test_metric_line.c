/* SPDX-License-Identifier: Apache-2.0 */
/* test_metric_line.c – the grammar of metric lines, as a table. */
#include "agent/metric_line.h"
#include "core/sweep_spec.h"
#include "tests/lib/test.h"

#include "base/limits.h"
#include "base/strbuf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct metric_rules *rules_of(const struct metric_source *sources, size_t len)
{
    struct metric_rules *rules = NULL;
    struct err err = { 0 };
    assert_ok(metric_rules_create(sources, len, &rules, &err), &err);
    return rules;
}

/* "name@step=value …" of the points of a text whose lines are given one by one. */
static void
points_text(const struct metric_rules *rules, const char *text, struct strbuf *out)
{
    struct metric_names *names = metric_names_create();
    struct metric_points points = { 0 };
    struct str rest = str_from(text);
    struct str line;
    while (str_split_next(&rest, '\n', &line)) {
        metric_line(rules, names, line, 77, &points);
    }
    for (size_t i = 0; i < points.items.len; i++) {
        const struct agent_point *point = &points.items.ptr[i];
        char number[NUM_TEXT_SIZE];
        num_format_f64(point->value, number);
        assert_int_equal(point->time_ms, 77);
        strbuf_addf(out, "%s%s#%lld=%s", i > 0 ? " " : "", point->name,
                    (long long)point->step, number);
    }
    vec_fini(&points.items);
    metric_names_destroy(names);
}

struct line_case {
    const char *text;
    const char *points;
};

static void
check_cases(const struct metric_rules *rules, const struct line_case *cases, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        AUTO_STRBUF struct strbuf out = STRBUF_INIT(4096);
        points_text(rules, cases[i].text, &out);
        if (strcmp(strbuf_cstr(&out), cases[i].points) != 0) {
            fail_msg("'%s': got '%s', expected '%s'", cases[i].text, strbuf_cstr(&out),
                     cases[i].points);
        }
    }
}

static void test_tokens(void **state)
{
    UNUSED(state);
    static const struct line_case cases[] = {
        { "", "" },
        { "nothing to see here", "" },
        { "loss=0.5", "loss#0=0.5" },
        { "loss: 0.5", "loss#0=0.5" },
        { "loss:\t0.5", "loss#0=0.5" },
        { "loss:0.5", "" },
        { "loss =0.5", "" },
        { "loss= 0.5", "" },
        { "  val/acc=95% done", "val/acc#0=95" },
        { "a=1,b=2 c: 3", "a#0=1 b#0=2 c#0=3" },
        { "a=1 b: 2, c=3", "a#0=1 b#0=2 c#0=3" },
        { "a=1\na=2\na=3", "a#0=1 a#1=2 a#2=3" },
        { "step=7 loss=0.5", "loss#7=0.5" },
        { "loss=0.5 step=7", "loss#7=0.5" },
        { "Epoch: 3 loss: 0.25 acc: 0.5", "loss#3=0.25 acc#3=0.5" },
        { "epoch=2 step=40 loss=1", "loss#40=1" },
        { "iter: 4 x=1\niteration: 5 x=1\nround=6 x=1", "x#4=1 x#5=1 x#6=1" },
        { "step=2 x=1\nx=5", "x#2=1 x#1=5" },
        { "step=7", "" },
        { "epoch=0.5 loss=1", "epoch#0=0.5 loss#0=1" },
        { "loss=nan", "loss#0=NaN" },
        { "loss=-inf gain=Infinity", "loss#0=-Infinity gain#0=Infinity" },
        { "x=1e-3 y=-2.5E+4 z=.5 w=5.", "x#0=0.001 y#0=-25000 z#0=0.5 w#0=5" },
        { "x=1e999", "" },
        { "x=0x10", "" },
        { "x=1abc", "" },
        { "x=1)", "" },
        { "(x=1", "" },
        { "at 12:30:05: 7 files", "" },
        { "time: 12:30:05", "" },
        { "1x=5", "" },
        { "a.b-c/d_e=5", "a.b-c/d_e#0=5" },
        { "=5 : 5 = :", "" },
        { "a==5", "" },
        { "a=b=5", "" },
        { "x=1\rx=2\rx=3", "x#0=1 x#1=2 x#2=3" },
        { "x=1\r", "x#0=1" },
        { "http://host:8080/x=1", "" },
        { "loss: ", "" },
        { "loss:", "" },
        { "loss=", "" },
    };
    struct metric_rules *rules = rules_of(NULL, 0);
    check_cases(rules, cases, ARRAY_LEN(cases));
    metric_rules_destroy(rules);
}

static void test_json_lines(void **state)
{
    UNUSED(state);
    static const struct line_case cases[] = {
        { "{\"loss\": 0.5}", "loss#0=0.5" },
        { "  {\"loss\":0.5,\"acc\":1}  ", "loss#0=0.5 acc#0=1" },
        { "{\"step\": 3, \"loss\": 1}", "loss#3=1" },
        { "{\"loss\": 1, \"epoch\": 4}", "loss#4=1" },
        { "{\"loss\": NaN, \"x\": Infinity}", "loss#0=NaN x#0=Infinity" },
        { "{\"s\": \"a\\\"=1\", \"t\": true, \"n\": null, \"x\": 2}", "x#0=2" },
        { "{\"o\": {\"y\": [1, \"}\"]}, \"x\": 2}", "x#0=2" },
        { "{}", "" },
        { "{\"x\": 2", "" },
        { "{\"x\": 2,}", "" },
        { "{\"x\"}", "" },
        { "{\"x\": word}", "" },
        { "{\"x\\u0041\": 1}", "" },
        { "{\"x", "" },
        { "{\"x\\", "" },
        { "{loss=3}", "" },
    };
    struct metric_rules *rules = rules_of(NULL, 0);
    check_cases(rules, cases, ARRAY_LEN(cases));
    metric_rules_destroy(rules);
}

static void test_patterns(void **state)
{
    UNUSED(state);
    struct metric_source sources[] = {
        { METRIC_PATTERN,
          (char *)(uintptr_t) "Accuracy = (?<accuracy>[0-9.]+)%(?: at (?<step>\\d+))?",
          0.01 }
    };
    static const struct line_case cases[] = {
        { "Cross Validation Accuracy = 50%", "accuracy#0=0.5" },
        { "Accuracy = 25% at 9", "accuracy#9=0.25" },
        { "Accuracy = 25% at 9 Accuracy = 75%", "accuracy#9=0.25 accuracy#1=0.75" },
        { "loss=3", "" },
        { "Accuracy = 1.2.3%", "" },
    };
    struct metric_rules *rules = rules_of(sources, 1);
    check_cases(rules, cases, ARRAY_LEN(cases));
    metric_rules_destroy(rules);
}

static void test_preset(void **state)
{
    UNUSED(state);
    struct metric_source sources[] = { { METRIC_PRESET, (char *)(uintptr_t) "xgboost",
                                         1 } };
    static const struct line_case cases[] = {
        { "[04:40:01] [17]\tval-merror:0.5\tval-mlogloss:1.25",
          "val-merror#17=0.5 val-mlogloss#17=1.25" },
        { "[04:40:01] INFO: nothing", "" },
    };
    struct metric_rules *rules = rules_of(sources, 1);
    check_cases(rules, cases, ARRAY_LEN(cases));
    metric_rules_destroy(rules);
}

static void test_first_source_wins_a_name(void **state)
{
    UNUSED(state);
    struct metric_source sources[] = {
        { METRIC_OUTPUT, NULL, 1 },
        { METRIC_PATTERN, (char *)(uintptr_t) "loss=(?<loss>\\d+) (?<rest>\\d+)", 10 }
    };
    static const struct line_case cases[] = {
        { "loss=3 4", "loss#0=3 rest#0=40" },
    };
    struct metric_rules *rules = rules_of(sources, 2);
    check_cases(rules, cases, ARRAY_LEN(cases));
    metric_rules_destroy(rules);
}

static void test_bad_rules_are_errors(void **state)
{
    UNUSED(state);
    struct metric_source bad[] = { { METRIC_PATTERN, (char *)(uintptr_t) "(?<x>[0-9]+",
                                     1 },
                                   { METRIC_PRESET, (char *)(uintptr_t) "nope", 1 } };
    struct metric_rules *rules = NULL;
    struct err err = { 0 };
    assert_code(metric_rules_create(&bad[0], 1, &rules, &err), ERR_INVALID);
    assert_code(metric_rules_create(&bad[1], 1, &rules, &err), ERR_NOTFOUND);
    assert_string_equal(err.msg, "no metric preset 'nope'");
    assert_null(rules);
}

static void test_names_are_limited_and_the_rest_counted(void **state)
{
    UNUSED(state);
    struct metric_rules *rules = rules_of(NULL, 0);
    struct metric_names *names = metric_names_create();
    struct metric_points points = { 0 };
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < METRIC_NAMES_PER_ATTEMPT_MAX + 5; i++) {
            char line[32];
            int n = snprintf(line, sizeof line, "m%d=1", i);
            metric_line(rules, names, str_from_n(line, (size_t)n), 0, &points);
        }
    }
    assert_int_equal(points.items.len, 2 * METRIC_NAMES_PER_ATTEMPT_MAX);
    assert_int_equal(metric_names_refused(names), 5);
    struct agent_point point = { 0 };
    assert_false(metric_names_point(names, STR_LIT("new"), NULL, &point));
    assert_true(metric_names_point(names, STR_LIT("m3"), NULL, &point));
    assert_int_equal(point.step, 2);
    int64_t step = -4;
    assert_true(metric_names_point(names, STR_LIT("m3"), &step, &point));
    assert_int_equal(point.step, -4);
    vec_fini(&points.items);
    metric_names_destroy(names);
    metric_rules_destroy(rules);
}

static void test_valid_names(void **state)
{
    UNUSED(state);
    assert_true(metric_name_is_valid(STR_LIT("val/ndcg@5 x")));
    assert_false(metric_name_is_valid(STR_LIT("")));
    assert_false(metric_name_is_valid(STR_LIT("a\nb")));
    assert_false(metric_name_is_valid(STR_LIT("\xff")));
    char longest[METRIC_NAME_BYTES_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_true(metric_name_is_valid(str_from_n(longest, METRIC_NAME_BYTES_MAX)));
    assert_false(metric_name_is_valid(str_from_n(longest, sizeof longest)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tokens),
        TEST(test_json_lines),
        TEST(test_patterns),
        TEST(test_preset),
        TEST(test_first_source_wins_a_name),
        TEST(test_bad_rules_are_errors),
        TEST(test_names_are_limited_and_the_rest_counted),
        TEST(test_valid_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
