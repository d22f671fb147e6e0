/* SPDX-License-Identifier: Apache-2.0 */
/* option.h – options of a sampler or early-stopping rule, described by a table.
 *
 * An algorithm declares its options once; reading the sweep file, printing defaults,
 * comparing two files and the tables in the docs all go by that declaration. The values
 * travel as doubles in the order of the table: a word as its index, false and true as 0
 * and 1, so integers are exact up to 2^53.
 */
#ifndef CORE_OPTION_H
#define CORE_OPTION_H

#include <stddef.h>

#include "base/strbuf.h"

enum option_kind {
    OPTION_BOOL,
    OPTION_INT,
    OPTION_FLOAT,
    OPTION_WORD, /* one of `words` */
    OPTION_KIND_NR
};

struct option_def {
    const char *name; /* key in the file, in the field's terms */
    enum option_kind kind;
    double preset;    /* when the file does not say */
    double low, high; /* bounds of numbers, inclusive */
    const char *const *words;
    size_t words_len;
    const char *summary; /* one line for the docs */
};

/* Position of `name`, or defs_len. */
size_t option_find(const struct option_def *defs, size_t defs_len, const char *name);

/* Writes the presets to values_out (defs_len doubles). */
void option_presets(const struct option_def *defs, size_t defs_len, double *values_out);

/* Appends the value as a sweep file spells it. */
void option_print(const struct option_def *def, double value, struct strbuf *out);

#endif
