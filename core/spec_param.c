/* SPDX-License-Identifier: Apache-2.0 */
/* spec_param.c – one parameter: a list of choices, or a map with float, int or choice.
 * Owns nothing. Knows bounds, scales, steps and their limits. Does not know conditions
 * or other parameters (spec_space.c). */
#include "core/spec_param.h"

#include "base/assert.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/strbuf.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* Scaled and integer bounds stay exact in a double up to here. */
#define EXACT_MAX 9007199254740992.0
enum {
    DECIMALS_MAX = 22
};

static const char *const kinds[] = { "float", "int", "choice" };
static const char *const param_keys[] = { "float", "int",  "choice",  "scale",
                                          "step",  "grid", "ordered", "when" };

/* Which keys go with which kind, in the order of enum param_kind. */
static const char *const kind_keys[PARAM_KIND_NR][5] = {
    [PARAM_FLOAT] = { "float", "scale", "step", "grid", "when" },
    [PARAM_INT] = { "int", "scale", "step", "when", NULL },
    [PARAM_CHOICE] = { "choice", "ordered", "when", NULL, NULL },
};

/* ---- choices ---- */

static bool is_number(const struct value *value)
{
    return value->kind == VALUE_INT || value->kind == VALUE_FLOAT;
}

/* Keeps the text "1" apart from the number 1. */
static const char *kind_mark(const struct value *value)
{
    if (is_number(value)) {
        return "n";
    }
    return value->kind == VALUE_STR ? "s" : "b";
}

/* A list of two numbers may be meant as a range. */
static enum err_code refuse_pair(const struct spec_reader *r,
                                 const struct yaml_node *node,
                                 const struct param *param)
{
    const struct value *a = &param->items[0];
    const struct value *b = &param->items[1];
    struct strbuf AUTO_STRBUF text = STRBUF_INIT((size_t)2 * NUM_TEXT_SIZE);
    value_print(*a, &text);
    strbuf_adds(&text, ", ");
    value_print(*b, &text);
    const char *pair = strbuf_cstr(&text);
    if (a->kind == VALUE_INT && b->kind == VALUE_INT) {
        return spec_fail(r, node,
                         "[%s] could be a range or two choices, write {int: [%s]}, "
                         "{float: [%s]} or {choice: [%s]}",
                         pair, pair, pair, pair);
    }
    return spec_fail(r, node,
                     "[%s] could be a range or two choices, write {float: [%s]} or "
                     "{choice: [%s]}",
                     pair, pair, pair);
}

static enum err_code check_distinct(const struct spec_reader *r,
                                    const struct yaml_node *node,
                                    const char *name,
                                    const struct param *param)
{
    struct map_str seen = { 0 };
    enum err_code code = ERR_OK;
    for (size_t i = 0; i < param->items_len && code == ERR_OK; i++) {
        struct strbuf AUTO_STRBUF key = STRBUF_INIT(PARAM_VALUE_BYTES_MAX + 2);
        strbuf_adds(&key, kind_mark(&param->items[i]));
        value_print(param->items[i], &key);
        if (map_str_has(&seen, strbuf_str(&key))) {
            code = spec_fail(r, node->items[i], "'%s' has the choice '%s' twice", name,
                             strbuf_cstr(&key) + 1);
        }
        IGNORE_ERR(map_str_set(&seen, strbuf_str(&key), NULL) != NULL, "a set");
    }
    map_str_fini(&seen);
    return code;
}

static enum err_code read_items(const struct spec_reader *r,
                                const struct yaml_node *node,
                                const char *name,
                                struct param *param)
{
    enum err_code code = spec_list(r, node, name, CHOICES_MAX);
    if (code != ERR_OK) {
        return code;
    }
    if (node->len == 0) {
        return spec_fail(r, node, "'%s' needs at least one choice", name);
    }
    param->kind = PARAM_CHOICE;
    param->items = mem_alloc_array(node->len, sizeof *param->items);
    param->ordered = true;
    for (size_t i = 0; i < node->len; i++) {
        struct value item = { 0 };
        code = spec_value(r, node->items[i], name, &item);
        if (code != ERR_OK) {
            return code;
        }
        if (item.kind == VALUE_STR) {
            item.as.str = mem_strdup(item.as.str);
        }
        param->items[param->items_len++] = item;
        param->ordered = param->ordered && is_number(&item);
    }
    param->high = (double)(param->items_len - 1);
    return check_distinct(r, node, name, param);
}

static enum err_code read_list(const struct spec_reader *r,
                               const struct yaml_node *node,
                               const char *name,
                               struct param *param)
{
    enum err_code code = read_items(r, node, name, param);
    if (code != ERR_OK) {
        return code;
    }
    if (param->items_len == 2 && is_number(&param->items[0])
        && is_number(&param->items[1])) {
        return refuse_pair(r, node, param);
    }
    return ERR_OK;
}

