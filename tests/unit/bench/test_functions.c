/* SPDX-License-Identifier: Apache-2.0 */
/* test_functions.c – the benchmark's functions against values of their reference (see
 * tests/golden/functions.py), and their spaces against what the functions expect. */
#include "tests/lib/test.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/sys/fsx.h"
#include "bench/samplers/functions.h"
#include "core/space.h"
#include "samplers/sampler.h"

#include <math.h>
#include <string.h>

static void
check_row(const struct function *function, const struct space *space, const json_t *row)
{
    double *AUTO_FREE x = mem_alloc_array(function->dims, sizeof *x);
    double *AUTO_FREE pruned = mem_alloc_array(function->dims, sizeof *x);
    struct err err = { 0 };
    const json_t *values = NULL;
    double value = 0;
    assert_ok(json_get_array(row, "x", "", &values, &err), &err);
    assert_ok(json_get_f64(row, "value", "", &value, &err), &err);
    assert_int_equal(json_array_size(values), function->dims);
    for (size_t i = 0; i < function->dims; i++) {
        const json_t *item = json_array_get(values, i);
        x[i] = json_is_null(item) ? (double)NAN : json_number_value(item);
        pruned[i] = json_is_null(item) ? space->params[i].low : x[i];
        assert_true(space_snap(space, i, pruned[i]) == pruned[i]);
    }
    space_prune(space, pruned);
    for (size_t i = 0; i < function->dims; i++) {
        assert_int_equal(isnan(pruned[i]), isnan(x[i]));
    }
    assert_near(function->value(x), value, 1e-12 * fmax(1, fabs(value)));
}

static void values_agree(void **state)
{
    UNUSED(state);
    struct err err = { 0 };
    struct strbuf AUTO_STRBUF text = STRBUF_INIT(JSON_BYTES_MAX);
    json_t *AUTO_JSON doc = NULL;
    assert_ok(fsx_read_file(GOLDEN "/functions.json", &text, &err), &err);
    assert_ok(json_parse(strbuf_cstr(&text), text.len, &doc, &err), &err);
    assert_int_equal(json_object_size(doc), FUNCTIONS_NR);
    for (size_t f = 0; f < FUNCTIONS_NR; f++) {
        const struct function *function = &functions[f];
        const json_t *entry = NULL;
        const json_t *rows = NULL;
        double least = 0;
        assert_ok(json_get_object(doc, function->name, "", &entry, &err), &err);
        assert_ok(json_get_f64(entry, "least", "", &least, &err), &err);
        assert_ok(json_get_array(entry, "rows", "", &rows, &err), &err);
        assert_near(function->least, least, 1e-12);
        struct study *study = NULL;
        char *AUTO_FREE space = mem_printf("space: %s\n", function->space);
        assert_ok(study_create(space, STUDY_MINIMIZE, &study, &err), &err);
        assert_int_equal(study_params(study), function->dims);
        assert_true(json_array_size(rows) >= 10);
        for (size_t i = 0; i < json_array_size(rows); i++) {
            check_row(function, study_space(study), json_array_get(rows, i));
        }
        study_destroy(study);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
