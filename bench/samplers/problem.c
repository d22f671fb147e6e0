/* SPDX-License-Identifier: Apache-2.0 */
/* problem.c – the functions and the tables, as problems.
 * Owns tables in memory. Knows how a table's rows map to configurations. Does not know
 * samplers. */
#include "bench/samplers/problem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strbuf.h"
#include "base/sys/fsx.h"

#define FILE_BYTES_MAX ((size_t)256 * 1024 * 1024)

static struct problem *add(struct problems *problems)
{
    problems->all =
        mem_realloc_array(problems->all, problems->len + 1, sizeof *problems->all);
    struct problem *problem = &problems->all[problems->len++];
    *problem = (struct problem){ .name = NULL };
    return problem;
}

void problems_add_functions(struct problems *problems)
{
    for (size_t i = 0; i < FUNCTIONS_NR; i++) {
        struct problem *problem = add(problems);
        problem->name = mem_strdup(functions[i].name);
        problem->space = mem_strdup(functions[i].space);
        problem->least = functions[i].least;
        problem->function = &functions[i];
    }
}

void problems_fini(struct problems *problems)
{
    for (size_t i = 0; i < problems->len; i++) {
        struct problem *problem = &problems->all[i];
        mem_free(problem->name);
        mem_free(problem->space);
        mem_free(problem->table.radix);
        mem_free(problem->table.value);
        mem_free(problem->table.mean);
    }
    mem_free(problems->all);
}

const struct problem *problems_find(const struct problems *problems, const char *name)
{
    for (size_t i = 0; i < problems->len; i++) {
        if (strcmp(problems->all[i].name, name) == 0) {
            return &problems->all[i];
        }
    }
    return NULL;
}

/* ---- values ---- */

static size_t row_of(const struct table *table, const double *x)
{
    uint64_t row = 0;
    for (size_t i = 0; i < table->dims; i++) {
        row = row * table->radix[i] + (uint64_t)x[i];
    }
    return (size_t)row;
}

double problem_value(const struct problem *problem, const double *x)
{
    if (problem->function != NULL) {
        return problem->function->value(x);
    }
    return problem->table.mean[row_of(&problem->table, x)];
}

double problem_noisy(const struct problem *problem, const double *x, uint64_t draw)
{
    const struct table *table = &problem->table;
    if (problem->function != NULL) {
        return problem->function->value(x);
    }
    return table->value[row_of(table, x) * table->seeds + draw % table->seeds];
}

/* ---- reading tables ---- */

static enum err_code
read_space(struct problem *problem, const json_t *params, struct err *err)
{
    struct table *table = &problem->table;
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(JSON_BYTES_MAX);
    table->dims = json_array_size(params);
    table->radix = mem_alloc_array(table->dims, sizeof *table->radix);
    table->rows = 1;
    for (size_t i = 0; i < table->dims; i++) {
        const json_t *param = json_array_get(params, i);
        const char *name = NULL;
        const char *kind = NULL;
        const json_t *choices = NULL;
        enum err_code code = json_get_str(param, "name", "param", &name, err);
        if (code == ERR_OK) {
            code = json_get_str(param, "kind", "param", &kind, err);
        }
        if (code == ERR_OK) {
            code = json_get_array(param, "choices", "param", &choices, err);
        }
        if (code != ERR_OK) {
            return code;
        }
        table->radix[i] = json_array_size(choices);
        table->rows *= json_array_size(choices);
        strbuf_addf(&text, "%s%s: {choice: ", i == 0 ? "{" : ", ", name);
        json_emit(choices, &text, false);
        strbuf_adds(&text, strcmp(kind, "cat") == 0 ? ", ordered: false}" : "}");
    }
    strbuf_adds(&text, "}");
    problem->space = strbuf_take(&text);
    return ERR_OK;
}

/* One line: its numbers to the front of the row, repeated where some are missing; the
 * row is NaN where all are, a configuration nobody trained. */
static enum err_code read_row(struct table *table, size_t row, struct str line)
{
    double *values = &table->value[row * table->seeds];
    struct str field = { 0 };
    double sum = 0;
    size_t len = 0;
    for (size_t seed = 0; seed < table->seeds; seed++) {
        if (!str_split_next(&line, ',', &field)) {
            return ERR_INVALID;
        }
        field = str_trim(field);
        if (field.len == 0) {
            continue;
        }
        if (num_parse_f64(field, &values[len]) != ERR_OK) {
            return ERR_INVALID;
        }
        sum += values[len++];
    }
    for (size_t i = len; i < table->seeds; i++) {
        values[i] = len > 0 ? values[i - len] : (double)NAN;
    }
    table->mean[row] = len > 0 ? sum / (double)len : (double)NAN;
    return ERR_OK;
}

