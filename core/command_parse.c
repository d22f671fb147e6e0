/* SPDX-License-Identifier: Apache-2.0 */
/* command_parse.c – the `command:` of a sweep file.
 * Owns the words while they are read. Knows strings, lists and brackets. Does not know
 * MLproject files. */
#include "core/command.h"

#include "base/mem.h"
#include "core/command_internal.h"
#include "core/spec_read.h"

#include <string.h>

/* The words and where each stands, whichever way the command is written. */
struct command_source {
    const struct spec_reader *r;
    const struct yaml_node *node;
    struct split_words words;
};

static enum err_code
fail_word(const struct command_source *source, size_t word, const char *msg)
{
    if (source->node->kind == YAML_SEQ) {
        return spec_fail_at(source->r, source->node->items[word], 0, msg);
    }
    return spec_fail_at(source->r, source->node, source->words.list.ptr[word].at, msg);
}

static enum err_code read_list(struct command_source *source)
{
    enum err_code code =
        spec_list(source->r, source->node, "command", COMMAND_WORDS_MAX);
    for (size_t i = 0; i < source->node->len && code == ERR_OK; i++) {
        const char *text = NULL;
        code = spec_text(source->r, source->node->items[i], "command", &text);
        if (code == ERR_OK) {
            split_words_add(&source->words, text, 0);
        }
    }
    return code;
}

static enum err_code read_words(struct command_source *source)
{
    const struct yaml_node *node = source->node;
    const char *text = NULL;
    if (node->kind == YAML_SEQ) {
        return read_list(source);
    }
    if (node->kind == YAML_MAP) {
        return spec_fail(source->r, node,
                         "'command' must be a text or a list of words, "
                         "not a map");
    }
    enum err_code code = spec_text(source->r, node, "command", &text);
    if (code != ERR_OK) {
        return code;
    }
    struct err problem = { 0 };
    size_t at = 0;
    code = split_command(str_from(text), 0, &source->words, &at, &problem);
    return code == ERR_OK ? ERR_OK : spec_fail_at(source->r, node, at, problem.msg);
}

static void add_bracket(struct command_template *command, const char *text)
{
    struct word word = { .raw = mem_strdup(text), .group = -1, .bracket = true };
    vec_push(&command->words, word);
}

/* Words since the bracket `opened` must hold a parameter, or nothing could drop them.
 */
static bool group_has_param(const struct command_template *command, size_t opened)
{
    for (size_t i = opened; i < command->words.len; i++) {
        const struct word *word = &command->words.ptr[i];
        for (size_t k = 0; k < word->len; k++) {
            if (command->pieces.ptr[word->first + k].param >= 0) {
                return true;
            }
        }
    }
    return false;
}

struct group_state {
    int32_t current; /* -1: outside */
    size_t opened;   /* index of the word '[' */
};

static enum err_code take_word(const struct command_source *source,
                               const struct command_names *names,
                               size_t i,
                               struct command_template *command,
                               struct group_state *group)
{
    const char *text = source->words.list.ptr[i].text;
    if (strcmp(text, "[") == 0) {
        if (group->current >= 0) {
            return fail_word(source, i, "'[' inside '[': groups cannot be nested");
        }
        if (i == 0) {
            return fail_word(source, i, "the program's name cannot be optional");
        }
        *group = (struct group_state){ .current = command->groups++, .opened = i };
        add_bracket(command, text);
        return ERR_OK;
    }
    if (strcmp(text, "]") == 0) {
        if (group->current < 0) {
            return fail_word(source, i, "']' closes nothing");
        }
        if (!group_has_param(command, group->opened)) {
            return fail_word(source, group->opened,
                             "no parameter stands in these brackets, so they could "
                             "never drop out");
        }
        group->current = -1;
        add_bracket(command, text);
        return ERR_OK;
    }
    struct err problem = { 0 };
    enum err_code code =
        command_add_word(command, names, text, group->current, &problem);
    return code == ERR_OK ? ERR_OK : fail_word(source, i, problem.msg);
}

static enum err_code build(const struct command_source *source,
                           const struct space *space,
                           struct command_template *command)
{
    const struct command_names names = { .space = space };
    struct group_state group = { .current = -1 };
    if (source->words.list.len == 0) {
        return spec_fail(source->r, source->node, "'command' is empty");
    }
    for (size_t i = 0; i < source->words.list.len; i++) {
        enum err_code code = take_word(source, &names, i, command, &group);
        if (code != ERR_OK) {
            return code;
        }
    }
    if (group.current >= 0) {
        return fail_word(source, group.opened, "'[' is not closed");
    }
    return ERR_OK;
}

enum err_code command_parse(const struct spec_reader *reader,
                            const struct yaml_node *node,
                            const struct space *space,
                            struct command_template **command_out)
{
    struct command_source source = { .r = reader, .node = node };
    struct command_template *command = command_create();
    enum err_code code = read_words(&source);
    if (code == ERR_OK) {
        code = build(&source, space, command);
    }
    split_words_fini(&source.words);
    if (code != ERR_OK) {
        command_destroy(command);
        return code;
    }
    *command_out = command;
    return ERR_OK;
}
