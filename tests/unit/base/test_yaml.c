/* SPDX-License-Identifier: Apache-2.0 */
/* test_yaml.c – trees with positions, refusals with positions, YAML 1.2 scalars. */
#include "base/yaml.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "tests/lib/test.h"

#include <math.h>
#include <string.h>

static struct yaml_node *parse(const char *text)
{
    struct err err = { 0 };
    struct yaml_node *root = NULL;
    assert_ok(yaml_parse(text, strlen(text), "f", &root, &err), &err);
    return root;
}

static void check_error(const char *text, const char *expected)
{
    struct err err = { 0 };
    struct yaml_node *root = NULL;
    assert_code(yaml_parse(text, strlen(text), "f.yaml", &root, &err), ERR_INVALID);
    assert_null(root);
    assert_string_equal(err.msg, expected);
}

static void tree_has_positions(void **state)
{
    UNUSED(state);
    AUTO_YAML struct yaml_node *root = parse("a: 1\nb:\n  - x\n  - {c: 'y z'}\n");
    assert_int_equal(root->kind, YAML_MAP);
    assert_int_equal(root->len, 2);
    assert_string_equal(root->keys[1]->text, "b");
    assert_int_equal(root->keys[1]->line, 2);
    const struct yaml_node *list = yaml_get(root, "b");
    assert_int_equal(list->kind, YAML_SEQ);
    assert_int_equal(list->len, 2);
    assert_int_equal(list->items[0]->line, 3);
    assert_int_equal(list->items[0]->col, 5);
    const struct yaml_node *c = yaml_get(list->items[1], "c");
    assert_string_equal(c->text, "y z");
    assert_true(c->quoted);
    assert_int_equal(c->line, 4);
    assert_int_equal(c->col, 9);
    assert_null(yaml_get(root, "zzz"));
    assert_null(yaml_get(list, "b"));
    struct err err = { 0 };
    assert_code(yaml_err(&err, "f.yaml", c, "bad '%s'", c->text), ERR_INVALID);
    assert_string_equal(err.msg, "f.yaml:4:9: bad 'y z'");
}

static void refusals_say_where(void **state)
{
    UNUSED(state);
    check_error("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: duplicate key 'a', first on line 1");
    check_error("a: &x 1\n", "f.yaml:1:4: anchors (&) are not supported");
    check_error("a: 1\nb: *x\n", "f.yaml:2:4: aliases (*) are not supported");
    check_error("a: !!str 1\n", "f.yaml:1:4: tags (!) are not supported");
    check_error("a: [1, &y {}]\n", "f.yaml:1:8: anchors (&) are not supported");
    check_error("a: 1\n---\nb: 2\n", "f.yaml:2:1: more than one document");
    check_error("? [a]\n: 1\n", "f.yaml:1:3: a key must be a plain word, not a list");
    check_error("\"\": 1\n", "f.yaml:1:1: empty key");
    check_error("a: \"\\0\"\n", "f.yaml:1:4: text holds a NUL character");
    check_error("", "f.yaml:1:1: empty document");
    check_error("# only a comment\n", "f.yaml:1:1: empty document");
    check_error("a: b: c\n",
                "f.yaml:1:5: mapping values are not allowed in this context");
    check_error(
        "a: [1, 2\n",
        "f.yaml:2:1: did not find expected ',' or ']' (while parsing a flow sequence)");
    check_error("ok: 1\n\xc3\xa9: \xff\n",
                "f.yaml:2:4: not valid UTF-8 text: invalid leading UTF-8 octet");
}

static void depth_is_limited(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf deep = STRBUF_INIT(YAML_BYTES_MAX);
    for (size_t i = 0; i < YAML_DEPTH_MAX; i++) {
        strbuf_addc(&deep, '[');
    }
    for (size_t i = 0; i < YAML_DEPTH_MAX; i++) {
        strbuf_addc(&deep, ']');
    }
    AUTO_YAML struct yaml_node *root = parse(strbuf_cstr(&deep));
    assert_non_null(root);
    strbuf_reset(&deep);
    for (size_t i = 0; i < 1000; i++) {
        strbuf_addc(&deep, '[');
    }
    check_error(strbuf_cstr(&deep), "f.yaml:1:33: nested deeper than 32 levels");
}

static void size_is_limited(void **state)
{
    UNUSED(state);
    AUTO_FREE char *text = mem_alloc(YAML_BYTES_MAX + 1);
    memset(text, ' ', YAML_BYTES_MAX + 1);
    struct err err = { 0 };
    struct yaml_node *root = NULL;
    assert_code(yaml_parse(text, YAML_BYTES_MAX + 1, "f", &root, &err), ERR_TOOBIG);
}

static void check_kind(const char *text, enum yaml_scalar_kind kind)
{
    AUTO_YAML struct yaml_node *root = parse(text);
    if (yaml_scalar_kind(root) != kind) {
        fail_msg("%s: %s, expected %s", text,
                 yaml_scalar_kind_text(yaml_scalar_kind(root)),
                 yaml_scalar_kind_text(kind));
    }
}

