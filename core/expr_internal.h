/* SPDX-License-Identifier: Apache-2.0 */
/* expr_internal.h – tokens and the compiled form of expressions; for expr*.c only. */
#ifndef CORE_EXPR_INTERNAL_H
#define CORE_EXPR_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "core/space.h"
#include "core/value.h"

/* Operators waiting for their right side; bounds the value stack of the evaluator too.
 */
#define EXPR_STACK_MAX ((size_t)4 * EXPR_DEPTH_MAX)

enum opcode {
    OP_LITERAL, /* push literals[arg] */
    OP_PARAM,   /* push parameter arg */
    OP_IN,      /* pop; true when equal to one of literals[arg .. arg + len) */
    OP_NEG,
    OP_NOT,
    OP_AND,
    OP_OR,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_PAREN, /* only on the parser's stack */
    OP_NR
};

struct instr {
    enum opcode op;
    uint32_t arg;
    uint32_t len;
};

struct expr {
    VEC(struct instr) program;  /* postfix */
    VEC(struct value) literals; /* strings are owned; numbers are floats */
    char *text;
};

enum token_kind {
    TOKEN_END,
    TOKEN_NUMBER,
    TOKEN_WORD,   /* bare */
    TOKEN_QUOTED, /* text is what stands between the quotes */
    TOKEN_OP,     /* an operator; `not` and `-` may be unary, see the parser */
    TOKEN_IN,
    TOKEN_LPAREN,
    TOKEN_RPAREN,
    TOKEN_LBRACKET,
    TOKEN_RBRACKET,
    TOKEN_COMMA,
    TOKEN_KIND_NR
};

struct token {
    enum token_kind kind;
    enum opcode op;  /* TOKEN_OP */
    struct str text; /* as in the source; see TOKEN_QUOTED */
    double number;   /* TOKEN_NUMBER */
    size_t at;       /* byte offset of its first character */
};

struct lexer {
    struct str text;
    size_t at;
    const struct space *space; /* bare words may hold what its names and choices hold */
    struct err *err;
};

/* The next token; on error token_out->at is the place. */
MUST_USE
enum err_code lexer_next(struct lexer *lexer, struct token *token_out);

#endif
