/* SPDX-License-Identifier: Apache-2.0 */
/* simulate.c – recorded learning curves replayed through a rule.
 * Owns the virtual clock and the slots of one replay. Knows the contract of rules, and
 * shows a rule no more than a live sweep would. Does not know any rule or file. */
#include "pruners/simulate.h"

#include <math.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/rng.h"

void sim_curve_fini(struct sim_curve *curve)
{
    curve_fini(&curve->curve);
    mem_free(curve->seconds);
    *curve = (struct sim_curve){ 0 };
}

/* A trial that runs. */
struct slot {
    const struct sim_curve *record; /* NULL: free */
    uint32_t trial;
    size_t reported; /* reports so far */
    double began;    /* seconds */
    double due;      /* its next report */
};

struct replay {
    const struct sim_request *request;
    const uint32_t *order; /* the curve of each trial */
    uint32_t next;         /* trial to start */
    double now;
    struct slot *slots;
    const struct curve **finished;
    uint32_t *finished_trials;
    double *finished_losses;
    size_t finished_len;
    struct rung_table rungs;
    struct sim_outcome *outcome;
};

/* Steps of the trial up to this report. Counted from 0, the first costs one too. */
static double steps_to(const struct curve *curve, size_t report)
{
    return (double)curve->steps[report] + (curve->steps[0] == 0 ? 1 : 0);
}

static double seconds_to(const struct sim_curve *record, size_t report)
{
    return record->seconds != NULL ? record->seconds[report]
                                   : steps_to(&record->curve, report);
}

static void start_next(struct replay *replay, struct slot *slot)
{
    const struct sim_request *request = replay->request;
    *slot = (struct slot){ .record = NULL };
    if (replay->next == replay->outcome->trials) {
        return;
    }
    slot->trial = replay->next++;
    slot->record = &request->curves[replay->order[slot->trial]];
    slot->began = replay->now;
    slot->due = slot->began + seconds_to(slot->record, 0);
}

/* The slot whose report comes next; NULL: all are free. */
static struct slot *next_slot(const struct replay *replay)
{
    struct slot *next = NULL;
    for (uint32_t i = 0; i < replay->request->parallel; i++) {
        struct slot *slot = &replay->slots[i];
        if (slot->record == NULL) {
            continue;
        }
        if (next == NULL || slot->due < next->due
            || (slot->due <= next->due && slot->trial < next->trial)) {
            next = slot;
        }
    }
    return next;
}

/* Asks the rule after the slot's newest report and records what it wants recorded. */
static bool is_stopped(struct replay *replay, const struct slot *slot)
{
    const struct stop_rules *rules = replay->request->rules;
    struct curve own = slot->record->curve; /* as far as it is known */
    struct prune_verdict verdict;
    own.len = slot->reported;
    struct prune_view view = { .rules = rules->rules,
                               .rule = rules->rules,
                               .sweep = "simulated",
                               .maximize = replay->request->maximize,
                               .trial = slot->trial,
                               .own = &own,
                               .newest = own.steps[own.len - 1],
                               .finished = replay->finished,
                               .finished_trials = replay->finished_trials,
                               .finished_losses = replay->finished_losses,
                               .finished_len = replay->finished_len,
                               .rungs = &replay->rungs };
    if (rules->len == 0) {
        return false;
    }
    pruner_judge(&view, &verdict);
    for (size_t i = 0; i < verdict.reached_len; i++) {
        struct rung_entry entry = { slot->trial, verdict.reached[i].loss };
        rung_table_add(&replay->rungs, verdict.reached[i].key, entry);
    }
    return verdict.stop;
}

static void finish(struct replay *replay, const struct slot *slot)
{
    double loss = slot->record->objective;
    size_t at = replay->finished_len;
    if (isnan(loss)) { /* such a trial fails */
        return;
    }
    replay->finished[at] = &slot->record->curve;
    replay->finished_trials[at] = slot->trial;
    replay->finished_losses[at] = loss;
    replay->finished_len++;
    if (!(replay->outcome->best <= loss)) {
        replay->outcome->best = loss;
    }
}

static void report(struct replay *replay, struct slot *slot)
{
    const struct curve *curve = &slot->record->curve;
    replay->now = slot->due;
    slot->reported++;
    bool ended = slot->reported == curve->len;
    bool stopped = is_stopped(replay, slot) && !ended; /* its end comes first */
    if (!ended && !stopped) {
        slot->due = slot->began + seconds_to(slot->record, slot->reported);
        return;
    }
    replay->outcome->steps += steps_to(curve, slot->reported - 1);
    replay->outcome->stopped += stopped ? 1u : 0u;
    if (ended) {
        finish(replay, slot);
    }
    start_next(replay, slot);
}

/* Runs all trials; fills in best, steps, seconds and stopped. */
static void run(const struct sim_request *request,
                const uint32_t *order,
                struct sim_outcome *outcome)
{
    uint32_t trials = outcome->trials;
    AUTO_FREE struct slot *slots = mem_alloc_array(request->parallel, sizeof *slots);
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    AUTO_FREE const struct curve **finished = mem_alloc_array(trials, sizeof *finished);
    AUTO_FREE uint32_t *numbers = mem_alloc_array(trials, sizeof *numbers);
    AUTO_FREE double *losses = mem_alloc_array(trials, sizeof *losses);
    struct replay replay = { .request = request,
                             .order = order,
                             .slots = slots,
                             .finished = finished,
                             .finished_trials = numbers,
                             .finished_losses = losses,
                             .outcome = outcome };
    outcome->best = (double)NAN;
    for (uint32_t i = 0; i < request->parallel; i++) {
        start_next(&replay, &slots[i]);
    }
    for (struct slot *slot = NULL; (slot = next_slot(&replay)) != NULL;) {
        report(&replay, slot);
    }
    outcome->seconds = replay.now;
    rung_table_fini(&replay.rungs);
}

void simulate_run(const struct sim_request *request, struct sim_outcome *outcome_out)
{
    static const struct stop_rules nothing = { .len = 0 };
    struct sim_request full = *request;
    uint32_t len = (uint32_t)request->curves_len;
    uint32_t trials = request->trials < len ? request->trials : len;
    AUTO_FREE uint32_t *order = mem_alloc_array(len, sizeof *order);
    struct rng rng = rng_stream(request->seed, 0, STR_LIT(""), RNG_ORDER);
    struct sim_outcome without = { .trials = trials };
    ASSERT(request->parallel > 0);
    for (uint32_t i = 0; i < len; i++) {
        order[i] = i;
    }
    rng_shuffle_u32(&rng, order, len);
    full.rules = &nothing;
    run(&full, order, &without);
    *outcome_out = (struct sim_outcome){ .trials = trials,
                                         .best_full = without.best,
                                         .steps_full = without.steps,
                                         .seconds_full = without.seconds };
    run(request, order, outcome_out);
}

double sim_outcome_gap(const struct sim_outcome *outcome)
{
    double difference = fabs(outcome->best - outcome->best_full);
    if (isnan(outcome->best)) {
        return isnan(outcome->best_full) ? 0 : HUGE_VAL;
    }
    return difference > 0 ? difference / fabs(outcome->best_full) : 0;
}
