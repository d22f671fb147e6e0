/* SPDX-License-Identifier: Apache-2.0 */
/* chaos_audit.c – the store beside the trials' own record.
 * Owns the rules of the audit. Knows the store's look-ups and the record. Does not know
 * what was done to the cluster: every rule holds whatever was. */
#include "cli/chaos.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "store/store.h"

#define FINDINGS_BYTES_MAX ((size_t)64 * 1024)

/* One point, stored or printed. */
struct point {
    const char *key;
    int64_t step;
    double value;
};

struct points {
    VEC(struct point) items;
};

/* One attempt under audit. */
struct subject {
    const char *where; /* "trial 3 attempt 1" */
    const json_t *trial;
    int64_t attempt;
    const struct chaos_execution *execution; /* NULL: never ran */
};

struct audit {
    const struct chaos_config *config;
    struct chaos_report *report;
    struct store_reader *reader;
    struct chaos_record *record;
    struct map_str cells; /* params as text, of a grid */
    uint64_t finished;
    uint64_t failed;
};

/* ---- points ---- */

/* NaN is equal to itself and above everything. */
static int compare_values(double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return (isnan(a) ? 1 : 0) - (isnan(b) ? 1 : 0);
    }
    return (a > b ? 1 : 0) - (a < b ? 1 : 0);
}

static int compare_points(const void *left, const void *right)
{
    const struct point *a = left;
    const struct point *b = right;
    int order = strcmp(a->key, b->key);
    if (order == 0) {
        order = (a->step > b->step ? 1 : 0) - (a->step < b->step ? 1 : 0);
    }
    return order != 0 ? order : compare_values(a->value, b->value);
}

static void sort_points(struct points *points)
{
    if (points->items.len > 1) {
        qsort(points->items.ptr, points->items.len, sizeof *points->items.ptr,
              compare_points);
    }
}

static void printed_points(const struct chaos_execution *execution, struct points *out)
{
    for (size_t i = 0; execution != NULL && i < execution->points.items.len; i++) {
        const struct agent_point *point = &execution->points.items.ptr[i];
        struct point item = { point->name, point->step, point->value };
        vec_push(&out->items, item);
    }
    sort_points(out);
}

/* Walks both sorted lists; says the first difference of each kind. `whole`: everything
 * printed must be stored too. */
static void compare_lists(struct audit *audit,
                          const char *where,
                          const struct points *stored,
                          const struct points *printed,
                          bool whole)
{
    const struct point *lost = NULL;
    const struct point *extra = NULL;
    size_t s = 0;
    size_t p = 0;
    while (s < stored->items.len || p < printed->items.len) {
        int order = s == stored->items.len ? 1
                    : p == printed->items.len
                        ? -1
                        : compare_points(&stored->items.ptr[s], &printed->items.ptr[p]);
        if (order < 0 && extra == NULL) {
            extra = &stored->items.ptr[s];
        } else if (order > 0 && lost == NULL) {
            lost = &printed->items.ptr[p];
        }
        s += order <= 0 ? 1 : 0;
        p += order >= 0 ? 1 : 0;
    }
    audit->report->points += stored->items.len;
    if (extra != NULL) {
        chaos_violation(audit->report,
                        "%s: %s step %" PRId64 " = %.17g is stored once too often",
                        where, extra->key, extra->step, extra->value);
    }
    if (whole && lost != NULL) {
        chaos_violation(audit->report,
                        "%s: %s step %" PRId64 " = %.17g was printed and is not stored",
                        where, lost->key, lost->step, lost->value);
    }
}

/* ---- asking the store ---- */

/* Owned answer; NULL after a violation. */
static json_t *ask(struct audit *audit, const char *verb, json_t *args)
{
    json_t *answer = NULL;
    struct err err = { 0 };
    if (store_query(audit->reader, verb, args, &answer, &err) != ERR_OK) {
        chaos_violation(audit->report, "%s: %s", verb, err.msg);
        answer = NULL;
    }
    json_decref(args);
    return answer;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static int64_t int_of(const json_t *object, const char *key)
{
    return (int64_t)json_integer_value(json_object_get(object, key));
}

/* The stored points of one key, which they borrow. */
static void stored_of_key(struct audit *audit,
                          const struct subject *subject,
                          const char *key,
                          struct points *out)
{
    json_t *args = json_object();
    json_put_str(args, "run", text_of(subject->trial, "run_id"));
    json_put_str(args, "key", key);
    json_put_i64(args, "attempt", subject->attempt);
    AUTO_JSON json_t *rows = ask(audit, "metrics", args);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        struct point item = { .key = key, .step = int_of(row, "step") };
        IGNORE_ERR(json_f64_value(json_object_get(row, "value"), &item.value),
                   "the store writes numbers");
        vec_push(&out->items, item);
    }
}

