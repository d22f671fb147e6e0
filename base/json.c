/* SPDX-License-Identifier: Apache-2.0 */
/* json.c – parsing with limits, typed getters with paths, and our own emitter.
 * Owns nothing. Knows jansson. Does not know any document's shape. The emitter exists
 * because jansson prints reals with 17 digits; ours prints the shortest text that reads
 * back. */
#include "base/json.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void json_cleanup(json_t **value)
{
    json_decref(*value);
    *value = NULL;
}

/* jansson's object iterators want a mutable object although they change nothing. */
static json_t *mutable(const json_t *value)
{
    json_t *same = NULL;
    memcpy(&same, &value, sizeof same); /* NOLINT(bugprone-sizeof-expression) */
    return same;
}

/* ---- parsing ---- */

/* Refuses nesting before jansson, which recurses, sees it. */
static enum err_code check_depth(const char *text, size_t text_len, struct err *err)
{
    size_t depth = 0;
    size_t line = 1;
    bool in_string = false;
    for (size_t i = 0; i < text_len; i++) {
        char c = text[i];
        if (c == '\n') {
            line++;
        }
        if (in_string) {
            i += c == '\\' ? 1 : 0;
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            depth++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
        if (depth > JSON_DEPTH_MAX) {
            return err_set(err, ERR_INVALID, "line %zu: nested deeper than %d levels",
                           line, JSON_DEPTH_MAX);
        }
    }
    return ERR_OK;
}

enum err_code
json_parse(const char *text, size_t text_len, json_t **out, struct err *err)
{
    if (text_len > JSON_BYTES_MAX) {
        return err_set(err, ERR_TOOBIG, "%zu bytes of JSON, at most %zu are allowed",
                       text_len, JSON_BYTES_MAX);
    }
    enum err_code code = check_depth(text, text_len, err);
    if (code != ERR_OK) {
        return code;
    }
    json_error_t problem;
    json_t *value = json_loadb(text_len > 0 ? text : "", text_len,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    if (value == NULL) {
        code = json_error_code(&problem) == json_error_out_of_memory ? ERR_NOMEM
                                                                     : ERR_INVALID;
        return err_set(err, code, "line %d column %d: %s",
                       problem.line > 0 ? problem.line : 1,
                       problem.column > 0 ? problem.column : 1, problem.text);
    }
    *out = value;
    return ERR_OK;
}

/* ---- building ---- */

/* New references are NULL only when memory ran out or a string is not UTF-8, which the
 * callers have checked. */
static json_t *made(json_t *value)
{
    ASSERT(value != NULL);
    return value;
}

json_t *json_f64(double value)
{
    if (isfinite(value)) {
        return made(json_real(value));
    }
    char text[NUM_TEXT_SIZE];
    num_format_f64(value, text);
    return made(json_string(text));
}

enum err_code json_f64_value(const json_t *value, double *out)
{
    if (json_is_number(value)) {
        *out = json_number_value(value);
        return ERR_OK;
    }
    const char *text = json_string_value(value);
    if (text == NULL) {
        return ERR_INVALID;
    }
    static const struct {
        const char *text;
        double value;
    } words[] = { { "NaN", (double)NAN },
                  { "Infinity", (double)INFINITY },
                  { "-Infinity", -(double)INFINITY } };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i].text) == 0) {
            *out = words[i].value;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

void json_put(json_t *obj, const char *key, json_t *value)
{
    int failed = json_object_set_new(obj, key, made(value));
    ASSERT(failed == 0);
}

void json_put_str(json_t *obj, const char *key, const char *text)
{
    json_t *value = json_string(text);
    if (value == NULL) {
        /* Bytes from outside (a file name, a trial's output) need not be UTF-8. */
        AUTO_STRBUF struct strbuf buf = STRBUF_INIT(SIZE_MAX / 2);
        json_emit_str(str_from(text), &buf);
        value = json_loadb(buf.ptr, buf.len, JSON_DECODE_ANY, NULL);
    }
    json_put(obj, key, value);
}

void json_put_i64(json_t *obj, const char *key, int64_t value)
{
    json_put(obj, key, json_integer(value));
}

void json_put_f64(json_t *obj, const char *key, double value)
{
    json_put(obj, key, json_f64(value));
}

void json_put_bool(json_t *obj, const char *key, bool value)
{
    json_put(obj, key, json_boolean(value));
}

void json_push(json_t *array, json_t *value)
{
    int failed = json_array_append_new(array, made(value));
    ASSERT(failed == 0);
}

/* ---- emitting ---- */

/* Length of the valid UTF-8 sequence at the start of bytes, 0 if it is not one. */
static size_t utf8_len(const unsigned char *bytes, size_t n)
{
    static const struct {
        unsigned char lead_min;
        unsigned char lead_max;
        unsigned char second_min;
        unsigned char second_max;
        size_t len;
    } forms[] = {
        { 0x00, 0x7F, 0x00, 0x00, 1 }, { 0xC2, 0xDF, 0x80, 0xBF, 2 },
        { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
        { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 },
        { 0xF0, 0xF0, 0x90, 0xBF, 4 }, { 0xF1, 0xF3, 0x80, 0xBF, 4 },
        { 0xF4, 0xF4, 0x80, 0x8F, 4 },
    };
    for (size_t f = 0; f < ARRAY_LEN(forms); f++) {
        if (bytes[0] < forms[f].lead_min || bytes[0] > forms[f].lead_max) {
            continue;
        }
        size_t len = forms[f].len;
        if (len > n
            || (len > 1
                && (bytes[1] < forms[f].second_min
                    || bytes[1] > forms[f].second_max))) {
            return 0;
        }
        for (size_t i = 2; i < len; i++) {
            if ((bytes[i] & 0xC0U) != 0x80U) {
                return 0;
            }
        }
        return len;
    }
    return 0;
}

/* The escape of a byte below 0x20, a quote or a backslash; NULL when it needs none. */
static const char *escape_of(unsigned char c)
{
    switch (c) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    default:
        return NULL;
    }
}

void json_emit_str(struct str text, struct strbuf *buf)
{
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    size_t plain = 0; /* start of the run that needs no escape */
    strbuf_addc(buf, '"');
    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_len(bytes + i, text.len - i);
        const char *escape = escape_of(bytes[i]);
        if (len > 0 && escape == NULL && bytes[i] >= 0x20) {
            i += len;
            continue;
        }
        strbuf_add(buf, bytes + plain, i - plain);
        if (len == 0) {
            strbuf_adds(buf, "\xef\xbf\xbd");
        } else if (escape != NULL) {
            strbuf_adds(buf, escape);
        } else {
            strbuf_addf(buf, "\\u%04x", (unsigned)bytes[i]);
        }
        plain = ++i;
    }
    if (plain < text.len) {
        strbuf_add(buf, bytes + plain, text.len - plain);
    }
    strbuf_addc(buf, '"');
}

