/* SPDX-License-Identifier: Apache-2.0 */
/* json.h – JSON over jansson; the only header that includes jansson.h. Getters carry
 * the path of the value they look into, so errors read "runs[3].metrics: expected
 * number". */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/strbuf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Scoped reference: `AUTO_JSON json_t *doc = NULL;`. */
#define AUTO_JSON CLEANUP(json_cleanup)
void json_cleanup(json_t **value);

/* Parses one value (any type). Refuses duplicate keys, depth > JSON_DEPTH_MAX, more
 * than JSON_BYTES_MAX bytes, NUL in strings, invalid UTF-8, text behind the value.
 * Errors say line and column. */
enum err_code
json_parse(const char *text, size_t text_len, json_t **out, struct err *err) MUST_USE;

/* A number, or one of the strings "NaN", "Infinity", "-Infinity" (JSON has none). New
 * reference, never NULL. */
json_t *json_f64(double value);
/* Reads what json_f64 writes: a number or one of the three strings. */
enum err_code json_f64_value(const json_t *value, double *out) MUST_USE;

/* Appends the text; reals in shortest round-trip form, keys in insertion order. pretty:
 * two spaces per level. Nesting must not exceed JSON_DEPTH_MAX (asserted). */
void json_emit(const json_t *value, struct strbuf *buf, bool pretty);
/* Appends a quoted, escaped JSON string. Invalid UTF-8 becomes U+FFFD. */
void json_emit_str(struct str text, struct strbuf *buf);
/* Compact owned text on one line (mem_free). */
char *json_dump_line(const json_t *value) MUST_USE;

/* Sets obj[key] and takes value; aborts when out of memory. */
void json_put(json_t *obj, const char *key, json_t *value);
void json_put_str(json_t *obj, const char *key, const char *text);
void json_put_i64(json_t *obj, const char *key, int64_t value);
void json_put_f64(json_t *obj, const char *key, double value);
void json_put_bool(json_t *obj, const char *key, bool value);
/* Appends to an array and takes value. */
void json_push(json_t *array, json_t *value);

/* Typed getters. `path` is the path of obj ("" for the document). Absent or null:
 * ERR_NOTFOUND-free "a.b: missing" as ERR_INVALID for json_get_*; for json_opt_* ERR_OK
 * with *out untouched. Wrong type: ERR_INVALID. Strings, objects and arrays are
 * borrowed from obj. f64 also takes integers and the three strings; i64 takes integers
 * and integral strings ("12"), as MLflow's clients send them. */
enum err_code json_get_str(const json_t *obj,
                           const char *key,
                           const char *path,
                           const char **out,
                           struct err *err) MUST_USE;
enum err_code json_get_i64(const json_t *obj,
                           const char *key,
                           const char *path,
                           int64_t *out,
                           struct err *err) MUST_USE;
enum err_code json_get_f64(const json_t *obj,
                           const char *key,
                           const char *path,
                           double *out,
                           struct err *err) MUST_USE;
enum err_code json_get_bool(const json_t *obj,
                            const char *key,
                            const char *path,
                            bool *out,
                            struct err *err) MUST_USE;
enum err_code json_get_array(const json_t *obj,
                             const char *key,
                             const char *path,
                             const json_t **out,
                             struct err *err) MUST_USE;
enum err_code json_get_object(const json_t *obj,
                              const char *key,
                              const char *path,
                              const json_t **out,
                              struct err *err) MUST_USE;
enum err_code json_opt_str(const json_t *obj,
                           const char *key,
                           const char *path,
                           const char **out,
                           struct err *err) MUST_USE;
enum err_code json_opt_i64(const json_t *obj,
                           const char *key,
                           const char *path,
                           int64_t *out,
                           struct err *err) MUST_USE;
enum err_code json_opt_f64(const json_t *obj,
                           const char *key,
                           const char *path,
                           double *out,
                           struct err *err) MUST_USE;
enum err_code json_opt_bool(const json_t *obj,
                            const char *key,
                            const char *path,
                            bool *out,
                            struct err *err) MUST_USE;
enum err_code json_opt_array(const json_t *obj,
                             const char *key,
                             const char *path,
                             const json_t **out,
                             struct err *err) MUST_USE;
enum err_code json_opt_object(const json_t *obj,
                              const char *key,
                              const char *path,
                              const json_t **out,
                              struct err *err) MUST_USE;

#endif
