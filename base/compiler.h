/* SPDX-License-Identifier: Apache-2.0 */
/* compiler.h – the only place for compiler extensions: attributes and small macros. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stddef.h>

/* The caller must look at the result; see IGNORE_ERR for the deliberate exception. */
#define MUST_USE __attribute__((warn_unused_result))
/* printf-checked function; both arguments are 1-based parameter positions. */
#define PRINTF_LIKE(fmt_index, args_index)                                             \
    __attribute__((format(printf, fmt_index, args_index)))
#define NORETURN __attribute__((noreturn))
/* Calls fn(&variable) when the variable leaves its scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The structure that holds `member`, from a pointer to that member. */
#define container_of(ptr, type, member)                                                \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define container_of_const(ptr, type, member)                                          \
    ((const type *)(const void *)((const char *)(ptr)-offsetof(type, member)))

/* An unused parameter that an interface demands. */
#define UNUSED(x) ((void)(x))

/* Ends a switch that has no default: prints the place and aborts. */
NORETURN
void unreachable_reached(const char *file, int line);
#define UNREACHABLE() unreachable_reached(__FILE__, __LINE__)

static inline void ignore_err(int code, const char *why)
{
    UNUSED(code);
    UNUSED(why);
}
/* Drops a MUST_USE result; `why` is a string literal that says why that is right. */
#define IGNORE_ERR(expr, why) ignore_err((int)(expr), "" why)

#endif
