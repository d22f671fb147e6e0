/* SPDX-License-Identifier: Apache-2.0 */
/* option.c – looking options up and printing them.
 * Owns nothing. Knows kinds of options. Does not know any algorithm, or YAML. */
#include "core/option.h"

#include <string.h>

#include "base/compiler.h"
#include "base/num.h"

size_t option_find(const struct option_def *defs, size_t defs_len, const char *name)
{
    size_t i = 0;
    while (i < defs_len && strcmp(defs[i].name, name) != 0) {
        i++;
    }
    return i;
}

void option_presets(const struct option_def *defs, size_t defs_len, double *values_out)
{
    for (size_t i = 0; i < defs_len; i++) {
        values_out[i] = defs[i].preset;
    }
}

void option_print(const struct option_def *def, double value, struct strbuf *out)
{
    switch (def->kind) {
    case OPTION_BOOL:
        strbuf_adds(out, value != 0 ? "true" : "false");
        return;
    case OPTION_INT:
    case OPTION_FLOAT: {
        char text[NUM_TEXT_SIZE];
        (void)num_format_f64(value, text);
        strbuf_adds(out, text);
        return;
    }
    case OPTION_WORD:
        strbuf_adds(out, def->words[(size_t)value]);
        return;
    case OPTION_KIND_NR:
        break;
    }
    UNREACHABLE();
}
