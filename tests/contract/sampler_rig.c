/* SPDX-License-Identifier: Apache-2.0 */
/* sampler_rig.c – see sampler_rig.h.
 * Owns the rig of a call. Knows the contract of core/sampler.h. Does not know any
 * algorithm, but takes random points from `random`. */
#include "tests/lib/test.h"

#include "tests/contract/sampler_rig.h"

#include "base/mem.h"
#include "core/expr.h"
#include "samplers/cells.h"
#include "samplers/registry.h"
#include "tests/unit/core/spec_rig.h"

#include <math.h>
#include <string.h>

/* ---- every sampler ---- */

static void rig_init(struct sampler_rig *rig, struct sweep_spec *spec)
{
    size_t dims = spec->space->len;
    *rig = (struct sampler_rig){ .spec = spec };
    history_init(&rig->history, dims);
    tried_init(&rig->tried, dims);
    rig->x = mem_alloc_array(dims, sizeof *rig->x);
    rig->request = (struct suggest_request){ .space = spec->space,
                                             .options = spec->sampler_options,
                                             .seed = spec->seed };
}

static void rig_fini(struct sampler_rig *rig)
{
    history_fini(&rig->history);
    tried_fini(&rig->tried);
    mem_free(rig->open);
    mem_free(rig->x);
    sweep_spec_destroy(rig->spec);
}

static void call(const char *space,
                 const char *more,
                 const struct sampler_ops *ops,
                 const char *option,
                 sampler_check_fn check)
{
    char *AUTO_FREE lines =
        mem_printf("search: {sampler: %s, seed: 11%s}\n%s", ops->name, option, more);
    struct sampler_rig rig;
    rig_init(&rig, spec_rig_space(space, lines));
    assert_ptr_equal(rig.spec->sampler, ops);
    check(&rig);
    rig_fini(&rig);
}

/* All other values of a word or a boolean. */
static void call_options(const char *space,
                         const char *more,
                         const struct sampler_ops *ops,
                         const struct option_def *def,
                         sampler_check_fn check)
{
    size_t values = def->kind == OPTION_WORD ? def->words_len : 0;
    values = def->kind == OPTION_BOOL ? 2 : values;
    for (size_t k = 0; k < values; k++) {
        if ((double)k == def->preset) {
            continue;
        }
        struct strbuf AUTO_STRBUF text = STRBUF_INIT(1000);
        strbuf_addf(&text, ", %s: ", def->name);
        option_print(def, (double)k, &text);
        call(space, more, ops, strbuf_cstr(&text), check);
    }
}

void sampler_for_each(const char *space, const char *more, sampler_check_fn check)
{
    struct sweep_spec *any = spec_rig_space(space, more);
    for (size_t s = 0; s < sampler_registry_all.len; s++) {
        const struct sampler_ops *ops = sampler_registry_all.ops[s];
        if (ops->check != NULL && ops->check(any->space, NULL) != ERR_OK) {
            continue;
        }
        call(space, more, ops, "", check);
        for (size_t i = 0; i < ops->options_len; i++) {
            call_options(space, more, ops, &ops->options[i], check);
        }
    }
    sweep_spec_destroy(any);
}

/* ---- what is known ---- */

void sampler_random_point(const struct sampler_rig *rig, uint32_t index, double *x_out)
{
    const struct suggest_request request = { .space = rig->spec->space,
                                             .seed = 99,
                                             .trial = index };
    const struct sampler_ops *random = sampler_find(&sampler_registry_all, "random");
    uint64_t cursor = 0;
    assert_code(random->suggest(&request, x_out, &cursor, NULL), ERR_OK);
}

void sampler_learn_at(struct sampler_rig *rig, struct history_row row, const double *x)
{
    history_add(&rig->history, row, x);
    if (row.trial != HISTORY_PRIOR && row.trial >= rig->request.trial) {
        rig->request.trial = row.trial + 1;
    }
}

void sampler_learn(struct sampler_rig *rig, enum trial_state state, double loss)
{
    double *AUTO_FREE x = mem_alloc_array(rig->spec->space->len, sizeof *x);
    const struct history_row row = { .trial = (uint32_t)rig->history.len,
                                     .state = state,
                                     .loss = loss,
                                     .step = state == TRIAL_PRUNED
                                                 ? (int64_t)rig->history.len % 7
                                                 : 0 };
    sampler_random_point(rig, row.trial, x);
    sampler_learn_at(rig, row, x);
}

