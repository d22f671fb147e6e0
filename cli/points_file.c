/* SPDX-License-Identifier: Apache-2.0 */
/* points_file.c – rows of a user's file.
 * Owns the bytes while they are read. Knows the two formats. Does not know what rows
 * mean. */
#include "cli/points_file.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/sys/fsx.h"
#include "cli/csv.h"

#define FILE_BYTES_MAX ((size_t)256 * 1024 * 1024)

static enum err_code read_lines(struct str text, json_t *rows, struct err *err)
{
    size_t line = 0;
    while (text.len > 0) {
        size_t end = str_chr(text, '\n');
        struct str one = str_trim(str_sub(text, 0, end));
        text = str_sub(text, end + 1, text.len);
        line++;
        if (one.len == 0) {
            continue;
        }
        json_t *row = NULL;
        enum err_code code = json_parse(one.ptr, one.len, &row, err);
        if (code == ERR_OK && !json_is_object(row)) {
            json_decref(row);
            code = err_set(err, ERR_INVALID, "expected a JSON object");
        }
        if (code != ERR_OK) {
            err_wrap(err, "line %zu", line);
            return code;
        }
        json_push(rows, row);
    }
    return ERR_OK;
}

enum err_code points_file_read(const char *path, json_t **rows_out, struct err *err)
{
    const char *file = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
    size_t len = strlen(path);
    bool is_csv = len > 4 && strcmp(path + len - 4, ".csv") == 0;
    AUTO_STRBUF struct strbuf text = STRBUF_INIT(FILE_BYTES_MAX);
    enum err_code code = fsx_read_file(file, &text, err);
    if (code != ERR_OK) {
        return code;
    }
    struct str view = { strbuf_cstr(&text), text.len };
    AUTO_JSON json_t *rows = NULL;
    if (is_csv) {
        code = csv_parse(view, &rows, err);
    } else if (str_trim(view).len > 0 && str_trim(view).ptr[0] == '[') {
        code = json_parse(view.ptr, view.len, &rows, err);
    } else {
        rows = json_array();
        code = read_lines(view, rows, err);
    }
    if (code != ERR_OK) {
        err_wrap(err, "%s", path);
        return code;
    }
    *rows_out = mem_take(&rows);
    return ERR_OK;
}
