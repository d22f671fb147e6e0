/* SPDX-License-Identifier: Apache-2.0 */
/* output.c – prints JSON values as tables, JSON, CSV or TSV.
 * Owns the look of tables. Knows terminals. Does not know what the values mean. */
#include "cli/output.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/times.h"
#include "base/vec.h"

/* A page of output; a million rows of csv fit. */
#define CELL_BYTES_MAX ((size_t)256 * 1024)
/* Wider cells are cut in tables: causes and log names would push the rest away. */
#define CELL_COLUMNS_MAX 60
/* Digits of a run id shown in tables; enough to name it. */
#define ID_DIGITS 8

/* ---- cells ---------------------------------------------------------------------- */

static void add_real(double value, struct strbuf *out)
{
    char text[NUM_TEXT_SIZE];
    size_t len = num_format_f64(value, text);
    if (len > 10) {
        strbuf_addf(out, "%.6g", value);
    } else {
        strbuf_add(out, text, len);
    }
}

void output_clean(const char *text, struct strbuf *out)
{
    for (const char *at = text; *at != '\0'; at++) {
        bool is_control = (unsigned char)*at < 0x20 || *at == 0x7f;
        strbuf_add(out, is_control ? " " : at, 1);
    }
}

void output_cell(const json_t *value, struct strbuf *out)
{
    if (value == NULL || json_is_null(value)) {
        return;
    }
    if (json_is_string(value)) {
        output_clean(json_string_value(value), out);
    } else if (json_is_real(value)) {
        add_real(json_real_value(value), out);
    } else {
        json_emit(value, out, false);
    }
}

static void add_cell(const json_t *value, enum output_kind kind, struct strbuf *out)
{
    if (kind == OUTPUT_TIME && json_is_integer(value)) {
        char text[NUM_TEXT_SIZE];
        struct wall time = { json_integer_value(value) };
        size_t len = wall_format_iso(time, text);
        text[10] = ' ';
        strbuf_add(out, text, len > 19 ? 19 : len);
    } else if (kind == OUTPUT_ID && json_is_string(value)) {
        strbuf_addf(out, "%.*s", ID_DIGITS, json_string_value(value));
    } else {
        output_cell(value, out);
    }
}

/* ---- paths ---------------------------------------------------------------------- */

/* The member at "a.b"; the key behind the first dot may hold dots itself. */
static const json_t *value_at(const json_t *row, const char *path)
{
    const json_t *whole = json_object_get(row, path);
    const char *dot = strchr(path, '.');
    if (whole != NULL || dot == NULL) {
        return whole;
    }
    char head[64];
    size_t len = (size_t)(dot - path);
    ASSERT(len < sizeof head);
    memcpy(head, path, len);
    head[len] = '\0';
    return json_object_get(json_object_get(row, head), dot + 1);
}

struct grid_column {
    char *path;  /* owned */
    char *title; /* owned */
    enum output_kind kind;
    bool numeric; /* every value is a number: aligned right */
    bool used;    /* some row has a value */
};

struct grid {
    VEC(struct grid_column) columns;
};

static void grid_fini(struct grid *grid)
{
    for (size_t i = 0; i < grid->columns.len; i++) {
        mem_free(grid->columns.ptr[i].path);
        mem_free(grid->columns.ptr[i].title);
    }
    vec_fini(&grid->columns);
}

/* Takes path and title, so they are not const. */
/* NOLINTNEXTLINE(readability-non-const-parameter) */
static void grid_add(struct grid *grid, char *path, char *title, enum output_kind kind)
{
    struct grid_column column = {
        .path = path, .title = title, .kind = kind, .numeric = true
    };
    vec_push(&grid->columns, column);
}

/* One column for each key that any row has in its member `head`. */
static void grid_add_members(struct grid *grid,
                             const json_t *rows,
                             const char *head,
                             const char *prefix)
{
    struct map_str seen = { 0 };
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *key = NULL;
        json_t *value = NULL;
        json_t *object = json_object_get(json_array_get(rows, i), head);
        json_object_foreach(object, key, value)
        {
            struct str name = str_from(key);
            if (!map_str_has(&seen, name)) {
                map_str_set(&seen, name, NULL);
                grid_add(grid, mem_printf("%s.%s", head, key),
                         mem_printf("%s%s", prefix, key), OUTPUT_TEXT);
            }
        }
    }
    map_str_fini(&seen);
}

