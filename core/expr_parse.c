/* SPDX-License-Identifier: Apache-2.0 */
/* expr_parse.c – expressions to postfix programs.
 * Owns the operator and operand stacks (no recursion, so depth costs nothing). Knows
 * precedence and types. Does not know files; errors carry a byte offset.
 *
 *     or < and < not < comparison, in < + - < * / < unary -
 *
 * An operand remembers where it came from, because a bare word that is no parameter is
 * a string only if it is a choice of the parameter on the other side. */
#include "core/expr.h"

#include "base/assert.h"
#include "base/num.h"
#include "core/expr_internal.h"

#include <math.h>
#include <string.h>

enum {
    MASK_NUMBER = 1,
    MASK_STRING = 2,
    MASK_BOOL = 4
};

struct operand {
    unsigned mask;  /* the kinds it may have */
    int32_t param;  /* index, or -1 */
    bool is_string; /* a literal, bare or quoted, still to be checked */
    bool quoted;
    struct str text; /* for messages */
    size_t at;
};

struct pending_op {
    enum opcode op;
    size_t at;
};

struct parser {
    struct lexer lexer;
    struct token token; /* the next one */
    const struct space *space;
    struct expr *expr;
    VEC(struct operand) operands;
    VEC(struct pending_op) ops;
    struct strbuf text; /* canonical spelling */
    bool glue;          /* no space before the next word of `text` */
    size_t parens;
    size_t error_at;
    struct err *err;
};

static const int precedence[OP_NR] = {
    [OP_OR] = 1,  [OP_AND] = 2, [OP_NOT] = 3, [OP_EQ] = 4,  [OP_NE] = 4,
    [OP_LT] = 4,  [OP_LE] = 4,  [OP_GT] = 4,  [OP_GE] = 4,  [OP_ADD] = 5,
    [OP_SUB] = 5, [OP_MUL] = 6, [OP_DIV] = 6, [OP_NEG] = 7,
};

static const char *const op_names[OP_NR] = {
    [OP_OR] = "or", [OP_AND] = "and", [OP_NOT] = "not", [OP_EQ] = "==", [OP_NE] = "!=",
    [OP_LT] = "<",  [OP_LE] = "<=",   [OP_GT] = ">",    [OP_GE] = ">=", [OP_ADD] = "+",
    [OP_SUB] = "-", [OP_MUL] = "*",   [OP_DIV] = "/",   [OP_NEG] = "-",
};

#define parse_fail(p, place, ...)                                                      \
    ((p)->error_at = (place), err_set((p)->err, ERR_INVALID, __VA_ARGS__))

static const char *mask_text(unsigned mask)
{
    if (mask == MASK_NUMBER) {
        return "a number";
    }
    if (mask == MASK_STRING) {
        return "a string";
    }
    return mask == MASK_BOOL ? "true or false" : "of mixed type";
}

/* ---- words and canonical text ---- */

static void spell(struct parser *p, struct str word)
{
    if (!p->glue && p->text.len > 0) {
        strbuf_addc(&p->text, ' ');
    }
    p->glue = false;
    strbuf_add_str(&p->text, word);
}

static void spell_quoted(struct parser *p, struct str text)
{
    char quote = str_chr(text, '\'') < text.len ? '"' : '\'';
    spell(p, str_from_n(&quote, 1));
    strbuf_add_str(&p->text, text);
    strbuf_addc(&p->text, quote);
}

static void spell_number(struct parser *p, double number)
{
    char text[NUM_TEXT_SIZE];
    size_t len = num_format_f64(number, text);
    spell(p, str_from_n(text, len));
}

static enum err_code advance(struct parser *p)
{
    enum err_code code = lexer_next(&p->lexer, &p->token);
    if (code != ERR_OK) {
        p->error_at = p->token.at;
    }
    return code;
}

static enum err_code unexpected(struct parser *p, const char *expected)
{
    if (p->token.kind == TOKEN_END) {
        return parse_fail(p, p->token.at, "the expression ends where %s is expected",
                          expected);
    }
    return parse_fail(p, p->token.at, "expected %s, not '%.*s'", expected,
                      STR_ARG(p->token.text));
}

/* ---- the program ---- */

static void emit(struct parser *p, enum opcode op, uint32_t arg, uint32_t len)
{
    struct instr instr = { .op = op, .arg = arg, .len = len };
    vec_push(&p->expr->program, instr);
}