void sampler_open(struct sampler_rig *rig, const double *x)
{
    size_t dims = rig->spec->space->len;
    rig->open =
        mem_realloc_array(rig->open, (rig->open_len + 1) * dims, sizeof *rig->open);
    memcpy(rig->open + rig->open_len * dims, x, dims * sizeof *x);
    rig->open_len++;
}

/* ---- asking ---- */

static enum err_code suggest(struct sampler_rig *rig, double *x, uint64_t *cursor)
{
    rig->request.history = &rig->history;
    rig->request.history_len = rig->history.len;
    rig->request.open = rig->open;
    rig->request.open_len = rig->open_len;
    return rig->spec->sampler->suggest(&rig->request, x, cursor, &rig->err);
}

enum err_code sampler_next(struct sampler_rig *rig)
{
    enum err_code code = suggest(rig, rig->x, &rig->request.cursor);
    if (code == ERR_OK) {
        rig->request.trial++;
    }
    return code;
}

/* All bits a sampler was lent. */
static uint64_t digest(const struct sampler_rig *rig)
{
    const struct history *h = &rig->history;
    size_t dims = rig->spec->space->len;
    uint64_t sum = str_hash64(str_from_n((const char *)h->loss, h->len * 8));
    sum = sum * 31 + str_hash64(str_from_n((const char *)h->trial, h->len * 4));
    sum = sum * 31 + str_hash64(str_from_n((const char *)h->state, h->len));
    sum = sum * 31 + str_hash64(str_from_n((const char *)h->step, h->len * 8));
    for (size_t i = 0; i < dims; i++) {
        sum = sum * 31 + str_hash64(str_from_n((const char *)h->x[i], h->len * 8));
    }
    const struct str open = { .ptr = (const char *)rig->open,
                              .len = rig->open_len * dims * 8 };
    const struct str request = { .ptr = (const char *)&rig->request,
                                 .len = sizeof rig->request };
    return (sum * 31 + str_hash64(open)) * 31 + str_hash64(request);
}

void sampler_next_checked(struct sampler_rig *rig)
{
    size_t bytes = rig->spec->space->len * sizeof(double);
    double *AUTO_FREE again = mem_alloc(bytes);
    uint64_t cursor = 0;
    assert_ok(suggest(rig, again, &cursor), &rig->err);
    uint64_t before = digest(rig);
    uint64_t cursor_again = 1;
    assert_ok(suggest(rig, rig->x, &cursor_again), &rig->err);
    assert_true(digest(rig) == before);
    assert_memory_equal(rig->x, again, bytes);
    assert_true(cursor == cursor_again && cursor >= rig->request.cursor);
    sampler_check_legal(rig->spec->space, rig->x);
    rig->request.cursor = cursor;
    rig->request.trial++;
}

void sampler_check_legal(const struct space *space, const double *x)
{
    for (size_t i = 0; i < space->len; i++) {
        const struct param *param = &space->params[i];
        bool active =
            param->when == NULL || expr_eval(param->when, space, x) == TRUTH_TRUE;
        assert_int_equal(active, !isnan(x[i]));
        if (active) {
            assert_true(x[i] >= param->low && x[i] <= param->high);
            assert_true(space_snap(space, i, x[i]) == x[i]);
            /* What is printed reads back to the same value. */
            double again = 0.0;
            assert_code(
                space_encode(space, i, space_value(space, i, x[i]), &again, NULL),
                ERR_OK);
            assert_true(again == x[i]);
        }
    }
    assert_false(space_is_forbidden(space, x));
}

uint64_t sampler_points(const struct space *space)
{
    double *AUTO_FREE x = mem_alloc_array(space->len, sizeof *x);
    struct cells cells;
    uint64_t points = 0;
    cells_init(&cells, space, 0);
    while (cells_find(&cells, cells_count(space), x)) {
        points++;
        cells_step(&cells);
    }
    cells_fini(&cells);
    return points;
}
