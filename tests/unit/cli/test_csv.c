/* SPDX-License-Identifier: Apache-2.0 */
/* test_csv.c – tables as JSON rows. */
#include "tests/lib/test.h"

#include "base/mem.h"
#include "base/str.h"
#include "cli/csv.h"

static void expect_rows(const char *text, const char *want)
{
    json_t *rows = NULL;
    struct err err = { 0 };
    assert_ok(csv_parse(str_from(text), &rows, &err), &err);
    char *AUTO_FREE got = json_dump_line(rows);
    assert_string_equal(got, want);
    json_decref(rows);
}

static void cells_become_values(void **state)
{
    UNUSED(state);
    expect_rows("a,b,c\n1,2.5,x\n-3,1e-3,true\n",
                "[{\"a\":1,\"b\":2.5,\"c\":\"x\"},{\"a\":-3,\"b\":0.001,\"c\":true}]");
    expect_rows("a,b\r\n\"1\",\r\n", "[{\"a\":\"1\"}]");
    expect_rows("a,b\n\"x,\"\"y\"\"\nz\",NaN",
                "[{\"a\":\"x,\\\"y\\\"\\nz\",\"b\":\"NaN\"}]");
    expect_rows("a,b\n1\n\n2,3\n", "[{\"a\":1},{\"a\":2,\"b\":3}]");
    expect_rows("a", "[]");
}

static void wrong_tables_say_where(void **state)
{
    UNUSED(state);
    static const char *const cases[][2] = {
        { "a,a\n1,2\n", "line 1: two columns 'a'" },
        { "a,,b\n", "line 1: a column without a name" },
        { "a\n1\n2,3\n", "line 3: more cells than columns" },
        { "a\n\"x\ny\n", "line 2: a quote without its end" },
        { "", "line 1: a column without a name" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *rows = NULL;
        struct err err = { 0 };
        assert_code(csv_parse(str_from(cases[i][0]), &rows, &err), ERR_INVALID);
        assert_string_equal(err.msg, cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(cells_become_values),
                                        TEST(wrong_tables_say_where) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
