/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_replay.c – `winnow replay`: what happened to a sweep, and whether its decisions
 * can be made again.
 * Owns how records and differences are shown. Knows the store's reader and the check in
 * core/. Does not know samplers beyond their registry. */
#include "cli/cmd.h"

#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/output.h"
#include "cli/where.h"
#include "coordinator/wiring.h"
#include "core/replay_check.h"
#include "core/states.h"
#include "store/store.h"

/* The log of a million trials. */
#define LOG_BYTES ((size_t)512 * 1024 * 1024)
/* More differences than anyone reads; all are counted. */
#define DETAILS_MAX 1000

/* ---- the log --------------------------------------------------------------------- */

static const struct output_column log_columns[] = {
    { "time", "time", OUTPUT_TIME },   { "kind", "what", OUTPUT_TEXT },
    { "trial", "trial", OUTPUT_TEXT }, { "attempt", "attempt", OUTPUT_TEXT },
    { "agent", "agent", OUTPUT_TEXT }, { "end", "end", OUTPUT_TEXT },
    { "state", "state", OUTPUT_TEXT }, { "cause", "cause", OUTPUT_TEXT },
};

struct log {
    const char *run_id; /* of the sweep */
    uint32_t sweep;     /* its key; 0: not met yet */
    json_t *rows;
    struct map_u64 agents; /* key → id, owned */
};

/* What the record says beside its kind. */
static void put_outcome(json_t *row, const struct record *record)
{
    const char *state = NULL;
    if (record->kind == REC_SWEEP_STATE) {
        state = sweep_state_name(record->as.sweep_state.state);
    } else if (record->kind == REC_TRIAL_STATE) {
        state = trial_state_name(record->as.trial_state.state);
    } else if (record->kind == REC_ENDED) {
        state = trial_state_name(record->as.ended.state);
        json_put_str(row, "end", attempt_end_name(record->as.ended.end));
    } else if (record->kind == REC_STOP_REQUESTED) {
        json_put_str(row, "end", stop_reason_name(record->as.stop_requested.reason));
    }
    if (state != NULL) {
        json_put_str(row, "state", state);
    }
}

/* The agent that an attempt was given to, by its own id. */
static void put_agent(const struct log *log, json_t *row, const struct record *record)
{
    const char *id = NULL;
    if (record->kind == REC_ASSIGNED) {
        id = map_u64_get(&log->agents, record->as.assigned.agent);
    }
    if (id != NULL) {
        json_put_str(row, "agent", id);
    }
}

static bool is_of_trial(enum record_kind kind)
{
    return kind != REC_SWEEP_CREATED && kind != REC_SWEEP_STATE
           && kind != REC_SWEEP_EDITED;
}

static void log_add(struct log *log, const struct record *record)
{
    json_t *row = json_object();
    bool of_trial = is_of_trial(record->kind);
    json_put_i64(row, "time", record->time.ms);
    json_put_str(row, "kind", record_kind_name(record->kind));
    if (of_trial) {
        json_put_i64(row, "trial", record->key.trial);
    }
    if (record->key.attempt != 0) {
        json_put_i64(row, "attempt", record->key.attempt);
    }
    put_agent(log, row, record);
    put_outcome(row, record);
    if (record->cause != NULL) {
        json_put_str(row, "cause", record->cause);
    }
    json_push(log->rows, row);
}

static enum err_code log_record(void *ctx, const struct record *record, struct err *err)
{
    struct log *log = ctx;
    UNUSED(err);
    if (record->kind == REC_AGENT) {
        mem_free(map_u64_set(&log->agents, record->as.agent.agent,
                             mem_strdup(record->as.agent.id)));
    }
    if (record->kind == REC_SWEEP_CREATED
        && strcmp(record->as.sweep_created.run_id.hex, log->run_id) == 0) {
        log->sweep = record->key.sweep;
    }
    /* What is given back behind the events is no event. */
    bool event = record->kind != REC_POINTS && record->kind != REC_MARK;
    if (event && log->sweep != 0 && record->key.sweep == log->sweep) {
        log_add(log, record);
    }
    return ERR_OK;
}

