/* SPDX-License-Identifier: Apache-2.0 */
/* csv.c – tables with a header as JSON rows.
 * Owns nothing. Knows RFC 4180. Does not know what a column means. */
#include "cli/csv.h"

#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/strbuf.h"

struct csv {
    struct str text;
    size_t at;
    size_t line;
    struct strbuf cell; /* the last one read */
    bool quoted;        /* it stood in quotes */
    bool row_ends;      /* it was the last of its row */
};

/* Behind the opening quote, up to behind the closing one. */
static enum err_code quoted_cell(struct csv *csv, struct err *err)
{
    size_t began = csv->line;
    while (csv->at < csv->text.len) {
        char c = csv->text.ptr[csv->at++];
        if (c == '"' && csv->at < csv->text.len && csv->text.ptr[csv->at] == '"') {
            csv->at++;
        } else if (c == '"') {
            return ERR_OK;
        }
        csv->line += c == '\n' ? 1u : 0u;
        strbuf_addc(&csv->cell, c);
    }
    return err_set(err, ERR_INVALID, "line %zu: a quote without its end", began);
}

/* Reads one cell and the comma or line end behind it. */
static enum err_code next_cell(struct csv *csv, struct err *err)
{
    strbuf_reset(&csv->cell);
    csv->quoted = csv->at < csv->text.len && csv->text.ptr[csv->at] == '"';
    csv->row_ends = true;
    if (csv->quoted) {
        csv->at++;
        enum err_code code = quoted_cell(csv, err);
        if (code != ERR_OK) {
            return code;
        }
    }
    while (csv->at < csv->text.len) {
        char c = csv->text.ptr[csv->at++];
        if (c == ',') {
            csv->row_ends = false;
            return ERR_OK;
        }
        if (c == '\n') {
            csv->line++;
            return ERR_OK;
        }
        if (c != '\r') {
            strbuf_addc(&csv->cell, c);
        }
    }
    return ERR_OK;
}

/* What the cell holds; NULL: nothing. */
static json_t *cell_value(const struct csv *csv)
{
    const char *text = strbuf_cstr(&csv->cell);
    int64_t integer = 0;
    double real = 0;
    if (csv->quoted) {
        return json_string(text);
    }
    if (csv->cell.len == 0) {
        return NULL;
    }
    if (num_parse_i64(str_from(text), &integer) == ERR_OK) {
        return json_integer(integer);
    }
    if (num_parse_f64_ext(str_from(text), &real) == ERR_OK) {
        return json_f64(real);
    }
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        return json_boolean(text[0] == 't');
    }
    return json_string(text);
}

static enum err_code read_header(struct csv *csv, json_t *names, struct err *err)
{
    do {
        enum err_code code = next_cell(csv, err);
        if (code != ERR_OK) {
            return code;
        }
        json_t *name = json_string(strbuf_cstr(&csv->cell));
        if (name == NULL || csv->cell.len == 0) {
            json_decref(name);
            return err_set(err, ERR_INVALID, "line 1: a column without a name");
        }
        for (size_t i = 0; i < json_array_size(names); i++) {
            if (json_equal(json_array_get(names, i), name)) {
                err_set(err, ERR_INVALID, "line 1: two columns '%s'",
                        json_string_value(name));
                json_decref(name);
                return ERR_INVALID;
            }
        }
        json_push(names, name);
    } while (!csv->row_ends);
    return ERR_OK;
}

static enum err_code
read_row(struct csv *csv, const json_t *names, json_t *row, struct err *err)
{
    size_t line = csv->line;
    size_t column = 0;
    do {
        enum err_code code = next_cell(csv, err);
        if (code != ERR_OK) {
            return code;
        }
        const char *name = json_string_value(json_array_get(names, column++));
        if (name == NULL && (column > 1 || csv->cell.len > 0)) {
            return err_set(err, ERR_INVALID, "line %zu: more cells than columns", line);
        }
        json_t *value = cell_value(csv);
        if (value != NULL) {
            json_put(row, name, value);
        }
    } while (!csv->row_ends);
    return ERR_OK;
}

static enum err_code
read_table(struct csv *csv, json_t *names, json_t *rows, struct err *err)
{
    enum err_code code = read_header(csv, names, err);
    while (code == ERR_OK && csv->at < csv->text.len) {
        json_t *row = json_object();
        code = read_row(csv, names, row, err);
        if (code == ERR_OK && json_object_size(row) > 0) {
            json_push(rows, row);
        } else {
            json_decref(row);
        }
    }
    return code;
}

enum err_code csv_parse(struct str text, json_t **rows_out, struct err *err)
{
    struct csv csv = { .text = text, .line = 1, .cell = STRBUF_INIT(JSON_BYTES_MAX) };
    AUTO_JSON json_t *names = json_array();
    AUTO_JSON json_t *rows = json_array();
    enum err_code code = read_table(&csv, names, rows, err);
    strbuf_fini(&csv.cell);
    if (code == ERR_OK) {
        *rows_out = mem_take(&rows);
    }
    return code;
}