static enum err_code read_choice(const struct spec_reader *r,
                                 const struct yaml_node *node,
                                 const char *name,
                                 struct param *param)
{
    enum err_code code = read_items(r, yaml_get(node, "choice"), name, param);
    const struct yaml_node *ordered = yaml_get(node, "ordered");
    if (code != ERR_OK || ordered == NULL) {
        return code;
    }
    bool wanted = false;
    code = spec_bool(r, ordered, "ordered", &wanted);
    if (code == ERR_OK && wanted && !param->ordered) {
        return spec_fail(r, ordered, "'ordered' needs choices that are all numbers");
    }
    param->ordered = wanted;
    return code;
}

/* ---- ranges ---- */

static enum err_code read_bound(const struct spec_reader *r,
                                const struct yaml_node *node,
                                const char *name,
                                bool whole,
                                double *out)
{
    double value = 0.0;
    char found[SPEC_DESCRIBE_SIZE];
    if (yaml_as_f64(node, &value) != ERR_OK) {
        return spec_fail(r, node, "a bound of '%s' must be a number, not %s", name,
                         spec_describe(node, found));
    }
    if (!isfinite(value)) {
        return spec_fail(r, node, "a bound of '%s' must be finite, not %s", name,
                         spec_describe(node, found));
    }
    if (whole && value != nearbyint(value)) {
        return spec_fail(r, node, "a bound of the int '%s' must be an integer, not %s",
                         name, spec_describe(node, found));
    }
    if (whole && fabs(value) > EXACT_MAX) {
        return spec_fail(r, node, "a bound of the int '%s' must lie within ±2^53",
                         name);
    }
    *out = value + 0.0;
    return ERR_OK;
}

static enum err_code read_bounds(const struct spec_reader *r,
                                 const struct yaml_node *node,
                                 const char *name,
                                 struct param *param)
{
    char found[SPEC_DESCRIBE_SIZE];
    bool whole = param->kind == PARAM_INT;
    if (node->kind != YAML_SEQ) {
        return spec_fail(r, node, "'%s' needs two bounds, [low, high], not %s", name,
                         spec_describe(node, found));
    }
    if (node->len != 2) {
        return spec_fail(r, node, "'%s' needs two bounds, [low, high], not %zu", name,
                         node->len);
    }
    enum err_code code = read_bound(r, node->items[0], name, whole, &param->low);
    if (code == ERR_OK) {
        code = read_bound(r, node->items[1], name, whole, &param->high);
    }
    if (code == ERR_OK && param->low > param->high) {
        return spec_fail(r, node, "the lower bound of '%s', %s, is above its upper, %s",
                         name, node->items[0]->text, node->items[1]->text);
    }
    if (code == ERR_OK && !isfinite(param->high - param->low)) {
        return spec_fail(r, node, "the range of '%s' is too wide for a double", name);
    }
    return code;
}

static enum err_code read_scale(const struct spec_reader *r,
                                const struct yaml_node *node,
                                const char *name,
                                struct param *param)
{
    static const char *const scales[] = { "linear", "log" };
    const struct yaml_node *scale = yaml_get(node, "scale");
    size_t which = 0;
    if (scale == NULL) {
        return ERR_OK;
    }
    enum err_code code =
        spec_word(r, scale, "scale", scales, ARRAY_LEN(scales), &which);
    if (code != ERR_OK) {
        return code;
    }
    param->log = which == 1;
    if (param->log && param->low <= 0.0) {
        char low[NUM_TEXT_SIZE];
        (void)num_format_f64(param->low, low);
        return spec_fail(r, scale,
                         "a log range must lie above 0, but the lower bound of '%s' is "
                         "%s",
                         name, low);
    }
    return ERR_OK;
}

