/* SPDX-License-Identifier: Apache-2.0 */
/* expr_lex.c – words of an expression.
 * Owns nothing. Knows spelling: numbers, quotes, operators, and that a bare word is the
 * longest of an identifier and the names and choices of the space, so that
 * `learning-rate > 0.1` works where `a - b` is a difference. Does not know grammar. */
#include "core/expr_internal.h"

#include "base/num.h"

#include <string.h>

struct op_spelling {
    const char *text;
    enum opcode op;
};

/* Longer spellings first. */
static const struct op_spelling symbols[] = {
    { "==", OP_EQ }, { "!=", OP_NE }, { "<=", OP_LE }, { ">=", OP_GE }, { "<", OP_LT },
    { ">", OP_GT },  { "+", OP_ADD }, { "-", OP_SUB }, { "*", OP_MUL }, { "/", OP_DIV },
};

/* Spellings of other languages, and ours. */
static const char *const foreign[][2] = {
    { "&&", "and" }, { "||", "or" }, { "=", "==" },
    { "!", "not" },  { "&", "and" }, { "|", "or" },
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
           || (unsigned char)c >= 0x80;
}

static bool is_word(char c)
{
    return is_word_start(c) || is_digit(c) || c == '.';
}

/* Length of name if it stands at the front of rest as a whole word, else 0. */
static size_t whole_match(struct str rest, const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || !str_starts(rest, str_from_n(name, len)) || strpbrk(name, " \t")) {
        return 0;
    }
    return len < rest.len && is_word(rest.ptr[len]) ? 0 : len;
}

static size_t longest_choice(struct str rest, const struct param *param)
{
    size_t best = 0;
    for (size_t i = 0; i < param->items_len; i++) {
        const struct value *item = &param->items[i];
        if (item->kind == VALUE_STR && item->as.str[0] == rest.ptr[0]) {
            size_t len = whole_match(rest, item->as.str);
            best = len > best ? len : best;
        }
    }
    return best;
}

static size_t word_length(struct str rest, const struct space *space)
{
    size_t best = 1;
    while (best < rest.len && is_word(rest.ptr[best])) {
        best++;
    }
    for (size_t i = 0; i < space->len; i++) {
        size_t name = whole_match(rest, space->params[i].name);
        size_t choice = longest_choice(rest, &space->params[i]);
        best = name > best ? name : best;
        best = choice > best ? choice : best;
    }
    return best;
}

static void read_word(struct lexer *lexer, struct token *token)
{
    struct str rest = str_sub(lexer->text, lexer->at, SIZE_MAX);
    token->text = str_from_n(rest.ptr, word_length(rest, lexer->space));
    token->kind = TOKEN_WORD;
    if (str_eq_c(token->text, "and")) {
        token->kind = TOKEN_OP;
        token->op = OP_AND;
    } else if (str_eq_c(token->text, "or")) {
        token->kind = TOKEN_OP;
        token->op = OP_OR;
    } else if (str_eq_c(token->text, "not")) {
        token->kind = TOKEN_OP;
        token->op = OP_NOT;
    } else if (str_eq_c(token->text, "in")) {
        token->kind = TOKEN_IN;
    }
}

/* Digits, point and exponent as far as they reach; num_parse_f64 judges them. */
static enum err_code read_number(struct lexer *lexer, struct token *token)
{
    struct str rest = str_sub(lexer->text, lexer->at, SIZE_MAX);
    size_t len = 0;
    while (len < rest.len
           && (is_word(rest.ptr[len])
               || ((rest.ptr[len] == '-' || rest.ptr[len] == '+') && len > 0
                   && (rest.ptr[len - 1] == 'e' || rest.ptr[len - 1] == 'E')))) {
        len++;
    }
    token->kind = TOKEN_NUMBER;
    token->text = str_from_n(rest.ptr, len);
    if (num_parse_f64(token->text, &token->number) != ERR_OK) {
        return err_set(lexer->err, ERR_INVALID,
                       "'%.*s' is not a number; a string that begins with a digit "
                       "needs quotes",
                       STR_ARG(token->text));
    }
    return ERR_OK;
}

static enum err_code read_quoted(struct lexer *lexer, struct token *token)
{
    struct str rest = str_sub(lexer->text, lexer->at + 1, SIZE_MAX);
    size_t len = str_chr(rest, lexer->text.ptr[lexer->at]);
    if (len == rest.len) {
        return err_set(lexer->err, ERR_INVALID, "the quote is not closed");
    }
    token->kind = TOKEN_QUOTED;
    token->text = str_from_n(rest.ptr, len);
    return ERR_OK;
}

static enum err_code read_symbol(struct lexer *lexer, struct token *token)
{
    static const char marks[] = "()[],";
    static const enum token_kind kinds[] = { TOKEN_LPAREN, TOKEN_RPAREN, TOKEN_LBRACKET,
                                             TOKEN_RBRACKET, TOKEN_COMMA };
    struct str rest = str_sub(lexer->text, lexer->at, SIZE_MAX);
    const char *mark = strchr(marks, rest.ptr[0]);
    if (mark != NULL && *mark != '\0') {
        token->kind = kinds[mark - marks];
        token->text = str_from_n(rest.ptr, 1);
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(symbols); i++) {
        if (str_starts(rest, str_from(symbols[i].text))) {
            token->kind = TOKEN_OP;
            token->op = symbols[i].op;
            token->text = str_from(symbols[i].text);
            return ERR_OK;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        if (str_starts(rest, str_from(foreign[i][0]))) {
            return err_set(lexer->err, ERR_INVALID, "'%s' is not an operator, use '%s'",
                           foreign[i][0], foreign[i][1]);
        }
    }
    return err_set(lexer->err, ERR_INVALID, "unexpected character '%c'",
                   rest.ptr[0] >= ' ' ? rest.ptr[0] : '?');
}

enum err_code lexer_next(struct lexer *lexer, struct token *token_out)
{
    struct str text = lexer->text;
    while (lexer->at < text.len && strchr(" \t\r\n", text.ptr[lexer->at]) != NULL) {
        lexer->at++;
    }
    *token_out = (struct token){ .kind = TOKEN_END, .at = lexer->at };
    if (lexer->at == text.len) {
        return ERR_OK;
    }
    char first = text.ptr[lexer->at];
    enum err_code code = ERR_OK;
    size_t quotes = 0;
    if (is_digit(first)
        || (first == '.' && lexer->at + 1 < text.len
            && is_digit(text.ptr[lexer->at + 1]))) {
        code = read_number(lexer, token_out);
    } else if (is_word_start(first)) {
        read_word(lexer, token_out);
    } else if (first == '\'' || first == '"') {
        quotes = 2;
        code = read_quoted(lexer, token_out);
    } else {
        code = read_symbol(lexer, token_out);
    }
    lexer->at += token_out->text.len + quotes;
    return code;
}
