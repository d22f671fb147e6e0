/* SPDX-License-Identifier: Apache-2.0 */
/* command.h – a command line with places for parameters, and its expansion to argv.
 *
 * Made from `command:` of a sweep file (a string split as a POSIX shell splits words, or a
 * list) or from the command of an MLproject entry point. No shell is involved: a value is
 * always inside one word.
 */
#ifndef CORE_COMMAND_H
#define CORE_COMMAND_H

#include <stddef.h>

#include "base/err.h"
#include "core/space.h"

struct command_template;
struct yaml_node;

/* The trial's words: argv[0..argc), argv[argc] == NULL. One allocation. */
struct argv {
    char **words;
    size_t len;
};

/* From the `command:` node; names are checked against the space, conditional parameters
 * must stand in [ … ]. Errors carry file:line:col. */
MUST_USE enum err_code command_parse(const struct yaml_node *node, const char *source,
                                     const struct space *space,
                                     struct command_template **command_out,
                                     struct err *err);

/* From the MLproject file (bytes) and an entry point's name: declared parameters take the
 * space's values, else their defaults; space parameters that the entry point does not
 * declare are appended as `--name value`. Missing values are all named in one error. */
MUST_USE enum err_code command_from_mlproject(const char *text, size_t len,
                                              const char *source, const char *entry,
                                              const struct space *space,
                                              struct command_template **command_out,
                                              struct err *err);

void command_destroy(struct command_template *command);

/* Fills in the point x. The result is the caller's: free with argv_fini. ERR_TOOBIG when
 * it would not fit ARGV_BYTES_MAX. */
MUST_USE enum err_code command_expand(const struct command_template *command,
                                      const struct space *space, const double *x,
                                      struct argv *argv_out, struct err *err);

void argv_fini(struct argv *argv);

#endif