static uint32_t add_literal(struct parser *p, struct value value)
{
    vec_push(&p->expr->literals, value);
    return (uint32_t)(p->expr->literals.len - 1);
}

static struct value string_literal(struct str text)
{
    return (struct value){ .kind = VALUE_STR,
                           .as.str = mem_strndup(text.ptr, text.len) };
}

static struct value number_literal(double number)
{
    return (struct value){ .kind = VALUE_FLOAT, .as.real = number };
}

/* ---- types ---- */

static unsigned item_mask(const struct value *item)
{
    if (item->kind == VALUE_STR) {
        return MASK_STRING;
    }
    return item->kind == VALUE_BOOL ? MASK_BOOL : MASK_NUMBER;
}

static unsigned param_mask(const struct param *param)
{
    if (param->kind != PARAM_CHOICE) {
        return MASK_NUMBER;
    }
    unsigned mask = 0;
    for (size_t i = 0; i < param->items_len; i++) {
        mask |= item_mask(&param->items[i]);
    }
    return mask;
}

static int32_t find_param(const struct space *space, struct str name)
{
    for (size_t i = 0; i < space->len; i++) {
        if (str_eq_c(name, space->params[i].name)) {
            return (int32_t)i;
        }
    }
    return -1;
}

static bool has_choice(const struct param *param, struct str text)
{
    for (size_t i = 0; i < param->items_len; i++) {
        if (param->items[i].kind == VALUE_STR
            && str_eq_c(text, param->items[i].as.str)) {
            return true;
        }
    }
    return false;
}

static const char *nearest_param(const struct space *space, struct str name)
{
    AUTO_VEC VEC(const char *) names = { 0 };
    for (size_t i = 0; i < space->len; i++) {
        vec_push(&names, space->params[i].name);
    }
    return str_nearest(name, names.ptr, names.len);
}

static const char *nearest_choice(const struct param *param, struct str text)
{
    AUTO_VEC VEC(const char *) names = { 0 };
    for (size_t i = 0; i < param->items_len; i++) {
        if (param->items[i].kind == VALUE_STR) {
            vec_push(&names, param->items[i].as.str);
        }
    }
    return str_nearest(text, names.ptr, names.len);
}

static enum err_code unknown_word(struct parser *p, const struct operand *word)
{
    const char *nearest = nearest_param(p->space, word->text);
    if (word->quoted) {
        return parse_fail(p, word->at,
                          "the string '%.*s' must be compared with a "
                          "parameter that has it as a choice",
                          STR_ARG(word->text));
    }
    if (nearest != NULL) {
        return parse_fail(p, word->at, "unknown parameter '%.*s', did you mean '%s'?",
                          STR_ARG(word->text), nearest);
    }
    return parse_fail(p, word->at, "unknown parameter '%.*s'", STR_ARG(word->text));
}

/* A string literal must be a choice of what it is compared with. */
static enum err_code
check_choice(struct parser *p, const struct operand *word, const struct operand *other)
{
    if (other->param < 0) {
        return unknown_word(p, word);
    }
    const struct param *param = &p->space->params[other->param];
    if ((other->mask & MASK_STRING) == 0) {
        return parse_fail(p, word->at,
                          "'%s' is %s, it cannot be compared with the "
                          "string '%.*s'",
                          param->name, mask_text(other->mask), STR_ARG(word->text));
    }
    if (has_choice(param, word->text)) {
        return ERR_OK;
    }
    const char *nearest = nearest_choice(param, word->text);
    if (nearest != NULL) {
        return parse_fail(p, word->at,
                          "'%.*s' is not a choice of '%s', did you mean '%s'?",
                          STR_ARG(word->text), param->name, nearest);
    }
    return parse_fail(p, word->at, "'%.*s' is not a choice of '%s'",
                      STR_ARG(word->text), param->name);
}

static enum err_code
require(struct parser *p, const struct operand *operand, unsigned mask, const char *op)
{
    if (operand->mask == mask) {
        return ERR_OK;
    }
    if (operand->is_string) {
        return unknown_word(p, operand);
    }
    return parse_fail(p, operand->at, "'%s' needs %s, but '%.*s' is %s", op,
                      mask_text(mask), STR_ARG(operand->text),
                      mask_text(operand->mask));
}