/* Digits behind the point in the shortest decimal text of v. */
static int decimals_of(double v)
{
    char text[NUM_TEXT_SIZE];
    struct str rest = str_from_n(text, num_format_f64(v, text));
    size_t mark = str_chr(rest, 'e');
    int64_t exponent = 0;
    if (mark < rest.len) {
        struct str digits = str_sub(rest, mark + 1, SIZE_MAX);
        IGNORE_ERR(num_parse_i64(digits, &exponent), "num_format_f64 wrote it");
        rest = str_sub(rest, 0, mark);
    }
    size_t point = str_chr(rest, '.');
    int64_t digits = point < rest.len ? (int64_t)(rest.len - point - 1) : 0;
    digits -= exponent;
    return digits > 0 ? (int)digits : 0;
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

static enum err_code check_step(const struct spec_reader *r,
                                const struct yaml_node *node,
                                const char *name,
                                struct param *param)
{
    char found[SPEC_DESCRIBE_SIZE];
    if (param->step <= 0.0 || param->step > param->high - param->low) {
        return spec_fail(r, node,
                         "the step of '%s' must be above 0 and not above the range, "
                         "not %s",
                         name, spec_describe(node, found));
    }
    if (param->log) {
        return spec_fail(r, node, "'step' and 'scale: log' cannot be combined in '%s'",
                         name);
    }
    int decimals = max_int(decimals_of(param->step),
                           max_int(decimals_of(param->low), decimals_of(param->high)));
    double largest = fmax(fabs(param->low), fabs(param->high));
    if (decimals > DECIMALS_MAX || largest * pow(10.0, decimals) > EXACT_MAX) {
        return spec_fail(r, node,
                         "the step of '%s' is too fine: bounds and step "
                         "together may have 15 digits",
                         name);
    }
    param->step_decimals = decimals;
    return ERR_OK;
}

static enum err_code read_step(const struct spec_reader *r,
                               const struct yaml_node *node,
                               const char *name,
                               struct param *param)
{
    const struct yaml_node *step = yaml_get(node, "step");
    char found[SPEC_DESCRIBE_SIZE];
    if (step == NULL) {
        return ERR_OK;
    }
    enum err_code code = spec_f64(r, step, "step", &param->step);
    if (code != ERR_OK) {
        return code;
    }
    if (param->kind == PARAM_INT && param->step != nearbyint(param->step)) {
        return spec_fail(r, step, "the step of the int '%s' must be an integer, not %s",
                         name, spec_describe(step, found));
    }
    return check_step(r, step, name, param);
}

static enum err_code read_grid(const struct spec_reader *r,
                               const struct yaml_node *node,
                               const char *name,
                               struct param *param)
{
    const struct yaml_node *grid = yaml_get(node, "grid");
    if (grid == NULL) {
        return ERR_OK;
    }
    if (param->step != 0.0) {
        return spec_fail(r, grid, "'%s' has both 'step' and 'grid', give one of them",
                         name);
    }
    return spec_u32(r, grid, "grid", 2, GRID_CELLS_MAX, &param->grid);
}

static enum err_code read_range(const struct spec_reader *r,
                                const struct yaml_node *node,
                                const char *name,
                                struct param *param)
{
    enum err_code code =
        read_bounds(r, yaml_get(node, kinds[param->kind]), name, param);
    if (code == ERR_OK) {
        code = read_scale(r, node, name, param);
    }
    if (code == ERR_OK) {
        code = read_step(r, node, name, param);
    }
    return code == ERR_OK ? read_grid(r, node, name, param) : code;
}

/* ---- the whole ---- */

/* Exactly one of float, int, choice, and only keys that go with it. */
static enum err_code read_kind(const struct spec_reader *r,
                               const struct yaml_node *node,
                               const char *name,
                               enum param_kind *kind_out)
{
    size_t given = 0;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        if (yaml_get(node, kinds[k]) != NULL) {
            *kind_out = (enum param_kind)k;
            given++;
        }
    }
    if (given != 1) {
        return spec_fail(r, node, "'%s' needs %s of 'float', 'int' and 'choice'", name,
                         given == 0 ? "one" : "just one");
    }
    for (size_t i = 0; i < node->len; i++) {
        bool fits = false;
        for (size_t k = 0; k < ARRAY_LEN(kind_keys[0]); k++) {
            const char *key = kind_keys[*kind_out][k];
            fits = fits || (key != NULL && strcmp(key, node->keys[i]->text) == 0);
        }
        if (!fits) {
            return spec_fail(r, node->keys[i], "'%s' does not go with '%s' in '%s'",
                             node->keys[i]->text, kinds[*kind_out], name);
        }
    }
    return ERR_OK;
}

enum err_code spec_read_param(const struct spec_reader *r,
                              const struct yaml_node *node,
                              const char *name,
                              struct param *param)
{
    char found[SPEC_DESCRIBE_SIZE];
    if (node->kind == YAML_SEQ) {
        return read_list(r, node, name, param);
    }
    if (node->kind == YAML_SCALAR) {
        return spec_fail(r, node,
                         "'%s' must be a list of choices or a map such as {float: "
                         "[0, 1]}, not %s",
                         name, spec_describe(node, found));
    }
    enum err_code code =
        spec_known_keys(r, node, name, param_keys, ARRAY_LEN(param_keys));
    if (code == ERR_OK) {
        code = read_kind(r, node, name, &param->kind);
    }
    if (code != ERR_OK) {
        return code;
    }
    return param->kind == PARAM_CHOICE ? read_choice(r, node, name, param)
                                       : read_range(r, node, name, param);
}
