/* SPDX-License-Identifier: Apache-2.0 */
/* replay_check.c – every decision of a sweep made again from its records.
 *
 * Owns a fresh engine that only replays, the sampler's cursor and the count of enqueued
 * points as the records tell them. Knows which kinds of record hold a decision that can
 * be derived. Does not know where records come from or how differences are shown.
 *
 * A suggestion is derived from what is stored before it, the stored cursor included, as
 * a restarted coordinator would do. So a changed point is one difference; a changed
 * cursor may show again in the point after it. What a learning sampler knew is named by
 * the number of rows stored with the trial. Stops are replay_stop.c's.
 */
#include "core/replay_check.h"

#include <math.h>
#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strbuf.h"
#include "core/engine.h"
#include "core/replay_stop.h"
#include "core/sweep_spec.h"

/* The engine only replays: no lease runs out. */
#define CHECK_LEASE_MS 1
#define CHECK_HOME_ID  "00000000000000000000000000000000"

struct replay_check {
    struct replay_check_config config;
    struct engine *engine;
    bool misfit;                   /* a record did not fit: the engine hears no more */
    uint32_t sweep;                /* key; 0: its record has not come yet */
    const struct sweep_spec *spec; /* of the engine; NULL: not known or not readable */
    uint32_t revision;             /* of the sweep's file, whose spec this is */
    uint64_t cursor;               /* stored with the trial before */
    size_t enqueued_used;          /* points of the file's list that were created */
    struct replay_stop stop;
    struct replay_summary summary;
};

static void on_stop_difference(void *ctx, const struct replay_difference *found)
{
    struct replay_check *check = ctx;
    check->summary.differences++;
    check->config.fn(check->config.ctx, found);
}

struct replay_check *replay_check_create(const struct replay_check_config *config)
{
    struct replay_check *check = mem_alloc(sizeof *check);
    struct engine_config engine = { .lease_ms = CHECK_LEASE_MS,
                                    .samplers = config->samplers,
                                    .pruners = config->pruners,
                                    .home_id = CHECK_HOME_ID,
                                    .next_run_key = 1 };
    ASSERT(config->fn != NULL);
    check->config = *config;
    check->stop = (struct replay_stop){ .points = config->points,
                                        .points_ctx = config->ctx,
                                        .fn = on_stop_difference,
                                        .ctx = check };
    check->engine = engine_create(&engine);
    return check;
}

void replay_check_destroy(struct replay_check *check)
{
    if (check == NULL) {
        return;
    }
    engine_destroy(check->engine);
    replay_stop_fini(&check->stop);
    mem_free(check);
}

/* ---- telling ---- */

static void tell(struct replay_check *check,
                 const struct record *record,
                 struct replay_difference found)
{
    found.key = record->key;
    found.kind = record->kind;
    check->summary.differences++;
    check->config.fn(check->config.ctx, &found);
}

