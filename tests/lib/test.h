/* SPDX-License-Identifier: Apache-2.0 */
/* test.h – everything a unit test includes: cmocka in the order it demands, temporary
 * folders, a fake clock, fault counters, and catching of assertions. */
#ifndef TESTS_LIB_TEST_H
#define TESTS_LIB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/times.h"

/* Shorthand for the table of cmocka_run_group_tests. */
#define TEST(fn) cmocka_unit_test(fn)

/* The call succeeds; prints the message of `err` if not. */
#define assert_ok(expr, err)                                                           \
    do {                                                                               \
        enum err_code test_code_ = (expr);                                             \
        if (test_code_ != ERR_OK) {                                                    \
            fail_msg("%s: %s: %s", #expr, err_name(test_code_), (err)->msg);           \
        }                                                                              \
    } while (0)
/* The call fails with exactly that code. */
#define assert_code(expr, code)                                                        \
    do {                                                                               \
        enum err_code test_code_ = (expr);                                             \
        if (test_code_ != (code)) {                                                    \
            fail_msg("%s: got %s, expected %s", #expr, err_name(test_code_),           \
                     err_name(code));                                                  \
        }                                                                              \
    } while (0)
/* |a - b| <= tol, and both finite. */
#define assert_near(a, b, tol) test_assert_near((a), (b), (tol), #a, __FILE__, __LINE__)
void test_assert_near(
    double a, double b, double tol, const char *what, const char *file, int line);

/* ---- temporary folder ---- */

/* A new private folder under $TMPDIR or /tmp; removed by tmpdir_fini. */
struct tmpdir {
    char path[256];
};
void tmpdir_init(struct tmpdir *dir);
/* Removes the folder and everything below it. */
void tmpdir_fini(struct tmpdir *dir);
#define AUTO_TMPDIR CLEANUP(tmpdir_fini)
/* "path/name" in a buffer of its own per call (valid until 64 further calls). */
const char *tmpdir_path(struct tmpdir *dir, const char *name);
/* Writes a file of the folder; gives its path as tmpdir_path does. */
const char *tmpdir_write(struct tmpdir *dir, const char *name, const char *text);

/* ---- fake clock ---- */

struct fake_clock {
    struct mono mono;
    struct wall wall;
};
/* Starts at mono 1 s and wall 2026-01-01T00:00:00Z. */
void fake_clock_init(struct fake_clock *clock);
/* Moves both clocks on; ms >= 0. */
void fake_clock_advance_ms(struct fake_clock *clock, int64_t ms);

/* ---- faults ---- */

/* Fails `repeat` calls after the first `after` ones went well (repeat < 0: for ever).
 */
struct fault {
    int64_t after;
    int64_t repeat;
    int64_t calls; /* calls seen so far */
};
void fault_config(struct fault *fault, int64_t after, int64_t repeat);
/* True when this call is to fail. */
bool fault_hit(struct fault *fault);

/* ---- assertions ---- */

/* Passes if the statement fails an ASSERT whose expression contains `text`. What the
 * statement allocated before that leaks, so keep it small. */
#define expect_abort(text, statement)                                                  \
    do {                                                                               \
        assert_set_hook(test_assert_hook);                                             \
        test_abort_expr = NULL;                                                        \
        if (setjmp(test_abort_jump) == 0) {                                            \
            statement;                                                                 \
        }                                                                              \
        assert_set_hook(NULL);                                                         \
        test_abort_check((text), #statement, __FILE__, __LINE__);                      \
    } while (0)
extern jmp_buf test_abort_jump;
extern const char *test_abort_expr;
void test_assert_hook(const char *expr, const char *file, int line);
void test_abort_check(const char *text,
                      const char *statement,
                      const char *file,
                      int line);

#endif
