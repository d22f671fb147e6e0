/* SPDX-License-Identifier: Apache-2.0 */
/* events.c – records as rows of the event table, and back.
 *
 * Owns what the general columns mean for each kind:
 *
 *   kind            state        reason  number     number2      value  data
 *   SESSION         -            -       -          -            -      -
 *   SWEEP_CREATED   -            -       -          tags         -      strings
 *   SWEEP_STATE     sweep state  -       -          -            -      -
 *   SWEEP_EDITED    -            -       revision   tags         -      cursor, points
 *                                                                       used, strings
 *   AGENT           -            -       boot       pid          -      slots, id, host
 *   TRIAL_CREATED   -            -       cursor     history      -      x (doubles)
 *   ASSIGNED        -            -       boot       gpu mask     -      revision,
 *                                                                       unless it is 1
 *   STARTED         -            -       time (ms)  pid          -      -
 *   STOP_REQUESTED  -            reason  step       compared     value  rule, rung,
 *                                                                       threshold
 *   RUNG            -            -       step       rung key     value  -
 *   PRIOR           trial state  -       step       -            value  x (doubles)
 *   ENDED           trial state  end     step       exit status  value  usage
 *   TRIAL_STATE     trial state  -       -          -            -      -
 *   AGENT_STATE     1: aside     -       -          -            -      -
 *
 * A trial's run id is not kept here (core/ids.h derives it), nor are its parameters as
 * text (rows of `params`). Does not know runs or metrics.
 */
#include "store/store_internal.h"

#include <math.h>
#include <string.h>

#include "store/blob.h"

enum event_flags {
    EVENT_MAXIMIZE = 1u << 0,
    EVENT_BY_USER = 1u << 1,
    EVENT_ENQUEUED = 1u << 2,
    EVENT_PREFETCH = 1u << 3,
    EVENT_COUNTS = 1u << 4,
    EVENT_FENCED = 1u << 5,
    EVENT_HAS_VALUE = 1u << 6,
    EVENT_DRAIN = 1u << 7,
    EVENT_CHECKPOINT = 1u << 8,
    EVENT_FRESH = 1u << 9,
    EVENT_RESUMED = 1u << 10,
    EVENT_BY_AGENT = 1u << 11,
};

/* The columns that differ by kind. */
struct event_row {
    int64_t agent;
    int64_t state;
    int64_t reason;
    uint32_t flags;
    uint64_t number;
    uint64_t number2;
    double value; /* NaN: NULL */
};

static uint32_t flag(bool on, enum event_flags bit)
{
    return on ? (uint32_t)bit : 0;
}

static void put_sweep(const struct rec_sweep_created *sweep,
                      struct event_row *row,
                      struct strbuf *blob)
{
    row->flags = flag(sweep->maximize, EVENT_MAXIMIZE);
    row->number2 = sweep->tags_len;
    blob_put_str(blob, sweep->run_id.hex);
    blob_put_str(blob, sweep->name);
    blob_put_str(blob, sweep->metric);
    blob_put_str(blob, sweep->text);
    blob_put_str(blob, sweep->mlproject);
    blob_put_str(blob, sweep->directory);
    for (size_t i = 0; i < sweep->tags_len; i++) {
        blob_put_str(blob, sweep->tags[i].name);
        blob_put_str(blob, sweep->tags[i].value);
    }
}

static void put_edited(const struct rec_sweep_edited *edited,
                       struct event_row *row,
                       struct strbuf *blob)
{
    row->number = edited->revision;
    row->number2 = edited->tags_len;
    blob_put_u64(blob, edited->cursor);
    blob_put_u64(blob, edited->enqueued_used);
    blob_put_str(blob, edited->text);
    blob_put_str(blob, edited->mlproject);
    for (size_t i = 0; i < edited->tags_len; i++) {
        blob_put_str(blob, edited->tags[i].name);
        blob_put_str(blob, edited->tags[i].value);
    }
}

static void
put_agent(const struct rec_agent *agent, struct event_row *row, struct strbuf *blob)
{
    row->agent = agent->agent;
    row->number = agent->boot;
    row->number2 = agent->pid;
    blob_put_u64(blob, agent->slots);
    blob_put_str(blob, agent->id);
    blob_put_str(blob, agent->host);
}

/* Bits 32, 16 and 0: rule, bracket, number. */
static uint64_t pack_rung(struct rung_key key)
{
    return (uint64_t)key.leaf << 32 | (uint64_t)key.bracket << 16 | key.number;
}

