/* SPDX-License-Identifier: Apache-2.0 */
/* test_err.c – codes map to what users see; messages keep what matters when cut. */
#include "base/err.h"

#include "tests/lib/test.h"

#include <errno.h>
#include <string.h>

static void set_returns_code_and_formats(void **state)
{
    UNUSED(state);
    struct err err = { 0 };
    assert_code(err_set(&err, ERR_NOTFOUND, "no sweep '%s'", "x"), ERR_NOTFOUND);
    assert_int_equal(err.code, ERR_NOTFOUND);
    assert_string_equal(err.msg, "no sweep 'x'");
    assert_code(err_set(NULL, ERR_IO, "unseen"), ERR_IO);
}

static void wrap_prefixes_and_keeps_code(void **state)
{
    UNUSED(state);
    struct err err = { 0 };
    err_set(&err, ERR_IO, "cannot read");
    assert_code(err_wrap(&err, "loading '%s'", "a.yaml"), ERR_IO);
    assert_string_equal(err.msg, "loading 'a.yaml': cannot read");
}

static void set_may_quote_its_own_message(void **state)
{
    UNUSED(state);
    struct err err = { 0 };
    err_set(&err, ERR_IO, "inner");
    err_set(&err, ERR_STATE, "outer (%s)", err.msg);
    assert_string_equal(err.msg, "outer (inner)");
}

static void long_message_is_cut_with_ellipsis_on_a_character(void **state)
{
    UNUSED(state);
    /* Every alignment of two-byte characters against the cut. */
    for (size_t pad = 0; pad < 4; pad++) {
        char text[2 * ERR_MSG_SIZE];
        memset(text, 'a', pad);
        for (size_t i = pad; i + 2 < sizeof text; i += 2) {
            memcpy(text + i, "\xc3\xa9", 2);
        }
        text[sizeof text - 4] = '\0';
        struct err err = { 0 };
        err_set(&err, ERR_INVALID, "%s", text);
        size_t len = strlen(err.msg);
        assert_in_range(len, ERR_MSG_SIZE - 4, ERR_MSG_SIZE - 1);
        assert_string_equal(err.msg + len - 3, "\xe2\x80\xa6");
        assert_int_equal((len - 3 - pad) % 2, 0);
    }
}

static void wrap_of_long_message_is_cut(void **state)
{
    UNUSED(state);
    struct err err = { 0 };
    char text[ERR_MSG_SIZE];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&err, ERR_IO, "%s", text);
    assert_string_equal(err.msg, text);
    err_wrap(&err, "ab");
    assert_memory_equal(err.msg, "ab: xxx", 7);
    assert_true(strlen(err.msg) < ERR_MSG_SIZE);
}

static void errno_maps_to_codes(void **state)
{
    UNUSED(state);
    struct err err = { 0 };
    assert_code(err_set_errno(&err, ENOSPC, "cannot write '%s'", "f"), ERR_FULL);
    assert_string_equal(err.msg, "cannot write 'f': No space left on device");
    assert_code(err_set_errno(NULL, ENOENT, "x"), ERR_NOTFOUND);
    assert_code(err_set_errno(NULL, EACCES, "x"), ERR_DENIED);
    assert_code(err_set_errno(NULL, EIO, "x"), ERR_IO);
}

static void table_says_what_the_world_expects(void **state)
{
    UNUSED(state);
    assert_int_equal(err_exit_status(ERR_OK), 0);
    assert_int_equal(err_exit_status(ERR_INVALID), 2);
    assert_int_equal(err_exit_status(ERR_IO), 1);
    assert_int_equal(err_http_status(ERR_NOTFOUND), 404);
    assert_int_equal(err_http_status(ERR_EXISTS), 400);
    assert_string_equal(err_mlflow_code(ERR_INVALID), "INVALID_PARAMETER_VALUE");
    assert_string_equal(err_mlflow_code(ERR_NOTFOUND), "RESOURCE_DOES_NOT_EXIST");
    assert_string_equal(err_name(ERR_LOCKED), "ERR_LOCKED");
    for (int code = ERR_OK; code < ERR_NR; code++) {
        assert_true(strlen(err_text((enum err_code)code)) > 0);
    }
    expect_abort("ERR_NR", (void)err_text(ERR_NR));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(set_returns_code_and_formats),
        TEST(wrap_prefixes_and_keeps_code),
        TEST(set_may_quote_its_own_message),
        TEST(long_message_is_cut_with_ellipsis_on_a_character),
        TEST(wrap_of_long_message_is_cut),
        TEST(errno_maps_to_codes),
        TEST(table_says_what_the_world_expects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