static void grid_from_columns(struct grid *grid,
                              const json_t *rows,
                              const struct output_column *columns,
                              size_t len)
{
    for (size_t i = 0; i < len; i++) {
        const char *star = strstr(columns[i].path, ".*");
        if (star == NULL) {
            grid_add(grid, mem_strdup(columns[i].path), mem_strdup(columns[i].title),
                     columns[i].kind);
            continue;
        }
        char *head = mem_strndup(columns[i].path, (size_t)(star - columns[i].path));
        grid_add_members(grid, rows, head, columns[i].title);
        mem_free(head);
    }
}

/* All members of all rows; objects one level deep become "head.key". */
static void grid_from_rows(struct grid *grid, const json_t *rows)
{
    struct map_str seen = { 0 };
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *key = NULL;
        json_t *value = NULL;
        json_t *row = json_array_get(rows, i);
        json_object_foreach(row, key, value)
        {
            struct str name = str_from(key);
            if (map_str_has(&seen, name)) {
                continue;
            }
            map_str_set(&seen, name, NULL);
            if (json_is_object(value)) {
                grid_add_members(grid, rows, key, "");
            } else {
                grid_add(grid, mem_strdup(key), mem_strdup(key), OUTPUT_TEXT);
            }
        }
    }
    map_str_fini(&seen);
}

/* ---- csv and tsv ---------------------------------------------------------------- */

static bool csv_needs_quotes(const char *text, char sep)
{
    return strpbrk(text, "\"\r\n") != NULL || strchr(text, sep) != NULL;
}

static void add_csv(const char *text, char sep, struct strbuf *out)
{
    if (sep == '\t') {
        output_clean(text, out); /* tsv knows no quotes */
        return;
    }
    if (!csv_needs_quotes(text, sep)) {
        strbuf_adds(out, text);
        return;
    }
    strbuf_addc(out, '"');
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '"') {
            strbuf_addc(out, '"');
        }
        strbuf_addc(out, *at);
    }
    strbuf_addc(out, '"');
}

static void add_csv_value(const json_t *value, char sep, struct strbuf *out)
{
    if (value == NULL || json_is_null(value)) {
        return;
    }
    if (json_is_string(value)) {
        add_csv(json_string_value(value), sep, out);
        return;
    }
    struct strbuf text = STRBUF_INIT(CELL_BYTES_MAX);
    json_emit(value, &text, false);
    add_csv(strbuf_cstr(&text), sep, out);
    strbuf_fini(&text);
}

static void
print_csv(const struct grid *grid, const json_t *rows, char sep, struct strbuf *out)
{
    for (size_t c = 0; c < grid->columns.len; c++) {
        strbuf_adds(out, c > 0 ? (char[]){ sep, '\0' } : "");
        add_csv(grid->columns.ptr[c].path, sep, out);
    }
    strbuf_addc(out, '\n');
    for (size_t r = 0; r < json_array_size(rows); r++) {
        const json_t *row = json_array_get(rows, r);
        for (size_t c = 0; c < grid->columns.len; c++) {
            strbuf_adds(out, c > 0 ? (char[]){ sep, '\0' } : "");
            add_csv_value(value_at(row, grid->columns.ptr[c].path), sep, out);
        }
        strbuf_addc(out, '\n');
    }
}

/* ---- tables --------------------------------------------------------------------- */

/* Characters of UTF-8 text; good enough for width where no wide ones occur. */
static size_t text_width(const char *text)
{
    size_t n = 0;
    for (const char *at = text; *at != '\0'; at++) {
        n += ((unsigned char)*at & 0xC0U) != 0x80U ? 1 : 0;
    }
    return n;
}

/* Bytes of the first n characters. */
static size_t bytes_of(const char *text, size_t n)
{
    size_t at = 0;
    while (text[at] != '\0' && n > 0) {
        at++;
        while (((unsigned char)text[at] & 0xC0U) == 0x80U) {
            at++;
        }
        n--;
    }
    return at;
}

static void add_padded(const char *text, size_t width, bool right, struct strbuf *out)
{
    size_t len = text_width(text);
    size_t shown = len > width ? width - 1 : len;
    size_t pad = width - (len > width ? width : len);
    for (size_t i = 0; right && i < pad; i++) {
        strbuf_addc(out, ' ');
    }
    strbuf_add(out, text, bytes_of(text, shown));
    strbuf_adds(out, len > width ? "\xe2\x80\xa6" : "");
    for (size_t i = 0; !right && i < pad; i++) {
        strbuf_addc(out, ' ');
    }
}