/* ---- one trial ---- */

/* Nothing is invented; of the attempt that counts nothing is missing either. What a
 * superseded attempt said is its own history. */
static void audit_points(struct audit *audit, const struct subject *subject, bool whole)
{
    json_t *args = json_object();
    json_put_str(args, "run", text_of(subject->trial, "run_id"));
    json_put_i64(args, "attempt", subject->attempt);
    AUTO_JSON json_t *keys = ask(audit, "metrics", args);
    struct points stored = { 0 };
    struct points printed = { 0 };
    for (size_t i = 0; i < json_array_size(keys); i++) {
        stored_of_key(audit, subject, text_of(json_array_get(keys, i), "key"), &stored);
    }
    sort_points(&stored);
    printed_points(subject->execution, &printed);
    compare_lists(audit, subject->where, &stored, &printed, whole);
    vec_fini(&stored.items);
    vec_fini(&printed.items);
}

/* The attempt whose end made the trial finished or failed. */
static void audit_counted(struct audit *audit, const struct subject *subject)
{
    const struct chaos_execution *execution = subject->execution;
    bool finished = strcmp(text_of(subject->trial, "state"), "finished") == 0;
    if (execution == NULL || execution->ends == 0) {
        chaos_violation(audit->report, "%s: ended in the store, but never by itself",
                        subject->where);
        return;
    }
    if (finished && execution->status != 0) {
        chaos_violation(audit->report, "%s: finished, but ended with status %d",
                        subject->where, execution->status);
    }
    if (execution->params != NULL
        && !json_equal(execution->params, json_object_get(subject->trial, "params"))) {
        chaos_violation(audit->report, "%s: ran with other parameters than stored",
                        subject->where);
    }
    audit_points(audit, subject, true);
}

static void audit_attempts(struct audit *audit, const json_t *trial)
{
    json_t *args = json_object();
    json_put_str(args, "ref", text_of(trial, "run_id"));
    AUTO_JSON json_t *shown = ask(audit, "show", args);
    const json_t *list = json_object_get(shown, "attempts_list");
    int64_t number = int_of(trial, "number");
    size_t ended = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        int64_t attempt = int_of(row, "number");
        const char *end = text_of(row, "end");
        AUTO_FREE char *where =
            mem_printf("trial %" PRId64 " attempt %" PRId64, number, attempt);
        struct subject subject = {
            .where = where,
            .trial = trial,
            .attempt = attempt,
            .execution =
                chaos_record_find(audit->record, (uint64_t)number, (uint64_t)attempt),
        };
        if (strcmp(end, "exited") == 0 || strcmp(end, "failed") == 0) {
            ended++;
            audit_counted(audit, &subject);
        } else if (end[0] == '\0') {
            chaos_violation(audit->report, "%s: has no end", where);
        } else {
            audit_points(audit, &subject, false);
        }
    }
    if (strcmp(text_of(trial, "state"), "finished") == 0 && ended != 1) {
        chaos_violation(audit->report, "trial %" PRId64 ": ended %zu times", number,
                        ended);
    }
}

static void audit_cell(struct audit *audit, const json_t *trial)
{
    AUTO_FREE char *cell = json_dump_line(json_object_get(trial, "params"));
    if (map_str_set(&audit->cells, str_from(cell), audit) != NULL) {
        chaos_violation(audit->report,
                        "trial %" PRId64 " is a cell that another trial has: %s",
                        int_of(trial, "number"), cell);
    }
}

