/* SPDX-License-Identifier: Apache-2.0 */
/* space.c – values of parameters, conditions, sizes.
 * Owns the memory of a space. Knows how a legal internal value is made and named. Does
 * not know files (spec_space.c reads them) or search.
 *
 * Stepped values: low and step are scaled by 10^step_decimals to integers below 2^53,
 * so that (L + k S) / 10^d is a division of two exact numbers, which rounds to the
 * double nearest to that decimal. The reader of the file refuses what does not fit. */
#include "core/space.h"

#include "base/assert.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/vec.h"
#include "core/expr.h"
#include "core/logscale.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const double powers_of_ten[] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

/* ---- memory ---- */

static void param_fini(struct param *param)
{
    for (size_t i = 0; i < param->items_len; i++) {
        if (param->items[i].kind == VALUE_STR) {
            char *text = NULL;
            memcpy(&text, &param->items[i].as.str, sizeof text);
            mem_free(text);
        }
    }
    mem_free(param->items);
    mem_free(param->name);
    expr_destroy(param->when);
}

void space_destroy(struct space *space)
{
    if (space == NULL) {
        return;
    }
    for (size_t i = 0; i < space->len; i++) {
        param_fini(&space->params[i]);
    }
    for (size_t i = 0; i < space->forbids_len; i++) {
        expr_destroy(space->forbids[i]);
    }
    mem_free(space->params);
    mem_free(space->topo);
    mem_free(space->forbids);
    mem_free(space);
}

int32_t space_find(const struct space *space, const char *name)
{
    for (size_t i = 0; i < space->len; i++) {
        if (strcmp(space->params[i].name, name) == 0) {
            return (int32_t)i;
        }
    }
    return -1;
}

/* ---- conditions ---- */

void space_prune(const struct space *space, double *x)
{
    for (size_t k = 0; k < space->len; k++) {
        uint32_t i = space->topo[k];
        const struct expr *when = space->params[i].when;
        if (when != NULL && expr_eval(when, space, x) != TRUTH_TRUE) {
            x[i] = (double)NAN;
        }
    }
}

bool space_is_forbidden(const struct space *space, const double *x)
{
    for (size_t i = 0; i < space->forbids_len; i++) {
        if (expr_eval(space->forbids[i], space, x) == TRUTH_TRUE) {
            return true;
        }
    }
    return false;
}

/* ---- levels: the values of a parameter that has countably many ---- */

struct levels {
    double low, step, scale; /* (low + k * step) / scale */
    uint64_t len;
};

/* len 0 when the parameter is continuous. */
static struct levels levels_of(const struct param *param)
{
    if (param->kind == PARAM_CHOICE) {
        return (struct levels){ 0.0, 1.0, 1.0, param->items_len };
    }
    if (param->kind == PARAM_FLOAT && param->step == 0.0) {
        return (struct levels){ param->low, 0.0, 1.0, param->low == param->high };
    }
    ASSERT(param->step_decimals >= 0);
    ASSERT((size_t)param->step_decimals < ARRAY_LEN(powers_of_ten));
    double scale = powers_of_ten[param->step_decimals];
    double low = nearbyint(param->low * scale);
    double high = nearbyint(param->high * scale);
    double step = param->step == 0.0 ? 1.0 : nearbyint(param->step * scale);
    ASSERT(step >= 1.0);
    return (struct levels){ low, step, scale, (uint64_t)((high - low) / step) + 1 };
}

static double level_at(const struct levels *levels, double k)
{
    return (levels->low + k * levels->step) / levels->scale;
}

static double clamp(double v, double low, double high)
{
    if (v < low) {
        return low;
    }
    return v > high ? high : v;
}

double space_snap(const struct space *space, size_t i, double v)
{
    ASSERT(i < space->len);
    const struct param *param = &space->params[i];
    struct levels levels = levels_of(param);
    if (isnan(v)) {
        return v;
    }
    if (levels.len == 0) {
        return clamp(v, param->low, param->high);
    }
    if (levels.len == 1) {
        return level_at(&levels, 0.0);
    }
    double k = nearbyint((v * levels.scale - levels.low) / levels.step);
    return level_at(&levels, clamp(k, 0.0, (double)(levels.len - 1)));
}

uint64_t space_cardinality(const struct space *space, size_t i)
{
    ASSERT(i < space->len);
    return levels_of(&space->params[i]).len;
}

uint64_t space_size(const struct space *space)
{
    uint64_t size = 1;
    for (size_t i = 0; i < space->len; i++) {
        uint64_t len = space_cardinality(space, i);
        if (len == 0) {
            return 0;
        }
        size = num_mul_sat_u64(size, len);
    }
    return size;
}

/* ---- grid ---- */

uint64_t space_grid_len(const struct space *space, size_t i)
{
    uint64_t len = space_cardinality(space, i);
    return len != 0 ? len : space->params[i].grid;
}