/* Cells as text, row by row; also finds what each column holds. */
static char **grid_cells(struct grid *grid, const json_t *rows)
{
    size_t n = grid->columns.len;
    char **cells = mem_alloc_array(json_array_size(rows) * n + 1, sizeof *cells);
    for (size_t r = 0; r < json_array_size(rows); r++) {
        for (size_t c = 0; c < n; c++) {
            struct grid_column *column = &grid->columns.ptr[c];
            const json_t *value = value_at(json_array_get(rows, r), column->path);
            struct strbuf cell = STRBUF_INIT(CELL_BYTES_MAX);
            add_cell(value, column->kind, &cell);
            if (cell.len > 0) {
                column->used = true;
                column->numeric = column->numeric && json_is_number(value)
                                  && column->kind == OUTPUT_TEXT;
            }
            cells[r * n + c] = strbuf_take(&cell);
        }
    }
    return cells;
}

static size_t column_width(const struct grid *grid, char **cells, size_t rows, size_t c)
{
    size_t width = text_width(grid->columns.ptr[c].title);
    for (size_t r = 0; r < rows; r++) {
        size_t w = text_width(cells[r * grid->columns.len + c]);
        width = w > width ? w : width;
    }
    return width > CELL_COLUMNS_MAX ? CELL_COLUMNS_MAX : width;
}

/* Adds the line without blanks at its end, cut to width (0: not cut). */
static void add_line(struct strbuf *line, size_t width, struct strbuf *out)
{
    while (line->len > 0 && line->ptr[line->len - 1] == ' ') {
        strbuf_truncate(line, line->len - 1);
    }
    const char *text = strbuf_cstr(line);
    if (width > 1 && text_width(text) > width) {
        strbuf_add(out, text, bytes_of(text, width - 1));
        strbuf_adds(out, "\xe2\x80\xa6\n");
    } else {
        strbuf_addf(out, "%s\n", text);
    }
    strbuf_reset(line);
}

static void
print_table(struct grid *grid, const json_t *rows, size_t width, struct strbuf *out)
{
    size_t n = grid->columns.len;
    size_t rows_len = json_array_size(rows);
    char **cells = grid_cells(grid, rows);
    size_t *widths = mem_alloc_array(n + 1, sizeof *widths);
    struct strbuf line = STRBUF_INIT(CELL_BYTES_MAX);
    for (size_t c = 0; c < n; c++) {
        widths[c] = column_width(grid, cells, rows_len, c);
    }
    for (size_t r = 0; r <= rows_len; r++) { /* row 0 is the titles */
        for (size_t c = 0; c < n; c++) {
            const struct grid_column *column = &grid->columns.ptr[c];
            if (!column->used && rows_len > 0) {
                continue;
            }
            strbuf_adds(&line, line.len > 0 ? "  " : "");
            add_padded(r == 0 ? column->title : cells[(r - 1) * n + c], widths[c],
                       column->numeric && rows_len > 0, &line);
        }
        add_line(&line, width, out);
    }
    for (size_t i = 0; i < rows_len * n; i++) {
        mem_free(cells[i]);
    }
    mem_free(cells);
    mem_free(widths);
    strbuf_fini(&line);
}

void output_rows(const json_t *rows,
                 const struct output_column *columns,
                 size_t columns_len,
                 enum output_format format,
                 size_t width,
                 struct strbuf *out)
{
    ASSERT(json_is_array(rows));
    struct grid grid = { .columns = { 0 } };
    if (format == OUTPUT_JSON) {
        json_emit(rows, out, true);
        strbuf_addc(out, '\n');
        return;
    }
    bool is_table = format == OUTPUT_TABLE;
    if (is_table || json_array_size(rows) == 0) {
        grid_from_columns(&grid, rows, columns, columns_len);
    } else {
        grid_from_rows(&grid, rows);
    }
    if (is_table) {
        print_table(&grid, rows, width, out);
    } else {
        print_csv(&grid, rows, format == OUTPUT_CSV ? ',' : '\t', out);
    }
    grid_fini(&grid);
}

/* ---- one object ----------------------------------------------------------------- */

static bool is_time_key(const char *key)
{
    return str_ends(str_from(key), STR_LIT("_time")) || strcmp(key, "timestamp") == 0;
}

/* Text of several lines, indented. */
static void add_block(const char *text, struct strbuf *out)
{
    struct str rest = str_from(text);
    struct str line;
    while (str_split_next(&rest, '\n', &line)) {
        if (line.len > 0 || rest.ptr != NULL) {
            strbuf_addf(out, "    %.*s\n", STR_ARG(line));
        }
    }
}