static struct rung_key unpack_rung(uint64_t packed)
{
    return (struct rung_key){ .leaf = (uint16_t)(packed >> 32),
                              .bracket = (uint16_t)(packed >> 16),
                              .number = (uint16_t)packed };
}

static void put_stop(const struct rec_stop_requested *stop,
                     struct event_row *row,
                     struct strbuf *blob)
{
    row->reason = (int64_t)stop->reason;
    row->flags = flag(stop->by_agent, EVENT_BY_AGENT);
    if (stop->verdict.rule == NULL) {
        return;
    }
    row->number = (uint64_t)stop->verdict.step;
    row->number2 = stop->verdict.compared;
    row->value = stop->verdict.value;
    blob_put_str(blob, stop->verdict.rule);
    blob_put_i64(blob, stop->verdict.rung);
    blob_put_f64s(blob, &stop->verdict.threshold, 1);
}

static void
put_ended(const struct rec_ended *ended, struct event_row *row, struct strbuf *blob)
{
    row->state = (int64_t)ended->state;
    row->reason = (int64_t)ended->end;
    row->flags = flag(ended->counts, EVENT_COUNTS) | flag(ended->fenced, EVENT_FENCED)
                 | flag(ended->has_value, EVENT_HAS_VALUE);
    row->number = (uint64_t)ended->step;
    row->number2 = (uint64_t)(int64_t)ended->exit_status;
    row->value = ended->has_value ? ended->value : (double)NAN;
    blob_put_u64(blob, ended->signal);
    blob_put_i64(blob, ended->start_ms);
    blob_put_i64(blob, ended->end_ms);
    blob_put_u64(blob, ended->user_cpu_ms);
    blob_put_u64(blob, ended->system_cpu_ms);
    blob_put_u64(blob, ended->max_rss_bytes);
    blob_put_u64(blob, ended->points_thinned);
    blob_put_u64(blob, ended->names_refused);
}

static void put_rung(const struct rec_rung *rung, struct event_row *row)
{
    row->number = (uint64_t)rung->step;
    row->number2 = pack_rung(rung->key);
    row->value = rung->value;
    row->flags = flag(rung->by_agent, EVENT_BY_AGENT);
}

static void
put_prior(const struct rec_prior *prior, struct event_row *row, struct strbuf *blob)
{
    row->state = (int64_t)prior->state;
    row->number = (uint64_t)prior->step;
    row->value = prior->value;
    blob_put_f64s(blob, prior->x, prior->x_len);
}

static void put_assigned(const struct rec_assigned *assigned,
                         struct event_row *row,
                         struct strbuf *blob)
{
    row->agent = assigned->agent;
    row->flags = flag(assigned->prefetch, EVENT_PREFETCH)
                 | flag(assigned->checkpoint, EVENT_CHECKPOINT)
                 | flag(assigned->fresh, EVENT_FRESH);
    row->number = assigned->boot;
    row->number2 = assigned->gpu_mask;
    if (assigned->revision != 1) {
        blob_put_u64(blob, assigned->revision);
    }
}

static void
put_body(const struct record *record, struct event_row *row, struct strbuf *blob)
{
    switch (record->kind) {
    case REC_SWEEP_CREATED:
        put_sweep(&record->as.sweep_created, row, blob);
        return;
    case REC_SWEEP_STATE:
        row->state = (int64_t)record->as.sweep_state.state;
        row->flags = flag(record->as.sweep_state.by_user, EVENT_BY_USER)
                     | flag(record->as.sweep_state.drain, EVENT_DRAIN);
        return;
    case REC_SWEEP_EDITED:
        put_edited(&record->as.sweep_edited, row, blob);
        return;
    case REC_AGENT:
        put_agent(&record->as.agent, row, blob);
        return;
    case REC_TRIAL_CREATED:
        row->flags = flag(record->as.trial_created.enqueued, EVENT_ENQUEUED)
                     | flag(record->as.trial_created.by_user, EVENT_BY_USER);
        row->number = record->as.trial_created.cursor;
        row->number2 = record->as.trial_created.history;
        blob_put_f64s(blob, record->as.trial_created.x, record->as.trial_created.x_len);
        return;
    case REC_ASSIGNED:
        put_assigned(&record->as.assigned, row, blob);
        return;
    case REC_STARTED:
        row->number = (uint64_t)record->as.started.time_ms;
        row->number2 = record->as.started.pid;
        row->flags = flag(record->as.started.resumed, EVENT_RESUMED);
        return;
    case REC_STOP_REQUESTED:
        put_stop(&record->as.stop_requested, row, blob);
        return;
    case REC_RUNG:
        put_rung(&record->as.rung, row);
        return;
    case REC_ENDED:
        put_ended(&record->as.ended, row, blob);
        return;
    case REC_PRIOR:
        put_prior(&record->as.prior, row, blob);
        return;
    case REC_TRIAL_STATE:
        row->state = (int64_t)record->as.trial_state.state;
        row->flags = flag(record->as.trial_state.by_user, EVENT_BY_USER);
        return;
    case REC_AGENT_STATE:
        row->agent = record->as.agent_state.agent;
        row->state = record->as.agent_state.aside ? 1 : 0;
        return;
    case REC_SESSION:
    case REC_REQUEUED:
    case REC_ADOPTED:
        return;
    case REC_POINTS:
    case REC_NOTES:
    case REC_LOG:
    case REC_MARK:
    case RECORD_KIND_NR:
        break;
    }
    UNREACHABLE();
}