/* An open array or object. */
struct emit_frame {
    const json_t *value;
    size_t at;  /* array: next index; object: members written */
    void *iter; /* object: next member */
};

struct emitter {
    struct strbuf *buf;
    struct emit_frame frames[JSON_DEPTH_MAX];
    size_t depth;
    bool pretty;
};

static void emit_newline(const struct emitter *e)
{
    if (e->pretty) {
        strbuf_addf(e->buf, "\n%*s", (int)(e->depth * 2), "");
    }
}

static void emit_scalar(const struct emitter *e, const json_t *value)
{
    char text[NUM_TEXT_SIZE];
    switch (json_typeof(value)) {
    case JSON_STRING:
        json_emit_str(
            (struct str){ json_string_value(value), json_string_length(value) },
            e->buf);
        return;
    case JSON_INTEGER:
        strbuf_addf(e->buf, "%" PRId64, (int64_t)json_integer_value(value));
        return;
    case JSON_REAL:
        num_format_f64(json_real_value(value), text);
        strbuf_adds(e->buf, text);
        return;
    case JSON_TRUE:
        strbuf_adds(e->buf, "true");
        return;
    case JSON_FALSE:
        strbuf_adds(e->buf, "false");
        return;
    case JSON_NULL:
        strbuf_adds(e->buf, "null");
        return;
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    UNREACHABLE();
}

/* Writes a scalar or an empty collection, or opens a frame. */
static void emit_value(struct emitter *e, const json_t *value)
{
    if (json_is_array(value)) {
        strbuf_adds(e->buf, json_array_size(value) == 0 ? "[]" : "[");
    } else if (json_is_object(value)) {
        strbuf_adds(e->buf, json_object_size(value) == 0 ? "{}" : "{");
    } else {
        emit_scalar(e, value);
        return;
    }
    if (json_array_size(value) + json_object_size(value) > 0) {
        ASSERT(e->depth < JSON_DEPTH_MAX);
        e->frames[e->depth++] = (struct emit_frame){
            .value = value,
            .iter = json_is_object(value) ? json_object_iter(mutable(value)) : NULL,
        };
    }
}

/* The next member of the innermost collection, or its end. */
static void emit_next(struct emitter *e)
{
    struct emit_frame *frame = &e->frames[e->depth - 1];
    bool is_object = json_is_object(frame->value);
    bool ended =
        is_object ? frame->iter == NULL : frame->at == json_array_size(frame->value);
    if (ended) {
        e->depth--;
        emit_newline(e);
        strbuf_addc(e->buf, is_object ? '}' : ']');
        return;
    }
    if (frame->at > 0) {
        strbuf_addc(e->buf, ',');
    }
    emit_newline(e);
    const json_t *value = NULL;
    if (is_object) {
        json_emit_str(str_from(json_object_iter_key(frame->iter)), e->buf);
        strbuf_adds(e->buf, e->pretty ? ": " : ":");
        value = json_object_iter_value(frame->iter);
        frame->iter = json_object_iter_next(mutable(frame->value), frame->iter);
    } else {
        value = json_array_get(frame->value, frame->at);
    }
    frame->at++;
    emit_value(e, value);
}

void json_emit(const json_t *value, struct strbuf *buf, bool pretty)
{
    struct emitter e = { .buf = buf, .pretty = pretty };
    emit_value(&e, value);
    while (e.depth > 0) {
        emit_next(&e);
    }
}

char *json_dump_line(const json_t *value)
{
    AUTO_STRBUF struct strbuf buf = STRBUF_INIT(SIZE_MAX / 2);
    json_emit(value, &buf, false);
    return strbuf_take(&buf);
}

/* ---- typed getters ---- */

static const char *type_text(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    case JSON_NULL:
        return "null";
    }
    UNREACHABLE();
}

