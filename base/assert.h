/* SPDX-License-Identifier: Apache-2.0 */
/* assert.h – ASSERT is on in every build: it turns a bug into a restart. For bugs only,
 * never for input. Includes <assert.h> for static_assert. */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#include "base/compiler.h"

#include <assert.h>

/* Prints expression, place and backtrace to stderr and aborts (unless a test's hook
 * leaves by longjmp). */
NORETURN
void assert_failed(const char *expr, const char *file, int line, const char *func);

/* One condition each; the condition is always evaluated. */
#define ASSERT(cond)                                                                   \
    ((cond) ? (void)0 : assert_failed(#cond, __FILE__, __LINE__, __func__))

/* Called before anything is printed; tests leave it by longjmp. */
typedef void (*assert_hook_fn)(const char *expr, const char *file, int line);

/* Tests only, single-threaded. NULL restores the default. */
void assert_set_hook(assert_hook_fn hook);

#endif
