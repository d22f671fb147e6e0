/* SPDX-License-Identifier: Apache-2.0 */
/* engine_stop.c – early stopping: the way of one number from a report to a stop.
 * Owns the curves of a sweep's trials and its rungs, and builds what a rule may look
 * at. Knows when a rule is asked. Does not know any rule, nor how an attempt is
 * stopped.
 *
 *   REC_POINTS ─► curve ─► rule ─► REC_RUNG …, and REC_STOP_REQUESTED if it says stop
 *
 * A report may bring several steps; the rule is asked for each in turn, with the curve
 * as it was then. Only steps behind all earlier ones count: what comes late is kept in
 * the curve but decides nothing. */
#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/strbuf.h"
#include "core/engine_internal.h"

/* ---- what rules look at ---- */

static bool same_metric(const struct sweep_spec *a, const struct sweep_spec *b)
{
    return a->stop_goal == b->stop_goal && strcmp(a->stop_metric, b->stop_metric) == 0;
}

/* The trial was made under a file whose rule looks at what today's looks at, and so did
 * all between: else its curve would have holes. */
static bool has_curve(const struct trial *trial)
{
    const struct sweep *sweep = trial->sweep;
    return sweep_spec_stops(sweep->spec)
           && trial->revision->number >= sweep->stopping.since;
}

static double loss_of(const struct sweep_spec *spec, double value)
{
    return spec->stop_goal == GOAL_MAX ? -value : value;
}

void stopping_fini(struct stopping *stopping)
{
    rung_table_fini(&stopping->rungs);
    vec_fini(&stopping->finished);
    vec_fini(&stopping->finished_trials);
    vec_fini(&stopping->finished_losses);
}

void trial_drop_curve(struct trial *trial)
{
    if (trial->curve != NULL) {
        curve_fini(trial->curve);
        mem_free(trial->curve);
        trial->curve = NULL;
    }
}

void stopping_rules_changed(struct sweep *sweep, const struct sweep_spec *before)
{
    struct stopping *stopping = &sweep->stopping;
    rung_table_fini(&stopping->rungs);
    stopping->rungs = (struct rung_table){ 0 };
    stopping->limits_changed = true;
    if (sweep_spec_stops(before) && sweep_spec_stops(sweep->spec)
        && same_metric(before, sweep->spec)) {
        return;
    }
    stopping->since = sweep_newest(sweep)->number;
    vec_reset(&stopping->finished);
    vec_reset(&stopping->finished_trials);
    vec_reset(&stopping->finished_losses);
    for (size_t i = 0; i < sweep->trials.len; i++) {
        trial_drop_curve(sweep->trials.ptr[i]);
    }
}

/* A step said twice counts once. */
static void add_to_curve(struct trial *trial, int64_t step, double loss)
{
    if (trial->curve == NULL) {
        trial->curve = mem_alloc(sizeof *trial->curve);
    }
    IGNORE_ERR(!curve_add(trial->curve, step, loss), "see above");
}

/* The newest attempt begins to report: what earlier ones said counts below its first
 * step if it went on from a checkpoint, else not at all. */
static void renew_curve(struct trial *trial, int64_t first_step)
{
    trial->curve_old = false;
    trial->curve_from = trial->resumed ? first_step : 0;
    if (!trial->resumed) {
        trial_drop_curve(trial);
    } else if (trial->curve != NULL) {
        curve_cut(trial->curve, first_step);
    }
}

/* Points of an earlier attempt are of use until the newest begins, if that goes on from
 * them. */
void trial_add_points(struct trial *trial, bool live, const struct rec_points *points)
{
    const struct sweep_spec *spec = trial->sweep->spec;
    if (!has_curve(trial) || (!live && !(trial->resumed && trial->curve_old))) {
        return;
    }
    for (size_t i = 0; i < points->len; i++) {
        if (strcmp(points->names[points->name[i]], spec->stop_metric) != 0) {
            continue;
        }
        if (live && trial->curve_old) {
            renew_curve(trial, points->step[i]);
        }
        add_to_curve(trial, points->step[i], loss_of(spec, points->value[i]));
    }
}

