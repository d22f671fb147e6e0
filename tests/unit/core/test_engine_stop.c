/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine_stop.c – early stopping in the engine: from a reported number to a stop,
 * what is recorded of it, and that a restart decides alike. */
#include "tests/lib/engine_rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/engine_internal.h"
#include "pruners/registry.h"
#include "tests/lib/test.h"

#define HEAD                                                                           \
    "sweep: 1\nname: s\ncommand: 'true {n}'\nobjective: {metric: acc, goal: max}\n"    \
    "space:\n  n: {int: [0, 100000]}\nbudget: {trials: 9}\n"

static struct attempt_key key(uint32_t trial, uint32_t attempt)
{
    return (struct attempt_key){ .sweep = 1, .trial = trial, .attempt = attempt };
}

static void begin(struct rig *rig, const char *stop, uint32_t slots)
{
    char text[1024];
    snprintf(text, sizeof text, "%sstop: %s\n", HEAD, stop);
    rig_init_with(rig, &pruner_registry_all);
    rig_submit(rig, text);
    assert_string_equal(rig->reply_code == ERR_OK ? "" : rig->reply, "");
    rig_hello(rig, 1, "a", 1, slots);
    rig_clear(rig);
}

/* One report with a point for each value, at the steps from `step` on. */
static void points(struct rig *rig,
                   struct attempt_key at,
                   const char *name,
                   int64_t step,
                   const double *values,
                   size_t len)
{
    const uint32_t names[8] = { 0 };
    int64_t steps[8];
    int64_t times[8];
    const struct trial *trial = engine_trial(rig->engine, at);
    for (size_t i = 0; i < len; i++) {
        steps[i] = step + (int64_t)i;
        times[i] = rig->now_ms;
    }
    rig_step(rig, (struct event){ .kind = EV_REPORT,
                                  .peer = 1,
                                  .as.report = { .key = at,
                                                 .first_seq = trial->live->seq + 1,
                                                 .points = { .len = len,
                                                             .names = &name,
                                                             .names_len = 1,
                                                             .name = names,
                                                             .step = steps,
                                                             .time_ms = times,
                                                             .value = values } } });
}

static void point(struct rig *rig, struct attempt_key at, int64_t step, double value)
{
    points(rig, at, "acc", step, &value, 1);
}

static void ended(struct rig *rig, struct attempt_key at, enum attempt_end end)
{
    rig_ended(rig, 1, at, engine_trial(rig->engine, at)->live->seq + 1, end);
}

static size_t stops(const struct rig *rig)
{
    return rig_count(rig, TO_AGENT_STOP);
}

static const struct record *last_record(const struct rig *rig, enum record_kind kind)
{
    for (size_t i = rig->records.len; i > 0; i--) {
        if (rig->records.ptr[i - 1]->kind == kind) {
            return rig->records.ptr[i - 1];
        }
    }
    fail_msg("no record of kind %s", record_kind_name(kind));
    return NULL;
}

static void a_poor_trial_is_stopped(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "{pruner: asha, min: 2, eta: 2}", 3);
    point(&rig, key(0, 1), 1, 0.1);
    assert_int_equal(rig_records(&rig, REC_RUNG), 0);
    point(&rig, key(0, 1), 2, 0.5);
    assert_int_equal(rig_records(&rig, REC_RUNG), 1);
    point(&rig, key(1, 1), 3, 0.6);
    point(&rig, key(2, 1), 2, 0.55);
    assert_int_equal(stops(&rig), 1);
    const struct msg_stop *stop = &rig_message(&rig, TO_AGENT_STOP, 0)->as.stop;
    assert_int_equal(stop->reason, STOP_PRUNED);
    assert_int_equal(stop->key.trial, 2);
    const struct record *record = last_record(&rig, REC_STOP_REQUESTED);
    const struct rec_verdict *verdict = &record->as.stop_requested.verdict;
    assert_string_equal(verdict->rule, "asha");
    assert_int_equal(verdict->rung, 0);
    assert_int_equal(verdict->step, 2);
    assert_int_equal(verdict->compared, 2);
    assert_true(verdict->value == 0.55 && verdict->threshold == 0.6);
    assert_string_equal(record->cause,
                        "asha at rung 0: acc 0.55 at step 2 is worse than 0.6 (2 "
                        "compared)");
    ended(&rig, key(2, 1), END_PRUNED);
    const struct trial *trial = engine_trial(rig.engine, key(2, 1));
    assert_int_equal(trial->state, TRIAL_PRUNED);
    assert_true(trial->has_value && trial->value == 0.55 && trial->step == 2);
    rig_fini(&rig);
}