enum err_code
events_insert(struct store *store, const struct record *record, struct err *err)
{
    struct strbuf *blob = &store->batch.blob;
    struct event_row row = { .value = (double)NAN };
    strbuf_reset(blob);
    put_body(record, &row, blob);
    if (blob->toobig) {
        return err_set(err, ERR_TOOBIG, "a record of kind %s is too big to store",
                       record_kind_name(record->kind));
    }
    struct stmt *stmt = stmt_use(&store->db, SQL_EVENT_INSERT);
    bind_i64(stmt, record->time.ms);
    bind_i64(stmt, (int64_t)record->kind);
    bind_i64(stmt, record->key.sweep);
    bind_i64(stmt, record->key.trial);
    bind_i64(stmt, record->key.attempt);
    bind_u64(stmt, record->run_key);
    bind_u64(stmt, record->seq);
    bind_i64(stmt, row.agent);
    bind_i64(stmt, row.state);
    bind_i64(stmt, row.reason);
    bind_i64(stmt, row.flags);
    bind_u64(stmt, row.number);
    bind_u64(stmt, row.number2);
    bind_f64(stmt, row.value);
    bind_text(stmt, record->cause);
    if (blob->len > 0) {
        bind_blob(stmt, blob->ptr, blob->len);
    } else {
        bind_null(stmt);
    }
    return stmt_run(stmt, err);
}

/* ---- reading ---- */

/* Columns of SQL_EVENTS. */
enum event_column {
    COL_ID,
    COL_TIME,
    COL_KIND,
    COL_SWEEP,
    COL_TRIAL,
    COL_ATTEMPT,
    COL_RUN,
    COL_SEQ,
    COL_AGENT,
    COL_STATE,
    COL_REASON,
    COL_FLAGS,
    COL_NUMBER,
    COL_NUMBER2,
    COL_VALUE,
    COL_CAUSE,
    COL_DATA,
};

static bool has_flag(struct stmt *row, enum event_flags bit)
{
    return (col_u32(row, COL_FLAGS) & (uint32_t)bit) != 0;
}

static void
get_tags(struct blob_reader *in, uint64_t len, struct event_scratch *scratch)
{
    vec_reset(&scratch->tags);
    for (uint64_t i = 0; i < len && !in->bad; i++) {
        struct rec_note tag = { .is_tag = true };
        tag.name = blob_get_str(in);
        tag.value = blob_get_str(in);
        in->bad = in->bad || tag.name == NULL;
        vec_push(&scratch->tags, tag);
    }
}

static void get_sweep(struct stmt *row,
                      struct blob_reader *in,
                      struct event_scratch *scratch,
                      struct rec_sweep_created *out)
{
    const char *hex = blob_get_str(in);
    if (hex == NULL || !run_id_is_valid(hex)) {
        in->bad = true;
        return;
    }
    memcpy(out->run_id.hex, hex, sizeof out->run_id.hex);
    out->maximize = has_flag(row, EVENT_MAXIMIZE);
    out->name = blob_get_str(in);
    out->metric = blob_get_str(in);
    out->text = blob_get_str(in);
    out->mlproject = blob_get_str(in);
    out->directory = blob_get_str(in);
    get_tags(in, col_u64(row, COL_NUMBER2), scratch);
    out->tags = scratch->tags.ptr;
    out->tags_len = scratch->tags.len;
}

