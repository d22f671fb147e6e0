/* SPDX-License-Identifier: Apache-2.0 */
/* query.c – pieces that the query verbs share: arguments, optional members, and the
 * params, tags and metrics of a run. Does not know any verb.
 */
#include "store/reader.h"

#include <math.h>
#include <string.h>

#include "base/num.h"
#include "core/value.h"

enum err_code
arg_ref(const json_t *args, const char *name, const char **text_out, struct err *err)
{
    return json_get_str(args, name, "", text_out, err);
}

enum err_code
arg_page(const json_t *args, int64_t *limit_out, int64_t *offset_out, struct err *err)
{
    int64_t limit = INT64_MAX;
    int64_t offset = 0;
    enum err_code code = json_opt_i64(args, "limit", "", &limit, err);
    if (code == ERR_OK) {
        code = json_opt_i64(args, "offset", "", &offset, err);
    }
    if (code == ERR_OK && (limit < 0 || offset < 0)) {
        code = err_set(err, ERR_INVALID, "%s: must not be negative",
                       limit < 0 ? "limit" : "offset");
    }
    if (code == ERR_OK) {
        *limit_out = limit;
        *offset_out = offset;
    }
    return code;
}

enum err_code arg_attempt(const json_t *args, int64_t *attempt, struct err *err)
{
    const json_t *given = json_object_get(args, "attempt");
    if (json_is_string(given) && strcmp(json_string_value(given), "all") == 0) {
        *attempt = -1;
        return ERR_OK;
    }
    int64_t number = *attempt;
    enum err_code code = json_opt_i64(args, "attempt", "", &number, err);
    if (code == ERR_OK && given != NULL && number < 0) {
        code = err_set(err, ERR_INVALID, "attempt: must not be negative");
    }
    if (code == ERR_OK) {
        *attempt = number;
    }
    return code;
}

void put_col_text(json_t *object, const char *name, struct stmt *row, int column)
{
    const char *text = col_text(row, column);
    if (text != NULL) {
        json_put_str(object, name, text);
    }
}

void put_col_i64(json_t *object, const char *name, struct stmt *row, int column)
{
    if (!col_is_null(row, column)) {
        json_put_i64(object, name, col_i64(row, column));
    }
}

void put_col_uuid(json_t *object, const char *name, struct stmt *row, int column)
{
    size_t len = 0;
    const uint8_t *bytes = col_blob(row, column, &len);
    if (bytes != NULL && len == 16) {
        char hex[33];
        uuid_to_hex(bytes, hex);
        json_put_str(object, name, hex);
    }
}

void put_col_f64(json_t *object, const char *name, struct stmt *row, int column)
{
    json_put_f64(object, name, col_f64(row, column));
}

void put_named(json_t *object, const char *name, json_t *value)
{
    /* The only failure besides memory, which would come up again at once. */
    IGNORE_ERR(json_object_set_new(object, name, value), "the name is not UTF-8");
}

/* The declared type again; a text that does not parse stays text. */
static json_t *typed_value(int64_t kind, const char *text)
{
    int64_t integer = 0;
    double real = 0;
    if (kind == VALUE_BOOL) {
        return json_boolean(strcmp(text, "true") == 0);
    }
    if (kind == VALUE_INT && num_parse_i64(str_from(text), &integer) == ERR_OK) {
        return json_integer(integer);
    }
    if (kind == VALUE_FLOAT && num_parse_f64_ext(str_from(text), &real) == ERR_OK) {
        return json_f64(real);
    }
    json_t *value = json_string(text);
    return value != NULL ? value : json_string("\xef\xbf\xbd");
}

enum err_code
put_params(struct store_reader *reader, json_t *object, uint64_t run, struct err *err)
{
    json_t *params = json_object();
    json_put(object, "params", params);
    struct stmt *row = stmt_use(&reader->db, SQL_PARAMS_OF);
    bind_u64(row, run);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        put_named(params, col_text(row, 0),
                  typed_value(col_i64(row, 1), col_text(row, 2)));
        code = stmt_row(row, &more, err);
    }
    return code;
}

enum err_code
put_tags(struct store_reader *reader, json_t *object, uint64_t run, struct err *err)
{
    json_t *tags = json_object();
    json_put(object, "tags", tags);
    struct stmt *row = stmt_use(&reader->db, SQL_TAGS_OF);
    bind_u64(row, run);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        put_named(tags, col_text(row, 0), typed_value(VALUE_STR, col_text(row, 1)));
        code = stmt_row(row, &more, err);
    }
    return code;
}

enum err_code
put_metrics(struct store_reader *reader, json_t *object, uint64_t run, struct err *err)
{
    json_t *metrics = json_object();
    json_put(object, "metrics", metrics);
    struct stmt *row = stmt_use(&reader->db, SQL_LATEST_OF);
    bind_u64(row, run);
    bool more = false;
    enum err_code code = stmt_row(row, &more, err);
    while (code == ERR_OK && more) {
        put_named(metrics, col_text(row, 0), json_f64(col_f64(row, 2)));
        code = stmt_row(row, &more, err);
    }
    return code;
}