static enum err_code
check_equal(struct parser *p, const struct operand *a, const struct operand *b)
{
    if (a->is_string) {
        return check_choice(p, a, b);
    }
    if (b->is_string) {
        return check_choice(p, b, a);
    }
    if ((a->mask & b->mask) != 0) {
        return ERR_OK;
    }
    if (a->param >= 0 && b->param >= 0
        && has_choice(&p->space->params[a->param], b->text)) {
        return parse_fail(p, b->at,
                          "'%.*s' is a parameter; quote it to mean the "
                          "choice of '%.*s'",
                          STR_ARG(b->text), STR_ARG(a->text));
    }
    return parse_fail(
        p, a->at, "'%.*s' is %s and '%.*s' is %s, they cannot be compared",
        STR_ARG(a->text), mask_text(a->mask), STR_ARG(b->text), mask_text(b->mask));
}

static unsigned operands_wanted(enum opcode op)
{
    return op == OP_AND || op == OP_OR || op == OP_NOT ? MASK_BOOL : MASK_NUMBER;
}

/* Takes the operator's operands off the stack, puts its result on. */
static enum err_code apply(struct parser *p, enum opcode op)
{
    bool unary = op == OP_NOT || op == OP_NEG;
    struct operand b = vec_pop(&p->operands);
    struct operand a = unary ? b : vec_pop(&p->operands);
    enum err_code code = ERR_OK;
    if (op == OP_EQ || op == OP_NE) {
        code = check_equal(p, &a, &b);
    } else {
        code = require(p, &a, operands_wanted(op), op_names[op]);
        if (code == ERR_OK && !unary) {
            code = require(p, &b, operands_wanted(op), op_names[op]);
        }
    }
    if (code != ERR_OK) {
        return code;
    }
    emit(p, op, 0, 0);
    bool number = op == OP_NEG || op >= OP_ADD;
    struct operand result = { .mask = number ? MASK_NUMBER : MASK_BOOL,
                              .param = -1,
                              .text = str_from(op_names[op]),
                              .at = a.at };
    vec_push(&p->operands, result);
    return ERR_OK;
}

/* Applies waiting operators that bind at least as strongly as `level`. */
static enum err_code reduce(struct parser *p, int level)
{
    while (p->ops.len > 0) {
        struct pending_op top = p->ops.ptr[p->ops.len - 1];
        if (top.op == OP_PAREN || precedence[top.op] < level) {
            break;
        }
        if (level == precedence[OP_EQ] && precedence[top.op] == level) {
            return parse_fail(p, p->token.at,
                              "comparisons cannot be chained, join two "
                              "of them with 'and'");
        }
        (void)vec_pop(&p->ops);
        enum err_code code = apply(p, top.op);
        if (code != ERR_OK) {
            return code;
        }
    }
    return ERR_OK;
}

static enum err_code push_op(struct parser *p, enum opcode op)
{
    if (p->ops.len >= EXPR_STACK_MAX) {
        return parse_fail(p, p->token.at, "the expression is nested too deeply");
    }
    struct pending_op pending = { .op = op, .at = p->token.at };
    vec_push(&p->ops, pending);
    return advance(p);
}

/* ---- operands ---- */

static bool is_truth_word(const struct token *token)
{
    return token->kind == TOKEN_WORD
           && (str_eq_c(token->text, "true") || str_eq_c(token->text, "false"));
}

/* A bare or quoted word, or a number; what a literal list may hold. */
static struct operand literal_operand(struct parser *p, struct value *value_out)
{
    const struct token *token = &p->token;
    struct operand operand = { .param = -1, .text = token->text, .at = token->at };
    if (token->kind == TOKEN_NUMBER) {
        operand.mask = MASK_NUMBER;
        *value_out = number_literal(token->number);
        spell_number(p, token->number);
        return operand;
    }
    if (is_truth_word(token)) {
        operand.mask = MASK_BOOL;
        *value_out = (struct value){ .kind = VALUE_BOOL,
                                     .as.boolean = str_eq_c(token->text, "true") };
        spell(p, token->text);
        return operand;
    }
    operand.mask = MASK_STRING;
    operand.is_string = true;
    operand.quoted = token->kind == TOKEN_QUOTED;
    *value_out = string_literal(token->text);
    if (operand.quoted) {
        spell_quoted(p, token->text);
    } else {
        spell(p, token->text);
    }
    return operand;
}