static enum err_code print_log(struct store_reader *reader,
                               const char *run_id,
                               enum output_format format,
                               struct strbuf *out,
                               struct err *err)
{
    AUTO_JSON json_t *rows = json_array();
    struct log log = { .run_id = run_id, .rows = rows };
    map_u64_init(&log.agents);
    enum err_code code = store_reader_replay(reader, log_record, &log, err);
    if (code == ERR_OK) {
        output_rows(rows, log_columns, ARRAY_LEN(log_columns), format, output_width(),
                    out);
    }
    size_t pos = 0;
    void *id = NULL;
    while (map_u64_next(&log.agents, &pos, NULL, &id)) {
        mem_free(id);
    }
    map_u64_fini(&log.agents);
    return code;
}

/* ---- the check ------------------------------------------------------------------- */

static const struct output_column difference_columns[] = {
    { "what", "what", OUTPUT_TEXT },       { "trial", "trial", OUTPUT_TEXT },
    { "attempt", "attempt", OUTPUT_TEXT }, { "parameter", "parameter", OUTPUT_TEXT },
    { "stored", "stored", OUTPUT_TEXT },   { "derived", "derived", OUTPUT_TEXT },
};

/* What the check asks and tells. */
struct checking {
    struct store_reader *reader;
    json_t *rows;       /* differences, at most DETAILS_MAX */
    enum err_code code; /* of reading points */
    struct err *err;
};

static void keep_difference(void *ctx, const struct replay_difference *found)
{
    json_t *rows = ((struct checking *)ctx)->rows;
    if (json_array_size(rows) >= DETAILS_MAX) {
        return;
    }
    json_t *row = json_object();
    bool of_trial = is_of_trial(found->kind);
    json_put_str(row, "what", replay_subject_name(found->subject));
    if (of_trial) {
        json_put_i64(row, "trial", found->key.trial);
    }
    if (found->key.attempt != 0) {
        json_put_i64(row, "attempt", found->key.attempt);
    }
    if (found->param != NULL) {
        json_put_str(row, "parameter", found->param);
    }
    json_put_str(row, "stored", found->stored);
    json_put_str(row, "derived", found->derived);
    json_push(rows, row);
}

static void
read_points(void *ctx, const struct replay_ask *ask, struct replay_points *out)
{
    struct checking *checking = ctx;
    struct curve_points points = { 0 };
    struct curve_ref ref = { .run_key = ask->run_key,
                             .attempt = ask->key.attempt,
                             .metric = ask->metric,
                             .behind = ask->behind,
                             .upto = ask->upto };
    if (checking->code != ERR_OK) {
        return;
    }
    checking->code = store_reader_curve(checking->reader, &ref, &points, checking->err);
    for (size_t i = 0; i < points.steps.len; i++) {
        vec_push(&out->steps, points.steps.ptr[i]);
        vec_push(&out->values, points.values.ptr[i]);
    }
    curve_points_fini(&points);
}

static enum err_code
check_record(void *ctx, const struct record *record, struct err *err)
{
    UNUSED(err);
    replay_check_record(ctx, record);
    return ERR_OK;
}

static void add_text(const json_t *row, const char *name, struct strbuf *out)
{
    output_cell(json_object_get(row, name), out);
}

/* "trial 3, C: stored 2.5, derived 2" */
static void print_difference(const json_t *row, struct strbuf *out)
{
    const json_t *trial = json_object_get(row, "trial");
    const json_t *parameter = json_object_get(row, "parameter");
    bool is_record = strcmp(json_string_value(json_object_get(row, "what")),
                            replay_subject_name(REPLAY_RECORD))
                     == 0;
    strbuf_adds(out, trial != NULL ? "trial " : "sweep");
    if (trial != NULL) {
        output_cell(trial, out);
    }
    strbuf_adds(out, ", ");
    add_text(row, parameter != NULL ? "parameter" : "what", out);
    strbuf_adds(out, is_record ? " " : ": stored ");
    add_text(row, "stored", out);
    strbuf_adds(out, is_record ? ": " : ", derived ");
    add_text(row, "derived", out);
    strbuf_addc(out, '\n');
}

static void print_table(const struct replay_summary *summary,
                        const json_t *rows,
                        struct strbuf *out)
{
    size_t shown = json_array_size(rows);
    strbuf_addf(out, "%llu suggestions", (unsigned long long)summary->derived);
    if (summary->stops > 0) {
        strbuf_addf(out, " and %llu stops", (unsigned long long)summary->stops);
    }
    strbuf_addf(out, " derived again, %llu differences\n",
                (unsigned long long)summary->differences);
    for (size_t i = 0; i < shown; i++) {
        print_difference(json_array_get(rows, i), out);
    }
    if (summary->differences > shown) {
        strbuf_addf(out, "and %llu more\n",
                    (unsigned long long)(summary->differences - shown));
    }
}

