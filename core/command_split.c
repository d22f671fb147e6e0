/* SPDX-License-Identifier: Apache-2.0 */
/* command_split.c – a command line to words, as a POSIX shell splits it.
 * Owns nothing. Knows blanks, quotes, backslashes and which characters mean something
 * to a shell. Does not know parameters, and expands nothing. */
#include "core/command_internal.h"

#include "base/mem.h"
#include "base/strbuf.h"

#include <string.h>

struct splitter {
    struct str text;
    size_t at;
    unsigned flags;
    struct strbuf word;
    struct err *err;
};

void split_words_fini(struct split_words *words)
{
    for (size_t i = 0; i < words->list.len; i++) {
        mem_free(words->list.ptr[i].text);
    }
    vec_fini(&words->list);
}

void split_words_add(struct split_words *words, const char *text, size_t at)
{
    struct split_word word = { .text = mem_strdup(text), .at = at };
    vec_push(&words->list, word);
}

static bool at_end(const struct splitter *s)
{
    return s->at >= s->text.len;
}

static char peek(const struct splitter *s, size_t ahead)
{
    if (s->at + ahead >= s->text.len) {
        return '\0';
    }
    return s->text.ptr[s->at + ahead];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool starts_expansion(const struct splitter *s)
{
    char next = peek(s, 1);
    return peek(s, 0) == '$'
           && (next == '(' || next == '{' || next == '_' || (next >= 'a' && next <= 'z')
               || (next >= 'A' && next <= 'Z'));
}

/* Characters a shell would act on; `quoted`: inside double quotes. */
static enum err_code check_shell(const struct splitter *s, bool quoted)
{
    char c = peek(s, 0);
    bool acts = c == '`' || (starts_expansion(s) && (s->flags & SPLIT_NO_DOLLAR) != 0);
    if (!quoted) {
        acts = acts || (c != '\0' && strchr("|&;<>()", c) != NULL)
               || (c == '$' && peek(s, 1) == '(');
    }
    if (!acts) {
        return ERR_OK;
    }
    return err_set(s->err, ERR_INVALID,
                   "'%c' is for a shell, but commands run without one; quote it, or "
                   "write bash -c '…'",
                   c);
}

static enum err_code read_single(struct splitter *s)
{
    struct str rest = str_sub(s->text, s->at + 1, SIZE_MAX);
    size_t len = str_chr(rest, '\'');
    if (len == rest.len) {
        return err_set(s->err, ERR_INVALID, "the quote ' is not closed");
    }
    strbuf_add(&s->word, rest.ptr, len);
    s->at += len + 2;
    return ERR_OK;
}

static enum err_code read_double(struct splitter *s)
{
    size_t opened = s->at++;
    while (!at_end(s) && peek(s, 0) != '"') {
        enum err_code code = check_shell(s, true);
        if (code != ERR_OK) {
            return code;
        }
        if (peek(s, 0) == '\\' && peek(s, 1) == '\n') {
            s->at += 2;
            continue;
        }
        if (peek(s, 0) == '\\' && peek(s, 1) != '\0' && strchr("$`\"\\", peek(s, 1))) {
            s->at++;
        }
        strbuf_addc(&s->word, peek(s, 0));
        s->at++;
    }
    if (at_end(s)) {
        s->at = opened;
        return err_set(s->err, ERR_INVALID, "the quote \" is not closed");
    }
    s->at++;
    return ERR_OK;
}

static enum err_code read_plain(struct splitter *s)
{
    enum err_code code = check_shell(s, false);
    if (code != ERR_OK) {
        return code;
    }
    if (peek(s, 0) == '\\') {
        s->at++;
        if (at_end(s)) {
            return err_set(s->err, ERR_INVALID, "the command ends in a backslash");
        }
        if (peek(s, 0) == '\n') {
            s->at++;
            return ERR_OK;
        }
    }
    strbuf_addc(&s->word, peek(s, 0));
    s->at++;
    return ERR_OK;
}

static enum err_code read_word(struct splitter *s)
{
    enum err_code code = ERR_OK;
    strbuf_reset(&s->word);
    while (code == ERR_OK && !at_end(s) && !is_blank(peek(s, 0))) {
        if (peek(s, 0) == '\'') {
            code = read_single(s);
        } else if (peek(s, 0) == '"') {
            code = read_double(s);
        } else {
            code = read_plain(s);
        }
    }
    return code;
}

/* Skips blanks and continued lines; *broken_out: a line break was among them. */
static void skip_blanks(struct splitter *s, bool *broken_out)
{
    while (!at_end(s)) {
        if (peek(s, 0) == '\\' && peek(s, 1) == '\n') {
            s->at += 2;
        } else if (is_blank(peek(s, 0))) {
            *broken_out = *broken_out || peek(s, 0) == '\n';
            s->at++;
        } else {
            return;
        }
    }
}

static enum err_code split_all(struct splitter *s, struct split_words *words)
{
    for (;;) {
        bool broken = false;
        skip_blanks(s, &broken);
        if (at_end(s)) {
            return ERR_OK;
        }
        if (broken && words->list.len > 0 && (s->flags & SPLIT_ONE_LINE) != 0) {
            return err_set(s->err, ERR_INVALID,
                           "the command has a second line, but commands run without a "
                           "shell; join lines with '\\', or write bash -c '…'");
        }
        if (words->list.len >= COMMAND_WORDS_MAX) {
            return err_set(s->err, ERR_INVALID, "the command has more than %d words",
                           COMMAND_WORDS_MAX);
        }
        size_t start = s->at;
        enum err_code code = read_word(s);
        if (code != ERR_OK) {
            return code;
        }
        if (s->word.toobig) {
            return err_set(s->err, ERR_INVALID, "a word of the command is too long");
        }
        split_words_add(words, strbuf_cstr(&s->word), start);
    }
}

enum err_code split_command(struct str text,
                            unsigned flags,
                            struct split_words *words_out,
                            size_t *at_out,
                            struct err *err)
{
    struct splitter s = {
        .text = text, .flags = flags, .word = STRBUF_INIT(COMMAND_BYTES_MAX), .err = err
    };
    enum err_code code = split_all(&s, words_out);
    strbuf_fini(&s.word);
    *at_out = s.at < text.len ? s.at : text.len;
    return code;
}