static enum err_code read_param_or_literal(struct parser *p)
{
    int32_t param =
        p->token.kind == TOKEN_WORD ? find_param(p->space, p->token.text) : -1;
    struct operand operand = { .param = param,
                               .text = p->token.text,
                               .at = p->token.at };
    if (param >= 0) {
        spell(p, p->token.text);
        operand.mask = param_mask(&p->space->params[param]);
        emit(p, OP_PARAM, (uint32_t)param, 0);
    } else {
        struct value value = { 0 };
        operand = literal_operand(p, &value);
        emit(p, OP_LITERAL, add_literal(p, value), 0);
    }
    vec_push(&p->operands, operand);
    return advance(p);
}

static enum err_code open_paren(struct parser *p)
{
    if (++p->parens > EXPR_DEPTH_MAX) {
        return parse_fail(p, p->token.at, "more than %d parentheses are open",
                          EXPR_DEPTH_MAX);
    }
    spell(p, p->token.text);
    p->glue = true;
    return push_op(p, OP_PAREN);
}

/* Reads up to and including one operand; *done_out says an operand was read. */
static enum err_code read_operand(struct parser *p, bool *done_out)
{
    *done_out = false;
    switch (p->token.kind) {
    case TOKEN_LPAREN:
        return open_paren(p);
    case TOKEN_NUMBER:
    case TOKEN_WORD:
    case TOKEN_QUOTED:
        *done_out = true;
        return read_param_or_literal(p);
    case TOKEN_OP:
        if (p->token.op == OP_NOT) {
            spell(p, p->token.text);
            return push_op(p, OP_NOT);
        }
        if (p->token.op == OP_SUB) {
            spell(p, p->token.text);
            p->glue = true;
            return push_op(p, OP_NEG);
        }
        break;
    case TOKEN_END:
    case TOKEN_IN:
    case TOKEN_RPAREN:
    case TOKEN_LBRACKET:
    case TOKEN_RBRACKET:
    case TOKEN_COMMA:
    case TOKEN_KIND_NR:
        break;
    }
    return unexpected(p, "a parameter or a value");
}

/* ---- in [list] ---- */

static enum err_code
check_item(struct parser *p, const struct operand *item, const struct operand *left)
{
    if (item->is_string && !item->quoted && find_param(p->space, item->text) >= 0) {
        return parse_fail(p, item->at,
                          "'%.*s' is a parameter; a list holds values only, "
                          "quote it to mean the choice",
                          STR_ARG(item->text));
    }
    return check_equal(p, left, item);
}

static enum err_code read_item(struct parser *p, const struct operand *left)
{
    bool negative = p->token.kind == TOKEN_OP && p->token.op == OP_SUB;
    if (negative) {
        spell(p, p->token.text);
        p->glue = true;
        enum err_code code = advance(p);
        if (code != ERR_OK) {
            return code;
        }
    }
    bool word = p->token.kind == TOKEN_WORD || p->token.kind == TOKEN_QUOTED;
    if (p->token.kind != TOKEN_NUMBER && (negative || !word)) {
        return unexpected(p, "a value");
    }
    struct value value = { 0 };
    struct operand item = literal_operand(p, &value);
    if (negative) {
        value.as.real = -value.as.real;
    }
    (void)add_literal(p, value);
    enum err_code code = check_item(p, &item, left);
    return code == ERR_OK ? advance(p) : code;
}

static enum err_code read_list(struct parser *p, const struct operand *left)
{
    enum err_code code = advance(p);
    if (code != ERR_OK) {
        return code;
    }
    if (p->token.kind != TOKEN_LBRACKET) {
        return unexpected(p, "'[' and a list of values");
    }
    spell(p, p->token.text);
    p->glue = true;
    do {
        code = advance(p);
        if (code == ERR_OK) {
            code = read_item(p, left);
        }
        if (code != ERR_OK) {
            return code;
        }
        p->glue = true;
        if (p->token.kind == TOKEN_COMMA) {
            spell(p, p->token.text);
        }
    } while (p->token.kind == TOKEN_COMMA);
    if (p->token.kind != TOKEN_RBRACKET) {
        return unexpected(p, "',' or ']'");
    }
    spell(p, p->token.text);
    return advance(p);
}

