/* SPDX-License-Identifier: Apache-2.0 */
/* assert.c – what a failed assertion does.
 * Owns the test hook (one of the few mutable globals). Knows how to print a backtrace
 * with glibc. Does not know what is asserted. Uses no heap: the heap may be what broke.
 */
#include "base/assert.h"

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BACKTRACE_FRAMES_MAX = 64
};

static assert_hook_fn assert_hook;

void assert_set_hook(assert_hook_fn hook)
{
    assert_hook = hook;
}

static void print_backtrace(void)
{
    void *frames[BACKTRACE_FRAMES_MAX];
    int n = backtrace(frames, BACKTRACE_FRAMES_MAX);
    backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

void assert_failed(const char *expr, const char *file, int line, const char *func)
{
    if (assert_hook != NULL) {
        assert_hook(expr, file, line);
    }
    char text[512];
    int n = snprintf(text, sizeof text, "%s:%d: %s: assertion failed: %s\n", file, line,
                     func, expr);
    if (n > 0) {
        size_t len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
        /* Nothing can be done when stderr is gone; abort follows either way. */
        ssize_t written = write(STDERR_FILENO, text, len);
        UNUSED(written);
    }
    print_backtrace();
    abort();
}

void unreachable_reached(const char *file, int line)
{
    assert_failed("unreachable", file, line, "?");
}
