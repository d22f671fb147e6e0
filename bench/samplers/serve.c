/* SPDX-License-Identifier: Apache-2.0 */
/* serve.c – a problem for samplers of other programs, over stdin and stdout.
 * Owns nothing. Knows the lines. First it prints the space, a JSON array with an object
 * for each parameter, conditions before what they guard:
 *     {"name", "at", "kind": "float" | "int" | "choice", "low", "high", "log", "step",
 *      "ordered", "choices": how many, "labels", "when": expression or null}
 * Then each line of stdin is {"x": internal values in the order of `at`, null where
 * inactive, "draw": a number}; the answer is [value, mean]: the value that the draw
 * picks where there is noise, and the mean. Without "draw" both are the mean. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "bench/samplers/bench.h"
#include "core/expr.h"
#include "core/space.h"

static void print_line(const json_t *value)
{
    char *AUTO_FREE text = json_dump_line(value);
    puts(text);
    fflush(stdout);
}

static json_t *describe(const struct space *space, size_t i)
{
    static const char *const kinds[] = { "float", "int", "choice" };
    const struct param *param = &space->params[i];
    json_t *labels = json_array();
    for (size_t k = 0; k < param->items_len; k++) {
        struct strbuf AUTO_STRBUF text = STRBUF_INIT(PARAM_VALUE_BYTES_MAX);
        value_print(param->items[k], &text);
        json_push(labels, json_string(strbuf_cstr(&text)));
    }
    json_t *object = json_object();
    json_put_str(object, "name", param->name);
    json_put_i64(object, "at", (int64_t)i);
    json_put_str(object, "kind", kinds[param->kind]);
    json_put_f64(object, "low", param->low);
    json_put_f64(object, "high", param->high);
    json_put_bool(object, "log", param->log);
    json_put_f64(object, "step", param->step);
    json_put_bool(object, "ordered", param->ordered);
    json_put_i64(object, "choices", (int64_t)param->items_len);
    json_put(object, "labels", labels);
    json_put(object, "when",
             param->when != NULL ? json_string(expr_text(param->when)) : json_null());
    return object;
}

static void print_space(const struct space *space)
{
    json_t *AUTO_JSON params = json_array();
    for (size_t k = 0; k < space->len; k++) {
        json_push(params, describe(space, space->topo[k]));
    }
    print_line(params);
}

static enum err_code
read_point(const struct space *space, const json_t *request, double *x, struct err *err)
{
    const json_t *values = NULL;
    enum err_code code = json_get_array(request, "x", "", &values, err);
    if (code == ERR_OK && json_array_size(values) != space->len) {
        return err_set(err, ERR_INVALID, "x: expected %zu values", space->len);
    }
    for (size_t i = 0; i < space->len && code == ERR_OK; i++) {
        const json_t *value = json_array_get(values, i);
        x[i] = json_is_null(value) ? (double)NAN : json_number_value(value);
        /* Others may compute low + k * step with another rounding. */
        double near = 1e-9 * (space->params[i].high - space->params[i].low);
        double snapped = space_snap(space, i, x[i]);
        bool legal = isnan(x[i]) || fabs(snapped - x[i]) <= near;
        x[i] = snapped;
        if (!legal) {
            code =
                err_set(err, ERR_INVALID, "x: no value of '%s'", space->params[i].name);
        }
    }
    return code;
}

static void
answer(const struct problem *problem, const struct space *space, const char *line)
{
    struct err err = { 0 };
    json_t *AUTO_JSON request = NULL;
    bench_must(json_parse(line, strlen(line), &request, &err), &err);
    double *AUTO_FREE x = mem_alloc_array(space->len, sizeof *x);
    bench_must(read_point(space, request, x, &err), &err);
    double mean = problem_value(problem, x);
    const json_t *draw = json_object_get(request, "draw");
    uint64_t which = (uint64_t)json_integer_value(draw);
    json_t *AUTO_JSON both = json_array();
    json_push(both, json_f64(draw != NULL ? problem_noisy(problem, x, which) : mean));
    json_push(both, json_f64(mean));
    print_line(both);
}

void bench_serve(const struct bench *bench)
{
    char line[65536];
    const struct problem *problem =
        bench->only != NULL ? problems_find(&bench->problems, bench->only) : NULL;
    struct err err = { 0 };
    if (problem == NULL) {
        bench_must(err_set(&err, ERR_USAGE, "--problems must name one problem"), &err);
        return;
    }
    struct study *study = bench_study(bench, problem->space, 0);
    print_space(study_space(study));
    while (fgets(line, sizeof line, stdin) != NULL) {
        answer(problem, study_space(study), line);
    }
    study_destroy(study);
}
