/* SPDX-License-Identifier: Apache-2.0 */
/* spec_option.c – options of samplers and rules in a sweep file.
 * Owns nothing. Knows kinds of options and how a file gives them. Does not know any
 * algorithm. */
#include "core/spec_option.h"

#include <math.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/num.h"

static enum err_code read_number(const struct spec_reader *r,
                                 const struct yaml_node *node,
                                 const char *what,
                                 const struct option_def *def,
                                 double *value)
{
    enum err_code code = spec_f64(r, node, what, value);
    if (code != ERR_OK) {
        return code;
    }
    bool whole = def->kind != OPTION_INT || *value == floor(*value);
    if (whole && *value >= def->low && *value <= def->high) {
        return ERR_OK;
    }
    char low[NUM_TEXT_SIZE];
    char high[NUM_TEXT_SIZE];
    num_format_f64(def->low, low);
    num_format_f64(def->high, high);
    return spec_fail(r, node, "'%s' must be %s from %s to %s", what,
                     def->kind == OPTION_INT ? "an integer" : "a number", low, high);
}

static enum err_code read_option(const struct spec_reader *r,
                                 const struct yaml_node *node,
                                 const char *what,
                                 const struct option_def *def,
                                 double *value)
{
    enum err_code code = ERR_OK;
    switch (def->kind) {
    case OPTION_BOOL: {
        bool on = false;
        code = spec_bool(r, node, what, &on);
        *value = on ? 1 : 0;
        return code;
    }
    case OPTION_WORD: {
        size_t which = 0;
        code = spec_word(r, node, what, def->words, def->words_len, &which);
        *value = (double)which;
        return code;
    }
    case OPTION_INT:
    case OPTION_FLOAT:
        return read_number(r, node, what, def, value);
    case OPTION_KIND_NR:
        break;
    }
    UNREACHABLE();
}

enum err_code spec_read_options(const struct spec_reader *r,
                                const struct yaml_node *node,
                                const char *section,
                                struct option_list options,
                                double *values)
{
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < options.len && code == ERR_OK; i++) {
        char what[NAME_BYTES_MAX];
        const struct yaml_node *item = yaml_get(node, options.defs[i].name);
        if (item != NULL) {
            int len =
                snprintf(what, sizeof what, "%s.%s", section, options.defs[i].name);
            ASSERT(len > 0 && (size_t)len < sizeof what);
            code = read_option(r, item, what, &options.defs[i], &values[i]);
        }
    }
    return code;
}

void spec_print_options(struct option_list options,
                        const double *values,
                        struct strbuf *out)
{
    for (size_t i = 0; i < options.len; i++) {
        if (!isinf(values[i])) {
            strbuf_addf(out, ", %s: ", options.defs[i].name);
            option_print(&options.defs[i], values[i], out);
        }
    }
}
