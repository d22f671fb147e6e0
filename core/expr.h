/* SPDX-License-Identifier: Apache-2.0 */
/* expr.h – the expressions of `when` and `forbid`.
 *
 * comparison, and/or/not, in [list], + - * /, parentheses. Three-valued: what touches
 * an inactive parameter is unknown. An expression is immutable once parsed and may be
 * shared between threads.
 */
#ifndef CORE_EXPR_H
#define CORE_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct expr;
struct space;

enum truth {
    TRUTH_FALSE,
    TRUTH_TRUE,
    TRUTH_UNKNOWN,
    TRUTH_NR
};

/* Parses text against the parameters of the space (their names, kinds and choices must
 * be complete; conditions need not be). On error *at_out is the byte offset in text
 * that the message is about. Types are checked here, so that evaluation cannot fail. */
MUST_USE
enum err_code expr_parse(struct str text,
                         const struct space *space,
                         struct expr **expr_out,
                         size_t *at_out,
                         struct err *err);

/* NULL allowed. */
void expr_destroy(struct expr *expr);

/* The value at point x of the space it was parsed against. NaN means inactive. */
enum truth
expr_eval(const struct expr *expr, const struct space *space, const double *x);

/* The first parameter the expression names for which set[param] is false, or -1. set
 * has an entry for each parameter of the space. */
int32_t expr_first_outside(const struct expr *expr, const bool *set);

/* The expression in canonical spelling, one space between words; parsing it gives an
 * equal expression. Borrowed from the expression. */
const char *expr_text(const struct expr *expr);

#endif
