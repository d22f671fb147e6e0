/* SPDX-License-Identifier: Apache-2.0 */
/* replay_stop.c – every rung and every stop made again from the records.
 *
 * Owns the verdict that the next records must agree with, and how far each trial's
 * curve was brought. Knows the engine's books of early stopping. Does not know rules,
 * nor where points are kept.
 *
 * A verdict is asked for at the step of the first record that it should have led to,
 * with the curve up to there and the rungs as they are. So a rule without rungs that
 * said nothing is not asked; a trial of it that ended pruned without a stop is told.
 * What agents decided while the coordinator was away is taken as it is.
 */
#include "core/replay_stop.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/strbuf.h"
#include "core/engine_internal.h"

#define NOTHING "nothing"

void replay_stop_fini(struct replay_stop *stop)
{
    vec_fini(&stop->fed);
    vec_fini(&stop->got.steps);
    vec_fini(&stop->got.values);
}

/* ---- in words ---- */

static double reported(const struct sweep_spec *spec, double loss)
{
    return spec->stop_goal == GOAL_MAX ? -loss : loss;
}

static void put_number(double value, struct strbuf *out)
{
    char text[NUM_TEXT_SIZE];
    num_format_f64(value, text);
    strbuf_adds(out, text);
}

/* "rung 1 at step 9, value 0.5", "rung 1 of bracket 2 of rule 3 at …" */
static void put_rung(const struct rec_rung *rung, struct strbuf *out)
{
    strbuf_addf(out, "rung %u", rung->key.number);
    if (rung->key.bracket != 0) {
        strbuf_addf(out, " of bracket %u", rung->key.bracket);
    }
    if (rung->key.leaf != 0) {
        strbuf_addf(out, " of rule %u", rung->key.leaf);
    }
    strbuf_addf(out, " at step %lld, value ", (long long)rung->step);
    put_number(rung->value, out);
}

/* "asha at rung 1, step 9, value 0.5, threshold 0.7, compared 12" */
static void put_stop(const struct rec_verdict *said, struct strbuf *out)
{
    strbuf_adds(out, said->rule != NULL ? said->rule : "no rule");
    if (said->rung >= 0) {
        strbuf_addf(out, " at rung %d", said->rung);
    }
    strbuf_addf(out, ", step %lld, value ", (long long)said->step);
    put_number(said->value, out);
    strbuf_adds(out, ", threshold ");
    put_number(said->threshold, out);
    strbuf_addf(out, ", compared %u", said->compared);
}

static void put_record(const struct record *record, struct strbuf *out)
{
    if (record->kind == REC_RUNG) {
        put_rung(&record->as.rung, out);
    } else {
        put_stop(&record->as.stop_requested.verdict, out);
    }
}

static void tell(const struct replay_stop *stop,
                 const struct record *of,
                 const char *stored,
                 const char *derived)
{
    struct replay_difference found = { .subject = of->kind == REC_RUNG ? REPLAY_RUNG
                                                                       : REPLAY_STOP,
                                       .key = of->key,
                                       .kind = of->kind,
                                       .stored = stored,
                                       .derived = derived };
    stop->fn(stop->ctx, &found);
}

/* The record is there, and this is why it should not be. */
static void tell_surplus(const struct replay_stop *stop,
                         const struct record *record,
                         const char *why)
{
    AUTO_STRBUF struct strbuf stored = STRBUF_INIT(CAUSE_BYTES_MAX);
    put_record(record, &stored);
    tell(stop, record, strbuf_cstr(&stored), why);
}

/* ---- the verdict as records ---- */

static bool is_of_rule(const struct record *record)
{
    return record->kind == REC_RUNG
           || (record->kind == REC_STOP_REQUESTED
               && record->as.stop_requested.reason == STOP_PRUNED);
}

/* The verdict's entry `stop->next` as it should be stored. */
static struct record expected(const struct replay_stop *stop,
                              const struct engine *engine)
{
    const struct prune_verdict *verdict = &stop->verdict;
    const struct sweep_spec *spec = engine_sweep(engine, stop->key.sweep)->spec;
    struct record record = { .kind = REC_RUNG, .key = stop->key };
    if (stop->next < verdict->reached_len) {
        const struct prune_rung *reached = &verdict->reached[stop->next];
        record.as.rung = (struct rec_rung){ .key = reached->key,
                                            .step = verdict->step,
                                            .value = reported(spec, reached->loss) };
        return record;
    }
    record.kind = REC_STOP_REQUESTED;
    record.as.stop_requested = (struct rec_stop_requested){
        .reason = STOP_PRUNED,
        .verdict = { .rule = verdict->rule,
                     .rung = verdict->rung,
                     .step = verdict->step,
                     .value = reported(spec, verdict->value),
                     .threshold = reported(spec, verdict->threshold),
                     .compared = verdict->compared },
    };
    return record;
}

