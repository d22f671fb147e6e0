/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_points.c – enqueue and import: points to try next, results to learn from.
 * Owns the reading of arguments and files into JSON. Knows who may be asked (where.h).
 * Does not know spaces: the engine says what does not fit. */
#include "cli/cmd.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "cli/output.h"
#include "cli/points_file.h"
#include "cli/where.h"

/* Results sent in one request: a few hundred kilobytes. */
#define IMPORT_ROWS_AT_ONCE 1000u
/* Asked of a sweep at once. */
#define TRIALS_PAGE 10000

/* ---- enqueue ---- */

/* A JSON value, or else the text as it is. */
static json_t *value_of(const char *text)
{
    json_t *value = NULL;
    return json_parse(text, strlen(text), &value, NULL) == ERR_OK ? value
                                                                  : json_string(text);
}

/* "lr=0.1 kernel=rbf" as one point. */
static enum err_code
point_of_args(const struct opts *opts, json_t *points, struct err *err)
{
    AUTO_JSON json_t *point = json_object();
    for (size_t i = 1; i < opts->args_len; i++) {
        const char *arg = opts->args[i];
        const char *equals = strchr(arg, '=');
        if (equals == NULL || equals == arg) {
            return err_set(err, ERR_USAGE, "'%s': expected NAME=VALUE", arg);
        }
        AUTO_FREE char *name = mem_strndup(arg, (size_t)(equals - arg));
        json_t *value = value_of(equals + 1);
        if (value == NULL || json_object_get(point, name) != NULL) {
            json_decref(value);
            return err_set(err, ERR_USAGE, "'%s': %s", arg,
                           value == NULL ? "not UTF-8" : "given twice");
        }
        json_put(point, name, value);
    }
    json_push(points, mem_take(&point));
    return ERR_OK;
}

static enum err_code
points_to_enqueue(const struct opts *opts, json_t **points_out, struct err *err)
{
    bool has_file = opt_given(opts, OPT_FILE);
    if (has_file == (opts->args_len > 1)) {
        return err_set(err, ERR_USAGE, "give a point as NAME=VALUE …, or --file");
    }
    if (has_file) {
        return points_file_read(opts->values[OPT_FILE], points_out, err);
    }
    AUTO_JSON json_t *points = json_array();
    enum err_code code = point_of_args(opts, points, err);
    if (code == ERR_OK) {
        *points_out = mem_take(&points);
    }
    return code;
}

static enum err_code send_points(const struct where *where,
                                 struct ev_steer *steer,
                                 const json_t *points,
                                 bool *held,
                                 json_t **answer,
                                 struct err *err)
{
    AUTO_FREE char *text = json_dump_line(points);
    steer->points = text;
    steer->points_len = strlen(text);
    enum err_code code = where_steer(where, steer, held, answer, err);
    steer->points = NULL;
    return code;
}

static int print_enqueued(const struct opts *opts,
                          const json_t *answer,
                          enum output_format format,
                          bool held)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    const json_t *trials = json_object_get(answer, "trials");
    if (format != OUTPUT_TABLE) {
        output_object(answer, format, &out);
    } else {
        for (size_t i = 0; i < json_array_size(trials); i++) {
            strbuf_addf(&out, "%s/%lld\n",
                        json_string_value(json_object_get(answer, "name")),
                        (long long)json_integer_value(json_array_get(trials, i)));
        }
    }
    if (!held) {
        output_say("no process holds this home: `winnow resume %s` runs them",
                   opts->args[0]);
    }
    return output_flush(&out);
}

int cmd_enqueue(const struct opts *opts)
{
    AUTO_JSON json_t *points = NULL;
    AUTO_JSON json_t *answer = NULL;
    struct where where;
    struct err err = { 0 };
    bool held = true;
    enum output_format format = OUTPUT_TABLE;
    struct ev_steer steer = { .verb = STEER_ENQUEUE,
                              .sweep = opts->args[0],
                              .cause = "enqueued from the command line" };
    enum err_code code = output_format_get(opts, &format, &err);
    if (code == ERR_OK) {
        code = points_to_enqueue(opts, &points, &err);
    }
    if (code == ERR_OK) {
        where_resolve(opts, &where);
        code = send_points(&where, &steer, points, &held, &answer, &err);
    }
    return code == ERR_OK ? print_enqueued(opts, answer, format, held)
                          : output_fail(&err);
}