static void audit_trial(struct audit *audit, const json_t *trial, size_t index)
{
    const char *state = text_of(trial, "state");
    int64_t number = int_of(trial, "number");
    if (number != (int64_t)index) {
        chaos_violation(audit->report, "trial %zu is numbered %" PRId64, index, number);
    }
    if (strcmp(state, "finished") == 0 || strcmp(state, "pruned") == 0) {
        audit->finished++;
    } else if (strcmp(state, "failed") == 0) {
        audit->failed++;
    } else if (strcmp(state, "cancelled") != 0) {
        chaos_violation(audit->report, "trial %" PRId64 " is %s in a sweep that ended",
                        number, state);
    }
    if (strcmp(audit->config->spec->sampler->name, "grid") == 0) {
        audit_cell(audit, trial);
    }
    audit_attempts(audit, trial);
}

/* ---- the sweep ---- */

static void audit_target(struct audit *audit)
{
    const struct sweep_spec *spec = audit->config->spec;
    uint64_t wanted = sweep_spec_trials(spec);
    bool open = wanted == 0 || spec->budget.has_target || spec->budget.time_ms != 0;
    bool grid = strcmp(spec->sampler->name, "grid") == 0;
    /* A failed cell has run. */
    uint64_t got = audit->finished + (grid ? audit->failed : 0);
    if (!open && got != wanted) {
        chaos_violation(audit->report,
                        "%" PRIu64 " trials ended, the sweep's target is %" PRIu64, got,
                        wanted);
    }
}

static void audit_sweep(struct audit *audit)
{
    json_t *ref = json_object();
    json_t *of_sweep = json_object();
    json_put_str(ref, "ref", audit->report->sweep);
    json_put_str(of_sweep, "sweep", audit->report->sweep);
    AUTO_JSON json_t *sweep = ask(audit, "show", ref);
    AUTO_JSON json_t *trials = ask(audit, "trials", of_sweep);
    if (sweep != NULL && strcmp(text_of(sweep, "state"), "finished") != 0) {
        chaos_violation(audit->report, "the sweep is %s: %s", text_of(sweep, "state"),
                        text_of(sweep, "cause"));
    }
    audit->report->trials = json_array_size(trials);
    for (size_t i = 0; i < json_array_size(trials); i++) {
        audit_trial(audit, json_array_get(trials, i), i);
    }
    audit_target(audit);
}

/* No attempt may run twice, whatever became of it. */
static void audit_executions(struct audit *audit)
{
    size_t pos = 0;
    const struct chaos_execution *execution = NULL;
    while ((execution = chaos_record_next(audit->record, &pos)) != NULL) {
        audit->report->attempts++;
        if (execution->starts > 1) {
            chaos_violation(audit->report,
                            "trial %" PRIu64 " attempt %" PRIu64 ": started %u times",
                            execution->trial, execution->attempt,
                            (unsigned)execution->starts);
        }
        if (execution->trial >= audit->report->trials) {
            chaos_violation(audit->report, "trial %" PRIu64 " ran and is not stored",
                            execution->trial);
        }
    }
}

static void audit_store(struct audit *audit)
{
    AUTO_STRBUF struct strbuf findings = STRBUF_INIT(FINDINGS_BYTES_MAX);
    struct err err = { 0 };
    if (store_audit(audit->reader, &findings, &err) != ERR_OK) {
        chaos_violation(audit->report, "store: %s", err.msg);
    }
    struct str rest = strbuf_str(&findings);
    struct str line;
    while (str_split_next(&rest, '\n', &line)) {
        if (line.len > 0) {
            chaos_violation(audit->report, "store: %.*s", STR_ARG(line));
        }
    }
}

void chaos_audit(const struct chaos_config *config, struct chaos_report *report)
{
    struct audit audit = { .config = config, .report = report };
    struct err err = { 0 };
    map_str_init(&audit.cells);
    if (chaos_record_read(config, &audit.record, &err) != ERR_OK
        || store_reader_open(config->home, &audit.reader, &err) != ERR_OK) {
        chaos_violation(report, "cannot audit: %s", err.msg);
    } else {
        audit_sweep(&audit);
        audit_executions(&audit);
        audit_store(&audit);
    }
    store_reader_close(audit.reader);
    chaos_record_destroy(audit.record);
    map_str_fini(&audit.cells);
}