static enum err_code apply_in(struct parser *p, bool negated)
{
    enum err_code code = reduce(p, precedence[OP_EQ]);
    if (code != ERR_OK) {
        return code;
    }
    struct operand left = vec_pop(&p->operands);
    if (left.is_string) {
        return unknown_word(p, &left);
    }
    spell(p, str_from(negated ? "not in" : "in"));
    uint32_t first = (uint32_t)p->expr->literals.len;
    code = read_list(p, &left);
    if (code != ERR_OK) {
        return code;
    }
    emit(p, OP_IN, first, (uint32_t)p->expr->literals.len - first);
    if (negated) {
        emit(p, OP_NOT, 0, 0);
    }
    struct operand result = {
        .mask = MASK_BOOL, .param = -1, .text = STR_LIT("in"), .at = left.at
    };
    vec_push(&p->operands, result);
    return ERR_OK;
}

/* ---- what follows an operand ---- */

static enum err_code close_paren(struct parser *p)
{
    enum err_code code = reduce(p, 0);
    if (code != ERR_OK) {
        return code;
    }
    if (p->ops.len == 0) {
        return parse_fail(p, p->token.at, "this ')' closes nothing");
    }
    (void)vec_pop(&p->ops);
    p->parens--;
    p->glue = true;
    spell(p, p->token.text);
    return advance(p);
}

static enum err_code read_binary(struct parser *p)
{
    enum opcode op = p->token.op;
    enum err_code code = reduce(p, precedence[op]);
    if (code != ERR_OK) {
        return code;
    }
    spell(p, str_from(op_names[op]));
    return push_op(p, op);
}

/* One step behind an operand; *operand_next_out: an operand must follow. */
static enum err_code read_operator(struct parser *p, bool *operand_next_out)
{
    *operand_next_out = false;
    if (p->token.kind == TOKEN_RPAREN) {
        return close_paren(p);
    }
    if (p->token.kind == TOKEN_IN) {
        return apply_in(p, false);
    }
    if (p->token.kind != TOKEN_OP) {
        return unexpected(p, "an operator");
    }
    if (p->token.op == OP_NOT) {
        enum err_code code = advance(p);
        if (code != ERR_OK) {
            return code;
        }
        return p->token.kind == TOKEN_IN ? apply_in(p, true) : unexpected(p, "'in'");
    }
    *operand_next_out = true;
    return read_binary(p);
}

static enum err_code finish(struct parser *p)
{
    enum err_code code = reduce(p, 0);
    if (code != ERR_OK) {
        return code;
    }
    if (p->ops.len > 0) {
        return parse_fail(p, p->ops.ptr[p->ops.len - 1].at, "the '(' is not closed");
    }
    ASSERT(p->operands.len == 1);
    const struct operand *result = &p->operands.ptr[0];
    if (result->is_string) {
        return unknown_word(p, result);
    }
    if (result->mask != MASK_BOOL) {
        return parse_fail(p, result->at,
                          "the expression is %s, a condition must be true or false",
                          mask_text(result->mask));
    }
    return ERR_OK;
}

static enum err_code parse_all(struct parser *p)
{
    bool operand_next = true;
    enum err_code code = advance(p);
    while (code == ERR_OK && (operand_next || p->token.kind != TOKEN_END)) {
        if (operand_next) {
            bool done = false;
            code = read_operand(p, &done);
            operand_next = !done;
        } else {
            code = read_operator(p, &operand_next);
        }
    }
    return code == ERR_OK ? finish(p) : code;
}

enum err_code expr_parse(struct str text,
                         const struct space *space,
                         struct expr **expr_out,
                         size_t *at_out,
                         struct err *err)
{
    *at_out = 0;
    if (text.len > EXPR_BYTES_MAX) {
        return err_set(err, ERR_TOOBIG, "the expression is longer than %d bytes",
                       EXPR_BYTES_MAX);
    }
    struct parser p = {
        .lexer = { .text = text, .space = space, .err = err },
        .space = space,
        .expr = mem_alloc(sizeof(struct expr)),
        .text = STRBUF_INIT((size_t)8 * EXPR_BYTES_MAX),
        .err = err,
    };
    enum err_code code = parse_all(&p);
    vec_fini(&p.operands);
    vec_fini(&p.ops);
    if (code != ERR_OK) {
        *at_out = p.error_at;
        strbuf_fini(&p.text);
        expr_destroy(p.expr);
        return code;
    }
    p.expr->text = strbuf_take(&p.text);
    *expr_out = p.expr;
    return ERR_OK;
}