/* Fills value and mean with what the file says. */
static enum err_code read_rows(struct table *table, struct str text, struct err *err)
{
    struct str line = { 0 };
    size_t row = 0;
    if (!str_split_next(&text, '\n', &line)) {
        return err_set(err, ERR_INVALID, "no header");
    }
    while (row < table->rows && str_split_next(&text, '\n', &line)) {
        if (read_row(table, row, line) != ERR_OK) {
            return err_set(err, ERR_INVALID, "line %zu: expected %zu numbers", row + 2,
                           table->seeds);
        }
        row++;
    }
    return row == table->rows
               ? ERR_OK
               : err_set(err, ERR_INVALID, "%zu rows, expected %zu", row, table->rows);
}

/* Turns values into distances from the best mean. */
static void measure_from_best(struct table *table, bool maximize)
{
    double sign = maximize ? -1.0 : 1.0;
    double best = HUGE_VAL;
    for (size_t row = 0; row < table->rows; row++) {
        best = fmin(best, sign * table->mean[row]);
    }
    for (size_t row = 0; row < table->rows; row++) {
        table->mean[row] = sign * table->mean[row] - best;
    }
    for (size_t i = 0; i < table->rows * table->seeds; i++) {
        table->value[i] = sign * table->value[i] - best;
    }
}

static enum err_code read_table(struct problem *problem,
                                const char *dir,
                                const json_t *spaces,
                                const json_t *entry,
                                struct err *err)
{
    struct table *table = &problem->table;
    const char *file = NULL;
    const char *space = NULL;
    const char *direction = NULL;
    const json_t *described = NULL;
    const json_t *params = NULL;
    int64_t seeds = 0;
    enum err_code code = json_get_str(entry, "file", "tables", &file, err);
    code = code == ERR_OK ? json_get_str(entry, "space", "tables", &space, err) : code;
    code = code == ERR_OK ? json_get_i64(entry, "seeds", "tables", &seeds, err) : code;
    code = code == ERR_OK ? json_get_object(spaces, space, "spaces", &described, err)
                          : code;
    code = code == ERR_OK ? json_get_str(described, "direction", space, &direction, err)
                          : code;
    code = code == ERR_OK ? json_get_array(described, "params", space, &params, err)
                          : code;
    code = code == ERR_OK ? read_space(problem, params, err) : code;
    if (code != ERR_OK) {
        return code;
    }
    problem->name = mem_strndup(file, strcspn(file, "."));
    table->seeds = (size_t)seeds;
    table->value = mem_alloc_array(table->rows * table->seeds, sizeof *table->value);
    table->mean = mem_alloc_array(table->rows, sizeof *table->mean);
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(FILE_BYTES_MAX);
    char *AUTO_FREE path = fsx_path_join(dir, file);
    code = fsx_read_file(path, &text, err);
    if (code == ERR_OK && read_rows(table, strbuf_str(&text), err) != ERR_OK) {
        code = err_wrap(err, "%s", path);
    }
    measure_from_best(table, strcmp(direction, "maximize") == 0);
    return code;
}

enum err_code
problems_add_tables(struct problems *problems, const char *dir, struct err *err)
{
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(FILE_BYTES_MAX);
    char *AUTO_FREE path = fsx_path_join(dir, "tables.json");
    json_t *AUTO_JSON doc = NULL;
    const json_t *spaces = NULL;
    const json_t *tables = NULL;
    enum err_code code = fsx_read_file(path, &text, err);
    code = code == ERR_OK ? json_parse(strbuf_cstr(&text), text.len, &doc, err) : code;
    code = code == ERR_OK ? json_get_object(doc, "spaces", "", &spaces, err) : code;
    code = code == ERR_OK ? json_get_array(doc, "tables", "", &tables, err) : code;
    for (size_t i = 0; code == ERR_OK && i < json_array_size(tables); i++) {
        code = read_table(add(problems), dir, spaces, json_array_get(tables, i), err);
    }
    return code;
}