void trial_reached_rung(struct trial *trial, const struct rec_rung *rung)
{
    struct rung_entry entry = { .trial = trial->number,
                                .loss = loss_of(trial->sweep->spec, rung->value) };
    rung_table_add(&trial->sweep->stopping.rungs, rung->key, entry);
    trial->sweep->stopping.limits_changed = true;
}

/* A trial that ran to its end is what others are measured by. */
static void keep_finished(struct trial *trial)
{
    struct stopping *stopping = &trial->sweep->stopping;
    bool maximize = trial->sweep->spec->objective.goal == GOAL_MAX;
    if (!has_curve(trial)) {
        return;
    }
    if (trial->curve
        == NULL) { /* it reported nothing, or a restart fills it in later */
        trial->curve = mem_alloc(sizeof *trial->curve);
    }
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
    vec_push(&stopping->finished, trial->curve);
    vec_push(&stopping->finished_trials, trial->number);
    vec_push(&stopping->finished_losses, maximize ? -trial->value : trial->value);
    stopping->limits_changed = true;
}

void trial_end_curve(struct trial *trial)
{
    if (trial->state == TRIAL_FINISHED) {
        keep_finished(trial);
    } else {
        trial_drop_curve(trial); /* nobody looks at it any more */
    }
}

/* ---- asking ---- */

static struct prune_view view_of(const struct trial *trial)
{
    const struct sweep *sweep = trial->sweep;
    const struct stopping *stopping = &sweep->stopping;
    return (struct prune_view){ .rules = sweep->spec->stop.rules,
                                .rule = sweep->spec->stop.rules,
                                .sweep = sweep->spec->name,
                                .maximize = sweep->spec->stop_goal == GOAL_MAX,
                                .trial = trial->number,
                                .finished = stopping->finished.ptr,
                                .finished_trials = stopping->finished_trials.ptr,
                                .finished_losses = stopping->finished_losses.ptr,
                                .finished_len = stopping->finished.len,
                                .rungs = &stopping->rungs };
}

void trial_verdict(const struct trial *trial, size_t at, struct prune_verdict *out)
{
    struct curve own = *trial->curve;
    own.len = at + 1;
    struct prune_view view = view_of(trial);
    view.own = &own;
    view.newest = own.steps[at];
    pruner_judge(&view, out);
}

bool sweep_has_limits(const struct sweep *sweep)
{
    return sweep_spec_stops(sweep->spec)
           && sweep->spec->stop.rules[0].ops->limits != NULL;
}

size_t trial_limits(const struct trial *trial, struct prune_limit *out, size_t max)
{
    if (!sweep_has_limits(trial->sweep) || !has_curve(trial)) {
        return 0;
    }
    int64_t step = 0;
    double loss = (double)NAN;
    const struct curve nothing = { .len = 1, .steps = &step, .losses = &loss };
    bool reported = trial->curve != NULL && trial->curve->len > 0;
    struct prune_view view = view_of(trial);
    view.own = reported ? trial->curve : &nothing;
    view.newest = view.own->steps[view.own->len - 1];
    return view.rule->ops->limits(&view, out, max);
}

/* ---- the decision ---- */

static void emit_rungs(struct engine *engine,
                       const struct attempt *attempt,
                       const struct prune_verdict *verdict,
                       bool by_agent,
                       struct effects *effects)
{
    struct trial *trial = attempt->trial;
    for (size_t i = 0; i < verdict->reached_len; i++) {
        double loss = verdict->reached[i].loss;
        struct record record = { .kind = REC_RUNG,
                                 .key = attempt_key_of(attempt),
                                 .run_key = trial->run_key,
                                 .seq = attempt->seq,
                                 .as.rung = { .key = verdict->reached[i].key,
                                              .step = verdict->step,
                                              .value =
                                                  loss_of(trial->sweep->spec, loss),
                                              .by_agent = by_agent } };
        engine_emit(engine, effects, &record);
    }
}

