/* SPDX-License-Identifier: Apache-2.0 */
/* suggest.c – runs samplers.
 *
 * Owns: a suggestion from FX_SUGGEST to EV_SUGGESTED. Knows: which samplers are cheap
 * enough for the loop's thread. Does not know: algorithms.
 *
 * A job on the pool reads only the spec, which is immutable and lives as long as the
 * engine; the engine is not destroyed while jobs are out. */
#include "coordinator/suggest.h"

#include <string.h>

#include "base/assert.h"
#include "base/mem.h"
#include "coordinator/coordinator_internal.h"
#include "core/sampler.h"
#include "core/sweep_spec.h"

struct suggestion {
    uv_work_t work;
    struct coordinator *owner;
    const struct sweep_spec *spec;
    struct fx_suggest asked;
    size_t len; /* points found */
    bool exhausted;
    bool has_error;
    struct err err;
    double *x;        /* asked.count rows, behind this struct */
    uint64_t *cursor; /* asked.count, behind x */
};

static struct suggestion *suggestion_create(struct coordinator *c,
                                            const struct fx_suggest *fx)
{
    const struct sweep_spec *spec = engine_spec(c->engine, fx->sweep);
    size_t row = spec->space->len * sizeof(double);
    size_t one = row + sizeof(uint64_t);
    ASSERT(fx->count < SIZE_MAX / 2 / one);
    struct suggestion *s = mem_alloc(sizeof *s + fx->count * one);
    s->owner = c;
    s->spec = spec;
    s->asked = *fx;
    s->x = (double *)(void *)(s + 1);
    s->cursor = (uint64_t *)(void *)(s->x + (size_t)fx->count * spec->space->len);
    return s;
}

static void suggestion_run(struct suggestion *s)
{
    const struct sampler_ops *sampler = s->spec->sampler;
    struct suggest_request request = { .space = s->spec->space,
                                       .seed = s->spec->seed,
                                       .cursor = s->asked.cursor };
    for (uint32_t i = 0; i < s->asked.count; i++) {
        request.trial = s->asked.first + i;
        double *x = s->x + (size_t)i * s->spec->space->len;
        enum err_code code = sampler->suggest(&request, x, &s->cursor[i], &s->err);
        if (code == ERR_NOTFOUND) {
            s->exhausted = true;
            return;
        }
        if (code != ERR_OK) {
            s->has_error = true;
            return;
        }
        request.cursor = s->cursor[i];
        s->len = (size_t)i + 1;
    }
}

static void suggestion_deliver(struct suggestion *s)
{
    struct coordinator *c = s->owner;
    inbox_add(&c->inbox, (struct item){ .kind = ITEM_SUGGESTED, .as.suggestion = s });
    coordinator_wake(c);
}

static void work_run(uv_work_t *work)
{
    suggestion_run(container_of(work, struct suggestion, work));
}

static void work_done(uv_work_t *work, int status)
{
    struct suggestion *s = container_of(work, struct suggestion, work);
    UNUSED(status);
    s->owner->works--;
    suggestion_deliver(s);
}

void suggest_start(struct coordinator *c, const struct fx_suggest *fx)
{
    if (c->phase != PHASE_RUN) {
        return; /* asked again after the restart */
    }
    struct suggestion *s = suggestion_create(c, fx);
    if (s->spec->sampler->immediate) {
        suggestion_run(s);
        suggestion_deliver(s);
        return;
    }
    int rc = uv_queue_work(c->loop, &s->work, work_run, work_done);
    ASSERT(rc == 0);
    c->works++;
}

void suggestion_step(struct coordinator *c, const struct suggestion *s)
{
    struct event event = coordinator_event(c, EV_SUGGESTED, 0);
    event.as.suggested =
        (struct ev_suggested){ .sweep = s->asked.sweep,
                               .first = s->asked.first,
                               .len = s->len,
                               .x = s->x,
                               .cursor = s->cursor,
                               .exhausted = s->exhausted,
                               .error = s->has_error ? s->err.msg : NULL };
    coordinator_step(c, &event);
}

void suggestion_destroy(struct suggestion *s)
{
    mem_free(s);
}