/* Each step of a report is looked at with the curve as it was then. */
static void steps_of_one_report_are_judged_in_turn(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "{pruner: asha, min: 1, eta: 2}", 2);
    const double first[] = { 0.5, 0.6, 0.7, 0.8 };
    const double second[] = { 0.9, 0.1, 0.95, 0.95 };
    points(&rig, key(0, 1), "acc", 1, first, 4);
    assert_int_equal(rig_records(&rig, REC_RUNG), 3); /* at 1, 2 and 4 */
    points(&rig, key(1, 1), "acc", 1, second, 4);
    assert_int_equal(stops(&rig), 1);
    assert_int_equal(
        last_record(&rig, REC_STOP_REQUESTED)->as.stop_requested.verdict.step, 2);
    assert_int_equal(rig_records(&rig, REC_RUNG), 5); /* nothing behind the stop */
    rig_fini(&rig);
}

/* An agent that sends some of its entries again in another report. */
static void what_is_recorded_is_not_again(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "{pruner: asha, min: 1, eta: 2}", 1);
    const char *name = "acc";
    const uint32_t names[3] = { 0 };
    const int64_t times[3] = { 0 };
    points(&rig, key(0, 1), "acc", 1, (const double[]){ 0.5, 0.6 }, 2);
    rig_step(&rig, (struct event){
                       .kind = EV_REPORT,
                       .peer = 1,
                       .as.report = {
                           .key = key(0, 1),
                           .first_seq = 2,
                           .points = { .len = 2,
                                       .names = &name,
                                       .names_len = 1,
                                       .name = names,
                                       .step = (const int64_t[]){ 2, 3 },
                                       .time_ms = times,
                                       .value = (const double[]){ 0.6, 0.7 } } } });
    const struct rec_points *kept = &last_record(&rig, REC_POINTS)->as.points;
    assert_int_equal(kept->first_seq, 3);
    assert_int_equal(kept->len, 1);
    assert_int_equal(kept->step[0], 3);
    assert_int_equal(rig_records(&rig, REC_RUNG), 2); /* at 1 and 2 */
    rig_fini(&rig);
}

static void a_restart_decides_alike(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "{pruner: asha, min: 1, eta: 2}", 2);
    point(&rig, key(0, 1), 1, 0.5);
    rig_restart(&rig);
    const struct held_attempt held[] = {
        { .key = key(0, 1), .started = true, .next_seq = 2, .boot = 1 },
        { .key = key(1, 1), .started = true, .next_seq = 1, .boot = 1 },
    };
    rig_hello_held(&rig, 1, "a", 1, 2, held, 2);
    rig_clear(&rig);
    point(&rig, key(1, 1), 1, 0.4);
    assert_int_equal(stops(&rig), 1);
    rig_fini(&rig);
}

static void an_end_that_crosses_the_stop_is_pruned(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "{pruner: asha, min: 1, eta: 2}", 2);
    point(&rig, key(0, 1), 1, 0.5);
    point(&rig, key(1, 1), 1, 0.4);
    point(&rig, key(1, 1), 2, 0.45);
    ended(&rig, key(1, 1), END_EXITED);
    const struct trial *trial = engine_trial(rig.engine, key(1, 1));
    assert_int_equal(trial->state, TRIAL_PRUNED);
    assert_true(trial->value == 0.45); /* what it said last is kept */
    assert_int_equal(last_record(&rig, REC_ENDED)->as.ended.end, END_PRUNED);
    rig_fini(&rig);
}

static void a_diverged_trial_is_stopped_at_once(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "{pruner: median}", 1);
    point(&rig, key(0, 1), 1, (double)NAN);
    assert_int_equal(stops(&rig), 1);
    const struct record *record = last_record(&rig, REC_STOP_REQUESTED);
    assert_string_equal(record->cause, "diverged: acc NaN at step 1");
    ended(&rig, key(0, 1), END_PRUNED);
    assert_false(engine_trial(rig.engine, key(0, 1))->has_value);
    rig_fini(&rig);
}

static void another_metric_may_decide(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "{pruner: asha, eta: 2, metric: loss, goal: min}", 2);
    points(&rig, key(0, 1), "loss", 1, (const double[]){ 0.5 }, 1);
    points(&rig, key(1, 1), "acc", 1, (const double[]){ 0.1 }, 1);
    assert_int_equal(stops(&rig), 0);
    points(&rig, key(1, 1), "loss", 1, (const double[]){ 0.7 }, 1);
    assert_int_equal(stops(&rig), 1);
    assert_non_null(strstr(last_record(&rig, REC_STOP_REQUESTED)->cause,
                           "loss 0.7 at step 1 is worse than 0.5"));
    rig_fini(&rig);
}