static void add_member(const char *head,
                       const char *key,
                       const json_t *value,
                       size_t width,
                       struct strbuf *out)
{
    struct strbuf name = STRBUF_INIT(OUTPUT_TEXT_BYTES_MAX);
    strbuf_addf(&name, "%s%s%s", head, head[0] != '\0' ? "." : "", key);
    int pad = (int)width;
    const char *text = json_string_value(value);
    if (text != NULL && strchr(text, '\n') != NULL) {
        strbuf_addf(out, "%s\n", strbuf_cstr(&name));
        add_block(text, out);
    } else {
        strbuf_addf(out, "%-*s  ", pad, strbuf_cstr(&name));
        add_cell(value, is_time_key(key) ? OUTPUT_TIME : OUTPUT_TEXT, out);
        strbuf_addc(out, '\n');
    }
    strbuf_fini(&name);
}

/* Of the longest name that add_member will print. */
static size_t member_width(json_t *object)
{
    const char *key = NULL;
    json_t *value = NULL;
    size_t width = 0;
    json_object_foreach(object, key, value)
    {
        const char *inner = NULL;
        json_t *member = NULL;
        size_t len = json_is_array(value) || json_is_null(value) ? 0 : text_width(key);
        json_object_foreach(value, inner, member)
        {
            size_t both = text_width(key) + 1 + text_width(inner);
            len = both > len ? both : len;
        }
        width = len > width ? len : width;
    }
    return width > CELL_COLUMNS_MAX ? CELL_COLUMNS_MAX : width;
}

void output_object(const json_t *object, enum output_format format, struct strbuf *out)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (format == OUTPUT_JSON) {
        json_emit(object, out, true);
        strbuf_addc(out, '\n');
        return;
    }
    if (format != OUTPUT_TABLE) {
        AUTO_JSON json_t *rows = json_array();
        json_push(rows, json_deep_copy(object));
        output_rows(rows, NULL, 0, format, 0, out);
        return;
    }
    AUTO_JSON json_t *members = json_deep_copy(object);
    size_t width = member_width(members);
    json_object_foreach(members, key, value)
    {
        const char *inner = NULL;
        json_t *member = NULL;
        if (json_is_object(value)) {
            json_object_foreach(value, inner, member)
            {
                add_member(key, inner, member, width, out);
            }
        } else if (!json_is_array(value) && !json_is_null(value)) {
            add_member("", key, value, width, out);
        }
    }
}

/* ---- streams -------------------------------------------------------------------- */

enum err_code
output_format_get(const struct opts *opts, enum output_format *out, struct err *err)
{
    static const char *const names[] = { "table", "json", "csv", "tsv" };
    const char *text = opts->values[OPT_OUTPUT];
    if (text == NULL) {
        *out = OUTPUT_TABLE;
        return ERR_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum output_format)i;
            return ERR_OK;
        }
    }
    const char *nearest = str_nearest(str_from(text), names, ARRAY_LEN(names));
    return err_set(err, ERR_USAGE,
                   "--output is '%s', expected table, json, csv or tsv%s%s%s", text,
                   nearest != NULL ? ", did you mean '" : "",
                   nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

size_t output_width(void)
{
    struct winsize size;
    if (isatty(STDOUT_FILENO) != 1 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
        return 0;
    }
    return size.ws_col;
}

bool output_stderr_is_tty(void)
{
    return isatty(STDERR_FILENO) == 1;
}

int output_flush(const struct strbuf *text)
{
    if (text->toobig) {
        output_say("the answer is too long to print, ask for less with --limit");
        return 1;
    }
    if (text->len > 0 && fwrite(text->ptr, 1, text->len, stdout) != text->len) {
        output_say("cannot write to stdout");
        return 1;
    }
    if (fflush(stdout) != 0) {
        output_say("cannot write to stdout");
        return 1;
    }
    return 0;
}

void output_chatter(const char *text)
{
    /* When stderr is gone there is nobody left to tell. */
    (void)fputs(text, stderr);
}

void output_say(const char *fmt, ...)
{
    struct strbuf line = STRBUF_INIT(LINE_BYTES_MAX);
    va_list args;
    va_start(args, fmt);
    strbuf_adds(&line, "winnow: ");
    strbuf_addv(&line, fmt, args);
    va_end(args);
    strbuf_addc(&line, '\n');
    output_chatter(strbuf_cstr(&line));
    strbuf_fini(&line);
}

int output_fail(const struct err *err)
{
    output_say("%s", err->msg);
    return err_exit_status(err->code);
}
