/* SPDX-License-Identifier: Apache-2.0 */
/* command.c – command templates: building from words, expanding to argv.
 * Owns a template's memory. Knows {name}, {{, }} and groups in brackets. Does not know
 * files (command_parse.c, mlproject.c) or how a process is started. */
#include "core/command.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/command_internal.h"
#include "core/expr.h"

#include <math.h>
#include <string.h>

struct command_template *command_create(void)
{
    return mem_alloc(sizeof(struct command_template));
}

void command_destroy(struct command_template *command)
{
    if (command == NULL) {
        return;
    }
    for (size_t i = 0; i < command->pieces.len; i++) {
        mem_free(command->pieces.ptr[i].literal);
    }
    for (size_t i = 0; i < command->words.len; i++) {
        mem_free(command->words.ptr[i].raw);
    }
    vec_fini(&command->pieces);
    vec_fini(&command->words);
    mem_free(command);
}

/* ---- building ---- */

/* Takes the literal. */
static void add_piece(struct command_template *command, struct piece piece)
{
    vec_push(&command->pieces, piece);
}

static void flush_literal(struct command_template *command, struct strbuf *text)
{
    if (text->len > 0) {
        char *literal = mem_strndup(text->ptr, text->len);
        add_piece(command, (struct piece){ .literal = literal, .param = -1 });
    }
    strbuf_reset(text);
}

static enum err_code
unknown_name(const struct command_names *names, struct str name, struct err *err)
{
    AUTO_VEC VEC(const char *) known = { 0 };
    for (size_t i = 0; names->declared != NULL && i < names->declared_len; i++) {
        vec_push(&known, names->declared[i].name);
    }
    for (size_t i = 0; names->declared == NULL && i < names->space->len; i++) {
        vec_push(&known, names->space->params[i].name);
    }
    const char *nearest = str_nearest(name, known.ptr, known.len);
    if (nearest != NULL) {
        return err_set(err, ERR_INVALID,
                       "unknown parameter '{%.*s}', did you mean '%s'?", STR_ARG(name),
                       nearest);
    }
    return err_set(err, ERR_INVALID,
                   "unknown parameter '{%.*s}' (a literal brace is written '{{')",
                   STR_ARG(name));
}

static enum err_code add_space_param(struct command_template *command,
                                     const struct command_names *names,
                                     struct str name,
                                     int32_t group,
                                     struct err *err)
{
    for (size_t i = 0; i < names->space->len; i++) {
        const struct param *param = &names->space->params[i];
        if (!str_eq_c(name, param->name)) {
            continue;
        }
        if (param->when != NULL && group < 0) {
            return err_set(err, ERR_INVALID,
                           "'{%s}' is not always active (when: %s), so it must stand "
                           "in brackets: [ … {%s} … ]",
                           param->name, expr_text(param->when), param->name);
        }
        add_piece(command, (struct piece){ .param = (int32_t)i });
        return ERR_OK;
    }
    return unknown_name(names, name, err);
}

static enum err_code add_declared(struct command_template *command,
                                  const struct command_names *names,
                                  struct str name,
                                  struct err *err)
{
    for (size_t i = 0; i < names->declared_len; i++) {
        if (str_eq_c(name, names->declared[i].name)) {
            add_piece(command,
                      (struct piece){ .literal = mem_strdup(names->declared[i].preset),
                                      .param = names->declared[i].param });
            return ERR_OK;
        }
    }
    return unknown_name(names, name, err);
}

/* rest begins behind a '{'; *used_out counts the bytes up to and with '}'. */
static enum err_code add_name(struct command_template *command,
                              const struct command_names *names,
                              struct str rest,
                              int32_t group,
                              size_t *used_out,
                              struct err *err)
{
    size_t len = str_chr(rest, '}');
    if (len == rest.len) {
        return err_set(err, ERR_INVALID,
                       "'{' is not closed (a literal brace is written '{{')");
    }
    struct str name = str_sub(rest, 0, len);
    *used_out = len + 1;
    if (names->declared == NULL) {
        return add_space_param(command, names, name, group, err);
    }
    if (str_chr(name, ':') < name.len || str_chr(name, '!') < name.len) {
        return err_set(err, ERR_INVALID,
                       "format specifications as in '{%.*s}' are not supported",
                       STR_ARG(name));
    }
    return add_declared(command, names, name, err);
}

static enum err_code add_pieces(struct command_template *command,
                                const struct command_names *names,
                                struct str text,
                                int32_t group,
                                struct err *err)
{
    struct strbuf AUTO_STRBUF literal = STRBUF_INIT(COMMAND_BYTES_MAX);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool twice = i + 1 < text.len && text.ptr[i + 1] == c;
        if ((c != '{' && c != '}') || twice) {
            strbuf_addc(&literal, c);
            i += (c == '{' || c == '}') ? 1 : 0;
            continue;
        }
        if (c == '}') {
            return err_set(err, ERR_INVALID,
                           "'}' closes nothing (a literal brace is written '}}')");
        }
        size_t used = 0;
        flush_literal(command, &literal);
        enum err_code code =
            add_name(command, names, str_sub(text, i + 1, SIZE_MAX), group, &used, err);
        if (code != ERR_OK) {
            return code;
        }
        i += used;
    }
    flush_literal(command, &literal);
    return ERR_OK;
}