/* v at 12 significant digits, if that moves it by little compared with `distance`. */
static double tidy(double v, double distance)
{
    char text[NUM_TEXT_SIZE];
    double rounded = v;
    int len = snprintf(text, sizeof text, "%.11e", v);
    ASSERT(len > 0 && (size_t)len < sizeof text);
    if (num_parse_f64(str_from(text), &rounded) != ERR_OK) {
        return v;
    }
    return fabs(rounded - v) < 1e-3 * distance ? rounded : v;
}

double space_grid_at(const struct space *space, size_t i, uint64_t k)
{
    const struct param *param = &space->params[i];
    struct levels levels = levels_of(param);
    if (levels.len != 0) {
        ASSERT(k < levels.len);
        return level_at(&levels, (double)k);
    }
    ASSERT(k < param->grid);
    if (k == 0 || k == param->grid - 1) {
        return k == 0 ? param->low : param->high;
    }
    double share = (double)k / (double)(param->grid - 1);
    double steps = (double)(param->grid - 1);
    double v = 0.0;
    double distance = 0.0;
    if (param->log) {
        double low = logscale_log(param->low);
        double width = logscale_log(param->high) - low;
        v = logscale_exp(low + share * width);
        distance = v * width / steps;
    } else {
        v = param->low * (1.0 - share) + param->high * share;
        distance = (param->high - param->low) / steps;
    }
    return clamp(tidy(v, distance), param->low, param->high);
}

/* ---- typed values ---- */

struct value space_value(const struct space *space, size_t i, double v)
{
    ASSERT(i < space->len);
    const struct param *param = &space->params[i];
    if (isnan(v)) {
        return (struct value){ .kind = VALUE_NONE };
    }
    if (param->kind == PARAM_FLOAT) {
        return (struct value){ .kind = VALUE_FLOAT, .as.real = v };
    }
    if (param->kind == PARAM_INT) {
        return (struct value){ .kind = VALUE_INT, .as.integer = (int64_t)v };
    }
    ASSERT(v >= 0.0 && v < (double)param->items_len);
    return param->items[(size_t)v];
}

static enum err_code encode_choice(const struct param *param,
                                   struct value value,
                                   double *v_out,
                                   struct err *err)
{
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(PARAM_VALUE_BYTES_MAX);
    AUTO_VEC VEC(const char *) names = { 0 };
    for (size_t k = 0; k < param->items_len; k++) {
        if (value_eq(param->items[k], value)) {
            *v_out = (double)k;
            return ERR_OK;
        }
        if (param->items[k].kind == VALUE_STR) {
            vec_push(&names, param->items[k].as.str);
        }
    }
    value_print(value, &text);
    const char *nearest = str_nearest(strbuf_str(&text), names.ptr, names.len);
    if (nearest != NULL && value.kind == VALUE_STR) {
        return err_set(err, ERR_INVALID, "'%s' has no choice '%s', did you mean '%s'?",
                       param->name, strbuf_cstr(&text), nearest);
    }
    return err_set(err, ERR_INVALID, "'%s' has no choice '%s'", param->name,
                   strbuf_cstr(&text));
}

enum err_code space_encode(const struct space *space,
                           size_t i,
                           struct value value,
                           double *v_out,
                           struct err *err)
{
    ASSERT(i < space->len);
    const struct param *param = &space->params[i];
    if (param->kind == PARAM_CHOICE) {
        return encode_choice(param, value, v_out, err);
    }
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(PARAM_VALUE_BYTES_MAX);
    value_print(value, &text);
    double v = 0.0;
    bool whole = param->kind == PARAM_INT;
    if (!value_number(value, &v) || !isfinite(v) || (whole && v != nearbyint(v))) {
        return err_set(err, ERR_INVALID, "'%s' must be %s, not '%s'", param->name,
                       whole ? "an integer" : "a number", strbuf_cstr(&text));
    }
    char low[NUM_TEXT_SIZE];
    char high[NUM_TEXT_SIZE];
    if (v < param->low || v > param->high) {
        (void)num_format_f64(param->low, low);
        (void)num_format_f64(param->high, high);
        return err_set(err, ERR_INVALID, "'%s' must lie in [%s, %s], not %s",
                       param->name, low, high, strbuf_cstr(&text));
    }
    double snapped = space_snap(space, i, v);
    if (snapped != v) {
        (void)num_format_f64(snapped, low);
        return err_set(err, ERR_INVALID,
                       "%s is not on the steps of '%s', nearest is %s",
                       strbuf_cstr(&text), param->name, low);
    }
    *v_out = snapped;
    return ERR_OK;
}

void space_print_json(const struct space *space, const double *x, struct strbuf *out)
{
    bool first = true;
    strbuf_addc(out, '{');
    for (size_t i = 0; i < space->len; i++) {
        if (isnan(x[i])) {
            continue;
        }
        if (!first) {
            strbuf_addc(out, ',');
        }
        first = false;
        json_emit_str(str_from(space->params[i].name), out);
        strbuf_addc(out, ':');
        value_print_json(space_value(space, i, x[i]), out);
    }
    strbuf_addc(out, '}');
}
