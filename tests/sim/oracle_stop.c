/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_stop.c – what must hold of early stopping, whatever the rule.
 * Owns the books of rungs. Knows that decisions follow from what is durable. Does not
 * know rules: derive.c asks them again. */
#include "tests/sim/oracle_internal.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "tests/sim/keys.h"
#include "tests/sim/sim.h"
#include "tests/sim/trial_model.h"

static unsigned long long named(const struct o_attempt *attempt)
{
    return (unsigned long long)key_pack(attempt->key);
}

/* A point of the attempt that is on disk. */
static const struct entry *
committed_at(const struct o_attempt *attempt, const char *metric, int64_t step)
{
    for (size_t i = 0; i < attempt->entries.len; i++) {
        const struct entry *entry = &attempt->entries.ptr[i];
        if (entry->kind == ENTRY_POINT && entry->committed && entry->step == step
            && strcmp(trial_metric_names[entry->name], metric) == 0) {
            return entry;
        }
    }
    return NULL;
}

void oracle_stop(struct sim *sim,
                 struct o_attempt *attempt,
                 const struct record *record)
{
    const struct rec_stop_requested *stop = &record->as.stop_requested;
    const struct sweep_spec *spec = oracle_sweep(sim, record->key)->spec;
    bool pruned = stop->reason == STOP_PRUNED;
    SIM_CHECK(sim, pruned == (stop->verdict.rule != NULL),
              "stops: of %llx for reason %d, by rule %d", named(attempt),
              (int)stop->reason, (int)(stop->verdict.rule != NULL));
    attempt->stop = stop->reason;
    if (!pruned) {
        return;
    }
    sim->totals.stops++;
    if (stop->by_agent) {
        return; /* maybe by an earlier file's rule, by a point that was thinned out */
    }
    SIM_CHECK(sim, sweep_spec_stops(spec), "stops: '%s' has no rule", spec->name);
    SIM_CHECK(sim, committed_at(attempt, spec->stop_metric, stop->verdict.step) != NULL,
              "stops: %llx at step %lld, which is not on disk", named(attempt),
              (long long)stop->verdict.step);
}

void oracle_rung(struct sim *sim,
                 struct o_attempt *attempt,
                 const struct record *record)
{
    const struct rec_rung *rung = &record->as.rung;
    struct o_sweep *sweep = oracle_sweep(sim, record->key);
    const struct entry *entry =
        committed_at(attempt, sweep->spec->stop_metric, rung->step);
    SIM_CHECK(sim, attempt->stop == STOP_NONE,
              "rungs: %llx reached one after it was told to stop", named(attempt));
    SIM_CHECK(sim, entry != NULL && entry->value == rung->value,
              "rungs: of %llx at step %lld is not what it said", named(attempt),
              (long long)rung->step);
    char *AUTO_FREE text =
        mem_printf("%zu %u %u %u %u", sweep->specs.len, rung->key.leaf,
                   rung->key.bracket, rung->key.number, record->key.trial);
    struct str name = str_from(text);
    SIM_CHECK(sim, !map_str_has(&sweep->rungs, name), "rungs: %llx is at %s twice",
              named(attempt), text);
    map_str_set(&sweep->rungs, name, sweep);
}

void oracle_judge_end(struct sim *sim,
                      const struct o_attempt *attempt,
                      const struct rec_ended *ended)
{
    SIM_CHECK(sim, ended->state != TRIAL_PRUNED || attempt->stop == STOP_PRUNED,
              "stops: %llx ended pruned, and no rule told it to", named(attempt));
    SIM_CHECK(sim, ended->state != TRIAL_FINISHED || attempt->stop != STOP_PRUNED,
              "stops: %llx finished after a rule had told it to stop", named(attempt));
}
