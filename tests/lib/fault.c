/* SPDX-License-Identifier: Apache-2.0 */
/* fault.c – fault counters, and catching of assertions.
 * Owns the jump buffer of expect_abort. Knows the assertion hook. Does not know what
 * fails. */
#include "tests/lib/test.h"

#include <string.h>

jmp_buf test_abort_jump;
const char *test_abort_expr;

void fault_config(struct fault *fault, int64_t after, int64_t repeat)
{
    *fault = (struct fault){ .after = after, .repeat = repeat };
}

bool fault_hit(struct fault *fault)
{
    int64_t call = fault->calls++;
    return call >= fault->after
           && (fault->repeat < 0 || call < fault->after + fault->repeat);
}

void test_assert_hook(const char *expr, const char *file, int line)
{
    UNUSED(file);
    UNUSED(line);
    test_abort_expr = expr;
    longjmp(test_abort_jump, 1); /* NOLINT(cert-err52-cpp): the hook must not return */
}

void test_abort_check(const char *text,
                      const char *statement,
                      const char *file,
                      int line)
{
    if (test_abort_expr == NULL) {
        print_error("%s: no assertion failed, expected '%s'\n", statement, text);
        _fail(file, line);
    } else if (strstr(test_abort_expr, text) == NULL) {
        print_error("%s: '%s' failed, expected '%s'\n", statement, test_abort_expr,
                    text);
        _fail(file, line);
    }
}
