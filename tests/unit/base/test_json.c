/* SPDX-License-Identifier: Apache-2.0 */
/* test_json.c – parsing with limits, getters with paths, emitting that reads back. */
#include "base/json.h"

#include "base/limits.h"
#include "base/mem.h"
#include "tests/lib/test.h"

#include <math.h>
#include <string.h>

static json_t *parse(const char *text)
{
    struct err err = { 0 };
    json_t *value = NULL;
    assert_ok(json_parse(text, strlen(text), &value, &err), &err);
    return value;
}

static void check_refused(const char *text, const char *part)
{
    struct err err = { 0 };
    json_t *value = NULL;
    assert_code(json_parse(text, strlen(text), &value, &err), ERR_INVALID);
    assert_null(value);
    if (strstr(err.msg, part) == NULL) {
        fail_msg("'%s' does not contain '%s'", err.msg, part);
    }
}

static void bad_documents_are_refused_with_position(void **state)
{
    UNUSED(state);
    check_refused("", "line 1 column");
    check_refused("{\"a\":1,\n\"a\":2}", "line 2 column");
    check_refused("{\"a\":1,\"a\":2}", "duplicate object key");
    check_refused("[1] x", "end of file expected");
    check_refused("[NaN]", "invalid token");
    check_refused("[99999999999999999999]", "too big integer");
    check_refused("[1e999]", "real number overflow");
    check_refused("\"\xff\"", "unable to decode byte 0xff");
    check_refused("\"a\\u0000b\"", "\\u0000");
    check_refused("[01]", "line 1 column");
}

static void depth_is_limited_before_parsing(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(JSON_BYTES_MAX);
    for (size_t i = 0; i < JSON_DEPTH_MAX; i++) {
        strbuf_addc(&buf, '[');
    }
    for (size_t i = 0; i < JSON_DEPTH_MAX; i++) {
        strbuf_addc(&buf, ']');
    }
    AUTO_JSON json_t *deep = parse(strbuf_cstr(&buf));
    AUTO_FREE char *text = json_dump_line(deep);
    assert_string_equal(text, strbuf_cstr(&buf));
    strbuf_reset(&buf);
    for (size_t i = 0; i < 100000; i++) {
        strbuf_adds(&buf, "{\"a\":");
    }
    check_refused(strbuf_cstr(&buf), "line 1: nested deeper than 64 levels");
    /* Brackets and escaped quotes inside strings are text. */
    strbuf_reset(&buf);
    strbuf_adds(&buf, "\"\\\"");
    for (size_t i = 0; i < 100; i++) {
        strbuf_addc(&buf, '[');
    }
    strbuf_addc(&buf, '"');
    AUTO_JSON json_t *string = parse(strbuf_cstr(&buf));
    assert_int_equal(json_string_length(string), 101);
}

static void getters_say_path_and_type(void **state)
{
    UNUSED(state);
    AUTO_JSON json_t *doc = parse("{\"s\":\"x\",\"i\":7,\"is\":\"12\",\"r\":2.5,\"w\":"
                                  "3.0,\"n\":\"NaN\",\"b\":true,"
                                  "\"a\":[],\"o\":{},\"z\":null}");
    struct err err = { 0 };
    const char *s = NULL;
    int64_t i = 0;
    double d = 0;
    bool b = false;
    const json_t *v = NULL;
    assert_ok(json_get_str(doc, "s", "", &s, &err), &err);
    assert_string_equal(s, "x");
    assert_ok(json_get_i64(doc, "i", "", &i, &err), &err);
    assert_true(i == 7);
    assert_ok(json_get_i64(doc, "is", "", &i, &err), &err);
    assert_true(i == 12);
    assert_ok(json_get_i64(doc, "w", "", &i, &err), &err);
    assert_true(i == 3);
    assert_ok(json_get_f64(doc, "i", "", &d, &err), &err);
    assert_true(d == 7);
    assert_ok(json_get_f64(doc, "n", "", &d, &err), &err);
    assert_true(isnan(d));
    assert_ok(json_get_bool(doc, "b", "", &b, &err), &err);
    assert_true(b);
    assert_ok(json_get_array(doc, "a", "", &v, &err), &err);
    assert_ok(json_get_object(doc, "o", "", &v, &err), &err);

    assert_code(json_get_f64(doc, "s", "runs[3]", &d, &err), ERR_INVALID);
    assert_string_equal(err.msg, "runs[3].s: expected number, got string");
    assert_code(json_get_i64(doc, "r", "", &i, &err), ERR_INVALID);
    assert_string_equal(err.msg, "r: expected integer, got number");
    assert_code(json_get_str(doc, "q", "a.b", &s, &err), ERR_INVALID);
    assert_string_equal(err.msg, "a.b.q: missing");
    assert_code(json_get_bool(doc, "z", "", &b, &err), ERR_INVALID);
    assert_string_equal(err.msg, "z: missing");
    assert_code(json_get_str(json_object_get(doc, "a"), "q", "a", &s, &err),
                ERR_INVALID);
    assert_string_equal(err.msg, "a: expected object, got array");
}

