/* SPDX-License-Identifier: Apache-2.0 */
/* tpe_rig.c – small studies with TPE, see tpe_rig.h. */
#include "tests/unit/samplers/tpe_rig.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "samplers/samplers.h"
#include "tests/lib/test.h"
#include "tests/unit/core/spec_rig.h"

void tpe_rig_init(struct tpe_rig *rig, const char *space, const char *options)
{
    char *AUTO_FREE more = mem_printf("search: {sampler: tpe, seed: 7%s%s}\n",
                                      options[0] == '\0' ? "" : ", ", options);
    *rig = (struct tpe_rig){ .spec = spec_rig_space(space, more) };
    size_t dims = rig->spec->space->len;
    history_init(&rig->history, dims);
    tried_init(&rig->tried, dims);
    rig->open = mem_alloc_array(RIG_OPEN_MAX * dims, sizeof(double));
}

void tpe_rig_fini(struct tpe_rig *rig)
{
    history_fini(&rig->history);
    tried_fini(&rig->tried);
    mem_free(rig->open);
    sweep_spec_destroy(rig->spec);
}

struct suggest_request tpe_rig_request(const struct tpe_rig *rig)
{
    return (struct suggest_request){ .space = rig->spec->space,
                                     .options = rig->spec->sampler_options,
                                     .seed = rig->spec->seed,
                                     .trial = rig->asked,
                                     .history = &rig->history,
                                     .history_len = rig->history.len,
                                     .open = rig->open,
                                     .open_len = rig->open_len,
                                     .tried = rig->avoid ? &rig->tried : NULL };
}

const double *tpe_rig_ask(struct tpe_rig *rig)
{
    struct suggest_request request = tpe_rig_request(rig);
    uint64_t cursor = 1;
    struct err err = { 0 };
    assert_true(rig->open_len < RIG_OPEN_MAX);
    double *x = rig->open + rig->open_len * rig->spec->space->len;
    assert_ok(sampler_tpe.suggest(&request, x, &cursor, &err), &err);
    assert_int_equal(cursor, 0);
    if (rig->avoid) {
        assert_false(tried_has(&rig->tried, x, rig->asked));
    }
    tried_add(&rig->tried, x, rig->asked);
    rig->numbers[rig->open_len++] = rig->asked++;
    return x;
}

void tpe_rig_tell(struct tpe_rig *rig, enum trial_state state, double loss)
{
    size_t dims = rig->spec->space->len;
    history_add(&rig->history,
                (struct history_row){
                    .trial = rig->numbers[0], .state = state, .loss = loss, .step = 1 },
                rig->open);
    rig->open_len--;
    memmove(rig->open, rig->open + dims, rig->open_len * dims * sizeof(double));
    memmove(rig->numbers, rig->numbers + 1, rig->open_len * sizeof rig->numbers[0]);
}

double tpe_rig_run(struct tpe_rig *rig,
                   size_t trials,
                   size_t outstanding,
                   double (*loss)(const double *x))
{
    double best = HUGE_VAL;
    for (size_t told = 0; told < trials; told++) {
        while (rig->open_len < outstanding && rig->open_len + told < trials) {
            (void)tpe_rig_ask(rig);
        }
        double value = loss(rig->open);
        best = value < best ? value : best;
        tpe_rig_tell(rig, TRIAL_FINISHED, value);
    }
    return best;
}