static void print_json(const struct replay_summary *summary,
                       const char *run_id,
                       json_t *rows,
                       struct strbuf *out)
{
    AUTO_JSON json_t *answer = json_object();
    json_put_str(answer, "id", run_id);
    json_put_i64(answer, "derived", (int64_t)summary->derived);
    json_put_i64(answer, "stops", (int64_t)summary->stops);
    json_put_i64(answer, "differences", (int64_t)summary->differences);
    json_put(answer, "details", json_incref(rows));
    json_emit(answer, out, true);
    strbuf_addc(out, '\n');
}

/* Checks and prints; *differences_out says how many were found. */
static enum err_code print_check(struct store_reader *reader,
                                 const char *run_id,
                                 enum output_format format,
                                 struct strbuf *out,
                                 uint64_t *differences_out,
                                 struct err *err)
{
    AUTO_JSON json_t *rows = json_array();
    struct checking checking = { .reader = reader, .rows = rows, .err = err };
    struct replay_check_config config = { .samplers = wiring_samplers(),
                                          .pruners = wiring_pruners(),
                                          .fn = keep_difference,
                                          .points = read_points,
                                          .ctx = &checking };
    struct replay_summary summary = { 0 };
    memcpy(config.sweep.hex, run_id, sizeof config.sweep.hex);
    struct replay_check *check = replay_check_create(&config);
    enum err_code code = store_reader_replay(reader, check_record, check, err);
    if (code == ERR_OK) {
        replay_check_finish(check, &summary);
    }
    replay_check_destroy(check);
    code = code == ERR_OK ? checking.code : code;
    if (code != ERR_OK) {
        return code;
    }
    *differences_out = summary.differences;
    if (format == OUTPUT_TABLE) {
        print_table(&summary, rows, out);
    } else if (format == OUTPUT_JSON) {
        print_json(&summary, run_id, rows, out);
    } else {
        output_rows(rows, difference_columns, ARRAY_LEN(difference_columns), format, 0,
                    out);
    }
    return ERR_OK;
}

/* ---- the verb -------------------------------------------------------------------- */

/* The run id of the sweep that was asked for. */
static enum err_code find_sweep(struct store_reader *reader,
                                const struct opts *opts,
                                struct run_id *id_out,
                                struct err *err)
{
    AUTO_JSON json_t *args = json_object();
    AUTO_JSON json_t *found = NULL;
    const char *text = opts->args_len > 0 ? opts->args[0] : "last";
    const char *kind = NULL;
    const char *id = NULL;
    json_put_str(args, "ref", text);
    enum err_code code = store_query(reader, "resolve", args, &found, err);
    if (code == ERR_OK) {
        code = json_get_str(found, "kind", "", &kind, err);
    }
    if (code == ERR_OK) {
        code = json_get_str(found, "run_id", "", &id, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    if (strcmp(kind, "sweep") != 0 || !run_id_is_valid(id)) {
        return err_set(err, ERR_INVALID, "'%s' is a %s, expected a sweep", text, kind);
    }
    memcpy(id_out->hex, id, sizeof id_out->hex);
    return ERR_OK;
}

static enum err_code replay(const struct opts *opts,
                            enum output_format format,
                            struct strbuf *out,
                            uint64_t *differences_out,
                            struct err *err)
{
    struct store_reader *reader = NULL;
    struct run_id id = { 0 };
    struct where where;
    where_resolve_home(opts, &where);
    enum err_code code = where_check_home(&where, err);
    if (code == ERR_OK) {
        code = store_reader_open(where.home, &reader, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    code = find_sweep(reader, opts, &id, err);
    if (code == ERR_OK && opt_given(opts, OPT_CHECK)) {
        code = print_check(reader, id.hex, format, out, differences_out, err);
    } else if (code == ERR_OK) {
        code = print_log(reader, id.hex, format, out, err);
    }
    store_reader_close(reader);
    return code;
}

int cmd_replay(const struct opts *opts)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(LOG_BYTES);
    enum output_format format = OUTPUT_TABLE;
    uint64_t differences = 0;
    struct err err = { 0 };
    enum err_code code = output_format_get(opts, &format, &err);
    if (code == ERR_OK) {
        code = replay(opts, format, &out, &differences, &err);
    }
    if (code != ERR_OK) {
        return output_fail(&err);
    }
    int status = output_flush(&out);
    return differences > 0 ? 1 : status;
}