/* ---- import ---- */

/* Columns of a row that are never parameters. */
static bool is_meta(const char *name)
{
    static const char *const meta[] = { "value",  "state",      "step",    "number",
                                        "phase",  "attempts",   "agent",   "cause",
                                        "run_id", "start_time", "end_time" };
    for (size_t i = 0; i < ARRAY_LEN(meta); i++) {
        if (strcmp(name, meta[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void copy_member(const json_t *from, const char *name, json_t *to)
{
    json_t *value = json_object_get(from, name);
    if (value != NULL && !json_is_null(value)) {
        json_put(to, name, json_incref(value));
    }
}

/* {"params", "value", "state", "step"} of a row: `params` as an object, or columns
 * params.NAME, or else every column that has no meaning of its own. */
static json_t *result_of_row(json_t *row)
{
    static const char prefix[] = "params.";
    const char *name = NULL;
    json_t *value = NULL;
    bool prefixed = false;
    json_t *result = json_object();
    json_t *params = json_object_get(row, "params");
    copy_member(row, "value", result);
    copy_member(row, "state", result);
    copy_member(row, "step", result);
    if (json_is_object(params)) {
        json_put(result, "params", json_incref(params));
        return result;
    }
    params = json_object();
    json_object_foreach(row, name, value)
    {
        prefixed = prefixed || strncmp(name, prefix, sizeof prefix - 1) == 0;
    }
    json_object_foreach(row, name, value)
    {
        if (prefixed && strncmp(name, prefix, sizeof prefix - 1) == 0) {
            json_put(params, name + sizeof prefix - 1, json_incref(value));
        } else if (!prefixed && !is_meta(name)) {
            json_put(params, name, json_incref(value));
        }
    }
    json_put(result, "params", params);
    return result;
}

/* All trials of another sweep, in pages. */
static enum err_code
trials_of(const struct where *where, const char *sweep, json_t *rows, struct err *err)
{
    AUTO_LOOK struct look *look = NULL;
    enum err_code code = look_open(where, &look, err);
    for (int64_t offset = 0; code == ERR_OK; offset += TRIALS_PAGE) {
        AUTO_JSON json_t *args = json_object();
        AUTO_JSON json_t *page = NULL;
        json_put_str(args, "sweep", sweep);
        json_put_i64(args, "limit", TRIALS_PAGE);
        json_put_i64(args, "offset", offset);
        code = look_query(look, "trials", args, &page, err);
        if (code == ERR_OK) {
            json_array_extend(rows, page);
        }
        if (json_array_size(page) < TRIALS_PAGE) {
            break;
        }
    }
    return code;
}

/* A number, or one of the names that numbers without JSON have. */
static bool is_number(const json_t *value)
{
    static const char *const names[] = { "NaN", "Infinity", "-Infinity" };
    for (size_t i = 0; json_is_string(value) && i < ARRAY_LEN(names); i++) {
        if (strcmp(json_string_value(value), names[i]) == 0) {
            return true;
        }
    }
    return json_is_number(value);
}

/* A file of results has a value somewhere, and nothing else in its place. */
static enum err_code check_values(const char *path, json_t *rows, struct err *err)
{
    size_t at = 0;
    json_t *row = NULL;
    bool any = json_array_size(rows) == 0;
    json_array_foreach(rows, at, row)
    {
        const json_t *value = json_object_get(row, "value");
        if (value == NULL || json_is_null(value)) {
            continue;
        }
        if (!is_number(value)) {
            AUTO_STRBUF struct strbuf text = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
            output_cell(value, &text);
            return err_set(err, ERR_INVALID,
                           "%s: result %zu: 'value' must be a number, not '%.40s'",
                           path, at + 1, strbuf_cstr(&text));
        }
        any = true;
    }
    return any ? ERR_OK
               : err_set(err, ERR_INVALID,
                         "%s: no result has a 'value': expected the objective in a "
                         "column or member of that name",
                         path);
}

static enum err_code
results_of_file(const char *path, json_t **rows_out, struct err *err)
{
    AUTO_JSON json_t *rows = NULL;
    enum err_code code = points_file_read(path, &rows, err);
    if (code == ERR_OK) {
        code = check_values(path, rows, err);
    }
    if (code == ERR_OK) {
        *rows_out = mem_take(&rows);
    }
    return code;
}

static enum err_code rows_to_import(const struct opts *opts,
                                    const struct where *where,
                                    json_t **rows_out,
                                    struct err *err)
{
    bool from = opt_given(opts, OPT_FROM);
    if (from == (opts->args_len > 1)) {
        return err_set(err, ERR_USAGE, "give a file, or --from another sweep");
    }
    if (!from) {
        return results_of_file(opts->args[1], rows_out, err);
    }
    AUTO_JSON json_t *rows = json_array();
    enum err_code code = trials_of(where, opts->values[OPT_FROM], rows, err);
    if (code == ERR_OK) {
        *rows_out = mem_take(&rows);
    }
    return code;
}

static void add_counts(const json_t *answer, json_t *total)
{
    static const char *const counts[] = { "imported", "outside", "no_value" };
    copy_member(answer, "id", total);
    copy_member(answer, "name", total);
    copy_member(answer, "state", total);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        json_put_i64(total, counts[i],
                     json_integer_value(json_object_get(total, counts[i]))
                         + json_integer_value(json_object_get(answer, counts[i])));
    }
    if (json_object_get(total, "first_outside") == NULL) {
        copy_member(answer, "first_outside", total);
    }
}

static enum err_code import_rows(const struct where *where,
                                 const char *sweep,
                                 const json_t *rows,
                                 json_t *total,
                                 struct err *err)
{
    struct ev_steer steer = { .verb = STEER_IMPORT,
                              .sweep = sweep,
                              .cause = "imported from the command line" };
    size_t at = 0;
    do { /* also once without rows: the sweep must exist */
        AUTO_JSON json_t *batch = json_array();
        AUTO_JSON json_t *answer = NULL;
        for (;
             at < json_array_size(rows) && json_array_size(batch) < IMPORT_ROWS_AT_ONCE;
             at++) {
            json_push(batch, result_of_row(json_array_get(rows, at)));
        }
        enum err_code code = send_points(where, &steer, batch, NULL, &answer, err);
        if (code != ERR_OK) {
            return code;
        }
        add_counts(answer, total);
    } while (at < json_array_size(rows));
    return ERR_OK;
}

static int print_imported(const json_t *total, enum output_format format)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    long long outside = json_integer_value(json_object_get(total, "outside"));
    long long no_value = json_integer_value(json_object_get(total, "no_value"));
    if (format != OUTPUT_TABLE) {
        output_object(total, format, &out);
        return output_flush(&out);
    }
    strbuf_addf(&out,
                "%s: %lld imported, %lld outside the space, %lld without a value\n",
                json_string_value(json_object_get(total, "name")),
                (long long)json_integer_value(json_object_get(total, "imported")),
                outside, no_value);
    if (outside > 0) {
        output_say("the first outside: %s",
                   json_string_value(json_object_get(total, "first_outside")));
    }
    return output_flush(&out);
}

int cmd_import(const struct opts *opts)
{
    AUTO_JSON json_t *rows = NULL;
    AUTO_JSON json_t *total = json_object();
    struct where where;
    struct err err = { 0 };
    enum output_format format = OUTPUT_TABLE;
    where_resolve(opts, &where);
    enum err_code code = output_format_get(opts, &format, &err);
    if (code == ERR_OK) {
        code = rows_to_import(opts, &where, &rows, &err);
    }
    if (code == ERR_OK) {
        code = import_rows(&where, opts->args[0], rows, total, &err);
    }
    if (code != ERR_OK && json_integer_value(json_object_get(total, "imported")) > 0) {
        output_say("imported so far: %lld",
                   (long long)json_integer_value(json_object_get(total, "imported")));
    }
    return code == ERR_OK ? print_imported(total, format) : output_fail(&err);
}