/* "asha at rung 2: acc 0.61 at step 9 is worse than 0.72 (13 compared)" */
static void say_why(const struct sweep *sweep,
                    const struct rec_verdict *verdict,
                    struct strbuf *out)
{
    char value[NUM_TEXT_SIZE];
    char limit[NUM_TEXT_SIZE];
    num_format_f64(verdict->value, value);
    num_format_f64(verdict->threshold, limit);
    strbuf_adds(out, verdict->rule);
    if (verdict->rung >= 0) {
        strbuf_addf(out, " at rung %d", verdict->rung);
    }
    strbuf_addf(out, ": %s %s at step %lld", sweep->spec->stop_metric, value,
                (long long)verdict->step);
    if (!isnan(verdict->threshold)) {
        strbuf_addf(out, " is worse than %s", limit);
    }
    if (verdict->compared > 0) {
        strbuf_addf(out, " (%u compared)", verdict->compared);
    }
}

static void stop_by(struct engine *engine,
                    struct attempt *attempt,
                    const struct prune_verdict *verdict,
                    struct effects *effects)
{
    const struct sweep *sweep = attempt->trial->sweep;
    AUTO_STRBUF struct strbuf why = STRBUF_INIT(CAUSE_BYTES_MAX);
    struct rec_verdict said = { .rule = verdict->rule,
                                .rung = verdict->rung,
                                .step = verdict->step,
                                .value = loss_of(sweep->spec, verdict->value),
                                .threshold = loss_of(sweep->spec, verdict->threshold),
                                .compared = verdict->compared };
    say_why(sweep, &said, &why);
    engine_stop_pruned(engine, attempt, &said, strbuf_cstr(&why), effects);
}

void engine_judge(struct engine *engine,
                  struct attempt *attempt,
                  int64_t behind,
                  bool judged,
                  struct effects *effects)
{
    const struct trial *trial = attempt->trial;
    struct prune_verdict verdict;
    if (!has_curve(trial)) {
        return;
    }
    for (size_t at = 0; trial->curve != NULL && at < trial->curve->len; at++) {
        if (attempt->stop != STOP_NONE) {
            return;
        }
        if (trial->curve->steps[at] <= behind
            || trial->curve->steps[at] < trial->curve_from) {
            continue;
        }
        trial_verdict(trial, at, &verdict);
        bool by_agent = judged && verdict.rung >= 0;
        emit_rungs(engine, attempt, &verdict, by_agent, effects);
        if (verdict.stop && !by_agent) {
            stop_by(engine, attempt, &verdict, effects);
        }
    }
}

int64_t trial_last_step(const struct trial *trial)
{
    return !trial->curve_old && trial->curve != NULL && trial->curve->len > 0
               ? trial->curve->steps[trial->curve->len - 1]
               : -1;
}

/* ---- after a restart ---- */

/* The first of the attempts whose points its newest went on from. */
static uint32_t first_part(const struct trial *trial)
{
    size_t i = trial->joined != NULL ? trial->joined->parts.len : 0;
    while (i > 1 && trial->joined->parts.ptr[i - 1].resumed) {
        i--;
    }
    return i > 0 ? trial->joined->parts.ptr[i - 1].attempt : trial->attempts;
}

static void each_part(const struct trial *trial, engine_curve_fn fn, void *ctx)
{
    struct attempt_key key = { .sweep = trial->sweep->key, .trial = trial->number };
    for (key.attempt = first_part(trial); key.attempt <= trial->attempts;
         key.attempt++) {
        fn(ctx, key, trial->run_key, trial->sweep->spec->stop_metric);
    }
}

void engine_each_curve(const struct engine *engine, engine_curve_fn fn, void *ctx)
{
    size_t pos = 0;
    void *item = NULL;
    while (map_u64_next(&engine->sweeps, &pos, NULL, &item)) {
        const struct sweep *sweep = item; /* also one that is over may be reopened */
        for (size_t k = 0; k < sweep->stopping.finished_trials.len; k++) {
            each_part(sweep->trials.ptr[sweep->stopping.finished_trials.ptr[k]], fn,
                      ctx);
        }
    }
}

void engine_replay_curve(struct engine *engine,
                         struct attempt_key key,
                         const int64_t *steps,
                         const double *values,
                         size_t len)
{
    struct trial *trial = engine_trial(engine, key);
    if (trial == NULL || !has_curve(trial)) {
        return;
    }
    if (len > 0 && trial->curve != NULL) { /* as it was when this attempt began */
        curve_cut(trial->curve, steps[0]);
    }
    for (size_t i = 0; i < len; i++) {
        add_to_curve(trial, steps[i], loss_of(trial->sweep->spec, values[i]));
    }
}
