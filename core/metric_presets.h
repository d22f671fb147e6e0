/* SPDX-License-Identifier: Apache-2.0 */
/* metric_presets.h – how the lines of well-known programs are read: `metrics:
 * [{preset: NAME}]`.
 *
 * A preset is two patterns. A line counts when `line` matches it; its group `step`, if
 * set, is the step of all points of that line. From the end of that match on, `pair` is
 * searched again and again (each search starts where the last match ended); every match
 * is one point, named by the group `name`, with the number in the group `value`.
 */
#ifndef CORE_METRIC_PRESETS_H
#define CORE_METRIC_PRESETS_H

#include <stddef.h>

struct metric_preset {
    const char *name;
    const char *summary; /* one line for the docs, with an example */
    const char *line;    /* PCRE2, group `step` */
    const char *pair;    /* PCRE2, groups `name` and `value` */
};

/* The table, in the order of the docs. */
extern const struct metric_preset metric_presets[];
extern const size_t metric_presets_len;

/* NULL when there is no such preset. */
const struct metric_preset *metric_preset_find(const char *name);

#endif
