/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_metric_line.c – any bytes as lines of a trial's output. Owns nothing. Knows what
 * must hold for every point that comes out. */
#include <stddef.h>
#include <stdint.h>

#include "agent/metric_line.h"
#include "base/assert.h"
#include "base/limits.h"
#include "core/sweep_spec.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char preset[] = "xgboost";
    static char pattern[] = "a(?<x>[0-9.]+)(?:s(?<step>\\d+))?";
    const struct metric_source sources[] = { { METRIC_OUTPUT, NULL, 1 },
                                             { METRIC_PRESET, preset, 1 },
                                             { METRIC_PATTERN, pattern, 0.5 } };
    struct metric_rules *rules = NULL;
    enum err_code code = metric_rules_create(sources, ARRAY_LEN(sources), &rules, NULL);
    ASSERT(code == ERR_OK);
    struct metric_names *names = metric_names_create();
    struct metric_points points = { 0 };
    struct str rest = str_from_n((const char *)data, size);
    struct str line;
    while (str_split_next(&rest, '\n', &line)) {
        metric_line(rules, names, line, 5, &points);
    }
    for (size_t i = 0; i < points.items.len; i++) {
        const struct agent_point *point = &points.items.ptr[i];
        ASSERT(metric_name_is_valid(str_from(point->name)));
        ASSERT(point->time_ms == 5);
    }
    vec_fini(&points.items);
    metric_names_destroy(names);
    metric_rules_destroy(rules);
    return 0;
}