static void get_edited(struct stmt *row,
                       struct blob_reader *in,
                       struct event_scratch *scratch,
                       struct rec_sweep_edited *out)
{
    out->revision = col_u32(row, COL_NUMBER);
    out->cursor = blob_get_u64(in);
    uint64_t used = blob_get_u64(in);
    out->enqueued_used = (uint32_t)used;
    out->text = blob_get_str(in);
    out->mlproject = blob_get_str(in);
    in->bad = in->bad || out->text == NULL || used > ENQUEUE_MAX;
    get_tags(in, col_u64(row, COL_NUMBER2), scratch);
    out->tags = scratch->tags.ptr;
    out->tags_len = scratch->tags.len;
}

static void
get_assigned(struct stmt *row, struct blob_reader *in, struct rec_assigned *out)
{
    out->agent = col_u32(row, COL_AGENT);
    out->boot = col_u64(row, COL_NUMBER);
    out->gpu_mask = col_u64(row, COL_NUMBER2);
    out->prefetch = has_flag(row, EVENT_PREFETCH);
    out->checkpoint = has_flag(row, EVENT_CHECKPOINT);
    out->fresh = has_flag(row, EVENT_FRESH);
    uint64_t revision = in->len > 0 ? blob_get_u64(in) : 1;
    out->revision = (uint32_t)revision;
    in->bad = in->bad || revision > REVISIONS_MAX;
}

static void get_agent(struct stmt *row, struct blob_reader *in, struct rec_agent *out)
{
    out->agent = col_u32(row, COL_AGENT);
    out->boot = col_u64(row, COL_NUMBER);
    out->pid = col_u32(row, COL_NUMBER2);
    out->slots = (uint32_t)blob_get_u64(in);
    out->id = blob_get_str(in);
    out->host = blob_get_str(in);
}

static void get_trial(struct stmt *row,
                      struct blob_reader *in,
                      struct event_scratch *scratch,
                      struct rec_trial_created *out)
{
    vec_reset(&scratch->x);
    while (in->at < in->len && !in->bad) {
        vec_push(&scratch->x, blob_get_f64(in));
    }
    out->x = scratch->x.ptr;
    out->x_len = scratch->x.len;
    out->cursor = col_u64(row, COL_NUMBER);
    out->history = col_u64(row, COL_NUMBER2);
    out->enqueued = has_flag(row, EVENT_ENQUEUED);
    out->by_user = has_flag(row, EVENT_BY_USER);
}

static void get_prior(struct stmt *row,
                      struct blob_reader *in,
                      struct event_scratch *scratch,
                      struct rec_prior *out)
{
    struct rec_trial_created point;
    get_trial(row, in, scratch, &point);
    out->x = point.x;
    out->x_len = point.x_len;
    uint32_t state = col_u32(row, COL_STATE);
    in->bad = in->bad || state >= TRIAL_STATE_NR;
    out->state = (enum trial_state)state;
    out->value = col_f64(row, COL_VALUE);
    out->step = col_i64(row, COL_NUMBER);
}

static void
get_stop(struct stmt *row, struct blob_reader *in, struct rec_stop_requested *out)
{
    out->reason = (enum stop_reason)col_u32(row, COL_REASON);
    out->by_agent = has_flag(row, EVENT_BY_AGENT);
    if (in->len == 0) {
        return; /* no rule */
    }
    out->verdict.step = col_i64(row, COL_NUMBER);
    out->verdict.compared = (uint32_t)col_u64(row, COL_NUMBER2);
    out->verdict.value = col_f64(row, COL_VALUE);
    out->verdict.rule = blob_get_str(in);
    out->verdict.rung = (int32_t)blob_get_i64(in);
    out->verdict.threshold = blob_get_f64(in);
}

static void get_ended(struct stmt *row, struct blob_reader *in, struct rec_ended *out)
{
    uint32_t state = col_u32(row, COL_STATE);
    uint32_t end = col_u32(row, COL_REASON);
    in->bad = in->bad || state >= TRIAL_STATE_NR || end >= ATTEMPT_END_NR;
    out->state = (enum trial_state)state;
    out->end = (enum attempt_end)end;
    out->counts = has_flag(row, EVENT_COUNTS);
    out->fenced = has_flag(row, EVENT_FENCED);
    out->has_value = has_flag(row, EVENT_HAS_VALUE);
    out->value = out->has_value ? col_f64(row, COL_VALUE) : 0;
    out->step = col_i64(row, COL_NUMBER);
    out->exit_status = (int32_t)col_i64(row, COL_NUMBER2);
    out->signal = (uint32_t)blob_get_u64(in);
    out->start_ms = blob_get_i64(in);
    out->end_ms = blob_get_i64(in);
    out->user_cpu_ms = blob_get_u64(in);
    out->system_cpu_ms = blob_get_u64(in);
    out->max_rss_bytes = blob_get_u64(in);
    out->points_thinned = blob_get_u64(in);
    out->names_refused = blob_get_u64(in);
}

