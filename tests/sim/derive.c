/* SPDX-License-Identifier: Apache-2.0 */
/* derive.c – every decision of a run made again from what is stored.
 * Owns one check for each sweep. Knows that a check wants every record of the home.
 * Does not know how a decision is made. */
#include "tests/sim/derive.h"

#include "base/vec.h"
#include "core/replay_check.h"
#include "pruners/registry.h"
#include "samplers/registry.h"

struct derive {
    const struct storage *storage;
    VEC(struct run_id) sweeps;
    VEC(struct replay_check *) checks;
    struct err *err; /* the first difference */
};

static enum err_code on_sweep(void *ctx, const struct record *record, struct err *err)
{
    struct derive *derive = ctx;
    UNUSED(err);
    if (record->kind == REC_SWEEP_CREATED) {
        vec_push(&derive->sweeps, record->as.sweep_created.run_id);
    }
    return ERR_OK;
}

static enum err_code on_record(void *ctx, const struct record *record, struct err *err)
{
    struct derive *derive = ctx;
    UNUSED(err);
    for (size_t i = 0; i < derive->checks.len; i++) {
        replay_check_record(derive->checks.ptr[i], record);
    }
    return ERR_OK;
}

static void on_difference(void *ctx, const struct replay_difference *found)
{
    struct derive *derive = ctx;
    if (derive->err->code == ERR_OK) {
        IGNORE_ERR(err_set(derive->err, ERR_CORRUPT, "%s of %u/%u is %s, derived %s",
                           replay_subject_name(found->subject), found->key.sweep,
                           found->key.trial, found->stored, found->derived),
                   "it is returned at the end");
    }
}

static void on_ask(void *ctx, const struct replay_ask *ask, struct replay_points *out)
{
    const struct derive *derive = ctx;
    storage_points(derive->storage, ask, out);
}

static void checks_make(struct derive *derive)
{
    for (size_t i = 0; i < derive->sweeps.len; i++) {
        struct replay_check_config config = { .sweep = derive->sweeps.ptr[i],
                                              .samplers = &sampler_registry_all,
                                              .pruners = &pruner_registry_all,
                                              .fn = on_difference,
                                              .points = on_ask,
                                              .ctx = derive };
        vec_push(&derive->checks, replay_check_create(&config));
    }
}

enum err_code derive_again(struct storage *storage, struct err *err)
{
    struct derive derive = { .storage = storage, .err = err };
    enum err_code code = storage_replay(storage, on_sweep, &derive, err);
    if (code == ERR_OK) {
        checks_make(&derive);
        code = storage_replay(storage, on_record, &derive, err);
    }
    for (size_t i = 0; i < derive.checks.len; i++) {
        struct replay_summary summary = { 0 };
        replay_check_finish(derive.checks.ptr[i], &summary);
        replay_check_destroy(derive.checks.ptr[i]);
    }
    vec_fini(&derive.checks);
    vec_fini(&derive.sweeps);
    return code == ERR_OK ? err->code : code;
}
