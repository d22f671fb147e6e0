/* SPDX-License-Identifier: Apache-2.0 */
/* test_log.c – the line format, levels, and that outside text cannot forge lines;
 * clocks. */
#include "base/sys/log.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/sys/clock.h"
#include "tests/lib/test.h"

#include <string.h>

struct captured {
    char text[LINE_BYTES_MAX + 1];
    size_t lines;
};

static void capture(void *arg, enum log_level level, struct str line)
{
    UNUSED(level);
    struct captured *captured = arg;
    memcpy(captured->text, line.ptr, line.len);
    captured->text[line.len] = '\0';
    captured->lines++;
}

static struct captured captured;

static int set_up(void **state)
{
    UNUSED(state);
    captured.lines = 0;
    log_setup(capture, &captured, LOG_LEVEL_INFO);
    return 0;
}

static void line_has_time_level_event_and_fields(void **state)
{
    UNUSED(state);
    log_info("trial.start", "trial=%d agent=%s", 7, "a1");
    assert_int_equal(captured.lines, 1);
    assert_int_equal(captured.text[23], 'Z');
    assert_string_equal(captured.text + 24, " info trial.start trial=7 agent=a1");
}

static void levels_filter(void **state)
{
    UNUSED(state);
    log_debug("x", "a=%d", 1);
    assert_int_equal(captured.lines, 0);
    log_set_level(LOG_LEVEL_ERROR);
    log_warn("x", "a=%d", 1);
    assert_int_equal(captured.lines, 0);
    log_error("x", "a=%d", 1);
    assert_int_equal(captured.lines, 1);
    enum log_level level = LOG_LEVEL_ERROR;
    assert_true(log_level_from_text(STR_LIT("debug"), &level));
    assert_int_equal(level, LOG_LEVEL_DEBUG);
    assert_false(log_level_from_text(STR_LIT("Debug"), &level));
}

static void outside_text_cannot_forge_a_line(void **state)
{
    UNUSED(state);
    log_info("x", "name=%s", "a\nb\x1b[31m");
    assert_null(strchr(captured.text, '\n'));
    assert_null(strchr(captured.text, '\x1b'));
    char buf[32];
    assert_string_equal(log_quote(STR_LIT("plain-1"), buf, sizeof buf), "plain-1");
    assert_string_equal(log_quote(STR_LIT(""), buf, sizeof buf), "\"\"");
    assert_string_equal(log_quote(STR_LIT("a b=\"\\\n\x01"), buf, sizeof buf),
                        "\"a b=\\\"\\\\\\n\\x01\"");
    char small[8];
    assert_string_equal(log_quote(STR_LIT("a long text"), small, sizeof small),
                        "\"a lon\"");
    assert_string_equal(log_quote(STR_LIT("longplaintext"), small, sizeof small),
                        "longpla");
}

static void overlong_line_is_dropped_to_its_head(void **state)
{
    UNUSED(state);
    AUTO_FREE char *text = mem_alloc(LINE_BYTES_MAX + 10);
    memset(text, 'x', LINE_BYTES_MAX + 9);
    log_info("big", "v=%s", text);
    assert_string_equal(captured.text + 24, " info big cut=1");
}

static void clocks_run_forward(void **state)
{
    UNUSED(state);
    struct mono a = clock_mono();
    struct mono b = clock_mono();
    assert_false(mono_before(b, a));
    assert_true(clock_wall().ms > INT64_C(1700000000000));
    unsigned char bytes[32] = { 0 };
    unsigned char zero[32] = { 0 };
    clock_entropy(bytes, sizeof bytes);
    assert_memory_not_equal(bytes, zero, sizeof bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(line_has_time_level_event_and_fields, set_up),
        cmocka_unit_test_setup(levels_filter, set_up),
        cmocka_unit_test_setup(outside_text_cannot_forge_a_line, set_up),
        cmocka_unit_test_setup(overlong_line_is_dropped_to_its_head, set_up),
        TEST(clocks_run_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