/* What was said late or twice decides nothing. */
static void late_and_repeated_steps_decide_nothing(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "{pruner: asha, min: 2, eta: 2}", 2);
    point(&rig, key(0, 1), 2, 0.5);
    point(&rig, key(1, 1), 2, 0.6);
    point(&rig, key(1, 1), 2, 0.1);
    point(&rig, key(1, 1), 1, 0.1);
    point(&rig, key(1, 1), -3, 0.1);
    assert_int_equal(stops(&rig), 0);
    rig_fini(&rig);
}

static void a_new_attempt_begins_its_curve_anew(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "{pruner: patience, patience: 1}", 1);
    point(&rig, key(0, 1), 1, 0.9);
    point(&rig, key(0, 1), 2, 0.5);
    rig_hello(&rig, 1, "a", 2, 1); /* the agent was restarted: attempt 2 */
    point(&rig, key(0, 2), 3, 0.4);
    point(&rig, key(0, 2), 4, 0.3);
    assert_int_equal(stops(&rig), 0);
    point(&rig, key(0, 2), 5, 0.2);
    assert_int_equal(stops(&rig), 1);
    rig_fini(&rig);
}

/* ---- the file ---- */

static void rules_print_as_they_are_read(void **state)
{
    UNUSED(state);
    static const char *const texts[] = {
        "{pruner: any, metric: loss, goal: min, of: [{pruner: patience, patience: 2, "
        "min_delta: 0, then: {pruner: median, startup_trials: 5, warmup: 0, interval: "
        "1, min_trials: 1}}, {pruner: threshold, upper: 7.5, warmup: 0, interval: 1}]}",
        "{pruner: asha, min: 3, max: 81, eta: 4, early: 0, bootstrap: 0, metric: acc, "
        "goal: max}",
        "{pruner: none}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct rig rig;
        AUTO_STRBUF struct strbuf text = STRBUF_INIT(65536);
        begin(&rig, texts[i], 1);
        sweep_spec_print(engine_spec(rig.engine, 1), &text);
        if (strstr(strbuf_cstr(&text), texts[i]) == NULL) {
            fail_msg("%s\nis printed in\n%s", texts[i], strbuf_cstr(&text));
        }
        rig_fini(&rig);
    }
}

static void wrong_rules_are_refused(void **state)
{
    UNUSED(state);
    static const char *const cases[][2] = {
        { "{}", "'stop.pruner' is missing" },
        { "{pruner: ahsa}", "did you mean 'asha'" },
        { "{pruner: asha, eta: 1}", "'stop.eta' must be an integer from 2" },
        { "{pruner: asha, min: 9, max: 3}", "'min' must not be above 'max'" },
        { "{pruner: asha, mni: 9}", "did you mean 'min'" },
        { "{pruner: asha, of: []}", "unknown" },
        { "{pruner: any}", "needs rules" },
        { "{pruner: any, of: [asha]}", "a rule must be a map" },
        { "{pruner: any, of: [{pruner: asha, metric: x}]}", "unknown" },
        { "{pruner: threshold, lower: 2, upper: 1}", "'lower' must not be above" },
        { "{pruner: asha, goal: best}", "unknown stop.goal" },
    };
    struct rig rig;
    rig_init_with(&rig, &pruner_registry_all);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1024];
        snprintf(text, sizeof text, "%sstop: %s\n", HEAD, cases[i][0]);
        rig_submit(&rig, text);
        assert_int_not_equal(rig.reply_code, ERR_OK);
        if (strstr(rig.reply, cases[i][1]) == NULL) {
            fail_msg("%s: %s", cases[i][0], rig.reply);
        }
    }
    rig_fini(&rig);
}

/* ---- what agents may decide alone ---- */

static const struct limits *limits_of(const struct rig *rig, size_t n)
{
    const struct message *message = rig_message(rig, TO_AGENT_LIMITS, n);
    assert_non_null(message);
    return &message->as.limits;
}

