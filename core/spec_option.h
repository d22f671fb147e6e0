/* SPDX-License-Identifier: Apache-2.0 */
/* spec_option.h – options of samplers and rules in a sweep file. */
#ifndef CORE_SPEC_OPTION_H
#define CORE_SPEC_OPTION_H

#include "core/option.h"
#include "core/spec_read.h"

struct option_list {
    const struct option_def *defs;
    size_t len;
};

/* Reads those of the options that the map `node` gives into values (which hold the
 * presets before); `section` is for messages. Other keys are not looked at. */
MUST_USE
enum err_code spec_read_options(const struct spec_reader *r,
                                const struct yaml_node *node,
                                const char *section,
                                struct option_list options,
                                double *values);

/* Appends ", name: value" for each; infinite values, which no file can say, are left
 * out. */
void spec_print_options(struct option_list options,
                        const double *values,
                        struct strbuf *out);

#endif
