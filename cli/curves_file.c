/* SPDX-License-Identifier: Apache-2.0 */
/* curves_file.c – recorded learning curves of a file or of an earlier sweep.
 * Owns them while they are put together. Knows the names of the columns, and makes rows
 * with the same names of what a sweep kept. Does not know rules. */
#include "cli/curves_file.h"

#include <math.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/points_file.h"

/* A training whose points come one by one. */
struct draft {
    struct curve losses;
    struct curve seconds; /* by step, as far as they are given */
};

struct reader {
    const struct sweep_spec *spec;
    struct map_str drafts; /* by config, struct draft, owned */
};

static void reader_fini(struct reader *reader)
{
    size_t pos = 0;
    void *value = NULL;
    while (map_str_next(&reader->drafts, &pos, NULL, &value)) {
        struct draft *draft = value;
        curve_fini(&draft->losses);
        curve_fini(&draft->seconds);
        mem_free(draft);
    }
    map_str_fini(&reader->drafts);
}

static const json_t *either(const json_t *row, const char *a, const char *b)
{
    const json_t *value = json_object_get(row, a);
    return value != NULL ? value : json_object_get(row, b);
}

static enum err_code
draft_of(struct reader *reader, const json_t *row, struct draft **out, struct err *err)
{
    const json_t *config = either(row, "config", "id");
    if (!json_is_integer(config) && !json_is_string(config)) {
        return err_set(err, ERR_INVALID, "'config' is missing");
    }
    AUTO_FREE char *name = json_dump_line(config);
    struct draft *draft = map_str_get(&reader->drafts, str_from(name));
    if (draft == NULL) {
        draft = mem_alloc(sizeof *draft);
        map_str_set(&reader->drafts, str_from(name), draft);
    }
    *out = draft;
    return ERR_OK;
}

/* One point; `seconds` may be NULL. */
static enum err_code add_point(const struct reader *reader,
                               struct draft *draft,
                               const json_t *step,
                               const json_t *value,
                               const json_t *seconds,
                               struct err *err)
{
    double number = 0;
    double elapsed = 0;
    bool maximize = reader->spec->stop_goal == GOAL_MAX;
    if (!json_is_integer(step)) {
        return err_set(err, ERR_INVALID, "'step' must be a whole number");
    }
    if (value == NULL || json_f64_value(value, &number) != ERR_OK) {
        return err_set(err, ERR_INVALID, "'value' must be a number");
    }
    if (!curve_add(&draft->losses, json_integer_value(step),
                   maximize ? -number : number)) {
        return err_set(err, ERR_INVALID, "step %lld is negative or there twice",
                       (long long)json_integer_value(step));
    }
    if (seconds == NULL) {
        return ERR_OK;
    }
    if (json_f64_value(seconds, &elapsed) != ERR_OK || !isfinite(elapsed)) {
        return err_set(err, ERR_INVALID, "'seconds' must be a number");
    }
    IGNORE_ERR(!curve_add(&draft->seconds, json_integer_value(step), elapsed),
               "the step is new");
    return ERR_OK;
}

static enum err_code add_curve(const struct reader *reader,
                               struct draft *draft,
                               const json_t *row,
                               struct err *err)
{
    const json_t *steps = json_object_get(row, "steps");
    const json_t *values = json_object_get(row, "values");
    const json_t *seconds = json_object_get(row, "seconds");
    size_t len = json_array_size(steps);
    enum err_code code = ERR_OK;
    if (len == 0 || json_array_size(values) != len
        || (seconds != NULL && json_array_size(seconds) != len)) {
        return err_set(err, ERR_INVALID,
                       "'steps', 'values' and 'seconds' must be lists of one length");
    }
    for (size_t i = 0; i < len && code == ERR_OK; i++) {
        code = add_point(reader, draft, json_array_get(steps, i),
                         json_array_get(values, i), json_array_get(seconds, i), err);
    }
    return code;
}

static enum err_code add_row(struct reader *reader, const json_t *row, struct err *err)
{
    struct draft *draft = NULL;
    enum err_code code = draft_of(reader, row, &draft, err);
    if (code != ERR_OK) {
        return code;
    }
    if (json_object_get(row, "steps") != NULL) {
        return add_curve(reader, draft, row, err);
    }
    return add_point(reader, draft, json_object_get(row, "step"),
                     either(row, "value", reader->spec->stop_metric),
                     json_object_get(row, "seconds"), err);
}

/* What the sweep would take for the trial's result. */
static double objective_of(const struct sweep_spec *spec, const struct curve *curve)
{
    enum objective_read least = spec->stop_goal == GOAL_MAX ? READ_MAX : READ_MIN;
    enum objective_read read = spec->objective.read;
    double loss = curve->losses[curve->len - 1];
    double sign = read == READ_BEST || read == least ? 1 : -1;
    for (size_t i = 0; i < curve->len && read != READ_LAST; i++) {
        double other = curve->losses[i];
        loss = isnan(loss) || sign * other < sign * loss ? other : loss;
    }
    return loss;
}

static enum err_code seconds_of(struct draft *draft, double **out, struct err *err)
{
    const struct curve *seconds = &draft->seconds;
    if (seconds->len != 0 && seconds->len != draft->losses.len) {
        return err_set(err, ERR_INVALID, "'seconds' for some of the points only");
    }
    for (size_t i = 0; i < seconds->len; i++) {
        if (seconds->losses[i] < (i > 0 ? seconds->losses[i - 1] : 0)) {
            return err_set(err, ERR_INVALID, "'seconds' must grow with the steps");
        }
    }
    *out = mem_take(&draft->seconds.losses);
    return ERR_OK;
}

