/* SPDX-License-Identifier: Apache-2.0 */
/* test_trial_log.c – every byte of a log can be read back, in memory or in its file; a
 * file is made only when it must be, and is there when the process ends too early. */
#include "agent/trial_log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/lib/test.h"

static bool has_file(const struct trial_log *log)
{
    return access(log->path, F_OK) == 0;
}

static void check_read(const struct trial_log *log, const char *text)
{
    char got[64 * 1024];
    size_t len = strlen(text);
    for (size_t from = 0; from <= len; from += 1 + len / 5) {
        assert_int_equal(trial_log_read(log, from, got, sizeof got), len - from);
        assert_memory_equal(got, text + from, len - from);
    }
}

static void test_short_log_needs_no_file(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    struct trial_log log;
    tmpdir_init(&dir);
    trial_log_init(&log, mem_strdup(tmpdir_path(&dir, "log")));
    trial_log_append(&log, "one\n", 4, false);
    trial_log_append(&log, "two\n", 4, false);
    check_read(&log, "one\ntwo\n");
    assert_false(has_file(&log));
    trial_log_remove(&log);
    trial_log_fini(&log);
    assert_int_not_equal(access(tmpdir_path(&dir, "log"), F_OK), 0);
}

static void test_long_log_goes_on_in_a_file(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    struct trial_log log;
    struct strbuf text = STRBUF_INIT(60000);
    tmpdir_init(&dir);
    trial_log_init(&log, mem_strdup(tmpdir_path(&dir, "log")));
    for (unsigned i = 0; text.len < 50000; i++) {
        char line[32];
        int n = snprintf(line, sizeof line, "line %u\n", i);
        strbuf_add(&text, line, (size_t)n);
        trial_log_append(&log, line, (size_t)n, false);
    }
    assert_true(has_file(&log));
    assert_int_equal(log.size, text.len);
    check_read(&log, strbuf_cstr(&text));
    trial_log_remove(&log);
    assert_false(has_file(&log));
    trial_log_fini(&log);
    strbuf_fini(&text);
}

static void test_large_first_piece(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    struct trial_log log;
    tmpdir_init(&dir);
    AUTO_FREE char *text = mem_alloc(40001);
    memset(text, 'x', 40000);
    trial_log_init(&log, mem_strdup(tmpdir_path(&dir, "log")));
    trial_log_append(&log, text, 40000, false);
    check_read(&log, text);
    trial_log_fini(&log);
}

static void test_kept_bytes_outlive_the_process(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    struct trial_log log;
    tmpdir_init(&dir);
    trial_log_init(&log, mem_strdup(tmpdir_path(&dir, "log")));
    trial_log_append(&log, "early\n", 6, false);
    trial_log_append(&log, "late\n", 5, true); /* the coordinator is away */
    assert_true(has_file(&log));
    check_read(&log, "early\nlate\n");
    trial_log_append(&log, "end\n", 4, false);
    check_read(&log, "early\nlate\nend\n");
    trial_log_fini(&log);
    trial_log_init(&log, mem_strdup(tmpdir_path(&dir, "other")));
    trial_log_append(&log, "unsent\n", 7, false);
    trial_log_fini(&log); /* not removed: it is kept */
    assert_int_equal(access(tmpdir_path(&dir, "other"), F_OK), 0);
}

static void test_folder_that_is_gone(void **state)
{
    UNUSED(state);
    AUTO_TMPDIR struct tmpdir dir;
    struct trial_log log;
    tmpdir_init(&dir);
    trial_log_init(&log, mem_strdup(tmpdir_path(&dir, "gone/log")));
    trial_log_append(&log, "short\n", 6, true); /* stays in memory */
    check_read(&log, "short\n");
    AUTO_FREE char *text = mem_alloc(40000);
    trial_log_append(&log, text, 40000, false); /* left out */
    assert_int_equal(log.size, 6);
    assert_true(log.failed);
    trial_log_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_short_log_needs_no_file), TEST(test_long_log_goes_on_in_a_file),
        TEST(test_large_first_piece),       TEST(test_kept_bytes_outlive_the_process),
        TEST(test_folder_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
