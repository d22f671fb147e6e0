/* SPDX-License-Identifier: Apache-2.0 */
/* records.c – see records.h. */
#include "tests/unit/store/records.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "store/store_internal.h"

void records_init(struct records *records)
{
    memset(records, 0, sizeof *records);
    records->now_ms = T0_MS;
}

void records_fini(struct records *records)
{
    for (size_t i = 0; i < records->len; i++) {
        record_destroy(records->items[i]);
    }
    records->len = 0;
}

static struct record *add(struct records *records, const struct record *record)
{
    assert_true(records->len < ARRAY_LEN(records->items));
    struct record *copy = record_clone(record);
    copy->time.ms = records->now_ms;
    records->now_ms += 10;
    records->items[records->len++] = copy;
    return copy;
}

struct record *add_plain(struct records *records,
                         enum record_kind kind,
                         struct attempt_key key,
                         uint64_t run)
{
    struct record record = { .kind = kind, .key = key, .run_key = run };
    return add(records, &record);
}

struct record *add_session(struct records *records)
{
    return add_plain(records, REC_SESSION, (struct attempt_key){ 0 }, 0);
}

struct run_id sweep_run_id(uint32_t sweep)
{
    uint8_t bytes[16] = { 0x5e, (uint8_t)(sweep * 37), (uint8_t)sweep, 7 };
    return run_id_from_bytes(bytes);
}

struct record *
add_sweep(struct records *records, uint32_t sweep, uint64_t run, const char *name)
{
    const struct rec_note tags[] = { { true, "team", "vision" } };
    struct record record = { .kind = REC_SWEEP_CREATED,
                             .key.sweep = sweep,
                             .run_key = run };
    record.as.sweep_created = (struct rec_sweep_created){
        .run_id = sweep_run_id(sweep),
        .name = name,
        .metric = "accuracy",
        .maximize = true,
        .tags = tags,
        .tags_len = ARRAY_LEN(tags),
        .text = "sweep: 1\n",
        .directory = "/data/project",
    };
    return add(records, &record);
}

struct record *
add_sweep_state(struct records *records, uint32_t sweep, enum sweep_state state)
{
    struct record *record =
        add_plain(records, REC_SWEEP_STATE, (struct attempt_key){ .sweep = sweep }, 0);
    record->as.sweep_state.state = state;
    record->as.sweep_state.drain = state == SWEEP_STOPPED;
    return record;
}

struct record *
add_edited(struct records *records, uint32_t sweep, uint64_t run, uint32_t revision)
{
    const struct rec_note tags[] = { { true, "owner", "me" }, { true, "team", NULL } };
    AUTO_FREE char *text = mem_printf("sweep: 1 # revision %u\n", revision);
    struct record record = { .kind = REC_SWEEP_EDITED,
                             .key.sweep = sweep,
                             .run_key = run,
                             .cause = "budget.trials, space.C" };
    record.as.sweep_edited = (struct rec_sweep_edited){ .revision = revision,
                                                        .text = text,
                                                        .mlproject = "name: x\n",
                                                        .cursor = 12,
                                                        .enqueued_used = 3,
                                                        .tags = tags,
                                                        .tags_len = ARRAY_LEN(tags) };
    return add(records, &record);
}

struct record *add_agent(struct records *records, uint32_t agent, const char *id)
{
    struct record record = { .kind = REC_AGENT };
    record.as.agent = (struct rec_agent){
        .agent = agent, .id = id, .host = "node1", .boot = 3, .pid = 99, .slots = 4
    };
    return add(records, &record);
}

struct record *
add_trial(struct records *records, struct attempt_key key, uint64_t run, double c)
{
    char text[NUM_TEXT_SIZE];
    num_format_f64(c, text);
    const double x[] = { c, 1 };
    const struct rec_param params[] = { { "C", VALUE_FLOAT, text },
                                        { "kernel", VALUE_STR, "rbf" } };
    struct record record = { .kind = REC_TRIAL_CREATED, .key = key, .run_key = run };
    struct run_id sweep = sweep_run_id(key.sweep);
    record.as.trial_created = (struct rec_trial_created){
        .x = x,
        .x_len = ARRAY_LEN(x),
        .cursor = key.trial + 1,
        .run_id = run_id_of_trial(&sweep, key.trial),
        .params = params,
        .params_len = ARRAY_LEN(params),
    };
    return add(records, &record);
}

struct record *add_assigned(struct records *records,
                            struct attempt_key key,
                            uint64_t run,
                            uint32_t agent)
{
    struct record *record = add_plain(records, REC_ASSIGNED, key, run);
    record->as.assigned = (struct rec_assigned){
        .agent = agent, .boot = UINT64_MAX, .gpu_mask = (uint64_t)1 << 63, .revision = 1
    };
    return record;
}

struct record *
add_started(struct records *records, struct attempt_key key, uint64_t run)
{
    struct record *record = add_plain(records, REC_STARTED, key, run);
    record->as.started =
        (struct rec_started){ .time_ms = records->now_ms, .pid = 4242 };
    return record;
}