static enum err_code
take_curves(struct reader *reader, struct curves_file *file, struct err *err)
{
    size_t pos = 0;
    const char *config = NULL;
    void *value = NULL;
    while (map_str_next(&reader->drafts, &pos, &config, &value)) {
        struct draft *draft = value;
        double *seconds = NULL;
        enum err_code code = seconds_of(draft, &seconds, err);
        if (code != ERR_OK) {
            err_wrap(err, "config %s", config);
            return code;
        }
        struct sim_curve curve = { .curve = draft->losses, .seconds = seconds };
        curve.objective = objective_of(reader->spec, &curve.curve);
        draft->losses = (struct curve){ 0 };
        vec_push(&file->curves, curve);
    }
    return file->curves.len > 0 ? ERR_OK
                                : err_set(err, ERR_INVALID, "there is no curve in it");
}

/* Seconds of some trainings and steps of others are no common clock. */
static void agree_on_clock(struct curves_file *file)
{
    bool all = true;
    for (size_t i = 0; i < file->curves.len; i++) {
        all = all && file->curves.ptr[i].seconds != NULL;
    }
    for (size_t i = 0; i < file->curves.len && !all; i++) {
        mem_free(file->curves.ptr[i].seconds);
        file->curves.ptr[i].seconds = NULL;
    }
}

static enum err_code read_rows(const json_t *rows,
                               const struct sweep_spec *spec,
                               struct curves_file *out,
                               struct err *err)
{
    struct reader reader = { .spec = spec };
    struct curves_file file = { .curves = { 0 } };
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < json_array_size(rows) && code == ERR_OK; i++) {
        code = add_row(&reader, json_array_get(rows, i), err);
        if (code != ERR_OK) {
            err_wrap(err, "row %zu", i + 1);
        }
    }
    if (code == ERR_OK) {
        code = take_curves(&reader, &file, err);
    }
    reader_fini(&reader);
    if (code != ERR_OK) {
        curves_file_fini(&file);
        return code;
    }
    agree_on_clock(&file);
    *out = file;
    return ERR_OK;
}

enum err_code curves_file_read(const char *path,
                               const struct sweep_spec *spec,
                               struct curves_file *out,
                               struct err *err)
{
    AUTO_JSON json_t *rows = NULL;
    enum err_code code = points_file_read(path, &rows, err);
    if (code != ERR_OK) {
        return code;
    }
    code = read_rows(rows, spec, out, err);
    if (code != ERR_OK) {
        err_wrap(err, "%s", path);
    }
    return code;
}

/* ---- of a sweep ---- */

/* The trial's points as rows; of several values of a step the first. */
static void
add_points(const json_t *trial, const json_t *points, const char *metric, json_t *rows)
{
    json_int_t began = json_integer_value(json_object_get(trial, "start_time"));
    const json_t *before = NULL;
    for (size_t i = 0; i < json_array_size(points); i++) {
        const json_t *point = json_array_get(points, i);
        json_t *step = json_object_get(point, "step");
        if (before != NULL && json_equal(before, step)) {
            continue;
        }
        json_int_t now = json_integer_value(json_object_get(point, "timestamp"));
        json_t *row = json_object();
        json_put(row, "config", json_incref(json_object_get(trial, "number")));
        json_put(row, "step", json_incref(step));
        json_put(row, metric, json_incref(json_object_get(point, "value")));
        json_put_f64(row, "seconds", now > began ? (double)(now - began) / 1000 : 0);
        json_push(rows, row);
        before = step;
    }
}

static enum err_code ask_points(struct look *look,
                                const char *sweep,
                                const json_t *trial,
                                const char *metric,
                                json_t *rows,
                                struct err *err)
{
    AUTO_JSON json_t *args = json_object();
    AUTO_JSON json_t *points = NULL;
    AUTO_FREE char *run =
        mem_printf("%s/%lld", sweep,
                   (long long)json_integer_value(json_object_get(trial, "number")));
    json_put_str(args, "run", run);
    json_put_str(args, "key", metric);
    enum err_code code = look_query(look, "metrics", args, &points, err);
    if (code == ERR_OK) {
        add_points(trial, points, metric, rows);
    }
    return code;
}

enum err_code curves_file_ask(const struct where *where,
                              const char *sweep,
                              const struct sweep_spec *spec,
                              struct curves_file *out,
                              struct err *err)
{
    AUTO_LOOK struct look *look = NULL;
    AUTO_JSON json_t *args = json_object();
    AUTO_JSON json_t *trials = NULL;
    AUTO_JSON json_t *rows = json_array();
    json_put_str(args, "sweep", sweep);
    json_put_str(args, "state", "finished");
    enum err_code code = look_open(where, &look, err);
    if (code == ERR_OK) {
        code = look_query(look, "trials", args, &trials, err);
    }
    for (size_t i = 0; i < json_array_size(trials) && code == ERR_OK; i++) {
        code = ask_points(look, sweep, json_array_get(trials, i), spec->stop_metric,
                          rows, err);
    }
    if (code != ERR_OK) {
        return code;
    }
    code = read_rows(rows, spec, out, err);
    if (code != ERR_OK) {
        err_wrap(err, "sweep '%s', %s", sweep, spec->stop_metric);
    }
    return code;
}

void curves_file_fini(struct curves_file *file)
{
    for (size_t i = 0; i < file->curves.len; i++) {
        sim_curve_fini(&file->curves.ptr[i]);
    }
    vec_fini(&file->curves);
}
