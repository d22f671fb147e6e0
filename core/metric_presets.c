/* SPDX-License-Identifier: Apache-2.0 */
/* metric_presets.c – the table of presets.
 * Owns the table. Knows how programs print their metrics. Does not match anything. */
#include "core/metric_presets.h"

#include "base/compiler.h"

#include <string.h>

/* xgboost 1.7 prints "[04:40:01] [0]<tab>val-merror:0.19<tab>val-mlogloss:1.45" on
 * stderr; its Python callback prints the same without the time of day. */
const struct metric_preset metric_presets[] = {
    {
        .name = "xgboost",
        .summary = "'[hh:mm:ss] [17]<tab>val-merror:0.0417<tab>val-mlogloss:0.22'",
        .line = "^(?:\\[[0-9:]{8}\\] )?\\[(?<step>[0-9]+)\\](?=\\s)",
        .pair = "\\s(?<name>[A-Za-z_][A-Za-z0-9_.@/-]*):"
                "(?<value>[-+]?(?:[0-9]+\\.?[0-9]*(?:[eE][-+]?[0-9]+)?|nan|inf))"
                "(?=\\s|$)",
    },
};
const size_t metric_presets_len = ARRAY_LEN(metric_presets);

const struct metric_preset *metric_preset_find(const char *name)
{
    for (size_t i = 0; i < metric_presets_len; i++) {
        if (strcmp(metric_presets[i].name, name) == 0) {
            return &metric_presets[i];
        }
    }
    return NULL;
}