struct record *add_points(struct records *records,
                          struct attempt_key key,
                          uint64_t run,
                          const char *name,
                          uint64_t first_seq,
                          const double *values,
                          size_t len)
{
    uint32_t names[256] = { 0 };
    int64_t steps[256];
    int64_t times[256];
    assert_true(len <= ARRAY_LEN(steps));
    for (size_t i = 0; i < len; i++) {
        steps[i] = (int64_t)(first_seq + i);
        times[i] = T0_MS + (int64_t)(first_seq + i);
    }
    struct record record = {
        .kind = REC_POINTS, .key = key, .run_key = run, .seq = first_seq + len - 1
    };
    record.as.points = (struct rec_points){ .first_seq = first_seq,
                                            .len = len,
                                            .names = &name,
                                            .names_len = 1,
                                            .name = names,
                                            .step = steps,
                                            .time_ms = times,
                                            .value = values };
    return add(records, &record);
}

struct record *add_log(struct records *records,
                       struct attempt_key key,
                       uint64_t run,
                       uint64_t offset,
                       const char *text)
{
    struct record record = { .kind = REC_LOG, .key = key, .run_key = run };
    record.as.log = (struct rec_log){ offset, (const uint8_t *)text, strlen(text) };
    return add(records, &record);
}

struct record *add_note(struct records *records,
                        struct attempt_key key,
                        uint64_t run,
                        bool is_tag,
                        const char *name,
                        const char *value)
{
    const struct rec_note note = { is_tag, name, value };
    struct record record = { .kind = REC_NOTES, .key = key, .run_key = run };
    record.as.notes = (struct rec_notes){ &note, 1 };
    return add(records, &record);
}

struct record *add_ended(struct records *records,
                         struct attempt_key key,
                         uint64_t run,
                         enum trial_state state,
                         double value)
{
    struct record *record = add_plain(records, REC_ENDED, key, run);
    bool has = !isnan(value);
    record->as.ended = (struct rec_ended){
        .end = state == TRIAL_FINISHED ? END_EXITED : END_FAILED,
        .state = state,
        .counts = state == TRIAL_QUEUED,
        .has_value = has,
        .value = has ? value : 0,
        .step = has ? 4 : 0,
        .exit_status = state == TRIAL_FINISHED ? 0 : 3,
        .start_ms = record->time.ms - 50,
        .end_ms = record->time.ms - 1,
        .user_cpu_ms = 12,
        .max_rss_bytes = (uint64_t)1 << 40,
    };
    return record;
}

void apply_from(struct store *store, struct records *records, size_t from)
{
    struct err err = { 0 };
    assert_ok(store_apply(store, records->items + from, records->len - from, &err),
              &err);
}

static void assert_text_eq(const char *a, const char *b)
{
    assert_string_equal(a == NULL ? "(null)" : a, b == NULL ? "(null)" : b);
}

static void assert_sweep_eq(const struct rec_sweep_created *a,
                            const struct rec_sweep_created *b)
{
    assert_text_eq(a->run_id.hex, b->run_id.hex);
    assert_text_eq(a->name, b->name);
    assert_text_eq(a->metric, b->metric);
    assert_int_equal(a->maximize, b->maximize);
    assert_text_eq(a->text, b->text);
    assert_text_eq(a->mlproject, b->mlproject);
    assert_text_eq(a->directory, b->directory);
    assert_int_equal(a->tags_len, b->tags_len);
    for (size_t i = 0; i < a->tags_len; i++) {
        assert_text_eq(a->tags[i].name, b->tags[i].name);
        assert_text_eq(a->tags[i].value, b->tags[i].value);
    }
}

static void assert_edited_eq(const struct rec_sweep_edited *a,
                             const struct rec_sweep_edited *b)
{
    assert_int_equal(a->revision, b->revision);
    assert_text_eq(a->text, b->text);
    assert_text_eq(a->mlproject, b->mlproject);
    assert_true(a->cursor == b->cursor);
    assert_int_equal(a->enqueued_used, b->enqueued_used);
    assert_int_equal(a->tags_len, b->tags_len);
    for (size_t i = 0; i < a->tags_len; i++) {
        assert_text_eq(a->tags[i].name, b->tags[i].name);
        assert_text_eq(a->tags[i].value, b->tags[i].value);
    }
}

static void assert_trial_eq(const struct rec_trial_created *a,
                            const struct rec_trial_created *b)
{
    assert_text_eq(a->run_id.hex, b->run_id.hex);
    assert_int_equal(a->x_len, b->x_len);
    assert_memory_equal(a->x, b->x, a->x_len * sizeof *a->x);
    assert_true(a->cursor == b->cursor);
    assert_int_equal(a->enqueued, b->enqueued);
}

