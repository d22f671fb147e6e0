/* SPDX-License-Identifier: Apache-2.0 */
/* query_history.c – `history`: what `show` gives of a sweep or trial, and how it came
 * to that: its events in order, since when it is in its state, and the last lines of an
 * attempt that went wrong.
 * Knows which events set a state. Does not know why the engine decided so now.
 */
#include "store/reader.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "core/record.h"
#include "core/states.h"

/* Of a log's end: enough for the last line of a traceback and what led to it. */
#define TAIL_BYTES 4096
#define TAIL_LINES 8

/* Columns of SQL_EVENTS_OF behind those of events. */
enum {
    COL_AGENT_NAME = 17,
    COL_AGENT_HOST,
};

/* The state that the event put its sweep or trial into; NULL: none. */
static const char *state_set_by(const struct record *record)
{
    switch (record->kind) {
    case REC_SWEEP_CREATED:
        return sweep_state_name(SWEEP_RUNNING);
    case REC_SWEEP_STATE:
        return sweep_state_name(record->as.sweep_state.state);
    case REC_TRIAL_CREATED:
    case REC_REQUEUED:
        return trial_state_name(TRIAL_QUEUED);
    case REC_ASSIGNED:
    case REC_ADOPTED:
        return trial_state_name(TRIAL_RUNNING);
    case REC_ENDED:
        return record->as.ended.fenced ? NULL
                                       : trial_state_name(record->as.ended.state);
    case REC_TRIAL_STATE:
        return trial_state_name(record->as.trial_state.state);
    case REC_SESSION:
    case REC_SWEEP_EDITED:
    case REC_AGENT:
    case REC_AGENT_STATE:
    case REC_STARTED:
    case REC_STOP_REQUESTED:
    case REC_PRIOR:
    case REC_RUNG:
    case REC_POINTS:
    case REC_NOTES:
    case REC_LOG:
    case REC_MARK:
    case RECORD_KIND_NR:
        break;
    }
    return NULL;
}

static void put_ended(json_t *event, const struct rec_ended *ended)
{
    json_put_str(event, "end", attempt_end_name(ended->end));
    json_put_bool(event, "counts", ended->counts);
    if (ended->end == END_FAILED || ended->end == END_EXITED) {
        json_put_i64(event, "exit_status", ended->exit_status);
    }
    if (ended->signal != 0) {
        json_put_i64(event, "signal", ended->signal);
    }
    if (ended->has_value) {
        json_put_f64(event, "value", ended->value);
        json_put_i64(event, "step", ended->step);
    }
}

/* The rule of early stopping that asked for it, if one did. */
static void put_verdict(json_t *event, const struct rec_verdict *verdict)
{
    if (verdict->rule == NULL) {
        return;
    }
    json_put_str(event, "rule", verdict->rule);
    if (verdict->rung >= 0) {
        json_put_i64(event, "rung", verdict->rung);
    }
    json_put_i64(event, "step", verdict->step);
    json_put_f64(event, "value", verdict->value);
    if (!isnan(verdict->threshold)) {
        json_put_f64(event, "threshold", verdict->threshold);
    }
    json_put_i64(event, "compared", verdict->compared);
}

static void put_rung(json_t *event, const struct rec_rung *rung)
{
    json_put_i64(event, "rung", rung->key.number);
    json_put_i64(event, "bracket", rung->key.bracket);
    json_put_i64(event, "step", rung->step);
    json_put_f64(event, "value", rung->value);
}

static void
put_assigned(json_t *event, struct stmt *row, const struct rec_assigned *assigned)
{
    put_col_text(event, "agent", row, COL_AGENT_NAME);
    put_col_text(event, "host", row, COL_AGENT_HOST);
    json_put_bool(event, "prefetched", assigned->prefetch);
    json_put_bool(event, "fresh", assigned->fresh);
    json_put_i64(event, "revision", assigned->revision);
}

/* What only this kind of event says. */
static void put_details(json_t *event, struct stmt *row, const struct record *record)
{
    if (record->kind == REC_TRIAL_CREATED) {
        json_put_bool(event, "enqueued", record->as.trial_created.enqueued);
        json_put_bool(event, "by_user", record->as.trial_created.by_user);
    } else if (record->kind == REC_ASSIGNED) {
        put_assigned(event, row, &record->as.assigned);
    } else if (record->kind == REC_STARTED) {
        json_put_bool(event, "resumed", record->as.started.resumed);
    } else if (record->kind == REC_STOP_REQUESTED) {
        json_put_str(event, "stop_reason",
                     stop_reason_name(record->as.stop_requested.reason));
        json_put_bool(event, "by_agent", record->as.stop_requested.by_agent);
        put_verdict(event, &record->as.stop_requested.verdict);
    } else if (record->kind == REC_RUNG) {
        put_rung(event, &record->as.rung);
    } else if (record->kind == REC_TRIAL_STATE) {
        json_put_bool(event, "by_user", record->as.trial_state.by_user);
    } else if (record->kind == REC_SWEEP_EDITED) {
        json_put_i64(event, "revision", record->as.sweep_edited.revision);
    } else if (record->kind == REC_SWEEP_STATE) {
        json_put_bool(event, "by_user", record->as.sweep_state.by_user);
    } else if (record->kind == REC_PRIOR) {
        json_put_i64(event, "count", 1);
    } else if (record->kind == REC_ENDED) {
        put_ended(event, &record->as.ended);
    }
}

/* Imported results come by the thousand: neighbours are one event with their `count`.
 * True when the record was taken so. */
