/* SPDX-License-Identifier: Apache-2.0 */
/* test_tpe_golden.c – kernel widths, weights and log densities against those of Optuna
 * 5.0.0.dev (tests/golden/README.md), 90 cases of seven kinds of parameters, alone and
 * joint. */
#include "tests/lib/test.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "core/history.h"
#include "core/logscale.h"
#include "core/sweep_spec.h"
#include "samplers/tpe/parzen.h"
#include "tests/unit/core/spec_rig.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define TOLERANCE 1e-10

static bool is_type(const json_t *param, const char *type)
{
    return strcmp(json_string_value(json_object_get(param, "type")), type) == 0;
}

static void print_param(const json_t *param, struct strbuf *out)
{
    strbuf_addf(out, "  %s: ", json_string_value(json_object_get(param, "name")));
    if (is_type(param, "cat")) {
        strbuf_adds(out, "{choice: [");
        const json_t *choices = json_object_get(param, "choices");
        for (size_t i = 0; i < json_array_size(choices); i++) {
            strbuf_addf(out, "%s%s", i == 0 ? "" : ", ",
                        json_string_value(json_array_get(choices, i)));
        }
        strbuf_adds(out, "]}\n");
        return;
    }
    bool whole = is_type(param, "int");
    const json_t *step = json_object_get(param, "step");
    bool log = json_is_true(json_object_get(param, "log"));
    strbuf_addf(out, "{%s: [%.17g, %.17g]", whole ? "int" : "float",
                json_number_value(json_object_get(param, "low")),
                json_number_value(json_object_get(param, "high")));
    if (log) {
        strbuf_adds(out, ", scale: log");
    } else if (json_is_number(step)) {
        strbuf_addf(out, ", step: %.17g", json_number_value(step));
    }
    strbuf_adds(out, "}\n");
}

static struct sweep_spec *space_of(const json_t *params)
{
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(4096);
    for (size_t i = 0; i < json_array_size(params); i++) {
        print_param(json_array_get(params, i), &text);
    }
    return spec_rig_space(strbuf_cstr(&text), "");
}

/* Internal value of parameter i in a JSON object of values. */
static double value_of(const struct space *space, size_t i, const json_t *point)
{
    const json_t *v = json_object_get(point, space->params[i].name);
    if (!json_is_string(v)) {
        return json_number_value(v);
    }
    double internal = (double)NAN;
    struct value value = { .kind = VALUE_STR, .as.str = json_string_value(v) };
    assert_code(space_encode(space, i, value, &internal, NULL), ERR_OK);
    return internal;
}

/* ln of the range's length: densities here are per share of the range. */
static double log_range(const struct axis *axis)
{
    return axis->kind == AXIS_REAL ? logscale_log(2 / axis->shrink) : 0;
}

static void check_relative(double got, double wanted, const char *id)
{
    double scale = fabs(wanted) > 1 ? fabs(wanted) : 1;
    if (!(fabs(got - wanted) <= TOLERANCE * scale)) {
        fail_msg("%s: %.17g, expected %.17g", id, got, wanted);
    }
}