/* Where a value is looked up, and whether it may be absent. */
struct place {
    const json_t *obj;
    const char *key;
    const char *path;
    bool optional;
};

/* The value, NULL in *out when it is absent and may be. */
static enum err_code find(struct place p, const json_t **out, struct err *err)
{
    const char *dot = p.path[0] != '\0' ? "." : "";
    if (!json_is_object(p.obj)) {
        return err_set(err, ERR_INVALID, "%s: expected object, got %s",
                       p.path[0] != '\0' ? p.path : "document",
                       p.obj != NULL ? type_text(p.obj) : "nothing");
    }
    const json_t *value = json_object_get(p.obj, p.key);
    if (value == NULL || json_is_null(value)) {
        if (!p.optional) {
            return err_set(err, ERR_INVALID, "%s%s%s: missing", p.path, dot, p.key);
        }
        value = NULL;
    }
    *out = value;
    return ERR_OK;
}

static enum err_code
mismatch(struct place p, const char *expected, const json_t *value, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s%s%s: expected %s, got %s", p.path,
                   p.path[0] != '\0' ? "." : "", p.key, expected, type_text(value));
}

static enum err_code get_str(struct place p, const char **out, struct err *err)
{
    const json_t *value = NULL;
    enum err_code code = find(p, &value, err);
    if (code != ERR_OK || value == NULL) {
        return code;
    }
    if (!json_is_string(value)) {
        return mismatch(p, "string", value, err);
    }
    *out = json_string_value(value);
    return ERR_OK;
}

