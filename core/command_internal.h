/* SPDX-License-Identifier: Apache-2.0 */
/* command_internal.h – the parts of a command template; for command*.c and mlproject.c.
 */
#ifndef CORE_COMMAND_INTERNAL_H
#define CORE_COMMAND_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "core/command.h"

/* ---- splitting ---- */

struct split_word {
    char *text; /* owned; quotes removed */
    size_t at;  /* byte offset of its first character */
};

struct split_words {
    VEC(struct split_word) list;
};

void split_words_fini(struct split_words *words);
/* Takes a copy of text. */
void split_words_add(struct split_words *words, const char *text, size_t at);

/* How strict the splitter is about what only a shell would do. */
enum split_flags {
    SPLIT_ONE_LINE = 1u << 0, /* a line break between words is an error */
    SPLIT_NO_DOLLAR = 1u << 1 /* "$NAME" and "$(…)" are errors, not text */
};

/* Splits as a POSIX shell does, without expanding anything; operators of the shell are
 * errors. *at_out is the offset an error is about. */
MUST_USE
enum err_code split_command(struct str text,
                            unsigned flags,
                            struct split_words *words_out,
                            size_t *at_out,
                            struct err *err);

/* ---- templates ---- */

/* A literal, or a parameter's value. */
struct piece {
    char *literal; /* owned; with a parameter: its text when inactive, may be NULL */
    int32_t param; /* index in the space, or -1 */
};

struct word {
    char *raw;         /* owned; as written, for printing and comparing */
    size_t first, len; /* its pieces */
    int32_t group;     /* drops out with its group; -1: never */
    bool bracket;      /* "[" or "]": printed, never passed */
};

struct command_template {
    VEC(struct piece) pieces;
    VEC(struct word) words;
    int32_t groups;
};

/* A parameter of an MLproject entry point. */
struct declared {
    const char *name;   /* borrowed from the syntax tree */
    const char *preset; /* its default, or NULL */
    int32_t param;      /* index in the space, or -1 */
};

/* What {name} may mean. */
struct command_names {
    const struct space *space;
    const struct declared *declared; /* NULL: the space's parameters, in brackets */
    size_t declared_len;
};

struct command_template *command_create(void);

/* Appends a word. The error's message has no position. */
MUST_USE
enum err_code command_add_word(struct command_template *command,
                               const struct command_names *names,
                               const char *text,
                               int32_t group,
                               struct err *err);

#endif
