/* SPDX-License-Identifier: Apache-2.0 */
/* command.h – a command line with places for parameters, and its expansion to argv.
 *
 * Made from `command:` of a sweep file (a string split as a POSIX shell splits words,
 * or a list) or from the command of an MLproject entry point. No shell is involved: a
 * value is always inside one word.
 */
#ifndef CORE_COMMAND_H
#define CORE_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "core/space.h"

struct command_template;
struct spec_reader;
struct yaml_node;

/* The trial's words: argv[0..argc), argv[argc] == NULL. One allocation. */
struct argv {
    char **words;
    size_t len;
};

/* From the `command:` node; names are checked against the space, conditional parameters
 * must stand in [ … ]. Errors carry file:line:col. */
MUST_USE
enum err_code command_parse(const struct spec_reader *reader,
                            const struct yaml_node *node,
                            const struct space *space,
                            struct command_template **command_out);

/* From an MLproject file (the reader's text and source) and an entry point's name:
 * declared parameters take the space's values, else their defaults; space parameters
 * that the entry point does not declare are appended as `--name value`. Missing values
 * are all named in one error. */
MUST_USE
enum err_code command_from_mlproject(const struct spec_reader *reader,
                                     const char *entry,
                                     const struct space *space,
                                     struct command_template **command_out);

void command_destroy(struct command_template *command);

/* The template's words before expansion, brackets among them; borrowed. */
size_t command_words_len(const struct command_template *command);
const char *command_word(const struct command_template *command, size_t i);

/* True when both were made of the same words and would expand alike. */
bool command_eq(const struct command_template *a, const struct command_template *b);

/* Fills in the point x. The result is the caller's: free with argv_fini. ERR_TOOBIG
 * when it would not fit COMMAND_BYTES_MAX. */
MUST_USE
enum err_code command_expand(const struct command_template *command,
                             const struct space *space,
                             const double *x,
                             struct argv *argv_out,
                             struct err *err);

void argv_fini(struct argv *argv);

#endif