static void scalars_follow_yaml_1_2(void **state)
{
    UNUSED(state);
    static const struct {
        const char *text;
        enum yaml_scalar_kind kind;
    } cases[] = {
        { "~", YAML_NULL },
        { "null", YAML_NULL },
        { "nUll", YAML_STR },
        { "true", YAML_BOOL },
        { "False", YAML_BOOL },
        { "no", YAML_STR },
        { "yes", YAML_STR },
        { "on", YAML_STR },
        { "12", YAML_INT },
        { "-7", YAML_INT },
        { "+7", YAML_INT },
        { "0o17", YAML_INT },
        { "0x1F", YAML_INT },
        { "012", YAML_INT },
        { "1_000", YAML_STR },
        { "1e-3", YAML_FLOAT },
        { "1.5", YAML_FLOAT },
        { ".5", YAML_FLOAT },
        { ".inf", YAML_FLOAT },
        { "-.INF", YAML_FLOAT },
        { ".nan", YAML_FLOAT },
        { "nan", YAML_STR },
        { "inf", YAML_STR },
        { "1e", YAML_STR },
        { "0x", YAML_STR },
        { "0xZ", YAML_STR },
        { "-0x1", YAML_STR },
        { "0b1", YAML_STR },
        { "1:30", YAML_STR },
        { "2020-01-01", YAML_STR },
        { "'12'", YAML_STR },
        { "\"true\"", YAML_STR },
        { "|\n  12\n", YAML_STR },
        { "''", YAML_STR },
        { "9223372036854775807", YAML_INT },
        { "9223372036854775808", YAML_FLOAT },
        { "1e999", YAML_FLOAT },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        check_kind(cases[i].text, cases[i].kind);
    }
}

static void values_are_read_by_kind(void **state)
{
    UNUSED(state);
    AUTO_YAML struct yaml_node *root = parse(
        "[12, 0x1F, 1e-3, -.inf, true, word, 9223372036854775808, 1e999, '5', 010]");
    int64_t i = 0;
    double d = 0;
    bool b = false;
    struct yaml_node **items = root->items;
    assert_code(yaml_as_i64(items[0], &i), ERR_OK);
    assert_true(i == 12);
    assert_code(yaml_as_i64(items[1], &i), ERR_OK);
    assert_true(i == 31);
    assert_code(yaml_as_f64(items[0], &d), ERR_OK);
    assert_true(d == 12);
    assert_code(yaml_as_f64(items[1], &d), ERR_OK);
    assert_true(d == 31);
    assert_code(yaml_as_f64(items[2], &d), ERR_OK);
    assert_true(d == 1e-3);
    assert_code(yaml_as_f64(items[3], &d), ERR_OK);
    assert_true(isinf(d) && d < 0);
    assert_code(yaml_as_bool(items[4], &b), ERR_OK);
    assert_true(b);
    assert_code(yaml_as_i64(items[9], &i), ERR_OK);
    assert_true(i == 10);
    assert_code(yaml_as_f64(items[6], &d), ERR_OK);
    assert_true(d == 9223372036854775808.0);
    assert_code(yaml_as_f64(items[7], &d), ERR_TOOBIG);
    assert_code(yaml_as_i64(items[2], &i), ERR_INVALID);
    assert_code(yaml_as_i64(items[8], &i), ERR_INVALID);
    assert_code(yaml_as_f64(items[5], &d), ERR_INVALID);
    assert_code(yaml_as_bool(items[0], &b), ERR_INVALID);
    assert_code(yaml_as_i64(root, &i), ERR_INVALID);
}

static void check_equal(const char *a, const char *b, bool equal)
{
    AUTO_YAML struct yaml_node *x = parse(a);
    AUTO_YAML struct yaml_node *y = parse(b);
    assert_int_equal(yaml_equal(x, y), equal);
    assert_int_equal(yaml_equal(y, x), equal);
}

static void equality_is_by_meaning(void **state)
{
    UNUSED(state);
    check_equal("{a: 1e-3, b: [x, y]}", "b: ['x', \"y\"]\na: 0.001\n", true);
    check_equal("{a: 1}", "{a: 1, b: 2}", false);
    check_equal("{a: 1}", "{b: 1}", false);
    check_equal("[1, 2]", "[2, 1]", false);
    check_equal("[0x10]", "[16]", true);
    check_equal("['1']", "[1]", false);
    check_equal("[true]", "[True]", true);
    check_equal("[.nan]", "[.NaN]", true);
    check_equal("[a]", "{a: 1}", false);
    check_equal("[1]", "[1.0]", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tree_has_positions),      TEST(refusals_say_where),
        TEST(depth_is_limited),        TEST(size_is_limited),
        TEST(scalars_follow_yaml_1_2), TEST(values_are_read_by_kind),
        TEST(equality_is_by_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
