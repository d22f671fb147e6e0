/* SPDX-License-Identifier: Apache-2.0 */
/* test_pattern.c – named groups, repeated search, errors, bounded backtracking. */
#include "base/pattern.h"

#include "base/strbuf.h"

#include "tests/lib/test.h"

#include <string.h>

static struct pattern *compile(const char *text)
{
    struct err err = { 0 };
    struct pattern *pattern = NULL;
    assert_ok(pattern_create(str_from(text), &pattern, &err), &err);
    return pattern;
}

static void named_groups_are_found_again_and_again(void **state)
{
    UNUSED(state);
    struct pattern *p = compile("(?<step>\\d+)(?: loss=(?<loss>[0-9.]+))?;");
    struct str text = STR_LIT("1 loss=0.5;x 2;3 loss=7;");
    struct pattern_match m;
    assert_int_equal(pattern_groups_len(p), 2);
    assert_string_equal(pattern_group_name(p, 0), "step");
    assert_string_equal(pattern_group_name(p, 1), "loss");
    assert_code(pattern_match(p, text, 0, &m), ERR_OK);
    assert_true(str_eq_c(m.groups[0], "1"));
    assert_true(str_eq_c(m.groups[1], "0.5"));
    assert_code(pattern_match(p, text, m.end, &m), ERR_OK);
    assert_true(str_eq_c(m.whole, "2;"));
    assert_null(m.groups[1].ptr);
    assert_code(pattern_match(p, text, m.end, &m), ERR_OK);
    assert_true(str_eq_c(m.groups[1], "7"));
    assert_code(pattern_match(p, text, m.end, &m), ERR_NOTFOUND);
    pattern_destroy(p);
}

static void empty_matches_advance(void **state)
{
    UNUSED(state);
    struct pattern *p = compile("x*");
    struct str text = STR_LIT("a\xc3\xa9x");
    struct pattern_match m = { .end = 0 };
    size_t n = 0;
    while (pattern_match(p, text, m.end, &m) == ERR_OK) {
        n++;
        assert_true(n < 10);
    }
    assert_int_equal(n, 4); /* before a, before e-acute, x, the end */
    pattern_destroy(p);
}

static void bad_patterns_say_where(void **state)
{
    UNUSED(state);
    struct pattern *p = NULL;
    struct err err = { 0 };
    assert_code(pattern_create(STR_LIT("ab(cd"), &p, &err), ERR_INVALID);
    assert_string_equal(err.msg, "column 6: missing closing parenthesis");
    assert_code(pattern_create(STR_LIT("(?<a>x)(?<a>y)"), &p, &err), ERR_INVALID);
    assert_code(pattern_create(STR_LIT("\\C"), &p, &err), ERR_INVALID);
    assert_code(pattern_create(STR_LIT("\xff"), &p, &err), ERR_INVALID);
    static char big[PATTERN_BYTES_MAX + 1];
    memset(big, 'a', sizeof big);
    assert_code(pattern_create(str_from_n(big, sizeof big), &p, &err), ERR_TOOBIG);
    AUTO_STRBUF struct strbuf many = STRBUF_INIT(4000);
    for (int i = 0; i <= PATTERN_GROUPS_MAX; i++) {
        strbuf_addf(&many, "(?<g%d>x)", i);
    }
    assert_code(pattern_create(strbuf_str(&many), &p, &err), ERR_TOOBIG);
    assert_string_equal(err.msg, "33 named groups, at most 32 are allowed");
    assert_null(p);
    pattern_destroy(NULL);
}

static void hostile_backtracking_gives_up(void **state)
{
    UNUSED(state);
    struct pattern *p = compile("^(a+)+$");
    char text[64];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '!';
    struct pattern_match m;
    assert_code(pattern_match(p, str_from_n(text, sizeof text), 0, &m), ERR_TOOBIG);
    pattern_destroy(p);
}

static void invalid_utf8_subjects_are_searched(void **state)
{
    UNUSED(state);
    struct pattern *p = compile("acc=(?<acc>\\d+)");
    struct pattern_match m;
    assert_code(pattern_match(p, STR_LIT("\xff\xfe acc=42 \xff"), 0, &m), ERR_OK);
    assert_true(str_eq_c(m.groups[0], "42"));
    assert_code(pattern_match(p, (struct str){ NULL, 0 }, 0, &m), ERR_NOTFOUND);
    pattern_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(named_groups_are_found_again_and_again),
        TEST(empty_matches_advance),
        TEST(bad_patterns_say_where),
        TEST(hostile_backtracking_gives_up),
        TEST(invalid_utf8_subjects_are_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