static enum err_code i64_value(const json_t *value, int64_t *out)
{
    if (json_is_integer(value)) {
        *out = json_integer_value(value);
        return ERR_OK;
    }
    if (json_is_real(value)) {
        return i64_from_f64(json_real_value(value), out);
    }
    return json_is_string(value)
               ? num_parse_i64(str_from(json_string_value(value)), out)
               : ERR_INVALID;
}

static enum err_code get_i64(struct place p, int64_t *out, struct err *err)
{
    const json_t *value = NULL;
    enum err_code code = find(p, &value, err);
    if (code != ERR_OK || value == NULL) {
        return code;
    }
    return i64_value(value, out) == ERR_OK ? ERR_OK
                                           : mismatch(p, "integer", value, err);
}

static enum err_code get_f64(struct place p, double *out, struct err *err)
{
    const json_t *value = NULL;
    enum err_code code = find(p, &value, err);
    if (code != ERR_OK || value == NULL) {
        return code;
    }
    return json_f64_value(value, out) == ERR_OK ? ERR_OK
                                                : mismatch(p, "number", value, err);
}

static enum err_code get_bool(struct place p, bool *out, struct err *err)
{
    const json_t *value = NULL;
    enum err_code code = find(p, &value, err);
    if (code != ERR_OK || value == NULL) {
        return code;
    }
    if (!json_is_boolean(value)) {
        return mismatch(p, "boolean", value, err);
    }
    *out = json_is_true(value);
    return ERR_OK;
}

static enum err_code get_array(struct place p, const json_t **out, struct err *err)
{
    const json_t *value = NULL;
    enum err_code code = find(p, &value, err);
    if (code != ERR_OK || value == NULL) {
        return code;
    }
    if (!json_is_array(value)) {
        return mismatch(p, "array", value, err);
    }
    *out = value;
    return ERR_OK;
}

static enum err_code get_object(struct place p, const json_t **out, struct err *err)
{
    const json_t *value = NULL;
    enum err_code code = find(p, &value, err);
    if (code != ERR_OK || value == NULL) {
        return code;
    }
    if (!json_is_object(value)) {
        return mismatch(p, "object", value, err);
    }
    *out = value;
    return ERR_OK;
}

/* NOLINTBEGIN(bugprone-macro-parentheses): a type cannot stand in parentheses. */
/* The public pairs: json_get_x demands the value, json_opt_x leaves *out untouched. */
#define GETTERS(name, type)                                                            \
    enum err_code json_get_##name(const json_t *obj, const char *key,                  \
                                  const char *path, type *out, struct err *err)        \
    {                                                                                  \
        return get_##name((struct place){ obj, key, path, false }, out, err);          \
    }                                                                                  \
    enum err_code json_opt_##name(const json_t *obj, const char *key,                  \
                                  const char *path, type *out, struct err *err)        \
    {                                                                                  \
        return get_##name((struct place){ obj, key, path, true }, out, err);           \
    }
GETTERS(str, const char *)
GETTERS(i64, int64_t)
GETTERS(f64, double)
GETTERS(bool, bool)
GETTERS(array, const json_t *)
GETTERS(object, const json_t *)
#undef GETTERS
/* NOLINTEND(bugprone-macro-parentheses) */
