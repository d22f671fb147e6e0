/* SPDX-License-Identifier: Apache-2.0 */
/* expr.c – evaluation of compiled expressions.
 * Owns the program's memory. Knows three-valued logic: VALUE_NONE on the stack is
 * "unknown". Does not know spelling or types; the parser has checked them. */
#include "core/expr.h"

#include "base/assert.h"
#include "core/expr_internal.h"

#include <math.h>
#include <string.h>

static const struct value unknown = { .kind = VALUE_NONE };

static struct value of_bool(bool b)
{
    return (struct value){ .kind = VALUE_BOOL, .as.boolean = b };
}

static struct value of_number(double number)
{
    return (struct value){ .kind = VALUE_FLOAT, .as.real = number };
}

static struct value load_param(const struct space *space, uint32_t i, double v)
{
    struct value value = space_value(space, i, v);
    double number = 0.0;
    return value_number(value, &number) ? of_number(number) : value;
}

static bool is_bool(struct value value, bool wanted)
{
    return value.kind == VALUE_BOOL && value.as.boolean == wanted;
}

static struct value eval_logic(enum opcode op, struct value a, struct value b)
{
    bool decides = op == OP_OR; /* the operand that settles the matter */
    if (is_bool(a, decides) || is_bool(b, decides)) {
        return of_bool(decides);
    }
    if (a.kind == VALUE_NONE || b.kind == VALUE_NONE) {
        return unknown;
    }
    return of_bool(!decides);
}

static struct value eval_arith(enum opcode op, double a, double b)
{
    if (op == OP_ADD) {
        return of_number(a + b);
    }
    if (op == OP_SUB) {
        return of_number(a - b);
    }
    return of_number(op == OP_MUL ? a * b : a / b);
}

static struct value eval_order(enum opcode op, double a, double b)
{
    if (op == OP_LT) {
        return of_bool(a < b);
    }
    if (op == OP_LE) {
        return of_bool(a <= b);
    }
    return of_bool(op == OP_GT ? a > b : a >= b);
}

static struct value eval_binary(enum opcode op, struct value a, struct value b)
{
    if (op == OP_AND || op == OP_OR) {
        return eval_logic(op, a, b);
    }
    if (a.kind == VALUE_NONE || b.kind == VALUE_NONE) {
        return unknown;
    }
    if (op == OP_EQ || op == OP_NE) {
        return of_bool(value_eq(a, b) == (op == OP_EQ));
    }
    double x = 0.0;
    double y = 0.0;
    bool numbers = value_number(a, &x) && value_number(b, &y);
    ASSERT(numbers);
    return op >= OP_ADD ? eval_arith(op, x, y) : eval_order(op, x, y);
}

static struct value
eval_unary(const struct expr *expr, const struct instr *instr, struct value a)
{
    if (a.kind == VALUE_NONE) {
        return unknown;
    }
    if (instr->op == OP_NOT) {
        return of_bool(!a.as.boolean);
    }
    if (instr->op == OP_NEG) {
        return of_number(-a.as.real);
    }
    for (uint32_t i = 0; i < instr->len; i++) {
        if (value_eq(a, expr->literals.ptr[instr->arg + i])) {
            return of_bool(true);
        }
    }
    return of_bool(false);
}

enum truth
expr_eval(const struct expr *expr, const struct space *space, const double *x)
{
    struct value stack[EXPR_STACK_MAX + 2];
    size_t depth = 0;
    for (size_t i = 0; i < expr->program.len; i++) {
        const struct instr *instr = &expr->program.ptr[i];
        ASSERT(depth < ARRAY_LEN(stack));
        if (instr->op == OP_LITERAL) {
            stack[depth++] = expr->literals.ptr[instr->arg];
        } else if (instr->op == OP_PARAM) {
            stack[depth++] = load_param(space, instr->arg, x[instr->arg]);
        } else if (instr->op <= OP_NOT) {
            ASSERT(depth >= 1);
            stack[depth - 1] = eval_unary(expr, instr, stack[depth - 1]);
        } else {
            ASSERT(depth >= 2);
            depth--;
            stack[depth - 1] = eval_binary(instr->op, stack[depth - 1], stack[depth]);
        }
    }
    ASSERT(depth == 1);
    if (stack[0].kind == VALUE_NONE) {
        return TRUTH_UNKNOWN;
    }
    return is_bool(stack[0], true) ? TRUTH_TRUE : TRUTH_FALSE;
}

int32_t expr_first_outside(const struct expr *expr, const bool *set)
{
    for (size_t i = 0; i < expr->program.len; i++) {
        const struct instr *instr = &expr->program.ptr[i];
        if (instr->op == OP_PARAM && !set[instr->arg]) {
            return (int32_t)instr->arg;
        }
    }
    return -1;
}

const char *expr_text(const struct expr *expr)
{
    return expr->text;
}

void expr_destroy(struct expr *expr)
{
    if (expr == NULL) {
        return;
    }
    for (size_t i = 0; i < expr->literals.len; i++) {
        if (expr->literals.ptr[i].kind == VALUE_STR) {
            char *text = NULL;
            memcpy(&text, &expr->literals.ptr[i].as.str, sizeof text);
            mem_free(text);
        }
    }
    vec_fini(&expr->literals);
    vec_fini(&expr->program);
    mem_free(expr->text);
    mem_free(expr);
}