static uint64_t bits_of(double value)
{
    uint64_t bits = 0;
    static_assert(sizeof bits == sizeof value, "a double has 64 bits");
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* What people call the value; unlike space_value it takes any double. */
static void put_value(const struct param *param, double value, struct strbuf *out)
{
    bool inside = value >= 0.0 && value < (double)param->items_len;
    if (isnan(value)) {
        strbuf_adds(out, "inactive");
        if (bits_of(value) != bits_of((double)NAN)) {
            strbuf_addf(out, " (bits %016llx)", (unsigned long long)bits_of(value));
        }
    } else if (param->kind == PARAM_CHOICE && inside
               && bits_of(value) == bits_of((double)(size_t)value)) {
        value_print(param->items[(size_t)value], out);
    } else {
        char text[NUM_TEXT_SIZE];
        num_format_f64(value, text);
        strbuf_addf(out, param->kind == PARAM_CHOICE ? "choice %s" : "%s", text);
    }
}

/* The same bits; an inactive parameter is the plain NaN whatever NaN was derived. */
static bool same_value(double stored, double derived)
{
    return bits_of(stored) == bits_of(derived)
           || (isnan(derived) && bits_of(stored) == bits_of((double)NAN));
}

static void compare_point(struct replay_check *check,
                          const struct record *record,
                          const double *derived)
{
    const struct space *space = check->spec->space;
    for (size_t i = 0; i < space->len; i++) {
        double stored = record->as.trial_created.x[i];
        if (same_value(stored, derived[i])) {
            continue;
        }
        AUTO_STRBUF struct strbuf was = STRBUF_INIT(PARAM_VALUE_BYTES_MAX);
        AUTO_STRBUF struct strbuf is = STRBUF_INIT(PARAM_VALUE_BYTES_MAX);
        put_value(&space->params[i], stored, &was);
        put_value(&space->params[i], derived[i], &is);
        tell(check, record,
             (struct replay_difference){ .subject = REPLAY_PARAMETER,
                                         .param = space->params[i].name,
                                         .stored = strbuf_cstr(&was),
                                         .derived = strbuf_cstr(&is) });
    }
}

static void compare_cursor(struct replay_check *check,
                           const struct record *record,
                           uint64_t derived)
{
    uint64_t stored = record->as.trial_created.cursor;
    if (stored == derived) {
        return;
    }
    AUTO_STRBUF struct strbuf was = STRBUF_INIT(NUM_TEXT_SIZE);
    AUTO_STRBUF struct strbuf is = STRBUF_INIT(NUM_TEXT_SIZE);
    strbuf_addf(&was, "%llu", (unsigned long long)stored);
    strbuf_addf(&is, "%llu", (unsigned long long)derived);
    tell(check, record,
         (struct replay_difference){ .subject = REPLAY_CURSOR,
                                     .stored = strbuf_cstr(&was),
                                     .derived = strbuf_cstr(&is) });
}

static void
tell_none(struct replay_check *check, const struct record *record, const char *why)
{
    bool enqueued = record->as.trial_created.enqueued;
    tell(check, record,
         (struct replay_difference){ .subject = REPLAY_SUGGESTION,
                                     .stored = enqueued ? "an enqueued point"
                                                        : "a suggested point",
                                     .derived = why });
}

/* ---- deriving ---- */

/* The next point of the file's list; it does not move the sampler's cursor. */
static void check_enqueued(struct replay_check *check, const struct record *record)
{
    const struct sweep_spec *spec = check->spec;
    if (record->as.trial_created.by_user) {
        compare_cursor(check, record, check->cursor);
        return; /* the point itself is the user's: there is nothing to derive it from */
    }
    if (check->enqueued_used >= spec->enqueued_len) {
        tell_none(check, record, "the file's list is used up");
        return;
    }
    compare_point(check, record,
                  spec->enqueued + check->enqueued_used * spec->space->len);
    compare_cursor(check, record, check->cursor);
    check->enqueued_used++;
}

static void check_suggested(struct replay_check *check, const struct record *record)
{
    const struct sweep_spec *spec = check->spec;
    struct suggest_known known =
        engine_known(check->engine, check->sweep, check->revision);
    struct fx_suggest ask = { .sweep = check->sweep,
                              .revision = check->revision,
                              .first = record->key.trial,
                              .count = 1,
                              .cursor = check->cursor,
                              .history_len = record->as.trial_created.history };
    check->cursor = record->as.trial_created.cursor;
    if (ask.history_len > known.history->len) {
        tell_none(check, record, "it claims to know more trials than had ended");
        return;
    }
    if (spec->sampler->learns) {
        struct open_points_of of = { .rows = ask.history_len,
                                     .before = ask.first,
                                     .room = 1 };
        ask.open = engine_open_points(check->engine, check->sweep, of, &ask.open_len);
    }
    struct suggest_answer answer;
    suggest_find(&known, &ask, &answer);
    if (answer.len == 1) {
        compare_point(check, record, answer.x);
        compare_cursor(check, record, answer.cursor[0]);
    } else {
        tell_none(check, record, answer.err.msg);
    }
    suggest_answer_fini(&answer);
    mem_free(ask.open);
}

/* What later trials depend on, of one that is not compared. */
static void pass_trial(struct replay_check *check,
                       const struct rec_trial_created *passed)
{
    if (!passed->enqueued) {
        check->cursor = passed->cursor;
    } else if (!passed->by_user) {
        check->enqueued_used++;
    }
}

static void check_trial(struct replay_check *check, const struct record *record)
{
    const struct rec_trial_created *created = &record->as.trial_created;
    if (check->spec == NULL || created->x_len != check->spec->space->len) {
        return; /* the engine has refused this record or the sweep's */
    }
    check->summary.derived++;
    if (created->enqueued) {
        check_enqueued(check, record);
    } else {
        check_suggested(check, record);
    }
}

/* Derives the decision that the record holds, if it holds one. */
static void check_decision(struct replay_check *check, const struct record *record)
{
    if (record->kind == REC_TRIAL_CREATED) {
        check_trial(check, record);
    }
}

/* ---- the engine ---- */

/* The sweep's records, and what all sweeps share. */
static bool concerns(const struct replay_check *check, const struct record *record)
{
    return record->kind == REC_SESSION || record->kind == REC_AGENT
           || record->kind == REC_AGENT_STATE
           || (check->sweep != 0 && record->key.sweep == check->sweep);
}

static bool begins(const struct replay_check *check, const struct record *record)
{
    return check->sweep == 0 && record->kind == REC_SWEEP_CREATED
           && strcmp(record->as.sweep_created.run_id.hex, check->config.sweep.hex) == 0;
}

/* Gives the record to the engine and tells if it is the first that does not fit; what
 * follows one that does not fit says nothing more. False: it did not fit. */
static bool apply(struct replay_check *check, const struct record *record)
{
    struct err err = { 0 };
    if (check->misfit || engine_replay(check->engine, record, &err) == ERR_OK) {
        return true;
    }
    check->misfit = true;
    tell(check, record,
         (struct replay_difference){ .subject = REPLAY_RECORD,
                                     .stored = record_kind_name(record->kind),
                                     .derived = err.msg });
    return false;
}

/* What later suggestions are derived from. */
static void
take_edit(struct replay_check *check, const struct rec_sweep_edited *edited, bool fits)
{
    if (fits) {
        check->spec = engine_spec(check->engine, check->sweep);
        check->revision = edited->revision;
    }
    check->cursor = edited->cursor;
    check->enqueued_used = edited->enqueued_used;
}

void replay_check_record(struct replay_check *check, const struct record *record)
{
    bool first = begins(check, record);
    if (first) {
        check->sweep = record->key.sweep;
    }
    if (!concerns(check, record)) {
        return;
    }
    bool own = record->key.sweep == check->sweep && check->sweep != 0;
    check->summary.records += own;
    if (own && !check->misfit) {
        replay_stop_record(&check->stop, check->engine, record);
    }
    bool fits = apply(check, record);
    if (first && fits && !check->misfit) {
        check->spec = engine_spec(check->engine, check->sweep);
        check->revision = 1;
    }
    if (record->kind == REC_SWEEP_EDITED) {
        take_edit(check, &record->as.sweep_edited, fits && !check->misfit);
    }
    if (fits) {
        check_decision(check, record);
    } else if (record->kind == REC_TRIAL_CREATED) {
        pass_trial(check, &record->as.trial_created);
    }
}

void replay_check_finish(struct replay_check *check, struct replay_summary *summary_out)
{
    replay_stop_finish(&check->stop, check->engine);
    check->summary.stops = check->stop.derived;
    if (check->sweep == 0) {
        struct record none = { .kind = REC_SWEEP_CREATED };
        tell(check, &none,
             (struct replay_difference){ .subject = REPLAY_RECORD,
                                         .stored = record_kind_name(none.kind),
                                         .derived = "no event created this sweep" });
    }
    *summary_out = check->summary;
}

const char *replay_subject_name(enum replay_subject subject)
{
    switch (subject) {
    case REPLAY_PARAMETER:
        return "parameter";
    case REPLAY_CURSOR:
        return "cursor";
    case REPLAY_SUGGESTION:
        return "suggestion";
    case REPLAY_RECORD:
        return "record";
    case REPLAY_RUNG:
        return "rung";
    case REPLAY_STOP:
        return "stop";
    case REPLAY_SUBJECT_NR:
        break;
    }
    UNREACHABLE();
}