static bool count_prior(const struct record *record, const json_t *events)
{
    static const char count[] = "count";
    json_t *last = json_array_get(events, json_array_size(events) - 1);
    if (record->kind != REC_PRIOR || json_object_get(last, count) == NULL) {
        return false;
    }
    json_put_i64(last, count, json_integer_value(json_object_get(last, count)) + 1);
    return true;
}

/* Appends the event; gives the state it set, or NULL. */
static const char *
push_event(struct stmt *row, const struct record *record, json_t *events)
{
    if (count_prior(record, events)) {
        return NULL;
    }
    json_t *event = json_object();
    json_push(events, event);
    json_put_i64(event, "time", record->time.ms);
    json_put_str(event, "kind", record_kind_name(record->kind));
    if (record->key.attempt != 0) {
        json_put_i64(event, "attempt", record->key.attempt);
    }
    const char *state = state_set_by(record);
    if (state != NULL) {
        json_put_str(event, "state", state);
    }
    if (record->cause != NULL) {
        json_put_str(event, "cause", record->cause);
    }
    put_details(event, row, record);
    return state;
}

/* Members `since` and `events`. */
static enum err_code
put_events(struct store_reader *reader, json_t *object, uint64_t run, struct err *err)
{
    struct event_scratch scratch = { 0 };
    json_t *events = json_array();
    json_put(object, "events", events);
    struct stmt *row = stmt_use(&reader->db, SQL_EVENTS_OF);
    bind_u64(row, run);
    bool more = false;
    const char *state = NULL;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        struct record record;
        code = events_read(row, &scratch, &record, err);
        if (code != ERR_OK) {
            break;
        }
        const char *set = push_event(row, &record, events);
        if (set != NULL && (state == NULL || strcmp(set, state) != 0)) {
            state = set;
            json_put_i64(object, "since", record.time.ms);
        }
        code = stmt_row(row, &more, err);
    }
    vec_fini(&scratch.x);
    vec_fini(&scratch.tags);
    return code;
}

/* ---- the end of a log ---- */

/* The newest attempt's number if it ended badly, else 0. */
static uint32_t failed_attempt(const json_t *trial)
{
    const char *state = json_string_value(json_object_get(trial, "state"));
    const json_t *list = json_object_get(trial, "attempts_list");
    const json_t *last = json_array_get(list, json_array_size(list) - 1);
    bool went_well = strcmp(state, trial_state_name(TRIAL_FINISHED)) == 0
                     || strcmp(state, trial_state_name(TRIAL_PRUNED)) == 0
                     || strcmp(state, trial_state_name(TRIAL_CANCELLED)) == 0;
    if (went_well || last == NULL || json_object_get(last, "end") == NULL) {
        return 0;
    }
    return (uint32_t)json_integer_value(json_object_get(last, "number"));
}

/* Cut so that at most TAIL_LINES are left, the first of them whole. */
static const char *last_lines(const char *text, bool from_start)
{
    size_t len = strlen(text);
    size_t lines = 0;
    size_t at = len > 0 && text[len - 1] == '\n' ? len - 1 : len;
    while (at > 0) {
        if (text[at - 1] == '\n' && ++lines == TAIL_LINES) {
            return text + at;
        }
        at--;
    }
    const char *first_end = strchr(text, '\n');
    return from_start || first_end == NULL ? text : first_end + 1;
}

/* Member `log_tail` of a trial whose newest attempt went wrong. */
static enum err_code put_tail(struct store_reader *reader,
                              json_t *trial,
                              const struct ref *ref,
                              struct err *err)
{
    uint32_t attempt = failed_attempt(trial);
    struct log_ref log = { .db = &reader->db,
                           .dir = reader->logs_dir,
                           .run_id = &ref->run_id,
                           .run = ref->run,
                           .attempt = attempt };
    uint64_t size = 0;
    enum err_code code = attempt > 0 ? logs_size(&log, &size, err) : ERR_OK;
    if (code != ERR_OK || size == 0) {
        return code;
    }
    uint64_t from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
    char bytes[TAIL_BYTES + 1];
    size_t len = TAIL_BYTES;
    code = logs_read(&log, from, (uint8_t *)bytes, &len, err);
    if (code != ERR_OK) {
        return code;
    }
    json_t *tail = json_object();
    json_put(trial, "log_tail", tail);
    json_put_i64(tail, "attempt", attempt);
    log_put_text(tail, "text", bytes, len);
    const char *text = json_string_value(json_object_get(tail, "text"));
    AUTO_FREE char *lines = mem_strdup(last_lines(text, from == 0));
    json_put_str(tail, "text", lines);
    return ERR_OK;
}

/* ---- the verb ---- */

enum err_code query_history(struct store_reader *reader,
                            const json_t *args,
                            json_t **result_out,
                            struct err *err)
{
    const char *text = NULL;
    AUTO_REF struct ref ref = { 0 };
    AUTO_JSON json_t *object = NULL;
    enum err_code code = arg_ref(args, "ref", &text, err);
    if (code == ERR_OK) {
        code = ref_find(reader, text, &ref, err);
    }
    if (code == ERR_OK && ref.kind == RUN_CLIENT) {
        code =
            err_set(err, ERR_INVALID,
                    "run '%s' was made by a client, expected a sweep or a trial", text);
    }
    if (code == ERR_OK) {
        code = query_show(reader, args, &object, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    json_put_str(object, "kind", ref.kind == RUN_SWEEP ? "sweep" : "trial");
    IGNORE_ERR(json_object_del(object, "text"), "a trial has none");
    code = put_events(reader, object, ref.run, err);
    if (code == ERR_OK && ref.kind == RUN_TRIAL) {
        code = put_tail(reader, object, &ref, err);
    }
    if (code == ERR_OK) {
        *result_out = json_incref(object);
    }
    return code;
}