/* The same bits, or both not a number: a store keeps no kinds of those. */
static bool same_number(double a, double b)
{
    /* Bits are meant. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static bool same_rung(const struct rec_rung *a, const struct rec_rung *b)
{
    return a->key.leaf == b->key.leaf && a->key.bracket == b->key.bracket
           && a->key.number == b->key.number && a->step == b->step
           && same_number(a->value, b->value);
}

static bool same_stop(const struct rec_verdict *a, const struct rec_verdict *b)
{
    return a->rule != NULL && strcmp(a->rule, b->rule) == 0 && a->rung == b->rung
           && a->step == b->step && a->compared == b->compared
           && same_number(a->value, b->value)
           && same_number(a->threshold, b->threshold);
}

static void step_on(struct replay_stop *stop)
{
    const struct prune_verdict *verdict = &stop->verdict;
    stop->next++;
    stop->waiting = stop->next < verdict->reached_len + (verdict->stop ? 1 : 0);
}

static void tell_missing(struct replay_stop *stop, const struct engine *engine)
{
    AUTO_STRBUF struct strbuf derived = STRBUF_INIT(CAUSE_BYTES_MAX);
    struct record missing = expected(stop, engine);
    put_record(&missing, &derived);
    if (missing.kind == REC_STOP_REQUESTED) {
        stop->derived++;
        stop->stop_missed = stop->key.trial + 1;
    }
    tell(stop, &missing, NOTHING, strbuf_cstr(&derived));
    step_on(stop);
}

static void compare(struct replay_stop *stop,
                    const struct engine *engine,
                    const struct record *record)
{
    struct record want = expected(stop, engine);
    bool rung = want.kind == REC_RUNG;
    bool same = rung ? same_rung(&record->as.rung, &want.as.rung)
                     : same_stop(&record->as.stop_requested.verdict,
                                 &want.as.stop_requested.verdict);
    if (!same) {
        AUTO_STRBUF struct strbuf derived = STRBUF_INIT(CAUSE_BYTES_MAX);
        put_record(&want, &derived);
        tell_surplus(stop, record, strbuf_cstr(&derived));
    }
    stop->derived += rung ? 0 : 1;
    step_on(stop);
}

/* ---- asking ---- */

static struct replay_fed *fed_of(struct replay_stop *stop, struct attempt_key key)
{
    while (stop->fed.len <= key.trial) {
        vec_push(&stop->fed, ((struct replay_fed){ 0 }));
    }
    struct replay_fed *fed = &stop->fed.ptr[key.trial];
    if (fed->attempt != key.attempt) {
        *fed = (struct replay_fed){ .attempt = key.attempt };
    }
    return fed;
}

/* Adds what the live attempt had reported when the record was made. */
static void
feed(struct replay_stop *stop, struct trial *trial, const struct record *record)
{
    const struct sweep_spec *spec = trial->sweep->spec;
    struct replay_fed *fed = fed_of(stop, record->key);
    struct replay_ask ask = { .key = record->key,
                              .run_key = trial->run_key,
                              .metric = spec->stop_metric,
                              .behind = fed->seq,
                              .upto = record->seq != 0 ? record->seq : INT64_MAX };
    if (stop->points == NULL || !sweep_spec_stops(spec) || ask.upto <= ask.behind) {
        return;
    }
    fed->seq = ask.upto;
    vec_reset(&stop->got.steps);
    vec_reset(&stop->got.values);
    stop->points(stop->points_ctx, &ask, &stop->got);
    AUTO_FREE uint32_t *name = mem_alloc_array(stop->got.steps.len, sizeof *name);
    struct rec_points points = { .len = stop->got.steps.len,
                                 .names = &ask.metric,
                                 .names_len = 1,
                                 .name = name,
                                 .step = stop->got.steps.ptr,
                                 .value = stop->got.values.ptr };
    trial_add_points(trial, true, &points);
}

/* False: the trial reported nothing at that step. */
static bool find_step(const struct trial *trial, int64_t step, size_t *at_out)
{
    const struct curve *curve = trial->curve;
    if (curve == NULL || trial->curve_old) {
        return false;
    }
    for (size_t i = 0; i < curve->len; i++) {
        if (curve->steps[i] == step) {
            *at_out = i;
            return true;
        }
    }
    return false;
}

/* The record is the first of a verdict. */
static void ask(struct replay_stop *stop,
                const struct engine *engine,
                const struct trial *trial,
                const struct record *record)
{
    bool rung = record->kind == REC_RUNG;
    int64_t step = rung ? record->as.rung.step : record->as.stop_requested.verdict.step;
    size_t at = 0;
    if (trial->live->stop == STOP_PRUNED) {
        tell_surplus(stop, record, "nothing, it had been told to stop");
        return;
    }
    if (!find_step(trial, step, &at)) {
        tell_surplus(stop, record, "nothing, no value was reported at that step");
        return;
    }
    stop->key = record->key;
    trial_verdict(trial, at, &stop->verdict);
    if (rung && record->as.rung.by_agent && stop->verdict.rung >= 0) {
        stop->verdict.stop = false; /* that was for its agent to say */
    }
    stop->next = 0;
    stop->waiting = stop->verdict.reached_len > 0 || stop->verdict.stop;
    if (!stop->waiting) {
        tell_surplus(stop, record, rung ? "no such rung" : "no stop");
        return;
    }
    while (stop->waiting && expected(stop, engine).kind != record->kind) {
        tell_missing(stop, engine);
    }
    if (stop->waiting) {
        compare(stop, engine, record);
    }
}

/* The agent's own stop is a fact: what limits it had been told is not stored. But the
 * trial must have had that value, and it must be worse; unless an edit changed what is
 * looked at, since when the trial has no curve. */
static void check_agents(struct replay_stop *stop,
                         const struct trial *trial,
                         const struct record *record)
{
    const struct rec_verdict *said = &record->as.stop_requested.verdict;
    const struct sweep_spec *spec = trial->sweep->spec;
    bool better = spec->stop_goal == GOAL_MAX ? said->value >= said->threshold
                                              : said->value <= said->threshold;
    size_t at = 0;
    stop->derived++;
    if (said->rule == NULL || (better && trial->curve != NULL)) {
        tell_surplus(stop, record, "no stop, its agent's limit was met");
    } else if (find_step(trial, said->step, &at)
               && !same_number(reported(spec, trial->curve->losses[at]), said->value)) {
        tell_surplus(stop, record, "another value at that step");
    }
}

/* Of a program, which only a stop ends so; a study over ask-tell may end its trials so
 * by itself. */
static void check_pruned(const struct replay_stop *stop,
                         const struct attempt *attempt,
                         const struct record *record)
{
    struct record missing = { .kind = REC_STOP_REQUESTED, .key = record->key };
    const struct rec_ended *ended = &record->as.ended;
    bool program = ended->max_rss_bytes != 0;
    if (ended->state == TRIAL_PRUNED && attempt->stop != STOP_PRUNED && program
        && stop->stop_missed != record->key.trial + 1) {
        tell(stop, &missing, NOTHING, "a stop, for the trial ended pruned");
    }
}

static bool is_by_agent(const struct record *record)
{
    return record->kind == REC_STOP_REQUESTED && record->as.stop_requested.by_agent;
}

static bool goes_on(const struct replay_stop *stop, const struct record *record)
{
    return is_of_rule(record) && record->key.trial == stop->key.trial
           && record->key.attempt == stop->key.attempt;
}

void replay_stop_record(struct replay_stop *stop,
                        struct engine *engine,
                        const struct record *record)
{
    while (stop->waiting) {
        bool mine = goes_on(stop, record);
        if (mine && expected(stop, engine).kind == record->kind) {
            compare(stop, engine, record);
            return;
        }
        tell_missing(stop, engine);
    }
    struct trial *trial = engine_trial(engine, record->key);
    struct attempt *live = trial != NULL ? trial->live : NULL;
    if (live == NULL || live->number != record->key.attempt) {
        return;
    }
    if (is_of_rule(record)) {
        feed(stop, trial, record);
        if (is_by_agent(record)) {
            check_agents(stop, trial, record);
        } else {
            ask(stop, engine, trial, record);
        }
    } else if (record->kind == REC_ENDED) {
        feed(stop, trial, record);
        check_pruned(stop, live, record);
    }
}

void replay_stop_finish(struct replay_stop *stop, const struct engine *engine)
{
    while (stop->waiting) {
        tell_missing(stop, engine);
    }
}