static void limits_go_with_assignments_and_are_pushed_now_and_then(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "{pruner: asha, min: 2, eta: 2}", 2);
    rig_advance(&rig, 1000);
    rig_clear(&rig);
    point(&rig, key(0, 1), 2, 0.5);
    assert_int_equal(rig_count(&rig, TO_AGENT_LIMITS), 2);
    const struct limits *own = limits_of(&rig, 0);
    const struct limits *told = limits_of(&rig, 1);
    assert_int_equal(own->key.trial, 0);
    assert_int_equal(own->len, 0); /* it has passed its rung */
    assert_int_equal(told->key.trial, 1);
    assert_string_equal(told->rule, "asha");
    assert_string_equal(told->metric, "acc");
    assert_true(told->maximize);
    assert_int_equal(told->len, 1);
    assert_int_equal(told->items[0].rung, 0);
    assert_int_equal(told->items[0].step, 2);
    assert_true(told->items[0].value == 0.5);
    rig_clear(&rig);
    point(&rig, key(0, 1), 4, 0.6);
    assert_int_equal(rig_count(&rig, TO_AGENT_LIMITS), 0); /* not so soon again */
    rig_advance(&rig, 1000);
    assert_int_equal(rig_count(&rig, TO_AGENT_LIMITS), 1);
    assert_int_equal(limits_of(&rig, 0)->len, 2);
    rig_clear(&rig);
    rig_advance(&rig, 1000);
    assert_int_equal(rig_count(&rig, TO_AGENT_LIMITS), 0); /* nothing new */
    rig_hello(&rig, 2, "b", 1, 1);
    const struct limits *first = limits_of(&rig, 0);
    assert_int_equal(first->key.trial, 2);
    assert_int_equal(first->len, 2);
    rig_fini(&rig);
}

static void rules_without_limits_tell_none(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "{pruner: median}", 2);
    point(&rig, key(0, 1), 2, 0.5);
    rig_advance(&rig, 1000);
    rig_hello(&rig, 1, "a", 1, 2);
    assert_int_equal(rig_count(&rig, TO_AGENT_LIMITS), 0);
    rig_fini(&rig);
}

/* A report of the agent's own judgement: a value at step 2 that the rule would stop,
 * and the end. */
static void judged(struct rig *rig, uint32_t trial, double value, const char *rule)
{
    const char *name = "acc";
    const uint32_t names[1] = { 0 };
    const int64_t step = 2;
    rig_step(rig, (struct event){
                      .kind = EV_REPORT,
                      .peer = 1,
                      .as.report = {
                          .key = key(trial, 1),
                          .first_seq =
                              engine_trial(rig->engine, key(trial, 1))->live->seq + 1,
                          .points = { .len = 1,
                                      .names = &name,
                                      .names_len = 1,
                                      .name = names,
                                      .step = &step,
                                      .time_ms = &rig->now_ms,
                                      .value = &value },
                          .has_ended = true,
                          .ended = { .end = rule != NULL ? END_PRUNED : END_EXITED },
                          .cause = rule != NULL ? "by the agent" : NULL,
                          .judged = true,
                          .stopped_by = { .rule = rule,
                                          .rung = 0,
                                          .step = step,
                                          .value = value,
                                          .threshold = 0.45 } } });
}

static void what_agents_decided_is_recorded_as_it_was(void **state)
{
    UNUSED(state);
    struct rig rig;
    begin(&rig, "{pruner: asha, min: 2, eta: 2}", 3);
    point(&rig, key(0, 1), 2, 0.5);
    judged(&rig, 1, 0.4, "asha");
    const struct record *stop = last_record(&rig, REC_STOP_REQUESTED);
    assert_true(stop->as.stop_requested.by_agent);
    assert_string_equal(stop->as.stop_requested.verdict.rule, "asha");
    assert_true(stop->as.stop_requested.verdict.threshold == 0.45);
    assert_string_equal(stop->cause, "by the agent");
    assert_true(last_record(&rig, REC_RUNG)->as.rung.by_agent);
    assert_int_equal(engine_trial(rig.engine, key(1, 1))->state, TRIAL_PRUNED);
    /* It let this one pass, and so do we, though it is the worst of three. */
    judged(&rig, 2, 0.3, NULL);
    assert_int_equal(engine_trial(rig.engine, key(2, 1))->state, TRIAL_FINISHED);
    assert_int_equal(rig_records(&rig, REC_STOP_REQUESTED), 1);
    assert_int_equal(rig_records(&rig, REC_RUNG), 3);
    assert_int_equal(stops(&rig), 0);
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_poor_trial_is_stopped),
        TEST(steps_of_one_report_are_judged_in_turn),
        TEST(what_is_recorded_is_not_again),
        TEST(a_restart_decides_alike),
        TEST(an_end_that_crosses_the_stop_is_pruned),
        TEST(a_diverged_trial_is_stopped_at_once),
        TEST(another_metric_may_decide),
        TEST(late_and_repeated_steps_decide_nothing),
        TEST(a_new_attempt_begins_its_curve_anew),
        TEST(rules_print_as_they_are_read),
        TEST(wrong_rules_are_refused),
        TEST(limits_go_with_assignments_and_are_pushed_now_and_then),
        TEST(rules_without_limits_tell_none),
        TEST(what_agents_decided_is_recorded_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