static void optional_getters_keep_the_default(void **state)
{
    UNUSED(state);
    AUTO_JSON json_t *doc = parse("{\"z\":null,\"s\":1}");
    struct err err = { 0 };
    const char *s = "default";
    int64_t i = 42;
    assert_ok(json_opt_i64(doc, "none", "", &i, &err), &err);
    assert_ok(json_opt_i64(doc, "z", "", &i, &err), &err);
    assert_true(i == 42);
    assert_code(json_opt_str(doc, "s", "", &s, &err), ERR_INVALID);
    assert_string_equal(s, "default");
}

static void emits_shortest_numbers_in_insertion_order(void **state)
{
    UNUSED(state);
    AUTO_JSON json_t *doc = json_object();
    json_put_f64(doc, "z", 0.1);
    json_put_f64(doc, "nan", (double)NAN);
    json_put_f64(doc, "inf", -(double)INFINITY);
    json_put_i64(doc, "big", INT64_MAX);
    json_put_bool(doc, "t", true);
    json_put(doc, "null", json_null());
    json_t *list = json_array();
    json_push(list, json_f64(1e-5));
    json_push(list, json_object());
    json_put(doc, "a", list);
    json_put_str(doc, "text", "q\"\\\n\x01\xc3\xa9");
    AUTO_FREE char *line = json_dump_line(doc);
    assert_string_equal(line,
                        "{\"z\":0.1,\"nan\":\"NaN\",\"inf\":\"-Infinity\","
                        "\"big\":9223372036854775807,\"t\":true,\"null\":null,"
                        "\"a\":[1e-05,{}],\"text\":\"q\\\"\\\\\\n\\u0001\xc3\xa9\"}");
    AUTO_JSON json_t *back = parse(line);
    assert_true(json_equal(doc, back));
}

static void emits_pretty(void **state)
{
    UNUSED(state);
    AUTO_JSON json_t *doc = parse("{\"a\":[1,{\"b\":[]}],\"c\":{}}");
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(1000);
    json_emit(doc, &buf, true);
    assert_string_equal(strbuf_cstr(&buf),
                        "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n"
                        "  \"c\": {}\n}");
}

static void invalid_utf8_becomes_replacement(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(1000);
    json_emit_str(STR_LIT("a\xff\xe2\x82z\xed\xa0\x80"), &buf);
    assert_string_equal(strbuf_cstr(&buf), "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"
                                           "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    AUTO_JSON json_t *doc = json_object();
    json_put_str(doc, "k", "x\xff");
    assert_string_equal(json_string_value(json_object_get(doc, "k")), "x\xef\xbf\xbd");
}

static void size_is_limited(void **state)
{
    UNUSED(state);
    AUTO_FREE char *text = mem_alloc(JSON_BYTES_MAX + 1);
    json_t *value = NULL;
    assert_code(json_parse(text, JSON_BYTES_MAX + 1, &value, NULL), ERR_TOOBIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bad_documents_are_refused_with_position),
        TEST(depth_is_limited_before_parsing),
        TEST(getters_say_path_and_type),
        TEST(optional_getters_keep_the_default),
        TEST(emits_shortest_numbers_in_insertion_order),
        TEST(emits_pretty),
        TEST(invalid_utf8_becomes_replacement),
        TEST(size_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
