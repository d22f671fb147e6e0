/* SPDX-License-Identifier: Apache-2.0 */
/* spec_set.h – changes single keys in the text of a sweep file.
 *
 * The text stays as it is, comments and all, but for the section (top-level key) that
 * is changed: that is written anew. What the key means is not looked at; parsing the
 * result says whether it is a sweep file.
 */
#ifndef CORE_SPEC_SET_H
#define CORE_SPEC_SET_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/strbuf.h"

/* Sets the dotted `key` (budget.trials, space.C, run.resources.cpus) to `value`, YAML
 * text, or removes it when value is NULL, and appends the new text to out. What stands
 * behind "space." and "tags." is one name, dots included. ERR_INVALID with the key in
 * the message. */
MUST_USE
enum err_code spec_text_set(const char *text,
                            const char *source,
                            const char *key,
                            const char *value,
                            struct strbuf *out,
                            struct err *err);

#endif