static void assert_ended_eq(const struct rec_ended *a, const struct rec_ended *b)
{
    assert_int_equal(a->end, b->end);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->counts, b->counts);
    assert_int_equal(a->fenced, b->fenced);
    assert_int_equal(a->has_value, b->has_value);
    assert_memory_equal(&a->value, &b->value, sizeof a->value);
    assert_true(a->step == b->step);
    assert_int_equal(a->exit_status, b->exit_status);
    assert_int_equal(a->signal, b->signal);
    assert_true(a->start_ms == b->start_ms);
    assert_true(a->end_ms == b->end_ms);
    assert_true(a->user_cpu_ms == b->user_cpu_ms);
    assert_true(a->system_cpu_ms == b->system_cpu_ms);
    assert_true(a->max_rss_bytes == b->max_rss_bytes);
    assert_true(a->points_thinned == b->points_thinned);
    assert_true(a->names_refused == b->names_refused);
}

static void assert_body_eq(const struct record *a, const struct record *b)
{
    if (a->kind == REC_SWEEP_CREATED) {
        assert_sweep_eq(&a->as.sweep_created, &b->as.sweep_created);
    } else if (a->kind == REC_SWEEP_EDITED) {
        assert_edited_eq(&a->as.sweep_edited, &b->as.sweep_edited);
    } else if (a->kind == REC_TRIAL_CREATED) {
        assert_trial_eq(&a->as.trial_created, &b->as.trial_created);
    } else if (a->kind == REC_ENDED) {
        assert_ended_eq(&a->as.ended, &b->as.ended);
    } else if (a->kind == REC_AGENT) {
        assert_text_eq(a->as.agent.id, b->as.agent.id);
        assert_text_eq(a->as.agent.host, b->as.agent.host);
        assert_true(a->as.agent.boot == b->as.agent.boot);
        assert_int_equal(a->as.agent.agent, b->as.agent.agent);
        assert_int_equal(a->as.agent.pid, b->as.agent.pid);
        assert_int_equal(a->as.agent.slots, b->as.agent.slots);
    } else if (a->kind == REC_ASSIGNED) {
        assert_int_equal(a->as.assigned.agent, b->as.assigned.agent);
        assert_true(a->as.assigned.boot == b->as.assigned.boot);
        assert_true(a->as.assigned.gpu_mask == b->as.assigned.gpu_mask);
        assert_int_equal(a->as.assigned.prefetch, b->as.assigned.prefetch);
        assert_int_equal(a->as.assigned.revision, b->as.assigned.revision);
    } else if (a->kind == REC_STARTED) {
        assert_true(a->as.started.time_ms == b->as.started.time_ms);
        assert_int_equal(a->as.started.pid, b->as.started.pid);
    } else if (a->kind == REC_STOP_REQUESTED) {
        assert_int_equal(a->as.stop_requested.reason, b->as.stop_requested.reason);
    } else if (a->kind == REC_SWEEP_STATE) {
        assert_int_equal(a->as.sweep_state.state, b->as.sweep_state.state);
        assert_int_equal(a->as.sweep_state.by_user, b->as.sweep_state.by_user);
        assert_int_equal(a->as.sweep_state.drain, b->as.sweep_state.drain);
    } else if (a->kind == REC_TRIAL_STATE) {
        assert_int_equal(a->as.trial_state.state, b->as.trial_state.state);
    }
}

void assert_record_eq(const struct record *a, const struct record *b)
{
    assert_string_equal(record_kind_name(a->kind), record_kind_name(b->kind));
    assert_true(a->time.ms == b->time.ms);
    assert_true(attempt_key_eq(a->key, b->key));
    assert_true(a->run_key == b->run_key);
    assert_true(a->seq == b->seq);
    assert_text_eq(a->cause, b->cause);
    assert_body_eq(a, b);
}

static struct log_ref
log_ref_of(struct store *store, struct attempt_key key, struct run_id *run_id)
{
    char sql[160];
    int64_t run = 0;
    struct err err = { 0 };
    struct run_id sweep = sweep_run_id(key.sweep);
    *run_id = run_id_of_trial(&sweep, key.trial);
    (void)snprintf(sql, sizeof sql,
                   "SELECT r.id FROM runs r JOIN sweeps s ON s.run = r.parent"
                   " WHERE s.id = %u AND r.number = %u",
                   key.sweep, key.trial);
    assert_ok(db_number(&store->db, sql, &run, &err), &err);
    return (struct log_ref){ .db = &store->db,
                             .dir = store->logs.dir,
                             .run_id = run_id,
                             .run = (uint64_t)run,
                             .attempt = key.attempt };
}

uint64_t log_size(struct store *store, struct attempt_key key)
{
    struct run_id run_id;
    struct log_ref log = log_ref_of(store, key, &run_id);
    struct err err = { 0 };
    uint64_t size = 0;
    assert_ok(logs_size(&log, &size, &err), &err);
    return size;
}

size_t log_read(struct store *store,
                struct attempt_key key,
                uint64_t offset,
                char *bytes,
                size_t room)
{
    struct run_id run_id;
    struct log_ref log = log_ref_of(store, key, &run_id);
    struct err err = { 0 };
    assert_ok(logs_read(&log, offset, (uint8_t *)bytes, &room, &err), &err);
    return room;
}
