/* SPDX-License-Identifier: Apache-2.0 */
/* test_output.c – tables, JSON, CSV and TSV of the same rows. */
#include "tests/lib/test.h"

#include <string.h>

#include "base/str.h"
#include "cli/output.h"

static const char rows_text[] =
    "[{\"number\":0,\"state\":\"finished\",\"params\":{\"x\":1,\"kernel\":\"rbf\"},"
    "\"value\":0.123456789,\"time\":1767225600000,\"id\":\"0123456789abcdef\"},"
    "{\"number\":11,\"state\":\"failed\",\"params\":{\"x\":20,\"a.b\":\"a,\\\"b\\\"\"},"
    "\"cause\":\"two\\nlines\\tand tab\"}]";

static const struct output_column columns[] = {
    { "number", "trial", OUTPUT_TEXT }, { "state", "state", OUTPUT_TEXT },
    { "value", "value", OUTPUT_TEXT },  { "params.*", "", OUTPUT_TEXT },
    { "never", "never", OUTPUT_TEXT },  { "time", "time", OUTPUT_TIME },
    { "id", "id", OUTPUT_ID },          { "cause", "cause", OUTPUT_TEXT },
};

static void assert_rows(const char *json,
                        enum output_format format,
                        size_t width,
                        const char *expected)
{
    AUTO_JSON json_t *rows = NULL;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(64 * 1024);
    struct err err = { 0 };
    assert_ok(json_parse(json, strlen(json), &rows, &err), &err);
    output_rows(rows, columns, ARRAY_LEN(columns), format, width, &out);
    assert_string_equal(strbuf_cstr(&out), expected);
}

static void test_table(void **state)
{
    UNUSED(state);
    assert_rows(
        rows_text, OUTPUT_TABLE, 0,
        "trial  state        value   x  kernel  a.b    time                 id        "
        "cause\n"
        "    0  finished  0.123457   1  rbf            2026-01-01 00:00:00  01234567\n"
        "   11  failed              20          a,\"b\"                                "
        " "
        "two lines and tab\n");
    /* Nothing found still says what there could be. */
    assert_rows("[]", OUTPUT_TABLE, 0, "trial  state  value  never  time  id  cause\n");
}

static void test_table_cut(void **state)
{
    UNUSED(state);
    assert_rows(rows_text, OUTPUT_TABLE, 16,
                "trial  state   \xe2\x80\xa6\n    0  finished\xe2\x80\xa6\n"
                "   11  failed  \xe2\x80\xa6\n");
}

static void test_csv(void **state)
{
    UNUSED(state);
    assert_rows(rows_text, OUTPUT_CSV, 0,
                "number,state,params.x,params.kernel,params.a.b,value,time,id,cause\n"
                "0,finished,1,rbf,,0.123456789,1767225600000,0123456789abcdef,\n"
                "11,failed,20,,\"a,\"\"b\"\"\",,,,\"two\nlines\tand tab\"\n");
    assert_rows("[]", OUTPUT_CSV, 0, "number,state,value,never,time,id,cause\n");
}

static void test_tsv(void **state)
{
    UNUSED(state);
    assert_rows(
        rows_text, OUTPUT_TSV, 0,
        "number\tstate\tparams.x\tparams.kernel\tparams.a.b\tvalue\ttime\tid\tcause\n"
        "0\tfinished\t1\trbf\t\t0.123456789\t1767225600000\t0123456789abcdef\t\n"
        "11\tfailed\t20\t\ta,\"b\"\t\t\t\ttwo lines and tab\n");
}

static void test_json(void **state)
{
    UNUSED(state);
    assert_rows("[{\"b\":1,\"a\":\"NaN\"}]", OUTPUT_JSON, 0,
                "[\n  {\n    \"b\": 1,\n    \"a\": \"NaN\"\n  }\n]\n");
}

static void test_object(void **state)
{
    UNUSED(state);
    AUTO_JSON json_t *object = NULL;
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(4096);
    static const char text[] =
        "{\"name\":\"g\",\"trials\":{\"queued\":3},\"end_time\":0,\"list\":[1],"
        "\"nothing\":null,\"text\":\"a: 1\\nb: 2\\n\"}";
    struct err err = { 0 };
    assert_ok(json_parse(text, strlen(text), &object, &err), &err);
    output_object(object, OUTPUT_TABLE, &out);
    assert_string_equal(strbuf_cstr(&out), "name           g\n"
                                           "trials.queued  3\n"
                                           "end_time       1970-01-01 00:00:00\n"
                                           "text\n"
                                           "    a: 1\n"
                                           "    b: 2\n");
}

static void test_format(void **state)
{
    UNUSED(state);
    struct opts opts = { .args_len = 0 };
    struct err err = { 0 };
    enum output_format format = OUTPUT_TSV;
    assert_ok(output_format_get(&opts, &format, &err), &err);
    assert_int_equal(format, OUTPUT_TABLE);
    opts.values[OPT_OUTPUT] = "csv";
    assert_ok(output_format_get(&opts, &format, &err), &err);
    assert_int_equal(format, OUTPUT_CSV);
    opts.values[OPT_OUTPUT] = "tabel";
    assert_code(output_format_get(&opts, &format, &err), ERR_USAGE);
    assert_string_equal(err.msg,
                        "--output is 'tabel', expected table, json, csv or tsv, "
                        "did you mean 'table'?");
    assert_int_equal(format, OUTPUT_CSV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_table), TEST(test_table_cut), TEST(test_csv),    TEST(test_tsv),
        TEST(test_json),  TEST(test_object),    TEST(test_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
