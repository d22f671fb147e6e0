/* SPDX-License-Identifier: Apache-2.0 */
/* curves_file.c – recorded learning curves of a file.
 * Owns them while they are put together. Knows the names of the columns. Does not know
 * rules. */
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
    struct map_str by_config; /* index + 1 into drafts */
    VEC(struct draft) drafts;
};

static void reader_fini(struct reader *reader)
{
    for (size_t i = 0; i < reader->drafts.len; i++) {
        curve_fini(&reader->drafts.ptr[i].losses);
        curve_fini(&reader->drafts.ptr[i].seconds);
    }
    vec_fini(&reader->drafts);
    map_str_fini(&reader->by_config);
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
    uintptr_t at = (uintptr_t)map_str_get(&reader->by_config, str_from(name));
    if (at == 0) {
        vec_push(&reader->drafts, (struct draft){ .losses = { 0 } });
        at = reader->drafts.len;
        map_str_set(&reader->by_config, str_from(name), (void *)at);
    }
    *out = &reader->drafts.ptr[at - 1];
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
    for (size_t i = 0; map_str_next(&reader->by_config, &pos, &config, NULL); i++) {
        struct draft *draft = &reader->drafts.ptr[i];
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

enum err_code curves_file_read(const char *path,
                               const struct sweep_spec *spec,
                               struct curves_file *out,
                               struct err *err)
{
    AUTO_JSON json_t *rows = NULL;
    struct reader reader = { .spec = spec };
    struct curves_file file = { .curves = { 0 } };
    enum err_code code = points_file_read(path, &rows, err);
    if (code != ERR_OK) {
        return code;
    }
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
        err_wrap(err, "%s", path);
        return code;
    }
    *out = file;
    return ERR_OK;
}

void curves_file_fini(struct curves_file *file)
{
    for (size_t i = 0; i < file->curves.len; i++) {
        sim_curve_fini(&file->curves.ptr[i]);
    }
    vec_fini(&file->curves);
}
