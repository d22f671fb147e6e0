/* SPDX-License-Identifier: Apache-2.0 */
/* point.c – points by name and value.
 * Owns nothing. Knows spaces and JSON values. Does not know files or sweeps. */
#include "core/point.h"

#include <math.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "core/expr.h"

enum point_fault
point_fault(const struct space *space, const double *x, size_t *index_out)
{
    for (size_t k = 0; k < space->len; k++) {
        uint32_t i = space->topo[k];
        const struct expr *when = space->params[i].when;
        bool active = when == NULL || expr_eval(when, space, x) == TRUTH_TRUE;
        *index_out = i;
        if (active && isnan(x[i])) {
            return POINT_MISSING;
        }
        if (!active && !isnan(x[i])) {
            return POINT_INACTIVE;
        }
    }
    for (size_t i = 0; i < space->forbids_len; i++) {
        if (expr_eval(space->forbids[i], space, x) == TRUTH_TRUE) {
            *index_out = i;
            return POINT_FORBIDDEN;
        }
    }
    return POINT_GOOD;
}

static enum err_code value_from_json(const char *name,
                                     const json_t *json,
                                     struct value *out,
                                     struct err *err)
{
    switch (json_typeof(json)) {
    case JSON_TRUE:
    case JSON_FALSE:
        *out = (struct value){ .kind = VALUE_BOOL, .as.boolean = json_is_true(json) };
        return ERR_OK;
    case JSON_INTEGER:
        *out =
            (struct value){ .kind = VALUE_INT, .as.integer = json_integer_value(json) };
        return ERR_OK;
    case JSON_REAL:
        *out = (struct value){ .kind = VALUE_FLOAT, .as.real = json_real_value(json) };
        return ERR_OK;
    case JSON_STRING:
        *out = (struct value){ .kind = VALUE_STR, .as.str = json_string_value(json) };
        return ERR_OK;
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
        break;
    }
    return err_set(err, ERR_INVALID,
                   "'%s' must be a number, text or a boolean, not a list or map", name);
}

static enum err_code
unknown_parameter(const struct space *space, const char *name, struct err *err)
{
    AUTO_VEC VEC(const char *) names = { 0 };
    for (size_t i = 0; i < space->len; i++) {
        vec_push(&names, space->params[i].name);
    }
    const char *nearest = str_nearest(str_from(name), names.ptr, names.len);
    return nearest != NULL ? err_set(
               err, ERR_INVALID, "no parameter '%s', did you mean '%s'?", name, nearest)
                           : err_set(err, ERR_INVALID, "no parameter '%s'", name);
}

static enum err_code
fault_text(const struct space *space, const double *x, struct err *err)
{
    size_t i = 0;
    switch (point_fault(space, x, &i)) {
    case POINT_GOOD:
        return ERR_OK;
    case POINT_MISSING:
        return err_set(err, ERR_INVALID, "the point needs a value for '%s'",
                       space->params[i].name);
    case POINT_INACTIVE:
        return err_set(err, ERR_INVALID, "'%s' is not active in this point (when: %s)",
                       space->params[i].name, expr_text(space->params[i].when));
    case POINT_FORBIDDEN:
        return err_set(err, ERR_INVALID, "the point is forbidden by '%s'",
                       expr_text(space->forbids[i]));
    }
    UNREACHABLE();
}

enum err_code point_from_json(const struct space *space,
                              const json_t *params,
                              double *x_out,
                              struct err *err)
{
    const char *name = NULL;
    json_t *json = NULL;
    for (size_t i = 0; i < space->len; i++) {
        x_out[i] = (double)NAN;
    }
    if (!json_is_object(params)) {
        return err_set(err, ERR_INVALID, "a point must be an object of parameters");
    }
    /* It is not changed. NOLINTNEXTLINE(performance-no-int-to-ptr) */
    json_object_foreach((json_t *)(uintptr_t)params, name, json)
    {
        int32_t i = space_find(space, name);
        if (i < 0) {
            return unknown_parameter(space, name, err);
        }
        struct value value = { 0 };
        enum err_code code = value_from_json(name, json, &value, err);
        if (code == ERR_OK) {
            code = space_encode(space, (size_t)i, value, &x_out[i], err);
        }
        if (code != ERR_OK) {
            return code;
        }
    }
    return fault_text(space, x_out, err);
}
