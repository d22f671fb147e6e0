/* SPDX-License-Identifier: Apache-2.0 */
/* test_strbuf.c – appending, the hard maximum, handing out. */
#include "base/strbuf.h"

#include "base/mem.h"
#include "tests/lib/test.h"

#include <string.h>

static void appends_of_all_kinds(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(1000);
    assert_string_equal(strbuf_cstr(&buf), "");
    strbuf_adds(&buf, "ab");
    strbuf_addc(&buf, 'c');
    strbuf_add(&buf, "d\0e", 3);
    strbuf_add_str(&buf, STR_LIT("f"));
    strbuf_addf(&buf, "%d", 12);
    assert_int_equal(buf.len, 9);
    assert_memory_equal(strbuf_cstr(&buf), "abcd\0ef12", 10);
    strbuf_truncate(&buf, 4);
    strbuf_consume(&buf, 2);
    assert_string_equal(strbuf_cstr(&buf), "cd");
}

static void formats_longer_than_the_room(void **state)
{
    UNUSED(state);
    for (int width = 1; width < 300; width++) {
        AUTO_STRBUF struct strbuf buf = STRBUF_INIT(1000);
        strbuf_adds(&buf, "start");
        strbuf_addf(&buf, "%*d", width, 7);
        assert_int_equal(buf.len, 5 + (size_t)width);
        assert_int_equal(strlen(buf.ptr), buf.len);
        assert_int_equal(buf.ptr[buf.len - 1], '7');
    }
}

static void max_is_hard_and_sticky(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(5);
    strbuf_adds(&buf, "12345");
    assert_false(buf.toobig);
    strbuf_addc(&buf, '6');
    assert_true(buf.toobig);
    assert_string_equal(strbuf_cstr(&buf), "12345");
    strbuf_truncate(&buf, 1);
    strbuf_addc(&buf, 'x');
    assert_string_equal(strbuf_cstr(&buf), "1");
    strbuf_reset(&buf);
    strbuf_addf(&buf, "%s", "123456");
    assert_true(buf.toobig);
    assert_string_equal(strbuf_cstr(&buf), "");
}

static void overlong_format_leaves_the_text_alone(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(40);
    strbuf_adds(&buf, "keep");
    strbuf_addf(&buf, "%50d", 1);
    assert_true(buf.toobig);
    assert_string_equal(strbuf_cstr(&buf), "keep");
}

static void take_moves_out(void **state)
{
    UNUSED(state);
    struct strbuf buf = STRBUF_INIT(100);
    AUTO_FREE char *empty = strbuf_take(&buf);
    assert_string_equal(empty, "");
    strbuf_adds(&buf, "x");
    AUTO_FREE char *text = strbuf_take(&buf);
    assert_string_equal(text, "x");
    assert_int_equal(buf.len, 0);
    assert_int_equal(buf.max, 100);
}

static void reserve_and_commit(void **state)
{
    UNUSED(state);
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(10);
    char *room = strbuf_reserve(&buf, 10);
    assert_non_null(room);
    memcpy(room, "0123456789", 10);
    strbuf_commit(&buf, 10);
    assert_string_equal(strbuf_cstr(&buf), "0123456789");
    assert_null(strbuf_reserve(&buf, 1));
    assert_true(buf.toobig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(appends_of_all_kinds),   TEST(formats_longer_than_the_room),
        TEST(max_is_hard_and_sticky), TEST(overlong_format_leaves_the_text_alone),
        TEST(take_moves_out),         TEST(reserve_and_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
