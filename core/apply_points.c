/* SPDX-License-Identifier: Apache-2.0 */
/* apply_points.c – what reported points do to the engine's state.
 * Owns the objective as each attempt reports it, and the names of metrics that help
 * when it is missing. Part of apply.c, which alone calls it. Does not decide.
 */
#include "core/engine_internal.h"

#include <math.h>
#include <string.h>

#define SWEEP_NAMES_MAX                                                                \
    200u /* names remembered to help when the objective is missing */

/* ---- the objective as one attempt reports it ---- */

static void seen_add(struct objective_seen *seen, int64_t step, double value)
{
    if (!seen->any || step >= seen->last_step) {
        seen->last = value;
        seen->last_step = step;
    }
    seen->any = true;
    if (isnan(value)) {
        return;
    }
    if (!seen->any_number || value < seen->min) {
        seen->min = value;
        seen->min_step = step;
    }
    if (!seen->any_number || value > seen->max) {
        seen->max = value;
        seen->max_step = step;
    }
    seen->any_number = true;
}

static void sweep_remember_names(struct sweep *sweep, const struct rec_points *points)
{
    for (size_t i = 0; i < points->names_len; i++) {
        struct str name = str_from(points->names[i]);
        if (map_str_len(&sweep->names) < SWEEP_NAMES_MAX
            && !map_str_has(&sweep->names, name)) {
            map_str_set(&sweep->names, name, sweep);
        }
    }
}

/* Points of any attempt of the trial, `attempt` if it is the live one, else NULL. */
static void
objective_add(struct trial *trial, struct attempt *attempt, const struct record *record)
{
    const struct rec_points *points = &record->as.points;
    const struct objective *objective = &trial->sweep->spec->objective;
    for (size_t n = 0; n < points->names_len; n++) {
        if (strcmp(points->names[n], objective->metric) != 0) {
            continue;
        }
        for (size_t i = 0; i < points->len; i++) {
            struct joined_point point = { .attempt = record->key.attempt,
                                          .seq = points->first_seq + i,
                                          .step = points->step[i],
                                          .value = points->value[i] };
            if (points->name[i] == n && attempt != NULL) {
                seen_add(&attempt->seen, point.step, point.value);
            }
            if (points->name[i] == n && trial->joined != NULL) {
                joined_add(trial->joined, objective, point);
            }
        }
    }
}

void points_take(struct trial *trial,
                 struct attempt *attempt,
                 const struct record *record)
{
    struct sweep *sweep = trial->sweep;
    objective_add(trial, attempt, record);
    trial_add_points(trial, attempt != NULL, &record->as.points);
    if (attempt != NULL
        && sweep->counts[TRIAL_FINISHED] + sweep->counts[TRIAL_PRUNED] == 0) {
        sweep_remember_names(sweep, &record->as.points);
    }
}