enum err_code command_add_word(struct command_template *command,
                               const struct command_names *names,
                               const char *text,
                               int32_t group,
                               struct err *err)
{
    struct word word = { .raw = mem_strdup(text),
                         .first = command->pieces.len,
                         .group = group };
    enum err_code code = add_pieces(command, names, str_from(text), group, err);
    word.len = command->pieces.len - word.first;
    vec_push(&command->words, word);
    if (group >= command->groups) {
        command->groups = group + 1;
    }
    return code;
}

/* ---- looking ---- */

size_t command_words_len(const struct command_template *command)
{
    return command->words.len;
}

const char *command_word(const struct command_template *command, size_t i)
{
    ASSERT(i < command->words.len);
    return command->words.ptr[i].raw;
}

static bool piece_eq(const struct piece *a, const struct piece *b)
{
    bool texts = a->literal != NULL && b->literal != NULL;
    return a->param == b->param
           && (texts ? strcmp(a->literal, b->literal) == 0 : a->literal == b->literal);
}

bool command_eq(const struct command_template *a, const struct command_template *b)
{
    if (a->words.len != b->words.len || a->pieces.len != b->pieces.len) {
        return false;
    }
    for (size_t i = 0; i < a->words.len; i++) {
        const struct word *x = &a->words.ptr[i];
        const struct word *y = &b->words.ptr[i];
        if (strcmp(x->raw, y->raw) != 0 || x->group != y->group || x->len != y->len) {
            return false;
        }
    }
    for (size_t i = 0; i < a->pieces.len; i++) {
        if (!piece_eq(&a->pieces.ptr[i], &b->pieces.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* ---- expanding ---- */

/* Marks the groups in which some parameter is inactive. */
static void
find_dropped(const struct command_template *command, const double *x, bool *dropped)
{
    for (size_t i = 0; i < command->words.len; i++) {
        const struct word *word = &command->words.ptr[i];
        for (size_t k = 0; word->group >= 0 && k < word->len; k++) {
            const struct piece *piece = &command->pieces.ptr[word->first + k];
            if (piece->param >= 0 && isnan(x[piece->param])) {
                dropped[word->group] = true;
            }
        }
    }
}

static void print_piece(const struct piece *piece,
                        const struct space *space,
                        const double *x,
                        struct strbuf *out)
{
    if (piece->param >= 0 && !isnan(x[piece->param])) {
        size_t i = (size_t)piece->param;
        value_print(space_value(space, i, x[i]), out);
        return;
    }
    /* The parser lets no other parameter be inactive than one with a default. */
    ASSERT(piece->literal != NULL);
    strbuf_adds(out, piece->literal);
}

/* One allocation: the pointers, then the words' bytes. */
static struct argv make_argv(const struct strbuf *bytes, size_t len)
{
    size_t table = (len + 1) * sizeof(char *);
    char *memory = mem_alloc(table + bytes->len);
    struct argv argv = { .words = (char **)(void *)memory, .len = len };
    char *at = memory + table;
    if (bytes->len > 0) {
        memcpy(at, bytes->ptr, bytes->len);
    }
    for (size_t i = 0; i < len; i++) {
        argv.words[i] = at;
        at += strlen(at) + 1;
    }
    return argv;
}

enum err_code command_expand(const struct command_template *command,
                             const struct space *space,
                             const double *x,
                             struct argv *argv_out,
                             struct err *err)
{
    bool *AUTO_FREE dropped =
        mem_alloc_array((size_t)command->groups + 1, sizeof(bool));
    struct strbuf AUTO_STRBUF bytes = STRBUF_INIT(COMMAND_BYTES_MAX);
    size_t len = 0;
    find_dropped(command, x, dropped);
    for (size_t i = 0; i < command->words.len; i++) {
        const struct word *word = &command->words.ptr[i];
        if (word->bracket || (word->group >= 0 && dropped[word->group])) {
            continue;
        }
        for (size_t k = 0; k < word->len; k++) {
            print_piece(&command->pieces.ptr[word->first + k], space, x, &bytes);
        }
        strbuf_addc(&bytes, '\0');
        len++;
    }
    if (bytes.toobig) {
        return err_set(err, ERR_TOOBIG, "the command is longer than %zu bytes",
                       COMMAND_BYTES_MAX);
    }
    *argv_out = make_argv(&bytes, len);
    return ERR_OK;
}

void argv_fini(struct argv *argv)
{
    mem_free(argv->words);
    *argv = (struct argv){ 0 };
}
