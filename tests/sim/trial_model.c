/* SPDX-License-Identifier: Apache-2.0 */
/* trial_model.c – what a trial's program will do.
 * Owns the odds of good and bad programs. Does not know processes or time. */
#include "tests/sim/trial_model.h"

#include <math.h>

#include "tests/sim/keys.h"
#include "tests/sim/sim.h"

const char *const trial_metric_names[TRIAL_METRICS] = { "acc", "loss" };

static enum trial_kind kind_of(struct rng *rng)
{
    static const struct {
        enum trial_kind kind;
        double share;
    } odds[] = {
        { TRIAL_FAILS, 0.10 },  { TRIAL_CRASHES, 0.05 }, { TRIAL_NAN, 0.04 },
        { TRIAL_SILENT, 0.02 }, { TRIAL_HANGS, 0.07 },   { TRIAL_NO_EXEC, 0.03 },
    };
    double draw = rng_uniform(rng);
    for (size_t i = 0; i < ARRAY_LEN(odds); i++) {
        if (draw < odds[i].share) {
            return odds[i].kind;
        }
        draw -= odds[i].share;
    }
    return TRIAL_GOOD;
}

struct trial_plan trial_plan_of(const struct sim *sim, struct attempt_key key)
{
    struct rng rng = sim_stream(sim, "trial", key_pack(key));
    bool bad = plan_has(&sim->plan, FAULT_TRIALS);
    enum trial_kind kind = kind_of(&rng);
    bool quick = rng_chance(&rng, 0.3);
    return (struct trial_plan){
        .kind = bad ? kind : TRIAL_GOOD,
        .start_ms = rng_between(&rng, 1, 30),
        .points = kind == TRIAL_SILENT && bad ? 0 : (uint32_t)rng_between(&rng, 1, 12),
        .interval_ms = quick ? rng_between(&rng, 1, 20) : rng_between(&rng, 100, 4000),
        .tail_ms = rng_between(&rng, 0, 1000),
        .ignores_term = rng_chance(&rng, bad ? 0.25 : 0.02),
        .term_ms = rng_between(&rng, 1, 3000),
        .term_exit = rng_chance(&rng, 0.5) ? -1 : (int32_t)rng_between(&rng, 0, 1),
        .notes = rng_chance(&rng, 0.2),
        .checkpoint_every = (uint32_t)rng_between(&rng, 1, 4),
    };
}

double trial_value_of(const struct sim *sim,
                      struct attempt_key key,
                      unsigned name,
                      int64_t step)
{
    struct trial_plan plan = trial_plan_of(sim, key);
    if (plan.kind == TRIAL_NAN && name == 0 && step + 1 == (int64_t)plan.points) {
        return (double)NAN;
    }
    uint64_t place = key_pack(key) * 31 + (uint64_t)step;
    struct rng rng = sim_stream(sim, trial_metric_names[name], place);
    return rng_uniform(&rng);
}