static int by_size(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

/* Equal observations may share their gaps in another order, so widths are compared
 * sorted. */
static void check_widths(const struct parzen *parzen, const json_t *golden)
{
    const char *id = json_string_value(json_object_get(golden, "id"));
    for (size_t c = 0; c < parzen->columns_len; c++) {
        const struct column *column = &parzen->columns[c];
        const struct axis *axis = column->axis;
        const char *name = axis->space->params[axis->param].name;
        const json_t *wanted = json_object_get(json_object_get(golden, "sigmas"), name);
        if (axis->kind == AXIS_CHOICE) {
            continue;
        }
        assert_int_equal(json_array_size(wanted), parzen->len);
        double *AUTO_FREE ours = mem_alloc_array(parzen->len, sizeof *ours);
        double *AUTO_FREE theirs = mem_alloc_array(parzen->len, sizeof *theirs);
        for (size_t k = 0; k < parzen->len; k++) {
            ours[k] = 2 / (axis->shrink * parzen_kernel(parzen, column, k).inverse);
            theirs[k] = json_number_value(json_array_get(wanted, k));
        }
        qsort(ours, parzen->len, sizeof *ours, by_size);
        qsort(theirs, parzen->len, sizeof *theirs, by_size);
        for (size_t k = 0; k < parzen->len; k++) {
            check_relative(ours[k], theirs[k], id);
        }
    }
}

static void check_weights(const struct parzen *parzen, const json_t *golden)
{
    const json_t *weights = json_object_get(golden, "weights");
    assert_int_equal(json_array_size(weights), parzen->len);
    for (size_t k = 0; k < parzen->len; k++) {
        check_relative(parzen->weight[k], json_number_value(json_array_get(weights, k)),
                       json_string_value(json_object_get(golden, "id")));
    }
}

static void check_densities(const struct parzen *parzen,
                            const struct space *space,
                            const json_t *golden)
{
    const json_t *points = json_object_get(golden, "points");
    const json_t *wanted = json_object_get(golden, "log_pdf");
    size_t len = json_array_size(points);
    struct candidates candidates;
    candidates_init(&candidates, space->len, len);
    double log_ranges = 0;
    for (size_t c = 0; c < space->len; c++) {
        double *x = candidates.x + c * candidates.padded;
        for (size_t i = 0; i < len; i++) {
            x[i] = value_of(space, c, json_array_get(points, i));
        }
        const struct axis *axis = parzen->columns[c].axis;
        axis_coordinates(axis, parzen->ops, candidates.padded, x,
                         candidates.u + c * candidates.padded);
        log_ranges += log_range(axis);
    }
    double *AUTO_FREE score = mem_alloc_array(len, sizeof *score);
    void *AUTO_FREE work = mem_alloc(parzen_score_bytes(parzen->len - 1, len));
    parzen_score(parzen, &candidates, work, score);
    for (size_t i = 0; i < len; i++) {
        check_relative(score[i] - log_ranges,
                       json_number_value(json_array_get(wanted, i)),
                       json_string_value(json_object_get(golden, "id")));
    }
    candidates_fini(&candidates);
}

static void check_case(const json_t *golden, const struct score_ops *ops)
{
    struct sweep_spec *spec = space_of(json_object_get(golden, "space"));
    const struct space *space = spec->space;
    const json_t *obs = json_object_get(golden, "obs");
    struct history history;
    history_init(&history, space->len);
    double *AUTO_FREE x = mem_alloc_array(space->len, sizeof *x);
    uint32_t *AUTO_FREE rows = mem_alloc_array(json_array_size(obs), sizeof *rows);
    struct axis *AUTO_FREE axes = mem_alloc_array(space->len, sizeof *axes);
    const struct axis **AUTO_FREE all = mem_alloc_array(space->len, sizeof *all);
    for (size_t i = 0; i < space->len; i++) {
        axis_init(&axes[i], space, i);
        all[i] = &axes[i];
    }
    for (size_t row = 0; row < json_array_size(obs); row++) {
        for (size_t i = 0; i < space->len; i++) {
            x[i] = value_of(space, i, json_array_get(obs, row));
        }
        history_add(&history, (struct history_row){ .state = TRIAL_FINISHED }, x);
        rows[row] = (uint32_t)row;
    }
    const struct observations from = { .history = &history,
                                       .rows = rows,
                                       .rows_len = history.len,
                                       .prior_weight = 1,
                                       .finer = 1 };
    void *AUTO_FREE memory = mem_alloc(parzen_bytes(all, space->len, history.len));
    struct parzen parzen;
    parzen_init(&parzen, ops, all, space->len, &from, memory);
    check_widths(&parzen, golden);
    check_weights(&parzen, golden);
    check_densities(&parzen, space, golden);
    parzen_fini(&parzen);
    for (size_t i = 0; i < space->len; i++) {
        axis_fini(&axes[i]);
    }
    history_fini(&history);
    sweep_spec_destroy(spec);
}

static void agrees_with_optuna(void **state)
{
    UNUSED(state);
    json_error_t error;
    json_t *cases = json_load_file(GOLDEN "/tpe.json", 0, &error);
    assert_non_null(cases);
    assert_int_equal(json_array_size(cases), 90);
    for (size_t i = 0; i < json_array_size(cases); i++) {
        check_case(json_array_get(cases, i), score_best());
    }
    json_decref(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(agrees_with_optuna),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