/* False when the kind is none that is stored. */
static bool get_body(struct stmt *row,
                     struct blob_reader *in,
                     struct event_scratch *scratch,
                     struct record *out)
{
    uint32_t state = col_u32(row, COL_STATE);
    switch (out->kind) {
    case REC_SWEEP_CREATED:
        get_sweep(row, in, scratch, &out->as.sweep_created);
        return true;
    case REC_SWEEP_STATE:
        out->as.sweep_state.state = (enum sweep_state)state;
        out->as.sweep_state.by_user = has_flag(row, EVENT_BY_USER);
        out->as.sweep_state.drain = has_flag(row, EVENT_DRAIN);
        return state < SWEEP_STATE_NR;
    case REC_SWEEP_EDITED:
        get_edited(row, in, scratch, &out->as.sweep_edited);
        return true;
    case REC_AGENT:
        get_agent(row, in, &out->as.agent);
        return true;
    case REC_TRIAL_CREATED:
        get_trial(row, in, scratch, &out->as.trial_created);
        return true;
    case REC_ASSIGNED:
        get_assigned(row, in, &out->as.assigned);
        return true;
    case REC_STARTED:
        out->as.started.time_ms = col_i64(row, COL_NUMBER);
        out->as.started.pid = col_u32(row, COL_NUMBER2);
        out->as.started.resumed = has_flag(row, EVENT_RESUMED);
        return true;
    case REC_STOP_REQUESTED:
        get_stop(row, in, &out->as.stop_requested);
        return col_u32(row, COL_REASON) < STOP_REASON_NR;
    case REC_RUNG:
        out->as.rung.step = col_i64(row, COL_NUMBER);
        out->as.rung.key = unpack_rung(col_u64(row, COL_NUMBER2));
        out->as.rung.value = col_f64(row, COL_VALUE);
        out->as.rung.by_agent = has_flag(row, EVENT_BY_AGENT);
        return true;
    case REC_ENDED:
        get_ended(row, in, &out->as.ended);
        return true;
    case REC_TRIAL_STATE:
        out->as.trial_state.state = (enum trial_state)state;
        out->as.trial_state.by_user = has_flag(row, EVENT_BY_USER);
        return state < TRIAL_STATE_NR;
    case REC_AGENT_STATE:
        out->as.agent_state.agent = col_u32(row, COL_AGENT);
        out->as.agent_state.aside = state == 1;
        return state <= 1;
    case REC_PRIOR:
        get_prior(row, in, scratch, &out->as.prior);
        return true;
    case REC_SESSION:
    case REC_REQUEUED:
    case REC_ADOPTED:
        return true;
    case REC_POINTS:
    case REC_NOTES:
    case REC_LOG:
    case REC_MARK:
    case RECORD_KIND_NR:
        break;
    }
    return false;
}

enum err_code events_read(struct stmt *row,
                          struct event_scratch *scratch,
                          struct record *record_out,
                          struct err *err)
{
    struct blob_reader in = { 0 };
    in.ptr = col_blob(row, COL_DATA, &in.len);
    int64_t kind = col_i64(row, COL_KIND);
    memset(record_out, 0, sizeof *record_out);
    bool known = kind >= REC_SESSION && kind < RECORD_KIND_NR;
    if (known) {
        record_out->kind = (enum record_kind)kind;
        record_out->time.ms = col_i64(row, COL_TIME);
        record_out->key.sweep = col_u32(row, COL_SWEEP);
        record_out->key.trial = col_u32(row, COL_TRIAL);
        record_out->key.attempt = col_u32(row, COL_ATTEMPT);
        record_out->run_key = col_u64(row, COL_RUN);
        record_out->seq = col_u64(row, COL_SEQ);
        record_out->cause = col_text(row, COL_CAUSE);
        known = get_body(row, &in, scratch, record_out);
    }
    if (!known || in.bad) {
        return err_set(err, ERR_CORRUPT, "event %lld of the store cannot be read",
                       (long long)col_i64(row, COL_ID));
    }
    return ERR_OK;
}
